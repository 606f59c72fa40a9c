package ledger

// Standing summarizes how an endpoint's deliveries ended, in order of creation, over all
// events ever tracked, including forgotten ones.
type Standing struct {
	Last        Mark `json:"last"`         // the newest outcome
	LastSuccess Mark `json:"last_success"` // the newest success
	LastFailure Mark `json:"last_failure"` // the newest failure, healed later or not

	// Forgotten failures that are newer than the last success: their number, the newest, and
	// the creation of the oldest, in Unix seconds (0 if an older version forgot it).
	Forgotten       int   `json:"forgotten_failures"`
	ForgottenNewest Mark  `json:"forgotten_newest"`
	ForgottenOldest int64 `json:"forgotten_oldest,omitempty"`
}

// Mark is a place in the order of creation. The zero value is before every event.
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

// advance moves the mark to an event that is not older.
func (m *Mark) advance(e *Event) {
	if e.position().compare(m.position()) >= 0 {
		*m = markOf(e)
	}
}

// observe applies an event's outcome.
func (s *Standing) observe(e *Event) {
	s.Last.advance(e)
	if e.Failing() {
		s.LastFailure.advance(e)
		return
	}
	s.LastSuccess.advance(e)
	if e.position().compare(s.ForgottenNewest.position()) > 0 {
		s.Forgotten, s.ForgottenOldest = 0, 0
	}
}

// forget folds an event that is about to be dropped. Events must come in order of creation.
func (s *Standing) forget(e *Event) {
	if e.Failing() && e.position().compare(s.LastSuccess.position()) > 0 {
		if s.Forgotten++; s.Forgotten == 1 {
			s.ForgottenOldest = e.Time
		}
		s.ForgottenNewest.advance(e)
	}
}

// consecutive counts the failures after the last success.
func (s *Standing) consecutive(f *failingEvents) int {
	return s.Forgotten + f.after(s.LastSuccess.position())
}

// failingSince returns the creation of the first failure after the last success, in Unix
// seconds; 0 if there is none.
func (s *Standing) failingSince(f *failingEvents) int64 {
	switch {
	case s.ForgottenOldest != 0:
		return s.ForgottenOldest
	case s.Forgotten > 0:
		return s.ForgottenNewest.Time
	case f.after(s.LastSuccess.position()) == 0:
		return 0
	}
	return f.table.at(f.slots[len(f.slots)-f.after(s.LastSuccess.position())]).Time
}
