package bench

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"omegastream_exporter/client"
	"omegastream_exporter/collector"
	"omegastream_exporter/internal/ledger"
	"omegastream_exporter/internal/simulator"
	"omegastream_exporter/internal/state"
	"omegastream_exporter/internal/syncer"
)

func policy() ledger.Policy {
	return ledger.Policy{Window: 24 * time.Hour, Overlap: 15 * time.Minute, NoResponseAfter: 10 * time.Minute}
}

// patience is the limit for a call. On a busy machine the API takes a while to render the
// first list of a million events.
const patience = 2 * time.Minute

// rig is an exporter as main wires it, without its server.
type rig struct {
	testing.TB
	api     *client.Client
	state   *state.State
	syncer  *syncer.Syncer
	handler http.Handler
}

// newRig starts an exporter without a rate limit, which does not share syncs. If transport is
// nil, it uses the client's own.
func newRig(tb testing.TB, url string, store state.Store, transport http.RoundTripper, o syncer.Options) *rig {
	tb.Helper()
	return newRigWith(tb, url, store, transport, policy(), o)
}

func newRigWith(tb testing.TB, url string, store state.Store, transport http.RoundTripper, p ledger.Policy, o syncer.Options) *rig {
	tb.Helper()
	telemetry := collector.NewTelemetry()
	api, err := client.New(url, client.StaticKey(simulator.DefaultKey), client.Options{
		Observer: telemetry, Concurrency: o.Concurrency, RateLimit: o.RateLimit, Transport: transport, Timeout: patience,
	})
	if err != nil {
		tb.Fatal(err)
	}
	st, _, err := state.Open(tb.Context(), store, url, p, telemetry)
	if err != nil {
		tb.Fatal(err)
	}
	o.Observer = telemetry
	r := &rig{TB: tb, api: api, state: st, syncer: syncer.New(api, st, o)}
	r.handler = collector.New(r.syncer, st, telemetry, collector.Options{}).Handler()
	tb.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		defer cancel()
		if err := r.syncer.Close(ctx); err != nil {
			tb.Error(err)
		}
		if err := st.Close(ctx); err != nil {
			tb.Error(err)
		}
		api.CloseIdleConnections()
	})
	return r
}

// scrape scrapes, with a deadline that no benchmark reaches.
func (r *rig) scrape() {
	w := scrapeOf(r.handler, "")
	if w.Code != http.StatusOK {
		r.Fatal(w.Code, w.Body.String())
	}
}

// scrapeOf scrapes a handler in a format; "" is the text format.
func scrapeOf(h http.Handler, accept string) *httptest.ResponseRecorder {
	return scrapeWithin(h, accept, 2*time.Minute)
}

// scrapeWithin is scrapeOf with a scrape timeout.
func scrapeWithin(h http.Handler, accept string, timeout time.Duration) *httptest.ResponseRecorder {
	req := httptest.NewRequest(http.MethodGet, "/metrics", http.NoBody)
	req.Header.Set("X-Prometheus-Scrape-Timeout-Seconds", fmt.Sprint(timeout.Seconds()))
	if accept != "" {
		req.Header.Set("Accept", accept)
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, req)
	return w
}

// learn brings an exporter to the state after reading all lists and details, without fetching
// each detail. One in ten events has failed.
func learn(tb testing.TB, st *state.State, api *client.Client) {
	tb.Helper()
	learnFrom(tb, st, api, oneInTenFails())
}

// learnFrom is learn with other answers.
func learnFrom(tb testing.TB, st *state.State, api *client.Client, answer func(ledger.Task) ledger.Answer) {
	tb.Helper()
	list, err := api.ListEndpoints(tb.Context())
	if err != nil {
		tb.Fatal(err)
	}
	now := time.Now()
	var found []ledger.Found
	for _, e := range list.Endpoints {
		found = append(found, ledger.Found{ID: e.ID, Meta: ledger.Meta{URL: "hooks.example.com", Events: e.Events, Active: true, CreatedAt: e.CreatedAt}})
	}
	st.Do(func(a *ledger.Account) { a.List(found, now, now) })
	for _, f := range found {
		events, err := api.ListEvents(tb.Context(), f.ID)
		if err != nil {
			tb.Fatal(err)
		}
		var r *ledger.Read
		st.Look(func(a *ledger.Account) { r = a.Begin(f.ID, now, now, now) })
		n := 0
		for ev := range events.Events() {
			if r.Note(ev.ID, ev.Type, ev.Created) {
				st.Do(func(a *ledger.Account) { a.Apply(r, now) })
			}
			if n++; n%20_000 == 0 {
				flush(tb, st)
			}
		}
		st.Do(func(a *ledger.Account) { a.Apply(r, now); a.End(r, events.Complete(), now) })
	}
	answerAll(tb, st, now, answer)
}

// oneInTenFails answers for one event after the other, whichever it is.
func oneInTenFails() func(ledger.Task) ledger.Answer {
	n := 0
	return func(ledger.Task) ledger.Answer {
		answer := ledger.Answer{Responded: true, StatusCode: 200}
		if n++; n%10 == 0 {
			answer.StatusCode = 500 + n/10%4
		}
		return answer
	}
}

// answerAll answers for every event without an outcome.
func answerAll(tb testing.TB, st *state.State, now time.Time, answer func(ledger.Task) ledger.Answer) {
	tb.Helper()
	for more := true; more; {
		st.Do(func(a *ledger.Account) {
			for range 10_000 {
				var task ledger.Task
				if task, more = a.Take(now, func(c ledger.Class) bool { return c != ledger.FailedEvents }); !more {
					return
				}
				a.Answered(task, answer(task), now)
			}
		})
		flush(tb, st)
	}
}

func flush(tb testing.TB, st *state.State) {
	tb.Helper()
	if err := st.Flush(tb.Context()); err != nil {
		tb.Fatal(err)
	}
}

// happen reads n new events in an endpoint's list; full says whether the read goes to the
// end.
func happen(st *state.State, endpoint string, from, n int, types []string, full bool, now time.Time) {
	st.Do(func(a *ledger.Account) {
		r := a.Begin(endpoint, now, now, now)
		for i := range n {
			if r.Note(objectID(from+i), types[i%len(types)], now.Unix()) {
				a.Apply(r, now)
			}
		}
		a.Apply(r, now)
		a.End(r, full, now)
	})
}

// objectID returns an id in the documented format.
func objectID(n int) []byte {
	const digits = "0123456789abcdef"
	b := make([]byte, 24)
	h := uint64(n) * 0x9E3779B97F4A7C15
	for i := range 16 {
		b[i] = digits[h>>(60-4*i)&15]
	}
	for i := range 8 {
		b[16+i] = digits[n>>(28-4*i)&15]
	}
	return b
}

// quiet is a Watcher that does nothing.
type quiet struct{}

func (quiet) Committed(time.Duration) {}
func (quiet) CommitFailed(error)      {}
func (quiet) LoadedAnew(error)        {}
func (quiet) Waiting(error)           {}
