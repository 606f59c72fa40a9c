package syncer

import (
	"context"
	"io"
	"log/slog"
	"testing"
	"time"

	"go.uber.org/goleak"

	"omegastream_exporter/client"
	"omegastream_exporter/internal/ledger"
	"omegastream_exporter/internal/simulator"
	"omegastream_exporter/internal/state"
	"omegastream_exporter/internal/test/logs"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// The endpoints of the tests.
const (
	endpointA = "aaaaaaaaaaaaaaaaaaaaaaaa"
	endpointB = "bbbbbbbbbbbbbbbbbbbbbbbb"
)

const failedType = "video.process_failed"

// setup configures a syncer; its zero value works.
type setup struct {
	policy  ledger.Policy
	options Options
	client  client.Options
	store   state.Store // nil for a store in memory
}

// rig is a syncer with a simulated account.
type rig struct {
	testing.TB
	*Syncer
	account *simulator.Account
	log     *logs.Buffer
}

// newAccount returns an account with endpoints that have existed for a long time.
func newAccount(ids ...string) *simulator.Account {
	a := simulator.New(simulator.Options{Seed: 1})
	for _, id := range ids {
		a.AddEndpoint(simulator.Endpoint{
			ID: id, URL: "https://" + id[:1] + ".example.com/hooks", Events: []string{failedType}, Active: true,
			CreatedAt: time.Now().Add(-240 * time.Hour),
		})
	}
	return a
}

// start starts a syncer of the account, and closes it at the end of the test.
func start(t testing.TB, a *simulator.Account, s setup) *rig {
	t.Helper()
	const url = "http://api.example.com" + simulator.BasePath
	if s.policy.Window == 0 {
		s.policy.Window = 24 * time.Hour
	}
	if s.policy.Overlap == 0 {
		s.policy.Overlap = 15 * time.Minute
	}
	if s.policy.NoResponseAfter == 0 {
		s.policy.NoResponseAfter = 10 * time.Minute
	}
	if s.client.Transport == nil {
		s.client.Transport = simulator.Transport(a)
	}
	s.client.RateLimit, s.client.Concurrency, s.client.URLDetail = s.options.RateLimit, s.options.Concurrency, s.options.URLDetail
	api, err := client.New(url, client.StaticKey(simulator.DefaultKey), s.client)
	if err != nil {
		t.Fatal(err)
	}
	if s.store == nil {
		s.store = state.NewMemory()
	}
	st, _, err := state.Open(t.Context(), s.store, url, s.policy, unwatched{})
	if err != nil {
		t.Fatal(err)
	}
	r := &rig{TB: t, account: a, log: new(logs.Buffer)}
	s.options.Logger = newTextLogger(r.log)
	r.Syncer = New(api, st, s.options)
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		defer cancel()
		if err := r.Close(ctx); err != nil {
			t.Errorf("close the syncer: %v", err)
		}
		_ = st.Close(ctx)
	})
	return r
}

// waitFor waits for a sync like a scrape with a deadline.
func (r *rig) waitFor(deadline time.Duration) bool {
	ctx, cancel := context.WithTimeout(r.Context(), deadline)
	defer cancel()
	return r.Wait(ctx)
}

// unwatched is a state.Watcher that does nothing.
type unwatched struct{}

func (unwatched) Committed(time.Duration) {}
func (unwatched) CommitFailed(error)      {}
func (unwatched) LoadedAnew(error)        {}
func (unwatched) Waiting(error)           {}

func newTextLogger(w io.Writer) *slog.Logger {
	return slog.New(slog.NewTextHandler(w, &slog.HandlerOptions{Level: slog.LevelDebug}))
}
