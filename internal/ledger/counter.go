package ledger

import (
	"cmp"
	"time"
)

// CounterKind tells an endpoint's counters apart.
type CounterKind uint8

// The kinds of counters.
const (
	CountEvents     CounterKind = iota // by type
	CountDeliveries                    // by type and code; failures are all except 2xx
	CountNoResponse                    // by reason
	CountRecoveries                    // by type
	CountUnresolved                    // by type
	CountGaps                          // without other labels
	kinds
)

// CounterKey is the label set of one counter of an endpoint. Fields that its kind does not
// use are zero.
type CounterKey struct {
	Kind   CounterKind
	Type   TypeID
	Code   Code
	Reason Reason
}

func (k CounterKey) compare(o CounterKey) int {
	return cmp.Or(
		cmp.Compare(k.Kind, o.Kind), cmp.Compare(k.Type, o.Type),
		cmp.Compare(k.Code, o.Code), cmp.Compare(k.Reason, o.Reason),
	)
}

// Birth is what all counters and histograms have: a beginning, and whether they were released
// from being shown at 0.
type Birth struct {
	Born     time.Time
	Released bool

	shown time.Time // start of the first complete scrape that showed it at 0
	// heldHere marks a counter that another replica has released. This one shows it at 0 for
	// its own hold, as its scrapers would otherwise never see it at 0.
	heldHere bool
}

// held reports whether the counter is shown at 0.
func (b *Birth) held() bool { return !b.Released || b.heldHere }

func (b *Birth) showAt(at time.Time) {
	if b.held() && (b.shown.IsZero() || at.Before(b.shown)) { // before: the clock was set back
		b.shown = at
	}
}

// due reports whether the hold is over.
func (b *Birth) due(now time.Time, hold time.Duration) bool {
	return b.held() && !b.shown.IsZero() && now.Sub(b.shown) >= hold
}

// follow applies another replica's commit of the birth. The counter is held here, even if it
// was released there, if it is new here or was held here until now.
func (b *Birth) follow(born time.Time, released, known, off bool) {
	if released && !off && (!known || !b.Released) {
		b.heldHere = true
	}
	b.Born, b.Released = born, released
}

// adopt takes over what this replica has shown of a counter. A counter that was reset, or was
// unknown, starts again here too.
func (b *Birth) adopt(before *Birth, off bool) {
	if !b.Born.Equal(before.Born) {
		b.heldHere = b.Released && !off
		return
	}
	b.shown = before.shown
	b.heldHere = b.Released && before.held() && !off
}

// counter is one counter.
type counter struct {
	Birth
	value    uint64
	loaded   uint64 // value at the start
	exemplar Exemplar
}

// visible returns the value to show.
func (s *counter) visible(g startHold) uint64 {
	switch {
	case g.off:
		return s.value
	case s.held():
		return 0
	case !g.open:
		return s.loaded
	}
	return s.value
}

// Exemplar names the newest event of a failure counter, in order of creation. The zero value
// names none.
type Exemplar struct {
	EventID  string
	Created  int64 // Unix seconds
	Observed time.Time
}

// startHold holds all counters of the account after a start. They keep their loaded values
// until the hold has passed after the first complete scrape that showed them, because the
// process comes back under a new instance, and each of its scrapers must see them once. It is
// not stored.
type startHold struct {
	off   bool      // --collector.hold-new-series=0
	open  bool      // the current values can be shown
	shown time.Time // start of the first complete scrape that showed the loaded values
}

// showAt notes that a complete scrape has shown the loaded counters.
func (g *startHold) showAt(at time.Time) {
	if !g.open && (g.shown.IsZero() || at.Before(g.shown)) { // before: the clock was set back
		g.shown = at
	}
}

// due reports whether the hold is over.
func (g *startHold) due(now time.Time, hold time.Duration) bool {
	return !g.open && !g.shown.IsZero() && now.Sub(g.shown) >= hold
}

// latencyBounds are the upper bounds of the latency histogram, in seconds.
var latencyBounds = [...]float64{1, 5, 15, 30, 60, 120, 300, 600, 1800, 3600}

// LatencyBounds returns the upper bounds of the latency histogram, in seconds.
func LatencyBounds() []float64 { return latencyBounds[:] }

// LatencyCounts are the observations of an endpoint's latency histogram, not cumulative. The
// last element counts those above every bound.
type LatencyCounts struct {
	Buckets [len(latencyBounds) + 1]uint64
	Sum     float64 // seconds
}

func (c *LatencyCounts) observe(seconds float64) {
	i := 0
	for i < len(latencyBounds) && seconds > latencyBounds[i] {
		i++
	}
	c.Buckets[i]++
	c.Sum += seconds
}

// latency is an endpoint's latency histogram.
type latency struct {
	Birth
	counts, loaded LatencyCounts
}

func (l *latency) visible(g startHold) LatencyCounts {
	switch {
	case g.off:
		return l.counts
	case l.held():
		return LatencyCounts{}
	case !g.open:
		return l.loaded
	}
	return l.counts
}
