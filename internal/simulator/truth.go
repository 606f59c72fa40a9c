package simulator

// Truth is what really happened in an account, to compare with what a program counted: by
// endpoint id, then by event type.
type Truth map[string]map[string]Tally

// Tally is the truth about the events of one type of one endpoint. Status codes are
// normalised: "200" and so on, "none" for a delivery without a response.
type Tally struct {
	// Events is the number of events.
	Events int
	// Outcomes counts the answers that have become visible, by status code: the first of each
	// event, and every later one with another code, up to its first 2xx. A program that asked
	// after every change saw them all.
	Outcomes map[string]int
	// Latest is the number of events by their present status code; "" for those without one.
	Latest map[string]int
	// Recoveries is the number of events that went from a failure to a 2xx.
	Recoveries int
}

// Mark starts the live part of the account: Truth leaves out the events before it.
func (a *Account) Mark() {
	a.mu.Lock()
	defer a.mu.Unlock()
	for _, ep := range a.endpoints {
		ep.mark = ep.count
	}
}

// Truth returns what happened to the events added since the last Mark, or to all without a
// Mark, including forgotten ones and those of removed endpoints. It leaves out endpoints and
// types without events.
func (a *Account) Truth() Truth {
	a.mu.RLock()
	defer a.mu.RUnlock()
	now := a.now()
	truth := make(Truth)
	for id, ep := range a.endpoints {
		types := make(map[string]Tally)
		for n := ep.mark; n < ep.count; n++ {
			name := a.kinds.names[ep.at(n).kind]
			tally, ok := types[name]
			if !ok {
				tally = Tally{Outcomes: make(map[string]int), Latest: make(map[string]int)}
			}
			age := ep.age(n, now)
			tally.Events++
			tally.Recoveries += tally.follow(due(ep.answers(n), age))
			types[name] = tally
		}
		if len(types) > 0 {
			truth[id] = types
		}
	}
	return truth
}

// follow counts the outcomes of an event from its answers in order, and returns 1 if it
// recovered.
func (t Tally) follow(answers []Answer) (recovered int) {
	latest := ""
	for _, r := range answers {
		code := r.outcome()
		if code == "" || code == latest {
			continue
		}
		t.Outcomes[code]++
		if r.succeeded() {
			if latest != "" {
				recovered = 1
			}
			latest = code
			break
		}
		latest = code
	}
	t.Latest[latest]++
	return recovered
}

// Sum returns the tally of an endpoint over all types, or over all endpoints for the id "".
func (t Truth) Sum(endpointID string) Tally {
	sum := Tally{Outcomes: make(map[string]int), Latest: make(map[string]int)}
	for id, types := range t {
		if endpointID != "" && endpointID != id {
			continue
		}
		for _, tally := range types {
			sum.Events += tally.Events
			sum.Recoveries += tally.Recoveries
			for code, n := range tally.Outcomes {
				sum.Outcomes[code] += n
			}
			for code, n := range tally.Latest {
				sum.Latest[code] += n
			}
		}
	}
	return sum
}
