package ratelimit

import "time"

// Snapshot is what another process needs to continue from this one. It has durations instead of
// times, because two machines have two clocks.
type Snapshot struct {
	Pause        time.Duration // rest of a pause; 0 if there is none
	Share        float64       // of the configured rate, between 1/16 and 1; 0 means 1
	SinceShare   time.Duration // since Share changed
	Guesses      int           // pauses since the last success for which the API gave no length
	SinceRequest time.Duration // since the last request was sent
}

// never is the age of something that has not happened.
const never = time.Hour

// Snapshot returns the present snapshot.
func (l *Limiter) Snapshot() Snapshot {
	l.mu.Lock()
	defer l.mu.Unlock()
	now := time.Now()
	t := l.pace.throttle
	return Snapshot{
		Pause:        l.pace.left(now),
		Share:        t.share,
		SinceShare:   since(now, t.changed),
		Guesses:      t.guesses,
		SinceRequest: since(now, l.pace.last),
	}
}

func since(now, then time.Time) time.Duration { return min(now.Sub(then), never) }

// Restore continues where another process stopped. The durations in s count from now, so add
// the time since it was written. If that is unknown, or the last request is, leave
// SinceRequest 0. Together the two processes keep to the rate like a single one: in any
// second at most a tenth above it, without turns that either has saved. A longer pause that
// only this process knows stays.
func (l *Limiter) Restore(s Snapshot) {
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
