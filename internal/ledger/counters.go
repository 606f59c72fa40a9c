package ledger

import (
	"fmt"
	"iter"
	"maps"
	"slices"
	"time"
)

// counters are all counters of an endpoint, including its latency histogram: births, holds
// and releases work the same for both. A change marks the row for the next batch.
type counters struct {
	endpoint *Endpoint
	rows     map[CounterKey]*counter
	latency  *latency // nil before contact

	held    int                     // how many of both are shown at 0
	changed map[CounterKey]struct{} // since the last batch
	shown   *Counters               // what can be shown; nil when it must be built again
}

func newCounters(e *Endpoint) counters {
	return counters{endpoint: e, rows: make(map[CounterKey]*counter), changed: make(map[CounterKey]struct{})}
}

// latencyKey is the histogram's key among those of the counters.
var latencyKey = CounterKey{Kind: kinds}

// births yields the births of all counters and the histogram.
func (c *counters) births() iter.Seq2[CounterKey, *Birth] {
	return func(yield func(CounterKey, *Birth) bool) {
		for key, s := range c.rows {
			if !yield(key, &s.Birth) {
				return
			}
		}
		if c.latency != nil {
			yield(latencyKey, &c.latency.Birth)
		}
	}
}

// seed creates the known counters before anything is counted, so that each is shown at 0
// before its first increment.
func (c *counters) seed(types []TypeID, now time.Time) {
	if c.latency == nil {
		c.latency = &latency{Birth: c.newBirth(now)}
		c.change(latencyKey)
	}
	for _, r := range Reasons() {
		c.birth(CounterKey{Kind: CountNoResponse, Reason: r}, now)
	}
	c.birth(CounterKey{Kind: CountGaps}, now)
	for _, t := range types {
		c.seedType(t, now)
	}
}

func (c *counters) seedType(t TypeID, now time.Time) {
	for _, key := range []CounterKey{
		{Kind: CountEvents, Type: t},
		{Kind: CountRecoveries, Type: t},
		{Kind: CountDeliveries, Type: t, Code: 200},
		{Kind: CountDeliveries, Type: t, Code: CodeNone},
	} {
		c.birth(key, now)
	}
}

// birth returns a counter, and creates it at 0 if needed.
func (c *counters) birth(key CounterKey, now time.Time) *counter {
	s, ok := c.rows[key]
	if !ok {
		s = &counter{Birth: c.newBirth(now)}
		c.rows[key] = s
		c.change(key)
	}
	return s
}

// newBirth returns the birth of a counter, held unless holds are off.
func (c *counters) newBirth(now time.Time) Birth {
	if c.endpoint.account.hold.off {
		return Birth{Born: now, Released: true}
	}
	c.held++
	return Birth{Born: now}
}

// bump increments a counter. The first event of a type also creates the type's other
// counters.
func (c *counters) bump(key CounterKey, now time.Time) *counter {
	if _, ok := c.rows[key]; !ok && key.Kind == CountEvents {
		c.seedType(key.Type, now)
	}
	s := c.birth(key, now)
	s.value++
	c.change(key)
	return s
}

// observe adds an observation to the histogram.
func (c *counters) observe(seconds float64) {
	c.latency.counts.observe(seconds)
	c.change(latencyKey)
}

func (c *counters) change(key CounterKey) {
	c.changed[key] = struct{}{}
	c.shown = nil
	c.endpoint.mark()
}

// release ends the hold of counters that were shown at 0 long enough. Only the leader
// releases a counter for all replicas; each replica ends its own hold.
func (c *counters) release(now time.Time, hold time.Duration) {
	if c.held == 0 {
		return
	}
	leads := c.endpoint.account.Leads()
	for key, b := range c.births() {
		switch {
		case !b.due(now, hold):
		case leads && !b.Released:
			b.Released = true
			c.held--
			c.change(key)
		case b.heldHere:
			b.heldHere = false
			c.held--
			c.shown = nil
		}
	}
}

// releasable reports whether release would change something.
func (c *counters) releasable(now time.Time, hold time.Duration) bool {
	if c.held == 0 {
		return false
	}
	for _, b := range c.births() {
		if !b.Released && b.due(now, hold) {
			return true
		}
	}
	return false
}

// releaseAll is for when holds are off: a later start must not hold what is shown from now
// on.
func (c *counters) releaseAll() {
	for key, b := range c.births() {
		if !b.Released {
			b.Released = true
			c.change(key)
		}
		b.heldHere = false
	}
	c.held = 0
}

// reset starts every counter at 0, with a new birth.
func (c *counters) reset(now time.Time) {
	c.held = 0
	for key, s := range c.rows {
		*s = counter{Birth: c.newBirth(now)}
		c.change(key)
	}
	if c.latency != nil {
		c.latency = &latency{Birth: c.newBirth(now)}
		c.change(latencyKey)
	}
}

// countHeld counts the held counters, after rows came from elsewhere.
func (c *counters) countHeld() {
	c.held, c.shown = 0, nil
	for _, b := range c.births() {
		if b.held() {
			c.held++
		}
	}
}

// batch adds the changed rows to a batch.
func (c *counters) batch(b *Batch) {
	id := c.endpoint.row.ID
	for key := range c.changed {
		if key == latencyKey {
			l := c.latency
			b.Latencies = append(b.Latencies, LatencyRow{id, l.counts, l.Born, l.Released})
			continue
		}
		s := c.rows[key]
		b.Counters = append(b.Counters, CounterRow{id, key, s.value, s.Born, s.Released, s.exemplar})
	}
	clear(c.changed)
}

// show returns the counters to show.
func (c *counters) show() *Counters {
	if c.shown != nil {
		return c.shown
	}
	a := c.endpoint.account
	v := &Counters{All: make([]Counter, 0, len(c.rows))}
	for _, key := range slices.SortedFunc(maps.Keys(c.rows), CounterKey.compare) {
		s := c.rows[key]
		row := Counter{
			Kind: key.Kind, Type: a.types.name(key.Type), Code: key.Code, Reason: key.Reason,
			Value: s.visible(a.hold), Born: s.Born,
		}
		if s.exemplar.EventID != "" && row.Value > 0 {
			exemplar := s.exemplar
			row.Exemplar = &exemplar
		}
		v.All = append(v.All, row)
	}
	if l := c.latency; l != nil {
		v.Latency = &Latency{Counts: l.visible(a.hold), Born: l.Born}
	}
	for _, b := range c.births() {
		if b.held() {
			v.held = append(v.held, b)
		}
	}
	c.shown = v
	return v
}

// follow applies a row that another replica has committed.
func (c *counters) follow(r CounterRow) error {
	s, known := c.rows[r.Key]
	if !known {
		s = new(counter)
		c.rows[r.Key] = s
	}
	if known && s.Born.Equal(r.Born) && r.Value < s.value {
		return fmt.Errorf("%w: counter %+v of endpoint %q is %d, it was %d", ErrWentBack, r.Key, r.Endpoint, r.Value, s.value)
	}
	s.follow(r.Born, r.Released, known, c.endpoint.account.hold.off)
	s.value, s.exemplar = r.Value, r.Exemplar
	return nil
}

func (c *counters) followLatency(r LatencyRow) {
	known := c.latency != nil
	if !known {
		c.latency = new(latency)
	}
	c.latency.follow(r.Born, r.Released, known, c.endpoint.account.hold.off)
	c.latency.counts = r.Counts
}

// adopt takes over what this replica has shown of the same endpoint's counters.
func (c *counters) adopt(was *counters) {
	off := c.endpoint.account.hold.off
	for key, s := range c.rows {
		before := was.rows[key]
		if before == nil {
			before = new(counter)
		}
		s.adopt(&before.Birth, off)
		s.loaded = before.loaded
	}
	if c.latency != nil {
		before := was.latency
		if before == nil {
			before = new(latency)
		}
		c.latency.adopt(&before.Birth, off)
		c.latency.loaded = before.loaded
	}
	c.countHeld()
}
