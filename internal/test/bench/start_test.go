package bench

import (
	"bytes"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"omegastream_exporter/internal/state"
	"omegastream_exporter/internal/state/file"
)

var largeState struct {
	once sync.Once
	path string
}

// million returns the path of a state with a million events.
func million(tb testing.TB) string {
	tb.Helper()
	largeState.once.Do(func() {
		path := filepath.Join(work, "million.db")
		closeState(tb, newState(tb, path, 1_000_000))
		largeState.path = path
	})
	if largeState.path == "" {
		tb.Fatal("cannot create the state")
	}
	return largeState.path
}

// BenchmarkStart opens a state with a million events, up to the first view. The limit is
// reading the file.
func BenchmarkStart(b *testing.B) {
	path := million(b)
	var used []float64
	versus(b, func() {
		began := cpu()
		st, _, err := state.Open(b.Context(), file.New(path), "http://127.0.0.1", policy(), quiet{})
		if err != nil {
			b.Fatal(err)
		}
		tracked := st.View(time.Now()).Endpoints[0].Tracked
		used = append(used, float64(cpu()-began))
		if tracked != 1_000_000 {
			b.Fatal(tracked)
		}
		closeState(b, st)
	}, func() {
		content, err := os.ReadFile(path)
		if err != nil || bytes.Count(content, []byte{0}) == 0 {
			b.Fatal(err)
		}
	})
	info, _ := os.Stat(path)
	b.ReportMetric(float64(info.Size())/1e6, "MB-file")
	b.ReportMetric(median(used)/1e6, "cpu-ms")
}
