package collector

import (
	"context"
	"slices"
	"strconv"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"omegastream_exporter/client"
	"omegastream_exporter/internal/simulator"
	"omegastream_exporter/internal/syncer"
)

// recorder records, in order, which details an account was asked for.
type recorder struct {
	mu    sync.Mutex
	asked []asked
}

type asked struct {
	name string
	at   time.Time
}

func (r *recorder) observe(q simulator.Request) {
	if q.Operation == simulator.GetEvent {
		r.mu.Lock()
		defer r.mu.Unlock()
		r.asked = append(r.asked, asked{q.EventID, q.Start})
	}
}

// names returns the events that were asked for, and resets the recorder.
func (r *recorder) names() []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	var names []string
	for _, a := range r.asked {
		names = append(names, a.name)
	}
	r.asked = nil
	return names
}

// count returns how often each event was asked for.
func (r *recorder) count() map[string]int {
	counts := map[string]int{}
	for _, name := range r.names() {
		counts[name]++
	}
	return counts
}

// insert adds an event whose id contains a name.
func insert(a *simulator.Account, endpoint, id string, age time.Duration, answers ...simulator.Answer) {
	a.Insert(endpoint, simulator.Event{ID: id, Type: failedType, CreatedTime: time.Now().Add(-age), Answers: answers})
}

// slowDetail is an API that delays the call for one detail.
type slowDetail struct {
	syncer.API
	event string
	delay time.Duration
}

func (d slowDetail) GetEvent(ctx context.Context, endpointID, eventID string) (client.Event, error) {
	if eventID == d.event {
		time.Sleep(d.delay)
	}
	return d.API.GetEvent(ctx, endpointID, eventID)
}

// TestDrainOrder checks the order of details, one call at a time: new events first (oldest
// first, in turn between endpoints), then pending ones, then failed ones, then history,
// newest first.
func TestDrainOrder(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var rec recorder
		a := newAccount(simulator.Options{Observe: rec.observe}, endpointA, endpointB)
		ok := simulator.Responded(200)
		r := start(t, a, setup{
			options: syncer.Options{Concurrency: 1},
			wrap:    func(api syncer.API) syncer.API { return slowDetail{api, "first", 9 * time.Second} },
		})
		r.scrape()
		insert(a, endpointA, "failed", 0, simulator.Responded(500))
		r.scrape()
		time.Sleep(5*time.Minute - 5*time.Second) // failed events are due again soon
		insert(a, endpointA, "pending", 0)
		r.scrape()

		// Work piles up while one detail is delayed.
		insert(a, endpointA, "first", 0, ok)
		r.scrape(timeout("1"))
		insert(a, endpointA, "A2", time.Second, ok)
		insert(a, endpointA, "A1", 2*time.Second, ok)
		insert(a, endpointB, "B2", time.Second, ok)
		insert(a, endpointB, "B1", 2*time.Second, ok)
		insert(a, endpointB, "B3", 0, ok)
		a.AddEndpoint(simulator.Endpoint{ID: endpointC, CreatedAt: time.Now().Add(-time.Hour)})
		insert(a, endpointC, "H1", 3*time.Minute, ok)
		insert(a, endpointC, "H3", time.Minute, ok)
		insert(a, endpointC, "H2", 2*time.Minute, ok)
		rec.names()
		r.scrape(timeout("20"))
		time.Sleep(time.Second)
		got := slices.DeleteFunc(rec.names(), func(name string) bool { return name == "first" })
		want := [][]string{
			{"A1", "B1", "A2", "B2", "B3", "pending", "failed", "H3", "H2", "H1"},
			{"B1", "A1", "B2", "A2", "B3", "pending", "failed", "H3", "H2", "H1"},
		}
		if !slices.Equal(got, want[0]) && !slices.Equal(got, want[1]) {
			t.Errorf("asked for %q, want %q", got, want[0])
		}
	})
}

// TestNoDetailTwice checks that the exporter asks once for each detail whose answer is final.
func TestNoDetailTwice(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var rec recorder
		a := newAccount(simulator.Options{Observe: rec.observe}, endpointA, endpointB)
		withHistory(a)
		r := start(t, a, setup{})
		for range 40 {
			a.Emit(endpointA, failedType, simulator.Responded(200))
			a.Emit(endpointB, failedType, simulator.Responded(201))
			r.scrapes(1, 15*time.Second)
		}
		counts := rec.count()
		if len(counts) != 83 {
			t.Errorf("%d details, want 83", len(counts))
		}
		again := 0
		for _, n := range counts {
			again += n - 1
		}
		if again != 1 { // the failed event of the history, due after 5 minutes and then after 15
			t.Errorf("%d asked for again, want 1", again)
		}
	})
}

// TestRepeatedAsks checks which events are asked for again within an hour: pending ones with
// a backoff, failed ones after 5, 15 and 35 minutes.
func TestRepeatedAsks(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var rec recorder
		a := newAccount(simulator.Options{Observe: rec.observe}, endpointA)
		r := start(t, a, setup{})
		r.scrape()
		insert(a, endpointA, "pending", 0, simulator.Responded(200).After(9*time.Minute))
		insert(a, endpointA, "failed", 0, simulator.Responded(500))
		insert(a, endpointA, "good", 0, simulator.Responded(200))
		began := time.Now()
		r.scrape()
		time.Sleep(time.Hour)
		at := map[string][]int{}
		rec.mu.Lock()
		defer rec.mu.Unlock()
		for _, ask := range rec.asked {
			at[ask.name] = append(at[ask.name], int(ask.at.Sub(began).Round(time.Second).Seconds()))
		}
		for name, want := range map[string][]int{
			"pending": {0, 5, 15, 35, 75, 155, 315, 615},
			"failed":  {0, 300, 900, 2100},
			"good":    {0},
		} {
			// The fetcher can notice a few seconds late.
			if !slices.EqualFunc(at[name], want, func(got, want int) bool { return got >= want && got <= want+20 }) {
				t.Errorf("%s was asked for after %v s, want %v", name, at[name], want)
			}
		}
	})
}

// TestRetriesAreATenth checks that repeated asks for failed events take at most a tenth of
// the rate, and that history uses the rest.
func TestRetriesAreATenth(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var rec recorder
		a := newAccount(simulator.Options{Observe: rec.observe}, endpointA)
		r := start(t, a, setup{options: syncer.Options{RateLimit: 10}})
		r.scrape()
		for i := range 90 {
			insert(a, endpointA, "failed"+strconv.Itoa(i), 0, simulator.Responded(500))
		}
		r.scrapes(1, time.Minute)
		rec.names()
		time.Sleep(5*time.Minute - 20*time.Second)
		if early := rec.names(); len(early) > 0 {
			t.Errorf("%d failures asked for too early", len(early))
		}
		time.Sleep(time.Minute)
		if got := len(rec.names()); got < 40 || got > 62 {
			t.Errorf("%d failures asked for again within a minute, want one a second", got)
		}
	})
}

// TestBacklog checks that a slow fetcher's backlog is visible, with the age of its oldest
// event, and that history is fetched last.
func TestBacklog(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		a := newAccount(simulator.Options{}, endpointA)
		for i := range 10 {
			insert(a, endpointA, "history"+strconv.Itoa(i), time.Hour, simulator.Responded(200))
		}
		r := start(t, a, setup{options: syncer.Options{Concurrency: 1, RateLimit: 1}})
		r.scrape(timeout("1"))
		time.Sleep(time.Minute)
		for i := range 20 {
			insert(a, endpointA, "new"+strconv.Itoa(i), time.Duration(20-i)*time.Second, simulator.Responded(500))
		}
		got := r.scrape(timeout("9.5"))
		got.want(t, map[string]string{
			of("omegastream_exporter_event_detail_backlog", endpointA):                     "12",
			of("omegastream_exporter_oldest_unfetched_event_timestamp_seconds", endpointA): "9.46684849e+08",
			failuresOf(endpointA, failedType, "500"):                                       "8",
			"omegastream_exporter_scrape_deadline_exceeded_total":                          "2",
			"omegastream_up": "1",
		})
		time.Sleep(20 * time.Second)
		r.scrape().want(t, map[string]string{
			of("omegastream_exporter_event_detail_backlog", endpointA):                     "0",
			of("omegastream_exporter_oldest_unfetched_event_timestamp_seconds", endpointA): "",
			failuresOf(endpointA, failedType, "500"):                                       "20",
		})
	})
}

// TestSpareTime checks that history uses the whole rate, but hardly delays a new event.
func TestSpareTime(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		a := newAccount(simulator.Options{}, endpointA)
		for i := range 60 {
			insert(a, endpointA, "history"+strconv.Itoa(i), time.Hour, simulator.Responded(200))
		}
		r := start(t, a, setup{options: syncer.Options{RateLimit: 4}})
		r.scrape()
		time.Sleep(5 * time.Second)
		a.Emit(endpointA, failedType, simulator.Responded(500))
		began := time.Now()
		r.scrape().want(t, map[string]string{failuresOf(endpointA, failedType, "500"): "1"})
		if took := time.Since(began); took > 1500*time.Millisecond {
			t.Errorf("a new event took %v", took)
		}
		time.Sleep(12 * time.Second)
		r.scrape().want(t, map[string]string{of("omegastream_exporter_history_detail_backlog", endpointA): "0"})
	})
}
