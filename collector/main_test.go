package collector

import (
	"context"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"go.uber.org/goleak"

	"omegastream_exporter/client"
	"omegastream_exporter/internal/ledger"
	"omegastream_exporter/internal/simulator"
	"omegastream_exporter/internal/state"
	"omegastream_exporter/internal/syncer"
	"omegastream_exporter/internal/test/logs"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// The endpoints of the tests.
const (
	endpointA = "aaaaaaaaaaaaaaaaaaaaaaaa"
	endpointB = "bbbbbbbbbbbbbbbbbbbbbbbb"
	endpointC = "cccccccccccccccccccccccc"
)

// The event types of the tests.
const (
	failedType  = "video.process_failed"
	succeedType = "video.process_succeeded"
)

var testTypes = []string{failedType, succeedType}

// setup configures an exporter; its zero value works. Durations that a test is not about are
// as short as possible, and it neither shares syncs nor limits the rate.
type setup struct {
	policy  ledger.Policy
	options syncer.Options
	scrape  Options
	wrap    func(syncer.API) syncer.API // nil for the plain client
	client  client.Options
	store   state.Store
	key     string
}

// rig is an exporter with a simulated account.
type rig struct {
	testing.TB
	*simulator.Account
	syncer  *syncer.Syncer
	state   *state.State
	handler http.Handler
	log     *logs.Buffer
}

// newAccount returns an account with endpoints that subscribe to testTypes.
func newAccount(o simulator.Options, ids ...string) *simulator.Account {
	o.Seed = 1
	a := simulator.New(o)
	for _, id := range ids {
		a.AddEndpoint(simulator.Endpoint{
			ID: id, URL: "https://" + id[:1] + ".example.com/hooks/" + simulator.SecretMark, Events: testTypes, Active: true,
			CreatedAt: time.Now(), // an empty list is believed at once
			UpdatedAt: time.Now().Add(-240 * time.Hour),
		})
	}
	return a
}

// start starts an exporter of the account, and closes it at the end of the test.
func start(t testing.TB, a *simulator.Account, s setup) *rig {
	t.Helper()
	r := &rig{TB: t, Account: a, log: new(logs.Buffer)}
	if s.policy.Window == 0 {
		s.policy.Window = 24 * time.Hour
	}
	if s.policy.Overlap == 0 {
		s.policy.Overlap = 15 * time.Minute
	}
	if s.policy.NoResponseAfter == 0 {
		s.policy.NoResponseAfter = 10 * time.Minute
	}
	if s.store == nil {
		s.store = state.NewMemory()
	}
	if s.key == "" {
		s.key = simulator.DefaultKey
	}
	url := "http://api.example.com" + simulator.BasePath
	if s.client.Transport == nil {
		s.client.Transport = simulator.Transport(a)
	}
	telemetry := NewTelemetry()
	s.client.Observer = telemetry
	s.client.RateLimit, s.client.Concurrency, s.client.URLDetail = s.options.RateLimit, s.options.Concurrency, s.options.URLDetail
	api, err := client.New(url, client.StaticKey(s.key), s.client)
	if err != nil {
		t.Fatal(err)
	}
	r.state, _, err = state.Open(t.Context(), s.store, url, s.policy, telemetry)
	if err != nil {
		t.Fatal(err)
	}
	asked := syncer.API(api)
	if s.wrap != nil {
		asked = s.wrap(api)
	}
	s.options.Observer, s.options.Logger, s.scrape.Logger = telemetry, newTextLogger(r.log), newTextLogger(r.log)
	r.syncer = syncer.New(asked, r.state, s.options)
	r.handler = New(r.syncer, r.state, telemetry, s.scrape).Handler()
	t.Cleanup(r.stop)
	return r
}

// stop closes the exporter, so that a test can start the next one on the same store.
func (r *rig) stop() {
	if r.syncer == nil {
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	if err := r.syncer.Close(ctx); err != nil {
		r.Errorf("close the syncer: %v", err)
	}
	_ = r.state.Close(ctx)
	r.syncer = nil
}

// answer scrapes, and returns the whole response.
func (r *rig) answer(edit ...func(*http.Request)) *httptest.ResponseRecorder {
	r.Helper()
	request := httptest.NewRequest(http.MethodGet, "/metrics", http.NoBody)
	for _, e := range edit {
		e(request)
	}
	w := httptest.NewRecorder()
	r.handler.ServeHTTP(w, request)
	return w
}

// scrape scrapes, and returns the samples of the response.
func (r *rig) scrape(edit ...func(*http.Request)) samples {
	r.Helper()
	w := r.answer(edit...)
	if w.Code != http.StatusOK {
		r.Fatalf("status %d: %s", w.Code, w.Body)
	}
	return samplesOf(w.Body.String())
}

// scrapes scrapes n times, with an interval before each.
func (r *rig) scrapes(n int, interval time.Duration) (last samples) {
	r.Helper()
	for range n {
		time.Sleep(interval)
		last = r.scrape()
	}
	return last
}

// timeout sets the scrape timeout, as Prometheus does.
func timeout(seconds string) func(*http.Request) {
	return func(r *http.Request) { r.Header.Set(timeoutHeader, seconds) }
}

func newTextLogger(w io.Writer) *slog.Logger {
	return slog.New(slog.NewTextHandler(w, &slog.HandlerOptions{Level: slog.LevelDebug}))
}

// contextFor returns a context that is cancelled after a while, like that of a request whose
// client disconnects.
func contextFor(t *testing.T, d time.Duration) (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithCancel(t.Context())
	timer := time.AfterFunc(d, cancel)
	return ctx, func() { timer.Stop(); cancel() }
}
