package simulator

import (
	"fmt"
	"sync/atomic"
	"time"
)

// Event is an event for Insert. It can have values that the API would never send.
type Event struct {
	// ID is any text; "" for a new id of 24 hex digits.
	ID string
	// Type is any text.
	Type string
	// CreatedTime determines the event's place in the list and the start of its schedule;
	// zero for now.
	CreatedTime time.Time
	// Created is the raw JSON of "created"; Absent for none, "" for the Unix seconds of
	// CreatedTime.
	Created string
	// Video is the event's video, from AddVideo; 0 for a new one.
	Video uint32
	// Answers is the schedule of its response. Nil leaves the event pending.
	Answers []Answer
}

// Emit adds an event that is created now, and returns its id.
func (a *Account) Emit(endpointID, eventType string, r Answer) string {
	return a.Insert(endpointID, Event{Type: eventType, Answers: []Answer{r}})
}

// Insert adds an event, and returns its id. Its creation determines its place in the list; of
// two events created at the same moment, the one inserted later is newer. Insert panics if
// the endpoint already lists the id. An event with the id of a forgotten one is another event
// to Truth.
func (a *Account) Insert(endpointID string, e Event) string {
	a.mu.Lock()
	defer a.mu.Unlock()
	ep := a.endpoint(endpointID)
	if e.CreatedTime.IsZero() {
		e.CreatedTime = a.now()
	}
	if e.Video == 0 {
		e.Video = a.addVideo(e.CreatedTime)
	}
	rec := record{
		created: e.CreatedTime.UnixNano(),
		video:   e.Video,
		kind:    a.kinds.number(e.Type),
	}
	x := &extra{created: e.Created, answers: e.Answers}
	if short, ok := parseObjectID(e.ID); ok {
		rec.id = short
	} else if e.ID != "" {
		x.id = e.ID
	} else {
		rec.id = a.ids.next(e.CreatedTime)
		e.ID = rec.id.String()
	}
	if _, known := ep.find(e.ID); known {
		panic(fmt.Sprintf("simulator: endpoint %q has the event %q already", endpointID, e.ID))
	}
	if x.id == "" && x.created == "" && len(x.answers) == 1 && x.answers[0].plain() {
		rec.code, x = uint16(x.answers[0].code), nil
	}
	ep.add(rec, x)
	return e.ID
}

// AddVideo adds a video with an upload time, and returns its number.
func (a *Account) AddVideo(uploaded time.Time) uint32 {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.addVideo(uploaded)
}

func (a *Account) addVideo(uploaded time.Time) uint32 {
	a.videos = append(a.videos, uint32(uploaded.Unix()))
	return uint32(len(a.videos))
}

// SetAnswer changes the answer of an event from now on, like a retry of its delivery.
func (a *Account) SetAnswer(endpointID, eventID string, r Answer) {
	a.mu.Lock()
	defer a.mu.Unlock()
	ep, n := a.event(endpointID, eventID)
	answers := ep.answers(n)
	r.after += ep.age(n, a.now())
	x := ep.extras[n]
	if x == nil {
		x = &extra{}
		if ep.extras == nil {
			ep.extras = make(map[uint32]*extra)
		}
		ep.extras[n] = x
	}
	// Copy it, because the schedule can be the caller's slice.
	x.answers = append(append([]Answer(nil), answers...), r)
	ep.at(n).code = 0
}

// Forget removes the events of an endpoint that were created before a time from its list.
// Their details answer 404. It returns their number.
func (a *Account) Forget(endpointID string, before time.Time) int {
	a.mu.Lock()
	defer a.mu.Unlock()
	ep := a.endpoint(endpointID)
	limit := before.UnixNano()
	return ep.forget(func(n uint32) bool { return ep.at(n).created < limit })
}

// ForgetEvents removes single events from the list of an endpoint, like Forget, and returns
// how many of them it had.
func (a *Account) ForgetEvents(endpointID string, eventIDs ...string) int {
	a.mu.Lock()
	defer a.mu.Unlock()
	ep := a.endpoint(endpointID)
	gone := make(map[uint32]bool, len(eventIDs))
	for _, id := range eventIDs {
		if n, ok := ep.find(id); ok {
			gone[n] = true
		}
	}
	return ep.forget(func(n uint32) bool { return gone[n] })
}

// EventIDs returns the ids in the list of an endpoint, newest first.
func (a *Account) EventIDs(endpointID string) []string {
	a.mu.Lock()
	defer a.mu.Unlock()
	ep := a.endpoint(endpointID)
	ep.sort()
	ids := make([]string, 0, len(ep.order))
	for i := len(ep.order) - 1; i >= 0; i-- {
		ids = append(ids, ep.idOf(ep.order[i]))
	}
	return ids
}

// DetailCalls returns how often the detail of an event was requested, whatever the answer.
func (a *Account) DetailCalls(endpointID, eventID string) int {
	a.mu.RLock()
	defer a.mu.RUnlock()
	ep, n := a.event(endpointID, eventID)
	return int(atomic.LoadUint32(&ep.at(n).asked))
}

// MaxDetailCalls returns the highest DetailCalls of all events, including forgotten ones. It
// checks every event.
func (a *Account) MaxDetailCalls() int {
	a.mu.RLock()
	defer a.mu.RUnlock()
	var highest uint32
	for _, ep := range a.endpoints {
		for n := range ep.count {
			highest = max(highest, atomic.LoadUint32(&ep.at(n).asked))
		}
	}
	return int(highest)
}

// event returns a listed event, and panics if there is none.
func (a *Account) event(endpointID, eventID string) (*endpoint, uint32) {
	ep := a.endpoint(endpointID)
	n, ok := ep.find(eventID)
	if !ok {
		panic(fmt.Sprintf("simulator: endpoint %q has no event %q", endpointID, eventID))
	}
	return ep, n
}
