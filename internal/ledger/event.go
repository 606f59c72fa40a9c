package ledger

import (
	"cmp"
	"strconv"
	"time"
)

// Stage is the stage of an event between listing and outcome.
type Stage uint8

// The stages of an event. Free marks an unused slot and is never shown.
const (
	Free       Stage = iota
	Listed           // seen in a list, its detail not fetched yet
	Pending          // the detail had no response; it will be asked again
	Delivered        // a response in 100-599; 2xx is final
	NoResponse       // no HTTP response came back
	Unresolved       // the detail is gone, or was asked for in vain; final
	stages
)

// Code is a normalised status code: 100 to 599, or [CodeNone].
type Code int16

// CodeNone is the code of a delivery without an HTTP response.
const CodeNone Code = 0

// String returns the code as in the label `status_code`.
func (c Code) String() string {
	if c == CodeNone {
		return "none"
	}
	return strconv.Itoa(int(c))
}

// Success reports whether the code is 2xx.
func (c Code) Success() bool { return c >= 200 && c <= 299 }

// Flag is a fact about an event. All but Heard are fixed at first sight.
type Flag uint8

// The flags of an event.
const (
	History   Flag = 1 << iota // listed before contact: never counted
	Untrusted                  // its created is not a valid time; its first sight replaces it
	Timely                     // the list was read often enough to measure its latency
	Heard                      // an HTTP response came at least once
	flags
)

// Event is one event of one endpoint. Times are Unix seconds.
type Event struct {
	Key        Key
	Time       int64 // created, or first sight if created is not trusted
	FirstSeen  int64
	FirstEmpty int64 // first answer without a response; 0 if there was none
	LastAsk    int64 // last time the detail was asked for; 0 if never
	Type       TypeID
	Code       Code // of the last outcome; valid in Delivered and NoResponse
	Stage      Stage
	Reason     Reason // why there was no response; valid in NoResponse
	Tries      uint8  // asks since the stage was entered, saturating
	Flags      Flag
}

// Answer is what an event's detail said about its delivery.
type Answer struct {
	Responded  bool // the detail had a response, of any kind
	StatusCode int  // as sent; anything outside 100-599 means no HTTP response
	Reason     Reason
	Text       AnswerText // for people only
	Video      Video      // of the event, whether it was delivered or not
}

// Outcome is what an answer changes in the counters.
type Outcome struct {
	Counts        bool // a delivery ended, or its code changed
	Recovered     bool // a failure became a success
	FirstResponse bool // the first HTTP response of this event
}

// Has reports whether the event carries the flag.
func (e Event) Has(f Flag) bool { return e.Flags&f != 0 }

// Resolved reports whether the event has an outcome.
func (e Event) Resolved() bool { return e.Stage == Delivered || e.Stage == NoResponse }

// Failing reports whether the event's latest outcome is a failure.
func (e Event) Failing() bool { return e.Resolved() && !e.Code.Success() }

// Final reports whether no answer can change the event any more.
func (e Event) Final() bool {
	return e.Stage == Unresolved || e.Stage == Delivered && e.Code.Success()
}

// Answered returns the event after its detail was read at now. An event without a response
// becomes NoResponse only through another empty answer, noResponseAfter after the first one:
// time alone proves nothing about a delivery.
func (e Event) Answered(a Answer, now time.Time, noResponseAfter time.Duration) (Event, Outcome) {
	at := now.Unix()
	e = e.asked(at)
	if e.Final() {
		return e, Outcome{}
	}
	if !a.Responded {
		switch {
		case e.Resolved():
			return e, Outcome{} // an outcome is never undone
		case e.Stage == Listed:
			e.Stage, e.FirstEmpty, e.Tries = Pending, at, 1
			return e, Outcome{}
		case now.Sub(time.Unix(e.FirstEmpty, 0)) < noResponseAfter:
			return e, Outcome{}
		}
		a.Reason = ReasonNotRecorded
	}
	return e.resolve(a)
}

// waitsFrom returns the event as having waited for a response since then at most.
func (e Event) waitsFrom(at int64) Event {
	if e.Stage == Pending {
		e.FirstEmpty = max(e.FirstEmpty, at)
	}
	return e
}

// resolve enters Delivered or NoResponse, or stays there.
func (e Event) resolve(a Answer) (Event, Outcome) {
	was := e
	if a.Responded && a.StatusCode >= 100 && a.StatusCode <= 599 {
		e.Stage, e.Code = Delivered, Code(a.StatusCode)
	} else {
		e.Stage, e.Code, e.Reason = NoResponse, CodeNone, a.Reason
	}
	if was.Resolved() && was.Code == e.Code {
		if e.Reason == ReasonUnknown {
			e.Reason = was.Reason
		}
		return e, Outcome{} // the same outcome, perhaps with a better reason
	}
	e.Tries = 0
	if e.Stage == Delivered {
		e.Flags |= Heard
	}
	return e, Outcome{
		Counts:        true,
		Recovered:     was.Failing() && !e.Failing(),
		FirstResponse: e.Has(Heard) && !was.Has(Heard),
	}
}

// Unanswered returns the event after its detail was asked for in vain.
func (e Event) Unanswered(now time.Time) Event { return e.asked(now.Unix()) }

// Waiting reports whether the event has no outcome yet but can still get one.
func (e Event) Waiting() bool { return e.Stage == Listed || e.Stage == Pending }

// aged reports whether a window has passed since the event's first sight, at a time in Unix
// seconds.
func (e Event) aged(at int64, window time.Duration) bool { return at-e.FirstSeen >= seconds(window) }

func (e Event) asked(at int64) Event {
	e.LastAsk = at
	if e.Tries < 255 {
		e.Tries++
	}
	return e
}

// position is an event's place in the order of creation.
type position struct {
	Time int64
	Key  Key
}

func (e Event) position() position { return position{e.Time, e.Key} }

func (p position) compare(q position) int {
	if c := cmp.Compare(p.Time, q.Time); c != 0 {
		return c
	}
	for i := range p.Key {
		if c := cmp.Compare(p.Key[i], q.Key[i]); c != 0 {
			return c
		}
	}
	return 0
}
