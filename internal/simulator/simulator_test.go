package simulator_test

import (
	"encoding/json"
	"io"
	"net/http"
	"testing"
	"time"

	"go.uber.org/goleak"

	"omegastream_exporter/internal/simulator"
)

func TestMain(m *testing.M) {
	goleak.VerifyTestMain(m)
}

// instant is the fixed time of most tests' accounts.
var instant = time.Date(2026, 3, 4, 5, 6, 7, 0, time.UTC)

func stopped() time.Time { return instant }

// server is a served account with a client.
type server struct {
	*simulator.Account
	t      *testing.T
	base   string
	client *http.Client
}

// serve serves the account until the end of the test.
func serve(t *testing.T, a *simulator.Account) *server {
	t.Helper()
	base, stop, err := simulator.Serve(a)
	if err != nil {
		t.Fatal(err)
	}
	transport := &http.Transport{DisableCompression: true, MaxIdleConnsPerHost: 32}
	t.Cleanup(func() {
		transport.CloseIdleConnections()
		stop()
	})
	client := &http.Client{
		Transport:     transport,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	return &server{Account: a, t: t, base: base, client: client}
}

// request returns a GET request with the default key, for a path below the webhooks.
func (s *server) request(path string) *http.Request {
	s.t.Helper()
	r, err := http.NewRequestWithContext(s.t.Context(), http.MethodGet, s.base+"/client/webhooks/"+path, nil)
	if err != nil {
		s.t.Fatal(err)
	}
	r.Header.Set("Authorization", "Bearer "+simulator.DefaultKey)
	return r
}

// get returns the answer, its whole body, and any error.
func (s *server) get(path string) (*http.Response, string, error) {
	s.t.Helper()
	resp, err := s.client.Do(s.request(path))
	if err != nil {
		return nil, "", err
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	return resp, string(body), err
}

// ok returns the body of a 200.
func (s *server) ok(path string) string {
	s.t.Helper()
	resp, body, err := s.get(path)
	if err != nil {
		s.t.Fatal(err)
	}
	if resp.StatusCode != http.StatusOK {
		s.t.Fatalf("GET %s: %s: %s", path, resp.Status, body)
	}
	return body
}

// event holds the members of an event that the tests read.
type event struct {
	ID       string
	Type     string
	Created  any
	Response *struct {
		StatusCode int `json:"status_code"`
		Status     string
		Body       string
		Message    string
	}
}

// list returns the events of an endpoint.
func (s *server) list(endpointID string) []event {
	s.t.Helper()
	return decode[[]event](s.t, s.ok(endpointID))
}

// detail returns one event.
func (s *server) detail(endpointID, eventID string) event {
	s.t.Helper()
	return decode[event](s.t, s.ok(endpointID+"/events/"+eventID))
}

// decode decodes a complete JSON text.
func decode[T any](t *testing.T, body string) T {
	t.Helper()
	var v T
	if err := json.Unmarshal([]byte(body), &v); err != nil {
		t.Fatalf("%v in %.200s", err, body)
	}
	return v
}

// ids returns the ids of events in order.
func ids(events []event) []string {
	all := make([]string, len(events))
	for i, e := range events {
		all[i] = e.ID
	}
	return all
}

// small returns an account with one endpoint and n events, a second apart. The returned ids
// end with the newest.
func small(t *testing.T, n int) (s *server, endpointID string, eventIDs []string) {
	t.Helper()
	a := simulator.New(simulator.Options{Now: stopped, Seed: 1})
	endpointID = a.AddEndpoint(simulator.Endpoint{Active: true})
	for i := range n {
		eventIDs = append(eventIDs, a.Insert(endpointID, simulator.Event{
			Type:        simulator.EventTypes[i%len(simulator.EventTypes)],
			CreatedTime: instant.Add(time.Duration(i-n) * time.Second),
			Answers:     []simulator.Answer{simulator.Responded(200)},
		}))
	}
	return serve(t, a), endpointID, eventIDs
}
