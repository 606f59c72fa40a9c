package bench

import (
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"omegastream_exporter/internal/ledger"
	"omegastream_exporter/internal/state"
	"omegastream_exporter/internal/state/file"
)

// eventBytes is about the size of an event in the state, rounded up.
const eventBytes = 80

// newState opens a state with n answered events of one endpoint, "e".
func newState(tb testing.TB, path string, n int) *state.State {
	tb.Helper()
	return newWatchedBook(tb, path, n, quiet{})
}

func newWatchedBook(tb testing.TB, path string, n int, watcher state.Watcher) *state.State {
	tb.Helper()
	store := state.NewMemory()
	if path != "" {
		store = file.New(path)
	}
	st, _, err := state.Open(tb.Context(), store, "http://127.0.0.1", policy(), watcher)
	if err != nil {
		tb.Fatal(err)
	}
	fill(tb, st, n)
	return st
}

// fill adds n events of one endpoint, "e", with their outcomes to a state.
func fill(tb testing.TB, st *state.State, n int) {
	tb.Helper()
	now := time.Now()
	st.Do(func(a *ledger.Account) {
		a.List([]ledger.Found{{ID: "e", Meta: ledger.Meta{URL: "hooks.example.com", Active: true}}}, now, now)
	})
	types := ledger.DocumentedTypes()
	spacing := min(23*time.Hour/time.Duration(max(n, 1)), time.Second)
	var r *ledger.Read
	st.Look(func(a *ledger.Account) { r = a.Begin("e", now, now, now) })
	for i := range n {
		created := now.Add(-time.Duration(i) * spacing)
		if r.Note(objectID(i), types[i%len(types)], created.Unix()) {
			st.Do(func(a *ledger.Account) { a.Apply(r, now) })
		}
		if i%20_000 == 0 {
			flush(tb, st)
		}
	}
	st.Do(func(a *ledger.Account) { a.Apply(r, now); a.End(r, true, now) })
	answerAll(tb, st, now, oneInTenFails())
}

// learned returns the path of a state that knows everything the server has.
func learned(b *testing.B, srv *server) (path string) {
	b.Helper()
	path = filepath.Join(b.TempDir(), "ledger.db")
	st, _, err := state.Open(b.Context(), file.New(path), srv.URL, policy(), quiet{})
	if err != nil {
		b.Fatal(err)
	}
	learn(b, st, newAPI(b, srv.URL, nil))
	closeState(b, st)
	return path
}

func closeState(tb testing.TB, st *state.State) {
	tb.Helper()
	if err := st.Close(tb.Context()); err != nil {
		tb.Error(err)
	}
}

// commitTimes records the durations of commits.
type commitTimes struct {
	quiet
	ended chan time.Duration
}

func (c commitTimes) Committed(took time.Duration) {
	select {
	case c.ended <- took:
	default:
	}
}

// BenchmarkCommit makes new events durable. The limit is one fdatasync of the same number of
// bytes.
func BenchmarkCommit(b *testing.B) {
	for _, n := range []int{1, 100, 10_000} {
		b.Run("events="+thousands(n), func(b *testing.B) {
			dir := b.TempDir()
			times := commitTimes{ended: make(chan time.Duration, 1)}
			st := newWatchedBook(b, filepath.Join(dir, "ledger.db"), 100_000, times)
			defer closeState(b, st)
			plain, err := os.Create(filepath.Join(dir, "plain"))
			if err != nil {
				b.Fatal(err)
			}
			defer plain.Close()
			<-times.ended
			bytes, types := make([]byte, n*eventBytes), ledger.DocumentedTypes()[:1]
			var commits, syncs, all []float64
			for next := 1_000_000; b.Loop(); next += n {
				all = append(all, took(func() {
					happen(st, "e", next, n, types, false, time.Now())
					flush(b, st)
				}))
				commits = append(commits, float64(<-times.ended))
				syncs = append(syncs, took(func() {
					_, err := plain.WriteAt(bytes, 0)
					if err == nil {
						err = syscall.Fdatasync(int(plain.Fd()))
					}
					if err != nil {
						b.Fatal(err)
					}
				}))
			}
			reportVersus(b, median(commits), median(syncs))
			b.ReportMetric(median(all)/1e6, "until-shown-ms")
		})
	}
}
