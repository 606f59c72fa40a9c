package ledger

import (
	"slices"
	"time"
)

// Failure is a failed delivery as kept for people. It outlasts the window and the event.
// Times are Unix seconds.
type Failure struct {
	EventID   string         `json:"-"`       // stored beside it
	Type      string         `json:"type"`    // the label
	Created   int64          `json:"created"` // first sight if created is not trusted
	Untrusted bool           `json:"untrusted,omitempty"`
	History   bool           `json:"history,omitempty"` // listed before contact, so in no counter
	FirstSeen int64          `json:"first_seen"`
	Asked     int            `json:"asked"`             // times that the detail was asked for, if known
	Code      Code           `json:"code"`              // the last one other than a success
	Reason    Reason         `json:"reason,omitempty"`  // valid if Code is CodeNone
	Healed    int64          `json:"healed,omitempty"`  // when a later answer was a success; 0 if none was
	Answers   []AnswerRecord `json:"replies"`           // oldest first: the first answer, then the last nine
	Omitted   int            `json:"omitted,omitempty"` // number of answers after the first that are not kept
}

// AnswerRecord is what an event's detail said about its delivery, once or several times in a
// row. The texts are the API's, with URLs already reduced.
type AnswerRecord struct {
	At      int64  `json:"at"`    // when the API gave it first
	Last    int64  `json:"last"`  // and last
	Times   int    `json:"times"` // in a row
	Stage   Stage  `json:"state"` // Pending: no response yet; Unresolved: the detail was gone
	Code    Code   `json:"code"`
	Reason  Reason `json:"reason,omitempty"` // valid in NoResponse
	Status  string `json:"status,omitempty"`
	Message string `json:"message,omitempty"`
	Body    string `json:"body,omitempty"` // if Policy.ShowBody
}

// AnswerText are the texts of an answer. They decide nothing.
type AnswerText struct {
	Status  string
	Message string
	Body    string
}

// Limits for what a failure keeps.
const (
	maxAnswers = 10 // of one failure
	maxStatus  = 128
	maxMessage = 512 // bytes, like the others
	maxBody    = 1 << 10
)

// record returns the answer as the failure log keeps it; ev is the event after the answer.
func (a Answer) record(ev Event, now time.Time, bodies bool) AnswerRecord {
	r := AnswerRecord{
		At: now.Unix(), Last: now.Unix(), Times: 1, Stage: ev.Stage, Code: ev.Code,
		Status: Prose(a.Text.Status, maxStatus), Message: Prose(a.Text.Message, maxMessage),
	}
	if ev.Stage == NoResponse {
		r.Reason = ev.Reason
	}
	if bodies {
		r.Body = Passage(a.Text.Body, maxBody)
	}
	return r
}

// same reports whether two answers differ only in their times.
func (r AnswerRecord) same(o AnswerRecord) bool {
	r.At, r.Last, r.Times = o.At, o.Last, o.Times
	return r == o
}

// with returns the failure with one more answer. The receiver does not change, because a view
// can hold it.
func (f Failure) with(r AnswerRecord) Failure {
	f.Answers = slices.Clone(f.Answers)
	f.Asked++
	if n := len(f.Answers); n > 0 && f.Answers[n-1].same(r) {
		last := &f.Answers[n-1]
		last.Last, last.Times = r.At, last.Times+1
		return f
	}
	f.Answers = append(f.Answers, r)
	if len(f.Answers) > maxAnswers {
		f.Answers = slices.Delete(f.Answers, 1, 2)
		f.Omitted++
	}
	return f
}

// fits reports whether a stored failure is valid at its place.
func (f *Failure) fits(at position) bool {
	known := func(r AnswerRecord) bool { return r.Stage > Free && r.Stage < stages && r.Reason < reasons }
	return f.EventID != "" && KeyOf([]byte(f.EventID)) == at.Key && f.Created == at.Time &&
		!f.Code.Success() && f.Reason < reasons && len(f.Answers) > 0 && len(f.Answers) <= maxAnswers &&
		!slices.ContainsFunc(f.Answers, func(r AnswerRecord) bool { return !known(r) })
}
