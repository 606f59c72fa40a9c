package bench

import (
	"net/http"
	"strings"
	"testing"
)

// A scrape allocates at most twice as much for each series as a CounterVec does, because it
// builds gauges on each scrape.
func TestExpositionAllocations(t *testing.T) { //nolint:paralleltest // AllocsPerRun counts what others allocate, too
	allocations := func(endpoints int) (ours, plain float64, series int) {
		r := ready(t, endpoints)
		series = seriesIn(scrapeOf(r.handler, formats[0].accept).Body.Bytes())
		vec := plainCounters(series)
		ours = testing.AllocsPerRun(5, func() { scrapeOf(r.handler, formats[0].accept) })
		plain = testing.AllocsPerRun(5, func() { scrapeOf(vec, formats[0].accept) })
		return ours, plain, series
	}
	small, smallPlain, few := allocations(2)
	large, largePlain, many := allocations(40)
	t.Logf("%d series: %.0f, CounterVec %.0f; %d series: %.0f, CounterVec %.0f", few, small, smallPlain, many, large, largePlain)
	each, plainEach := (large-small)/float64(many-few), (largePlain-smallPlain)/float64(many-few)
	if each > plainEach*0.8 { // most metrics are cached between scrapes
		t.Errorf("%.2f allocations for each series, a CounterVec has %.2f", each, plainEach)
	}
}

// listedAPI answers with the account's endpoints, and with an event to every other call.
type listedAPI struct{ endpoints, event inMemory }

func (a listedAPI) RoundTrip(r *http.Request) (*http.Response, error) {
	if strings.HasSuffix(r.URL.Path, "/all") {
		return a.endpoints.RoundTrip(r)
	}
	return a.event.RoundTrip(r)
}

// A detail of a listed endpoint takes only a few more allocations than a GET.
func TestDetailAllocations(t *testing.T) { //nolint:paralleltest // as above
	event := `{"id":"63377e715790c27800000001","created":1664581231,"type":"video.process_succeeded","data":{"video":{"id":"x","tags":["a","b"]}},` +
		`"endpoint_id":"e","response":{"status_code":200,"status":"200 OK","body":"ok","message":"webhook event succeeded"}}`
	api := newAPI(t, "http://127.0.0.1", listedAPI{inMemory(`[{"id":"e","url":"https://hooks.example.com/in/1"}]`), inMemory(event)})
	if _, err := api.ListEndpoints(t.Context()); err != nil {
		t.Fatal(err)
	}
	bare := newClient(t, 1)
	bare.Transport = inMemory(event)
	ours := testing.AllocsPerRun(200, func() {
		if _, err := api.GetEvent(t.Context(), "e", "63377e715790c27800000001"); err != nil {
			t.Fatal(err)
		}
	})
	plain := testing.AllocsPerRun(200, func() { discard(t, get(t, bare, "http://127.0.0.1/client/webhooks/e/events/63377e715790c27800000001")) })
	t.Logf("%.0f allocations, a GET %.0f", ours, plain)
	if ours > plain+40 {
		t.Errorf("%.0f allocations for a detail, %.0f for a GET", ours, plain)
	}
}
