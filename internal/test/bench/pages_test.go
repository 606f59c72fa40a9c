package bench

import (
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"omegastream_exporter/internal/web"
)

// BenchmarkPages renders the pages with a million tracked events. The limit is the same with
// a thousand.
func BenchmarkPages(b *testing.B) {
	large, small := newState(b, "", 1_000_000), newState(b, "", 1_000)
	defer closeState(b, large)
	defer closeState(b, small)
	many, few := web.New(large, web.Options{Window: 24 * time.Hour}), web.New(small, web.Options{Window: 24 * time.Hour})
	show := func(h http.Handler, path string) func() {
		return func() {
			w := httptest.NewRecorder()
			h.ServeHTTP(w, httptest.NewRequest(http.MethodGet, path, http.NoBody))
			if w.Code != http.StatusOK {
				b.Fatal(w.Code)
			}
		}
	}
	for _, page := range []struct{ name, path string }{
		{"overview", "/"}, {"endpoint", "/endpoints/e"}, {"json", "/endpoints/e?format=json"}, {"event", "/events/" + string(objectID(9))},
	} {
		b.Run(page.name, func(b *testing.B) { versus(b, show(many, page.path), show(few, page.path)) })
	}
}

// BenchmarkWindow updates the window gauges of a million events to a scrape 15 s later. The
// limit is the same with a thousand.
func BenchmarkWindow(b *testing.B) {
	large, small := newState(b, "", 1_000_000), newState(b, "", 1_000)
	defer closeState(b, large)
	defer closeState(b, small)
	now := time.Now()
	versus(b, func() {
		now = now.Add(15 * time.Second)
		large.View(now)
	}, func() { small.View(now) })
}
