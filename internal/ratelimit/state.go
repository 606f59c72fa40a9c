package ratelimit

import "time"

// State is what another process must know to go on where this one stopped: plain
// values, and lengths of time in place of moments, since two machines have two
// clocks.
type State struct {
	Pause        time.Duration // what is left of a pause, 0 if there is none
	Share        float64       // of the configured rate, between 1/16 and 1; 0 means 1
	SinceShare   time.Duration // since Share changed
	Guesses      int           // pauses since the last success whose length the API did not say
	SinceRequest time.Duration // since the last request went
}

// never stands for the age of something that has not happened.
const never = time.Hour

// State returns the state of this moment.
func (l *Limiter) State() State {
	l.mu.Lock()
	defer l.mu.Unlock()
	now := time.Now()
	t := l.pace.throttle
	return State{
		Pause:        l.pace.left(now),
		Share:        t.share,
		SinceShare:   since(now, t.changed),
		Guesses:      t.guesses,
		SinceRequest: since(now, l.pace.last),
	}
}

func since(now, then time.Time) time.Duration { return min(now.Sub(then), never) }

// Restore goes on where another process stopped. Its times count from this moment:
// add to s what has passed since it was written, and where that is not known, or
// the last request is not, leave SinceRequest 0. The two together stay as close to
// the rate as one alone: in any second at most a tenth above it, and no turn that
// either saved up. A longer pause that only this process was told of stays.
func (l *Limiter) Restore(s State) {
	l.mu.Lock()
	defer l.mu.Unlock()
	now := time.Now()
	t := &l.pace.throttle
	t.share = 1
	if s.Share > 0 {
		t.share = min(max(s.Share, minShare), 1)
	}
	t.changed, t.guesses = now.Add(-s.SinceShare), s.Guesses
	if until := now.Add(s.Pause); s.Pause > 0 && until.After(t.pausedUntil) {
		t.pausedSince, t.pausedUntil = now, until
	}
	last := now.Add(-max(0, s.SinceRequest))
	if l.pace.last.After(last) {
		last = l.pace.last
	}
	l.pace.restart(last)
	l.paused(now)
}
