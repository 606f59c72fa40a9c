package simulator

import (
	"cmp"
	"context"
	"math/rand/v2"
	"slices"
	"time"
)

// traffic is what happens in a demo account, as steps due at certain times. The history
// consists of the same steps as the live part, but without waiting.
type traffic struct {
	account *Account
	rng     *rand.Rand
	start   time.Time // end of the history and start of the live part
	live    bool
	cast    []*character
	steps   []step // soonest first
}

// step is something that happens at a certain time.
type step struct {
	at time.Time
	do func(at time.Time)
}

// Run makes the traffic of a Demo account continue in real time, until ctx ends. Until then
// nothing happens. On an account of New it does nothing. Call it once.
func (a *Account) Run(ctx context.Context) {
	t := a.traffic
	if t == nil {
		<-ctx.Done()
		return
	}
	for {
		t.advance(a.now())
		timer := time.NewTimer(max(t.steps[0].at.Sub(a.now()), time.Millisecond))
		select {
		case <-timer.C:
		case <-ctx.Done():
			timer.Stop()
			return
		}
	}
}

// advance does all steps that are due.
func (t *traffic) advance(now time.Time) {
	for len(t.steps) > 0 && !t.steps[0].at.After(now) {
		next := t.steps[0]
		t.steps = t.steps[1:]
		next.do(next.at)
	}
}

// plan adds a step.
func (t *traffic) plan(at time.Time, do func(at time.Time)) {
	i, _ := slices.BinarySearchFunc(t.steps, at, func(s step, at time.Time) int {
		// Never 0, as a step follows those of the same moment.
		return cmp.Or(s.at.Compare(at), -1)
	})
	t.steps = slices.Insert(t.steps, i, step{at, do})
}

// repeat adds a step that repeats after a pause.
func (t *traffic) repeat(first time.Time, pause func() time.Duration, do func(at time.Time)) {
	t.plan(first, func(at time.Time) {
		do(at)
		t.repeat(at.Add(pause()), pause, do)
	})
}

// send emits an event to every subscribed endpoint of the cast.
func (t *traffic) send(at time.Time, eventType string, video uint32) {
	for _, c := range t.cast {
		if c.takes(at, eventType) {
			t.account.Insert(c.id, Event{
				Type: eventType, CreatedTime: at, Video: video, Answers: c.answers(t, at),
			})
		}
	}
}

// chance returns true with probability p.
func (t *traffic) chance(p float64) bool {
	return t.rng.Float64() < p
}

// between returns a duration between low and high.
func (t *traffic) between(low, high time.Duration) time.Duration {
	return low + time.Duration(t.rng.Int64N(int64(high-low)))
}

// pace returns one duration for the history, and a shorter one for the live part, which
// people watch.
func (t *traffic) pace(history, live time.Duration) time.Duration {
	if t.live {
		return live
	}
	return history
}
