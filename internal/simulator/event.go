package simulator

import (
	"fmt"
	"sync/atomic"
	"time"
)

// Event is an event for Insert. It can have values that the API would never send.
type Event struct {
	// ID is the id, any text, "" for a new one of 24 hex digits.
	ID string
	// Type is the event type, any text.
	Type string
	// CreatedTime is the event's place in the list and the start of its
	// schedule, zero for now.
	CreatedTime time.Time
	// Created is the raw JSON that stands under "created", Absent for none, ""
	// for the Unix seconds of CreatedTime.
	Created string
	// Video is the video that it is about, from AddVideo; 0 for one of its own.
	Video uint32
	// Answers is the schedule of its response: each is visible from its After
	// on. Nil leaves the event pending.
	Answers []Answer
}

// Emit adds an event that is created now and returns its id.
func (a *Account) Emit(endpointID, eventType string, r Answer) string {
	return a.Insert(endpointID, Event{Type: eventType, Answers: []Answer{r}})
}

// Insert adds an event and returns its id. It stands in the list where its
// creation belongs; of two created at the same moment the later insertion is
// the newer one. An id that the endpoint lists already is a mistake and panics;
// an event with the id of a forgotten one is another event to Truth.
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

// AddVideo makes a video that was uploaded at the time and returns its number.
func (a *Account) AddVideo(uploaded time.Time) uint32 {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.addVideo(uploaded)
}

func (a *Account) addVideo(uploaded time.Time) uint32 {
	a.videos = append(a.videos, uint32(uploaded.Unix()))
	return uint32(len(a.videos))
}

// SetAnswer changes the answer of an event from now on, as a retry of its
// delivery does.
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
	// A copy, because the schedule can be the caller's slice.
	x.answers = append(append([]Answer(nil), answers...), r)
	ep.at(n).code = 0
}

// Forget takes the events of an endpoint that were created before the time
// from its list; their details answer 404. It returns how many there were.
func (a *Account) Forget(endpointID string, before time.Time) int {
	a.mu.Lock()
	defer a.mu.Unlock()
	ep := a.endpoint(endpointID)
	limit := before.UnixNano()
	return ep.forget(func(n uint32) bool { return ep.at(n).created < limit })
}

// ForgetEvents takes single events from the list of an endpoint as Forget does,
// and returns how many of them it had.
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

// EventIDs returns the ids that the list of an endpoint has, newest first.
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

// DetailCalls returns how often the detail of an event was asked for, whatever
// the answer.
func (a *Account) DetailCalls(endpointID, eventID string) int {
	a.mu.RLock()
	defer a.mu.RUnlock()
	ep, n := a.event(endpointID, eventID)
	return int(atomic.LoadUint32(&ep.at(n).asked))
}

// MaxDetailCalls returns the highest DetailCalls of all events, those that
// were forgotten included. It looks at every event.
func (a *Account) MaxDetailCalls() int {
	a.mu.RLock()
	defer a.mu.RUnlock()
	var most uint32
	for _, ep := range a.endpoints {
		for n := range ep.count {
			most = max(most, atomic.LoadUint32(&ep.at(n).asked))
		}
	}
	return int(most)
}

// event returns a listed event and panics without one.
func (a *Account) event(endpointID, eventID string) (*endpoint, uint32) {
	ep := a.endpoint(endpointID)
	n, ok := ep.find(eventID)
	if !ok {
		panic(fmt.Sprintf("simulator: endpoint %q has no event %q", endpointID, eventID))
	}
	return ep, n
}
