package client

import "time"

const (
	talkTimeout    = 5 * time.Second // for one question to the turns
	outagePatience = 3 * time.Second // of failing before the callers are told
	firstRetry     = 100 * time.Millisecond
	lastRetry      = time.Second
	longestWait    = 5 * time.Second // before asking again, whatever the last answer was
	nobodyKnows    = time.Hour       // until the next turn: the answer wakes the gate
)

// sharedPace is the pacer of a process that shares the account's rate with others.
// It holds a few turns for those who wait, and asks for more beside them. All its
// fields are under the lock of the gate; asking is not.
type sharedPace struct {
	gate      *gate
	turns     Turns
	perSecond float64
	state     Throttle // of all, as far as known, and of our own news

	lots    []lot
	most    int           // turns held when the last of them came
	usual   time.Duration // a round trip, as a rule
	demand  demand
	talking bool

	refusal *Refusal  // not told yet
	success time.Time // not told yet

	askAt   time.Time // no question for turns before
	missed  int       // questions for turns in a row that brought none, 6 at most
	failing time.Time // since when the turns fail, zero if they do not
	retryAt time.Time // no question at all before
	retry   time.Duration
}

func newSharedPace(g *gate, turns Turns, perSecond float64) *sharedPace {
	return &sharedPace{gate: g, turns: turns, perSecond: perSecond, state: NewThrottle()}
}

func (s *sharedPace) throttle() *Throttle { return &s.state }

func (s *sharedPace) take(now time.Time) time.Duration {
	if left := s.state.Left(now); left > 0 {
		return left
	}
	for s.held(now) > 0 {
		if s.lots[0].left == 0 {
			s.lots = s.lots[1:]
			continue
		}
		wait := s.lots[0].take(now)
		if wait == 0 {
			s.demand.met(now)
		}
		return wait
	}
	return nobodyKnows
}

// held drops what is too old and returns how many turns are left.
func (s *sharedPace) held(now time.Time) int {
	n := 0
	for i := range s.lots {
		n += s.lots[i].fresh(now)
	}
	if n == 0 {
		s.lots = nil
	}
	return n
}

func (s *sharedPace) refused(now time.Time, r Refusal) {
	if s.state.Refuse(now, r) {
		s.tellRefusal(r)
	}
}

// tellRefusal puts a refusal among the news. Two that were not told yet are one:
// the longer pause, and what the later request met.
func (s *sharedPace) tellRefusal(r Refusal) {
	if old := s.refusal; old != nil {
		if old.Answered.Add(old.RetryAfter).After(r.Answered.Add(r.RetryAfter)) {
			r.Answered, r.RetryAfter = old.Answered, old.RetryAfter
		}
		if old.Sent.After(r.Sent) {
			r.Sent = old.Sent
		}
		r.SlowDown = r.SlowDown || old.SlowDown
	}
	s.refusal = &r
}

func (s *sharedPace) succeeded(now, sent time.Time) {
	if s.state.Succeed(now, sent) {
		s.success = sent
	}
}

// plan begins to talk to the turns if there is a reason to.
func (s *sharedPace) plan(now time.Time) time.Duration {
	if s.talking {
		return 0
	}
	wait, ok := s.due(now)
	if !ok || wait > 0 {
		return wait
	}
	s.talking = true
	go s.talk()
	return 0
}

// due returns whether there is something to tell or to ask, and in how long.
func (s *sharedPace) due(now time.Time) (wait time.Duration, ok bool) {
	switch {
	case s.news():
		return max(0, s.retryAt.Sub(now)), true
	case s.want(now) > 0:
		return max(0, s.retryAt.Sub(now), s.askAt.Sub(now)), true
	}
	return 0, false
}

func (s *sharedPace) news() bool { return s.refusal != nil || !s.success.IsZero() }

// want returns how many turns to ask for: for those who wait and have a slot, and
// for as many as went lately, since where they came from there are more. It asks
// once half of what it held is used, so that the next turns are there in time.
func (s *sharedPace) want(now time.Time) int {
	waiting := s.gate.waiting()
	held := s.held(now)
	switch {
	case s.state.Left(now) > 0:
		return 0
	case held > 0 && s.lots[0].every <= 0: // without a limit nobody waits
		if l := s.lots[0]; now.Sub(l.first) < l.late/2 {
			return 0
		}
		return min(1, s.demand.lately(now))
	case waiting == 0 || held > s.most/2:
		return 0
	}
	return max(0, max(min(waiting, s.gate.slots-s.gate.busy), s.demand.lately(now))-held)
}
