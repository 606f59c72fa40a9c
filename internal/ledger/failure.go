package ledger

import (
	"slices"
	"time"
)

// Failure is an event whose delivery failed, as it is kept for people: it
// outlives the window and the record of the event. Times are Unix seconds.
type Failure struct {
	EventID   string  `json:"-"`       // a store keeps it beside
	Type      string  `json:"type"`    // the label
	Created   int64   `json:"created"` // first sight where created is not trusted
	Untrusted bool    `json:"untrusted,omitempty"`
	History   bool    `json:"history,omitempty"` // listed before contact: in no counter
	FirstSeen int64   `json:"first_seen"`
	Asked     int     `json:"asked"`             // times that the detail was asked for, as far as known
	Code      Code    `json:"code"`              // the last one that was no success
	Reason    Reason  `json:"reason,omitempty"`  // meaningful where Code is CodeNone
	Healed    int64   `json:"healed,omitempty"`  // when a later answer was a success; 0 if none was
	Replies   []Reply `json:"replies"`           // oldest first: the first one, then the last nine
	Omitted   int     `json:"omitted,omitempty"` // replies after the first that are not kept
}

// Reply is what an event's detail said of its delivery, once or several times in
// a row. The texts are the API's; URLs in them were reduced before they came here.
type Reply struct {
	At      int64  `json:"at"`    // when it was heard for the first time
	Last    int64  `json:"last"`  // and for the last time
	Times   int    `json:"times"` // in a row
	State   State  `json:"state"` // Pending: no response yet; Unresolved: the detail was gone
	Code    Code   `json:"code"`
	Reason  Reason `json:"reason,omitempty"` // meaningful in NoResponse
	Status  string `json:"status,omitempty"`
	Message string `json:"message,omitempty"`
	Body    string `json:"body,omitempty"` // where Policy.KeepBodies
}

// Words are the texts of an answer. Nothing is decided by them.
type Words struct {
	Status  string
	Message string
	Body    string
}

// What is kept of failures.
const (
	keptReplies = 10 // of one failure
	maxStatus   = 128
	maxMessage  = 512 // bytes, like the others
	maxBody     = 1 << 10
)

// reply returns the answer as it is kept, of an event that it left as ev.
func (a Answer) reply(ev Event, now time.Time, bodies bool) Reply {
	r := Reply{
		At: now.Unix(), Last: now.Unix(), Times: 1, State: ev.State, Code: ev.Code,
		Status: Prose(a.Words.Status, maxStatus), Message: Prose(a.Words.Message, maxMessage),
	}
	if ev.State == NoResponse {
		r.Reason = ev.Reason
	}
	if bodies {
		r.Body = Passage(a.Words.Body, maxBody)
	}
	return r
}

// same reports whether two replies differ in nothing but when they were heard.
func (r Reply) same(o Reply) bool {
	r.At, r.Last, r.Times = o.At, o.Last, o.Times
	return r == o
}

// told returns the failure with one more reply. The receiver keeps its own: it may
// be in a view.
func (f Failure) told(r Reply) Failure {
	f.Replies = slices.Clone(f.Replies)
	f.Asked++
	if n := len(f.Replies); n > 0 && f.Replies[n-1].same(r) {
		last := &f.Replies[n-1]
		last.Last, last.Times = r.At, last.Times+1
		return f
	}
	f.Replies = append(f.Replies, r)
	if len(f.Replies) > keptReplies {
		f.Replies = slices.Delete(f.Replies, 1, 2)
		f.Omitted++
	}
	return f
}

// fits reports whether a failure that comes from a store can be one, at its place.
func (f *Failure) fits(at position) bool {
	known := func(r Reply) bool { return r.State > Free && r.State < states && r.Reason < reasons }
	return f.EventID != "" && KeyOf([]byte(f.EventID)) == at.Key && f.Created == at.Time &&
		!f.Code.Success() && f.Reason < reasons && len(f.Replies) > 0 && len(f.Replies) <= keptReplies &&
		!slices.ContainsFunc(f.Replies, func(r Reply) bool { return !known(r) })
}
