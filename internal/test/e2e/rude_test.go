package e2e

import (
	"fmt"
	"io"
	"maps"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"
)

// rudeEvent is an event as in the API's examples.
type rudeEvent struct {
	id       string
	happened time.Time
	created  time.Time // by a clock that can be ahead
	code     int
	refused  bool // whether its detail answers 403
}

// rudeEndpoint is an endpoint whose answers are valid HTTP, but little more.
type rudeEndpoint struct {
	id     string
	list   func(w http.ResponseWriter, asks int, elements []string) // writes the list
	never  bool                                                     // it can never be read
	late   time.Duration                                            // delay of details
	ahead  time.Duration                                            // of the clock, for the first event
	quoted bool                                                     // whether created is a string
	events []*rudeEvent
	asks   int
}

// rudeAPI is an API written only from the documentation, without the assumptions of the
// exporter or its simulator.
type rudeAPI struct {
	mu        sync.Mutex
	endpoints []*rudeEndpoint
	next      int
}

func (a *rudeAPI) endpoint(id string) *rudeEndpoint {
	for _, e := range a.endpoints {
		if e.id == id {
			return e
		}
	}
	return nil
}

// emit adds an event that happens now.
func (a *rudeAPI) emit(e *rudeEndpoint, code int, refused bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.next++
	ev := &rudeEvent{id: fmt.Sprintf("%024x", 0xabc000+a.next), created: time.Now(), happened: time.Now(), code: code, refused: refused}
	ev.created = ev.created.Add(e.ahead)
	e.ahead = 0
	e.events = append(e.events, ev)
}

func (a *rudeAPI) all(w http.ResponseWriter, _ *http.Request) {
	var list []string
	for i, e := range a.endpoints {
		active := []string{`"active":true`, `"active":1`, `"active":null`, `"active":"true"`}[i%4]
		list = append(list, fmt.Sprintf(`{"id":%q,"created_at":"2020-01-01T00:00:00Z","coid":"c-1","url":"https://h%d.example.com/x","description":null,"events":["video.process_succeeded"],%s,"new_member":{"a":[1]}}`, e.id, i, active))
	}
	writeList(w, list)
}

func (a *rudeAPI) list(w http.ResponseWriter, r *http.Request) {
	a.mu.Lock()
	e := a.endpoint(r.PathValue("id"))
	e.asks++
	asks := e.asks
	var elements []string
	for _, ev := range slices.Backward(e.events) {
		created := strconv.FormatInt(ev.created.Unix(), 10)
		if e.quoted {
			created = strconv.Quote(created)
		}
		elements = append(elements, fmt.Sprintf(`{"id":%q,"ocid":"c-1","created":%s,"created_at":"0001-01-01T00:00:00Z","type":"video.process_succeeded","data":null,"response":null}`, ev.id, created))
	}
	a.mu.Unlock()
	e.list(w, asks, elements)
}

func (a *rudeAPI) detail(w http.ResponseWriter, r *http.Request) {
	a.mu.Lock()
	defer a.mu.Unlock()
	e := a.endpoint(r.PathValue("id"))
	for _, ev := range e.events {
		switch {
		case ev.id != r.PathValue("event"):
			continue
		case ev.refused:
			http.Error(w, "no", http.StatusForbidden)
		case time.Since(ev.happened) < e.late:
			http.NotFound(w, r)
		default:
			fmt.Fprintf(w, `{"id":%q,"coid":"c-1","created":%d,"type":"video.process_succeeded","data":{"video":{"id":1}},"response":{"status_code":%d,"status":"x","body":null,"message":""}}`, ev.id, ev.created.Unix(), ev.code)
		}
		return
	}
	http.NotFound(w, r)
}

func writeList(w io.Writer, elements []string) {
	_, _ = io.WriteString(w, "[")
	for i, e := range elements {
		if i > 0 {
			_, _ = io.WriteString(w, ",\n ")
		}
		_, _ = io.WriteString(w, e)
	}
	_, _ = io.WriteString(w, "]")
}

func plain(w http.ResponseWriter, _ int, elements []string) { writeList(w, elements) }

// sometimes answers differently every third time, starting with the first.
func sometimes(other func(w http.ResponseWriter)) func(http.ResponseWriter, int, []string) {
	return func(w http.ResponseWriter, asks int, elements []string) {
		if asks%3 == 1 {
			other(w)
			return
		}
		writeList(w, elements)
	}
}

// Against an API that uses everything that HTTP and its documentation allow, each outcome of
// each readable endpoint is counted once, whatever the others do.
func TestRudeAPI(t *testing.T) {
	t.Parallel()
	api := new(rudeAPI)
	add := func(e *rudeEndpoint) {
		e.id = fmt.Sprintf("%024x", len(api.endpoints)+1)
		if e.list == nil {
			e.list = plain
		}
		api.endpoints = append(api.endpoints, e)
	}
	add(&rudeEndpoint{})
	add(&rudeEndpoint{list: func(w http.ResponseWriter, _ int, _ []string) { http.Error(w, "no", http.StatusForbidden) }, never: true})
	add(&rudeEndpoint{list: func(w http.ResponseWriter, _ int, elements []string) { // a next page
		w.Header().Set("Link", `<https://api.example.com/x?page=2>; rel="next"`)
		writeList(w, elements)
	}, never: true})
	add(&rudeEndpoint{list: func(w http.ResponseWriter, _ int, elements []string) { // a slow header
		time.Sleep(700 * time.Millisecond)
		writeList(w, elements)
	}})
	add(&rudeEndpoint{list: func(w http.ResponseWriter, _ int, elements []string) { // dripping
		_, _ = io.WriteString(w, "[")
		for i, e := range elements {
			if i > 0 {
				_, _ = io.WriteString(w, ",")
			}
			_, _ = io.WriteString(w, e)
			_ = http.NewResponseController(w).Flush()
			time.Sleep(20 * time.Millisecond)
		}
		_, _ = io.WriteString(w, "]")
	}})
	empty := &rudeEndpoint{list: func(w http.ResponseWriter, _ int, elements []string) { // null instead of an empty list
		if len(elements) == 0 {
			_, _ = io.WriteString(w, "null")
			return
		}
		writeList(w, elements)
	}}
	add(&rudeEndpoint{list: func(w http.ResponseWriter, _ int, elements []string) { // some unusable elements
		writeList(w, append([]string{`{"id":{"$oid":"1"},"created":1}`, `null`, `7`}, elements...))
	}})
	add(&rudeEndpoint{list: func(w http.ResponseWriter, _ int, elements []string) { // unordered
		rand.Shuffle(len(elements), func(i, j int) { elements[i], elements[j] = elements[j], elements[i] })
		writeList(w, elements)
	}})
	add(empty)
	add(&rudeEndpoint{quoted: true, late: time.Second})
	add(&rudeEndpoint{ahead: 3 * time.Hour})
	add(&rudeEndpoint{list: sometimes(func(w http.ResponseWriter) {
		w.Header().Set("Retry-After", time.Now().Add(2*time.Second).UTC().Format(http.TimeFormat))
		w.WriteHeader(http.StatusTooManyRequests)
	})})
	add(&rudeEndpoint{list: sometimes(func(w http.ResponseWriter) { w.WriteHeader(http.StatusOK) })})
	add(&rudeEndpoint{list: sometimes(func(w http.ResponseWriter) { _, _ = io.WriteString(w, "<html>welcome</html>") })})
	for _, e := range api.endpoints[:6] { // history, which is not counted; a list with only unusable elements would be an error
		api.emit(e, 500, false)
	}

	mux := http.NewServeMux()
	mux.HandleFunc("GET /company/client/webhooks/all", api.all)
	mux.HandleFunc("GET /company/client/webhooks/{id}", api.list)
	mux.HandleFunc("GET /company/client/webhooks/{id}/events/{event}", api.detail)
	server := httptest.NewServer(mux)
	t.Cleanup(server.Close)
	p := watching(t, server.URL+"/company", "--api.rate-limit=200", "--collector.min-interval=500ms", "--collector.hold-new-series=0").serve(t)

	readable := func(each func(e *rudeEndpoint) error) func() error {
		return func() error {
			for _, e := range api.endpoints {
				if e.never {
					continue
				}
				if err := each(e); err != nil {
					return err
				}
			}
			return nil
		}
	}
	eventually(t, func() error {
		s, err := p.scrape(10 * time.Second)
		if err != nil {
			return err
		}
		return readable(func(e *rudeEndpoint) error {
			if n := s.sum("webhook_events_total", "endpoint_id", e.id); n != 0 {
				t.Fatalf("endpoint %s: counted %v events of history", e.id, n)
			}
			if !slices.ContainsFunc(s.named("webhook_events_total"), func(k string) bool { return strings.Contains(k, strconv.Quote(e.id)) }) {
				return fmt.Errorf("endpoint %s is not contacted", e.id)
			}
			return nil
		})()
	})

	truth := make(map[string]map[string]float64) // by endpoint and code
	for n := range 12 {
		for _, e := range api.endpoints {
			code := []int{200, 500, 404}[n%3]
			refused := n == 4
			api.emit(e, code, refused)
			if truth[e.id] == nil {
				truth[e.id] = make(map[string]float64)
			}
			if !refused {
				truth[e.id][strconv.Itoa(code)]++
			}
		}
		p.mustScrape(10 * time.Second)
	}
	eventually(t, func() error {
		s, err := p.scrape(10 * time.Second)
		if err != nil {
			return err
		}
		if up := s.sum("omegastream_up"); up != 0 {
			return fmt.Errorf("up %v although two lists cannot be read", up)
		}
		return readable(func(e *rudeEndpoint) error {
			if n := s.sum("webhook_events_total", "endpoint_id", e.id); n != 12 {
				return fmt.Errorf("endpoint %s: %v events, want 12", e.id, n)
			}
			for _, code := range slices.Sorted(maps.Keys(truth[e.id])) {
				if n := s.sum("webhook_deliveries_total", "endpoint_id", e.id, "status_code", code); n != truth[e.id][code] {
					return fmt.Errorf("endpoint %s: %v deliveries with %s, want %v", e.id, n, code, truth[e.id][code])
				}
			}
			if n := s.sum("omegastream_exporter_event_detail_backlog", "endpoint_id", e.id); n != 1 {
				return fmt.Errorf("endpoint %s: %v details are missing, want only the refused one", e.id, n)
			}
			return nil
		})()
	})
	p.stop()
}
