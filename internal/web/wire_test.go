package web

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"omegastream_exporter/internal/ledger"
	"omegastream_exporter/internal/syncer"
)

// A page that the browser has is sent again only if more than the time has changed.
func TestNotModified(t *testing.T) {
	t.Parallel()
	st := openState(t, policy())
	account(t, st)
	now := epoch
	o := options()
	o.Now = func() time.Time { return now }
	p := New(st, o)
	paths := []string{"/", "/?show=all", "/endpoints/ep-bad", "/endpoints/ep-good", "/events/" + hexID(3), "/failures"}
	tags, texts := map[string]string{}, map[string]string{}
	for _, path := range paths {
		response, body := get(p, path)
		tags[path], texts[path] = response.Header.Get("ETag"), body
		if !strings.HasPrefix(tags[path], `W/"`) || response.Header.Get("Vary") != "Accept-Encoding" || response.Header.Get("Cache-Control") != "no-store" {
			t.Errorf("%s: %v", path, response.Header)
		}
	}
	now = now.Add(7 * time.Second)
	for _, path := range paths {
		if _, body := get(p, path); body == texts[path] {
			t.Errorf("%s does not show the time", path)
		}
		for _, known := range []string{tags[path], `"other", ` + strings.TrimPrefix(tags[path], "W/"), "*"} {
			w := ask(p, path, "If-None-Match", known)
			if w.Code != http.StatusNotModified || w.Body.Len() > 0 || w.Header().Get("ETag") != tags[path] || w.Header().Get("Content-Security-Policy") == "" {
				t.Errorf("%s, If-None-Match %s: status %d, %d bytes, %v", path, known, w.Code, w.Body.Len(), w.Header())
			}
		}
		if w := ask(p, path, "If-None-Match", `W/"other"`); w.Code != http.StatusOK || w.Body.Len() == 0 {
			t.Errorf("%s: status %d for another version", path, w.Code)
		}
	}
	st.Do(func(a *ledger.Account) {
		list(a, "ep-bad", now, event{id: hexID(5), typ: ready, created: now.Add(-time.Second)})
		for {
			task, ok := a.Take(now, func(ledger.Class) bool { return true })
			if !ok {
				break
			}
			a.Answered(task, answered(503, "new"), now)
		}
	})
	if err := st.Flush(t.Context()); err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{"/", "/endpoints/ep-bad", "/failures"} {
		if w := ask(p, path, "If-None-Match", tags[path]); w.Code != http.StatusOK {
			t.Errorf("%s: status %d after a new failure", path, w.Code)
		}
	}
	if w := ask(p, "/nothing", "If-None-Match", "*"); w.Code != http.StatusNotFound {
		t.Errorf("a missing page: %d", w.Code)
	}
}

// An export is streamed, with and without compression.
func TestExportIsStreamed(t *testing.T) {
	t.Parallel()
	w := &flushed{ResponseRecorder: httptest.NewRecorder()}
	r := httptest.NewRequest(http.MethodGet, "/failures?format=ndjson", http.NoBody)
	r.Header.Set("Accept-Encoding", "gzip")
	crowded(t, 20_000).ServeHTTP(w, r)
	if lines := strings.Count(w.Body.String(), "\n"); lines < 1900 || w.writes < 5 || w.Header().Get("Content-Encoding") != "" || w.Header().Get("ETag") != "" {
		t.Errorf("%d lines in %d writes, %v", lines, w.writes, w.Header())
	}
}

// flushed counts writes.
type flushed struct {
	*httptest.ResponseRecorder
	writes int
}

func (f *flushed) Write(p []byte) (int, error) {
	f.writes++
	return f.ResponseRecorder.Write(p)
}

// An open page refreshes as often as syncs bring news.
func TestPace(t *testing.T) {
	t.Parallel()
	for every, want := range map[time.Duration]string{
		0: `data-every="5000"`, 200 * time.Millisecond: `data-every="5000"`, 14_900 * time.Millisecond: `data-every="15000"`,
		15_100 * time.Millisecond: `data-every="15000"`, time.Hour: `data-every="60000"`,
	} {
		o := options()
		o.Status = func() Status { return Status{Status: syncer.Status{Every: every}} }
		if _, body := get(filled(t, o), "/"); !strings.Contains(body, want) {
			t.Errorf("syncs every %s: no %s", every, want)
		}
	}
}
