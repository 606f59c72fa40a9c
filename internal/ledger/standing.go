package ledger

// Standing is how an endpoint's deliveries ended, in order of creation, over all
// events ever tracked: what is forgotten leaves its mark here.
type Standing struct {
	Last        Mark `json:"last"`         // the newest outcome
	LastSuccess Mark `json:"last_success"` // the newest success
	LastFailure Mark `json:"last_failure"` // the newest failure, healed later or not

	// Failures that were forgotten and are newer than the last success, and the
	// newest of them.
	Forgotten       int  `json:"forgotten_failures"`
	ForgottenNewest Mark `json:"forgotten_newest"`
}

// Mark is one event's place in the order of creation. The zero value is before
// every event.
type Mark struct {
	Set  bool  `json:"set"`
	Time int64 `json:"time"` // Unix seconds
	Key  Key   `json:"key"`
	Code Code  `json:"code"`
}

func (m Mark) position() position {
	if !m.Set {
		return position{Time: -1 << 63}
	}
	return position{m.Time, m.Key}
}

func markOf(e *Event) Mark { return Mark{true, e.Time, e.Key, e.Code} }

// advance replaces the mark by an event that is not older.
func (m *Mark) advance(e *Event) {
	if e.position().compare(m.position()) >= 0 {
		*m = markOf(e)
	}
}

// observe takes in an event's outcome.
func (s *Standing) observe(e *Event) {
	s.Last.advance(e)
	if e.Failing() {
		s.LastFailure.advance(e)
		return
	}
	s.LastSuccess.advance(e)
	if e.position().compare(s.ForgottenNewest.position()) > 0 {
		s.Forgotten = 0
	}
}

// forget folds an event that is about to be dropped. Events come here in order
// of creation.
func (s *Standing) forget(e *Event) {
	if e.Failing() && e.position().compare(s.LastSuccess.position()) > 0 {
		s.Forgotten++
		s.ForgottenNewest.advance(e)
	}
}

// consecutive counts the failures after the last success.
func (s *Standing) consecutive(f *failures) int {
	return s.Forgotten + f.after(s.LastSuccess.position())
}
