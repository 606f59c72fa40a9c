package e2e

import (
	"math/rand/v2"
	"testing"
	"time"

	"omegastream_exporter/internal/simulator"
	"omegastream_exporter/internal/test/needs"
)

// Three days of an account pass in seconds: its API answers wrongly in every way, it forgets
// events that it has shown, and the program is down now and then. The counts are exact all
// the same.
func TestCompressedDays(t *testing.T) {
	t.Parallel()
	needs.Minutes(t)
	const (
		seed  = 7
		waves = 3
		hold  = 100 * time.Millisecond
		speed = 3 * 24 * 60 // three days in a minute
	)
	began := time.Now()
	clock := func() time.Time { return began.Add(-72*time.Hour + speed*time.Since(began)) }
	account, apiURL := serveAccount(t, simulator.Options{Seed: seed, Now: clock})
	for range 5 {
		account.Bulk(account.AddEndpoint(simulator.Endpoint{Active: true}), 100, 20*time.Minute)
	}
	s := watching(t, apiURL, "--collector.hold-new-series="+hold.String(), "--collector.min-interval=20ms",
		"--collector.no-response-after="+noResponse.String(), "--api.rate-limit=2000", "--api.timeout=2s")
	s.binary = impatient(t)
	record := newRecorder(t, hold)
	scraper := newScraper(t, record)
	p := s.serve(t)
	scraper.target.Store(p)
	scraper.await(upAndContacted(5))
	account.Mark()

	traffic := newTraffic(account, seed)
	random := rand.New(rand.NewPCG(seed, 3))
	for wave := range waves {
		end := traffic.flow(t, 10*time.Millisecond, 4)
		for _, misbehave := range misbehaviours(random, account.EndpointIDs()) {
			heal := account.AddFault(misbehave)
			<-time.After(50 * time.Millisecond)
			heal()
		}
		p.stop()
		if wave == 1 {
			traffic.addEndpoint(simulator.Endpoint{Active: true}) // while the program is down
		}
		// Two hours pass, and the first list after them is incomplete.
		<-time.After(1500 * time.Millisecond)
		account.AddFault(simulator.Fault{
			Operation: simulator.ListEvents, Times: 2 * len(account.EndpointIDs()), Do: simulator.CutElements(20, simulator.EndAbort),
		})
		p = s.serve(t)
		scraper.target.Store(p)
		end()
		scraper.await(traffic.check)
		if wave == 1 {
			traffic.retry()
			scraper.await(traffic.check)
		}
		traffic.forget()
	}
	scraper.more(3)
	scraper.await(traffic.check)
	scraper.end()
	p.stop()
	p = s.serve(t)
	if err := traffic.check(p.mustScrape(5 * time.Second)); err != nil {
		t.Errorf("after a last restart: %v", err)
	}
	last := p.mustScrape(5 * time.Second)
	if gaps := last.sum("omegastream_exporter_list_gaps_total"); gaps != 0 {
		t.Errorf("%v gaps although nothing was lost", gaps)
	}
	calls := account.Calls()
	figures(t, "%d events, %d restarts, %d complete scrapes, %d API calls (%d lists, %d details) in %v",
		traffic.events, waves+1, record.scrapes, calls.Total(), calls.Requests[simulator.ListEvents],
		calls.Requests[simulator.GetEvent], time.Since(began).Round(time.Second/10))
}

// misbehaviours returns the faults of the API, in random order.
func misbehaviours(random *rand.Rand, endpoints []string) []simulator.Fault {
	lists := func(times int, e simulator.Effect) simulator.Fault {
		return simulator.Fault{Operation: simulator.ListEvents, Times: times, Do: e}
	}
	details := func(times int, e simulator.Effect) simulator.Fault {
		return simulator.Fault{Operation: simulator.GetEvent, Times: times, Do: e}
	}
	id := endpoints[random.IntN(len(endpoints))]
	all := []simulator.Fault{
		{Do: simulator.Delay(30 * time.Millisecond)},
		{Times: 1, Do: simulator.TooManyRequests(time.Second)},
		{Times: 1, Operation: simulator.ListEndpoints, Do: simulator.Status(500, "sorry")},
		{Times: 1, Operation: simulator.ListEndpoints, Do: simulator.Empty()},
		{Times: 1, Operation: simulator.ListEndpoints, Do: simulator.CutElements(2, simulator.EndClean)},
		details(2, simulator.Unavailable(0)),
		details(2, simulator.Status(502, "bad gateway")),
		details(3, simulator.Reset()),
		details(2, simulator.CutBytes(200, simulator.EndClean)),
		details(2, simulator.CutBytes(700, simulator.EndAbort)),
		details(1, simulator.ID("another")),
		details(1, simulator.Response(`"what?"`)),
		details(1, simulator.HTML()),
		details(1, simulator.Null()),
		details(1, simulator.Huge(5<<20)),
		lists(3, simulator.Status(503, "later")),
		lists(3, simulator.CutElements(3, simulator.EndClean)),
		lists(3, simulator.CutElements(10, simulator.EndAbort)),
		lists(2, simulator.CutBytes(1000, simulator.EndClean)),
		lists(2, simulator.Empty()),
		lists(2, simulator.Null()),
		lists(2, simulator.HTML()),
		lists(2, simulator.Close()),
		lists(2, simulator.OldestFirst()),
		lists(2, simulator.Shuffle(random.Uint64())),
		lists(3, simulator.Repeat(3)),
		lists(2, simulator.Omit(func(i int, _ string) bool { return i%2 == 0 })),
		{EndpointID: id, Times: 4, Operation: simulator.ListEvents, Do: simulator.Status(404, "not found")},
	}
	for i, raw := range []string{
		`null`, `7`, `"text"`, `[]`, `{}`, `{"id":null}`, `{"id":12,"type":"video.deleted","created":1}`,
		`{"id":"x","type":["video.deleted"],"created":1700000000}`, `{"id":"y","type":"video.deleted","created":"soon"}`,
	} {
		all = append(all, lists(1, simulator.Inject(i%3, raw)))
	}
	random.Shuffle(len(all), func(i, j int) { all[i], all[j] = all[j], all[i] })
	return all
}
