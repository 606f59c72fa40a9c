package ledger

import "time"

const (
	lateSlack  = 20          // seconds that every read continues below the newest known event
	lateFactor = 2           // plus this many times the lateness of events
	foundLate  = time.Minute // a late event is found at most this much later than by a read of the whole overlap
)

// An event is late by how much older it is than the newest event listed before it. A read of
// the whole overlap finds events that are late by up to the overlap. Few events are late by
// more than some seconds, so most reads stop earlier, depending on what the endpoint's events
// have shown. A read that meets an unusually late event continues, and so does one read a
// minute. All this is only for speed, like every early stop.

// stops returns the creation times at which a read of the whole overlap would stop, and at
// which this read does.
func (e *Endpoint) stops(r *Read) (whole, stop int64) {
	overlap := seconds(e.account.policy.Overlap)
	whole = r.mark - overlap
	skipped := e.row.Skipped
	if skipped.Since.IsZero() {
		skipped.Since = r.began
	} else {
		whole = min(whole, skipped.Mark-overlap)
	}
	// The next read is expected after the same interval as this one.
	interval := r.began.Sub(e.row.LastSufficient)
	found := r.began.Add(interval).Sub(skipped.Since).Truncate(time.Second)
	if interval < 0 || r.began.Before(skipped.Since) || found > foundLate {
		return whole, whole
	}
	return whole, max(whole, r.mark-e.lateReach())
}

// lateReach is how many seconds below the stop mark a read continues that does not read the
// whole overlap.
func (e *Endpoint) lateReach() int64 { return lateSlack + lateFactor*e.row.Late }

// noteLate records the creation time of an event that was met for the first time. If it is
// late by half of how far the read continues, the read covers the whole overlap, because
// others can be even later.
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

// learnLate learns from a sufficient read how late events come, and what the read left out. A
// complete read without late events halves the learned lateness.
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
