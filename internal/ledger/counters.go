package ledger

import "time"

// seed makes the counters that are known before anything is counted, so that
// each is shown at 0 before its first increment.
func (e *Endpoint) seed(now time.Time) {
	if !e.contacted() {
		return
	}
	if e.latency == nil {
		e.latency = &latency{Birth: e.newBirth(now)}
		e.changeLatency()
	}
	for _, r := range Reasons() {
		e.birth(CounterKey{Kind: CountNoResponse, Reason: r}, now)
	}
	e.birth(CounterKey{Kind: CountGaps}, now)
	if e.row.Meta != nil {
		for _, raw := range e.row.Meta.Events {
			e.seedType(e.account.resolveType(raw), now)
		}
	}
	for _, seen := range e.row.LastEvent {
		e.seedType(seen.Type, now)
	}
}

func (e *Endpoint) seedType(t TypeID, now time.Time) {
	for _, key := range []CounterKey{
		{Kind: CountEvents, Type: t},
		{Kind: CountRecoveries, Type: t},
		{Kind: CountDeliveries, Type: t, Code: 200},
		{Kind: CountDeliveries, Type: t, Code: CodeNone},
	} {
		e.birth(key, now)
	}
}

// birth returns a counter, and makes it at 0 where there is none.
func (e *Endpoint) birth(key CounterKey, now time.Time) *counter {
	s, ok := e.counters[key]
	if !ok {
		s = &counter{Birth: e.newBirth(now)}
		e.counters[key] = s
		e.changeCounter(key)
	}
	return s
}

// newBirth returns the birth of a counter, held unless holding is switched off.
func (e *Endpoint) newBirth(now time.Time) Birth {
	if e.account.hold.off {
		return Birth{Born: now, Released: true}
	}
	e.held++
	return Birth{Born: now}
}

// bump adds one to a counter. The first event of a type brings the type's other
// counters with it.
func (e *Endpoint) bump(key CounterKey, now time.Time) *counter {
	if _, ok := e.counters[key]; !ok && key.Kind == CountEvents {
		e.seedType(key.Type, now)
	}
	s := e.birth(key, now)
	s.value++
	e.changeCounter(key)
	return s
}

func (e *Endpoint) changeCounter(key CounterKey) {
	e.changed.counters[key] = struct{}{}
	e.view = nil
	e.mark()
}

func (e *Endpoint) changeLatency() {
	e.changed.latency, e.view = true, nil
	e.mark()
}

// release ends the hold of what was shown at 0 for long enough.
func (e *Endpoint) release(now time.Time, hold time.Duration) {
	if e.held == 0 {
		return
	}
	for key, s := range e.counters {
		switch {
		case !s.due(now, hold):
		case e.account.Leads() && !s.Released:
			s.Released = true
			e.held--
			e.changeCounter(key)
		case s.heldHere:
			s.heldHere = false
			e.held--
			e.view, e.last = nil, nil
		}
	}
	switch l := e.latency; {
	case l == nil || !l.due(now, hold):
	case e.account.Leads() && !l.Released:
		l.Released = true
		e.held--
		e.changeLatency()
	case l.heldHere:
		l.heldHere = false
		e.held--
		e.view, e.last = nil, nil
	}
}

// reset starts every counter at 0 with a new birth.
func (e *Endpoint) reset(now time.Time) {
	e.held = 0
	for key, s := range e.counters {
		*s = counter{Birth: e.newBirth(now)}
		e.changeCounter(key)
	}
	if e.latency != nil {
		e.latency = &latency{Birth: e.newBirth(now)}
		e.changeLatency()
	}
}
