package ledger

import "time"

const (
	lateSlack  = 20          // seconds below the newest known event that every read goes on for
	lateFactor = 2           // and this many times what events were late by
	foundLate  = time.Minute // later than by a read of the whole overlap, a late event is found at most
)

// An event is late by how much older it is than the newest one that was listed before it.
// A read of the whole overlap finds events that are late by up to the overlap. As a rule no
// event is late by more than some seconds, so most reads stop sooner, as far as the
// endpoint's events have taught; a read that meets an unusually late one goes on, and
// once a minute one does in any case. All of this is for speed only, as any early stop is.

// stops returns the creation times at which a read of the whole overlap stops, and at
// which this one does.
func (e *Endpoint) stops(r *Read) (whole, stop int64) {
	overlap := seconds(e.account.policy.Overlap)
	whole = r.mark - overlap
	skipped := e.row.Skipped
	if skipped.Since.IsZero() {
		skipped.Since = r.began
	} else {
		whole = min(whole, skipped.Mark-overlap)
	}
	// The next read is expected to be as far away as the one before was.
	interval := r.began.Sub(e.row.LastSufficient)
	found := r.began.Add(interval).Sub(skipped.Since).Truncate(time.Second)
	if interval < 0 || r.began.Before(skipped.Since) || found > foundLate {
		return whole, whole
	}
	return whole, max(whole, r.mark-e.lateReach())
}

// lateReach is how many seconds below the stop mark a read goes on that is not to read the
// whole overlap.
func (e *Endpoint) lateReach() int64 { return lateSlack + lateFactor*e.row.Late }

// noteLate notes the creation time of an event that was met for the first time. One that is
// late by half of what the read goes on for makes it read the whole overlap: others may
// be later still.
func (r *Read) noteLate(created int64) {
	e := r.endpoint
	late := r.mark - created
	if !e.contacted() || e.row.StopMark == 0 || late > seconds(e.account.policy.Overlap) {
		return // history, or too late for any ordinary read
	}
	r.late = max(r.late, late)
	if late > e.lateReach()/2 && r.stop > r.whole {
		r.stop = r.whole
		r.enough = r.past(r.lowest)
	}
}

// learnLate draws from a sufficient read how late events come, and what it has left
// out. A complete one without late events forgets half.
func (e *Endpoint) learnLate(r *Read, complete bool) {
	if complete {
		e.row.Late /= 2
	}
	e.row.Late = max(e.row.Late, r.late)
	switch {
	case complete || r.stop <= r.whole:
		e.row.Skipped = Skipped{}
	case e.row.Skipped.Since.IsZero():
		e.row.Skipped = Skipped{Since: r.began, Mark: r.mark}
	}
}
