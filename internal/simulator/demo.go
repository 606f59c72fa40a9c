package simulator

import (
	"math/rand/v2"
	"net/http"
	"time"
)

// Demo returns an account with something of everything: nine endpoints that behave
// differently, the events of the last 24 hours, and, when Run is called, a new event about
// every second. Within a minute there are failures of every kind, retries that heal, a new
// endpoint with a slow first list, an event without a detail, one with a bogus time,
// undocumented types, and an API that sometimes limits or fails a request. After two minutes
// the list of an endpoint fails for a while, and then the details of what happened meanwhile.
// This repeats every ten minutes.
func Demo(o Options) *Account {
	a := New(o)
	t := &traffic{
		account: a,
		rng:     rand.New(rand.NewPCG(o.Seed, 0xde30)),
		start:   a.now(),
		cast:    cast(),
	}
	a.traffic = t
	for _, c := range t.cast {
		if c.joins > 0 {
			t.plan(t.start.Add(c.joins), func(at time.Time) { t.join(c, at) })
			continue
		}
		t.join(c, t.start.Add(-t.between(30*24*time.Hour, 300*24*time.Hour)))
	}
	for at := t.start.Add(-24 * time.Hour); at.Before(t.start); at = at.Add(t.between(75*time.Second, 135*time.Second)) {
		t.plan(at, t.upload)
	}
	t.advance(t.start)
	t.begin()
	return a
}

// Every ten minutes, the archive's list fails for a while. After that it shows an event that
// is several minutes old, without a detail yet.
const (
	firstAway  = 2 * time.Minute
	everyAway  = 10 * time.Minute
	away       = 90 * time.Second
	listedLate = 12 * time.Minute
	detailLate = time.Minute
)

// firstList is how long a new endpoint's first list takes.
const firstList = 12 * time.Second

// join adds an endpoint of the cast to the account. A new one gets its first event at once.
func (t *traffic) join(c *character, at time.Time) {
	e := Endpoint{
		URL:         c.url,
		Description: &c.description,
		Events:      c.events,
		Active:      c.stops == 0,
		CreatedAt:   at,
	}
	if c.stops > 0 {
		c.stopped = t.start.Add(-c.stops)
		e.UpdatedAt = c.stopped
	}
	c.id = t.account.AddEndpoint(e)
	if c.joins > 0 {
		t.account.AddFault(Fault{Operation: ListEvents, EndpointID: c.id, Times: 1, Do: Stall(1, firstList)})
		t.account.Insert(c.id, Event{
			Type: "video.process_succeeded", CreatedTime: at, Answers: c.answers(t, at),
		})
	}
}

// begin ends the history, and plans what happens only in the live part.
func (t *traffic) begin() {
	t.live = true
	first, second := t.cast[0].id, t.cast[1].id
	every := func(d time.Duration) func() time.Duration {
		return func() time.Duration { return d }
	}
	after := func(seconds int) time.Time { return t.start.Add(time.Duration(seconds) * time.Second) }

	busy := after(120) // busy for a new visitor; later only a little busier than the day before
	next := func() time.Duration {
		if t.account.now().Before(busy) {
			return t.between(4*time.Second, 8*time.Second)
		}
		return t.between(15*time.Second, 25*time.Second)
	}
	t.repeat(after(1), next, t.upload)
	t.repeat(after(7), every(15*time.Second), func(at time.Time) {
		t.account.Insert(first, Event{
			Type: "video.thumbnail_generated", CreatedTime: at, Answers: []Answer{Responded(http.StatusOK)},
		})
	})
	t.repeat(after(12), every(5*time.Minute), func(at time.Time) {
		t.account.Insert(first, Event{
			Type: "video.uploaded", CreatedTime: at, Created: "0", Answers: []Answer{Responded(http.StatusOK)},
		})
	})
	found := func() {}
	t.repeat(after(16), every(time.Minute), func(at time.Time) {
		found()
		id := t.account.Insert(second, Event{Type: "video.in_progress", CreatedTime: at})
		// Repeat it for every request, because the first one can meet another fault.
		found = t.account.AddFault(Fault{
			Operation: GetEvent, EndpointID: second, EventID: id,
			Do: Status(http.StatusGone, "webhook event is gone\n"),
		})
	})
	t.repeat(after(18), every(2*time.Minute), func(time.Time) {
		t.account.AddFault(Fault{Times: 1, Do: TooManyRequests(time.Second)})
	})
	t.repeat(after(33), every(2*time.Minute), func(time.Time) {
		t.account.AddFault(Fault{Operation: GetEvent, Times: 1, Do: Unavailable(time.Second)})
	})
	t.repeat(t.start.Add(firstAway), every(everyAway), t.archiveAway)
	t.repeat(after(3600), every(time.Hour), func(at time.Time) {
		for _, id := range t.account.EndpointIDs() {
			t.account.Forget(id, at.Add(-48*time.Hour))
		}
	})
	t.account.AddFault(Fault{EndpointID: t.cast[5].id, Do: Delay(120 * time.Millisecond)})
}

// archiveAway makes the archive's events unavailable for a while.
func (t *traffic) archiveAway(at time.Time) {
	id := t.cast[5].id
	heal := t.account.AddFault(Fault{Operation: ListEvents, EndpointID: id, Do: Status(http.StatusInternalServerError, "the archive's events are not available\n")})
	t.plan(at.Add(away), func(back time.Time) {
		heal()
		late := t.account.Insert(id, Event{
			Type: "video.deleted", CreatedTime: back.Add(-listedLate), Answers: []Answer{Responded(http.StatusOK)},
		})
		heal := t.account.AddFault(Fault{
			Operation: GetEvent, EndpointID: id, EventID: late,
			Do: Status(http.StatusNotFound, "webhook event is not there yet\n"),
		})
		t.plan(back.Add(detailLate), func(time.Time) { heal() })
	})
}
