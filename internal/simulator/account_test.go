package simulator_test

import (
	"compress/gzip"
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"omegastream_exporter/internal/simulator"
)

// TestRefused checks which requests get no answer.
func TestRefused(t *testing.T) {
	t.Parallel()
	s, id, events := small(t, 1)
	for _, test := range []struct {
		name string
		path string
		edit func(*http.Request)
		want int
	}{
		{"no key", "all", func(r *http.Request) { r.Header.Del("Authorization") }, 401},
		{"another key", "all", func(r *http.Request) { r.Header.Set("Authorization", "Bearer other") }, 401},
		{"POST", "all", func(r *http.Request) { r.Method = http.MethodPost }, 405},
		{"no such path", id + "/events", func(*http.Request) {}, 404},
		{"other base path", "all", func(r *http.Request) { r.URL.Path = "/client/webhooks/all" }, 404},
		{"no such endpoint", "nobody", func(*http.Request) {}, 404},
		{"no such event", id + "/events/nothing", func(*http.Request) {}, 404},
		{"event of another endpoint", "nobody/events/" + events[0], func(*http.Request) {}, 404},
		{"right", "all", func(*http.Request) {}, 200},
	} {
		t.Run(test.name, func(t *testing.T) {
			r := s.request(test.path)
			test.edit(r)
			resp, err := s.client.Do(r)
			if err != nil {
				t.Fatal(err)
			}
			resp.Body.Close()
			if resp.StatusCode != test.want {
				t.Errorf("got %s, want %d", resp.Status, test.want)
			}
		})
	}
	s.SetKey("rotated")
	if resp, _, err := s.get("all"); err != nil || resp.StatusCode != http.StatusUnauthorized {
		t.Errorf("old key after the rotation: %v, %v", resp, err)
	}
}

// TestOrder checks that lists are newest first by creation, whatever the order of insertion,
// and that inserted events appear in lists that were rendered before.
func TestOrder(t *testing.T) {
	t.Parallel()
	s, id, events := small(t, 3)
	insert := func(eventID string, before time.Duration) {
		s.Insert(id, simulator.Event{ID: eventID, Type: "t", CreatedTime: instant.Add(-before)})
	}
	check := func(want ...string) {
		t.Helper()
		if got := ids(s.list(id)); !slices.Equal(got, want) {
			t.Errorf("list %v, want %v", got, want)
		}
		if got := s.EventIDs(id); !slices.Equal(got, want) {
			t.Errorf("EventIDs %v, want %v", got, want)
		}
	}
	check(events[2], events[1], events[0])
	insert("newest", 0)
	check("newest", events[2], events[1], events[0])
	insert("same moment", 0)
	check("same moment", "newest", events[2], events[1], events[0])
	insert("between", 2500*time.Millisecond)
	check("same moment", "newest", events[2], events[1], "between", events[0])
	if n := s.Forget(id, instant.Add(-2*time.Second)); n != 2 {
		t.Errorf("forgot %d events, want 2", n)
	}
	check("same moment", "newest", events[2], events[1])
	if n := s.ForgetEvents(id, events[1], "newest", "unknown"); n != 2 {
		t.Errorf("forgot %d events, want 2", n)
	}
	check("same moment", events[2])
	for _, gone := range []string{events[0], "newest"} {
		if resp, _, err := s.get(id + "/events/" + gone); err != nil || resp.StatusCode != http.StatusNotFound {
			t.Errorf("detail of a forgotten event: %v, %v", resp, err)
		}
	}
}

// TestStrangeIDs checks that any text can be an id or a type.
func TestStrangeIDs(t *testing.T) {
	t.Parallel()
	s, id, _ := small(t, 0)
	for _, test := range []struct{ eventID, path string }{
		{"550e8400-e29b-41d4-a716-446655440000", "550e8400-e29b-41d4-a716-446655440000"},
		{"63377E715790C27875F70DBD", "63377E715790C27875F70DBD"},
		{"a/b c", "a%2Fb%20c"},
		{"\xff", "%ff"},
	} {
		s.Insert(id, simulator.Event{ID: test.eventID, Type: "odd \xfe"})
		body := s.ok(id + "/events/" + test.path)
		for _, part := range []string{`"id":"` + test.eventID + `"`, "\"type\":\"odd \xfe\""} {
			if !strings.Contains(body, part) {
				t.Errorf("%q: no %q in the detail", test.eventID, part)
			}
		}
	}
}

// TestSchedule checks when answers become visible, and what retries change, with a fake
// clock.
func TestSchedule(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		a := simulator.New(simulator.Options{})
		id := a.AddEndpoint(simulator.Endpoint{})
		eventID := a.Insert(id, simulator.Event{Type: "video.uploaded", Answers: []simulator.Answer{
			simulator.Responded(200).After(time.Minute),
			simulator.Responded(500).After(10 * time.Second),
		}})
		s := &server{
			Account: a, t: t, base: "http://simulator" + simulator.BasePath,
			client: &http.Client{Transport: simulator.Transport(a)},
		}
		check := func(want int) {
			t.Helper()
			got := -1
			if r := s.detail(id, eventID).Response; r != nil {
				got = r.StatusCode
			}
			if got != want {
				t.Errorf("status code %d, want %d", got, want)
			}
		}
		check(-1)
		time.Sleep(10 * time.Second)
		check(500)
		time.Sleep(49 * time.Second)
		check(500)
		time.Sleep(time.Second)
		check(200)
		a.SetAnswer(id, eventID, simulator.Responded(404).After(time.Second))
		check(200)
		time.Sleep(time.Second)
		check(404)
	})
}

// TestEndpoints checks the list of endpoints while one is added, changed and removed.
func TestEndpoints(t *testing.T) {
	t.Parallel()
	s, id, events := small(t, 2)
	type endpoint struct {
		ID          string
		URL         string
		Description *string
		UpdatedAt   time.Time `json:"updated_at"`
		Active      bool
	}
	all := func() []endpoint { return decode[[]endpoint](t, s.ok("all")) }

	note, later := "a \"note\"", instant.Add(time.Hour)
	s.UpdateEndpoint(id, func(e *simulator.Endpoint) {
		e.ID, e.URL, e.Description, e.Active, e.UpdatedAt = "ignored", "https://b.example.com", &note, false, later
	})
	got := all()
	if len(got) != 1 || got[0].ID != id || got[0].URL != "https://b.example.com" || *got[0].Description != note ||
		got[0].Active || !got[0].UpdatedAt.Equal(later) {
		t.Errorf("after the update: %+v", got)
	}
	s.UpdateEndpoint(id, func(e *simulator.Endpoint) { e.Active = true })
	if got := all(); !got[0].Active || !got[0].UpdatedAt.Equal(instant) {
		t.Errorf("after an update without a time: %+v", got)
	}
	second := s.AddEndpoint(simulator.Endpoint{})
	if got := all(); len(got) != 2 || got[1].ID != second {
		t.Errorf("after the addition: %+v", got)
	}
	s.RemoveEndpoint(id)
	if got := all(); len(got) != 1 || got[0].ID != second {
		t.Errorf("after the removal: %+v", got)
	}
	for _, path := range []string{id, id + "/events/" + events[0]} {
		if resp, _, err := s.get(path); err != nil || resp.StatusCode != http.StatusNotFound {
			t.Errorf("removed endpoint, %s: %v, %v", path, resp, err)
		}
	}
	s.RestoreEndpoint(id)
	if got := ids(s.list(id)); len(all()) != 2 || len(got) != 2 {
		t.Errorf("after its return: %+v, %v", all(), got)
	}
	s.AddEndpoint(simulator.Endpoint{ID: id})
	if got := s.list(id); len(all()) != 2 || len(got) != 0 {
		t.Errorf("after its replacement: %+v, %v", all(), got)
	}
}

// TestGzip checks that answers are compressed only for clients that accept it.
func TestGzip(t *testing.T) {
	t.Parallel()
	s, id, events := small(t, 1000)
	s.SetGzip(true)
	if got := len(s.list(id)); got != len(events) {
		t.Errorf("plain: %d events, want %d", got, len(events))
	}
	for _, path := range []string{id, "all", id + "/events/" + events[0]} {
		r := s.request(path)
		r.Header.Set("Accept-Encoding", "gzip")
		resp, err := s.client.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		unzipped, err := gzip.NewReader(resp.Body)
		if err != nil {
			t.Fatal(err)
		}
		body, err := io.ReadAll(unzipped)
		resp.Body.Close()
		if err != nil {
			t.Fatal(err)
		}
		if string(body) != s.ok(path) {
			t.Errorf("%s: compressed and plain answers differ", path)
		}
	}
}

// TestSeed checks that the seed determines an account, and that different seeds give
// different accounts.
func TestSeed(t *testing.T) {
	t.Parallel()
	answers := func(seed uint64) string {
		a := simulator.New(simulator.Options{Now: stopped, Seed: seed})
		id := a.AddEndpoint(simulator.Endpoint{})
		a.Bulk(id, 100, time.Second)
		eventID := a.Emit(id, "video.uploaded", simulator.Responded(200))
		s := serve(t, a)
		return s.ok("all") + s.ok(id) + s.ok(id+"/events/"+eventID)
	}
	first := answers(1)
	if again := answers(1); again != first {
		t.Error("one seed, two accounts")
	}
	if answers(2) == first {
		t.Error("two seeds, one account")
	}
}
