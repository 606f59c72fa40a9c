package simulator_test

import (
	"errors"
	"io"
	"net/http"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"omegastream_exporter/internal/simulator"
)

// TestFaults checks what each effect does to a list of five events, and to the detail of the
// newest one.
func TestFaults(t *testing.T) {
	t.Parallel()
	type answer struct {
		resp *http.Response
		body string
		err  error
	}
	// listed checks the ids of a list, given by the numbers of the events; 4 is the newest.
	listed := func(want ...int) func(*testing.T, answer, []string) {
		return func(t *testing.T, got answer, events []string) {
			t.Helper()
			var wanted []string
			for _, i := range want {
				wanted = append(wanted, events[i])
			}
			if has := ids(decode[[]event](t, got.body)); !slices.Equal(has, wanted) {
				t.Errorf("listed %v, want %v", has, wanted)
			}
		}
	}
	status := func(code int, header, value string) func(*testing.T, answer, []string) {
		return func(t *testing.T, got answer, _ []string) {
			t.Helper()
			if got.resp == nil || got.resp.StatusCode != code || got.resp.Header.Get(header) != value {
				t.Errorf("got %+v, want %d with %s: %q", got.resp, code, header, value)
			}
		}
	}
	is := func(body string) func(*testing.T, answer, []string) {
		return func(t *testing.T, got answer, _ []string) {
			t.Helper()
			if got.err != nil || got.body != body {
				t.Errorf("got %q, %v, want %q", got.body, got.err, body)
			}
		}
	}
	has := func(part string, n int) func(*testing.T, answer, []string) {
		return func(t *testing.T, got answer, _ []string) {
			t.Helper()
			if got.err != nil || strings.Count(got.body, part) != n {
				t.Errorf("%d times %.60q, want %d; %v, %.400q", strings.Count(got.body, part), part, n, got.err, got.body)
			}
		}
	}
	const list, detail = simulator.ListEvents, simulator.GetEvent
	for _, test := range []struct {
		name  string
		op    simulator.Operation
		do    simulator.Effect
		check func(*testing.T, answer, []string)
	}{
		{"status", list, simulator.Status(500, "oops"), status(500, "Content-Type", "text/plain; charset=utf-8")},
		{"status body", list, simulator.Status(410, "oops"), is("oops")},
		{"429 in seconds", list, simulator.TooManyRequests(1500 * time.Millisecond), status(429, "Retry-After", "2")},
		{"429 until", list, simulator.TooManyRequestsUntil(instant), status(429, "Retry-After", "Wed, 04 Mar 2026 05:06:07 GMT")},
		{"503", list, simulator.Unavailable(3 * time.Second), status(503, "Retry-After", "3")},
		{"redirect", list, simulator.Redirect("https://elsewhere.example.com/"), status(302, "Location", "https://elsewhere.example.com/")},
		{"header", list, simulator.Header(simulator.Empty(), "X-Test", "1"), status(200, "X-Test", "1")},
		{"date", list, simulator.Skew(time.Hour), status(200, "Date", "Wed, 04 Mar 2026 06:06:07 GMT")},
		{"html", list, simulator.HTML(), has("<html>", 1)},
		{"body", list, simulator.Body("{"), is("{")},
		{"empty", list, simulator.Empty(), is("[]")},
		{"null", list, simulator.Null(), is("null")},
		{"omit", list, simulator.Omit(func(i int, _ string) bool { return i%2 == 0 }), listed(3, 1)},
		{"oldest first", list, simulator.OldestFirst(), listed(0, 1, 2, 3, 4)},
		{"shuffle", list, simulator.Shuffle(1), func(t *testing.T, got answer, events []string) {
			has := ids(decode[[]event](t, got.body))
			slices.Reverse(has)
			if slices.Equal(has, events) {
				t.Error("not shuffled")
			}
			slices.Sort(has)
			if !slices.Equal(has, events) {
				t.Errorf("shuffled %v, want %v", has, events)
			}
		}},
		{"repeat", list, simulator.Repeat(2), listed(4, 4, 3, 3, 2, 2, 1, 1, 0, 0)},
		{"wrong type at the start", list, simulator.Inject(0, "7"), func(t *testing.T, got answer, _ []string) {
			if all := decode[[]any](t, got.body); len(all) != 6 || all[0] != 7.0 {
				t.Errorf("got %v", all)
			}
		}},
		{"wrong type at the end", list, simulator.Inject(9, "[]"), func(t *testing.T, got answer, _ []string) {
			if all := decode[[]any](t, got.body); len(all) != 6 {
				t.Errorf("%d elements", len(all))
			} else if _, ok := all[5].([]any); !ok {
				t.Errorf("got %v", all[5])
			}
		}},
		{"type", list, simulator.Type("a\xff"), has("\"type\":\"a\xff\"", 5)},
		{"id", list, simulator.ID("\xfe"), has("\"id\":\"\xfe\"", 5)},
		{"created zero", list, simulator.Created("0"), has(`"created":0,`, 5)},
		{"created absent", list, simulator.Created(simulator.Absent), has(`"created":`, 0)},
		{"extra", list, simulator.Extra("more", "[1]"), has(`,"more":[1]}`, 5)},
		{"cut bytes", list, simulator.CutBytes(7, simulator.EndClean), is(`[{"id":`)},
		{"cut no bytes", list, simulator.CutBytes(0, simulator.EndClean), is("")},
		{"cut after the end", list, simulator.CutBytes(1<<20, simulator.EndClean), listed(4, 3, 2, 1, 0)},
		{"cut bytes, aborted", list, simulator.CutBytes(7, simulator.EndAbort), func(t *testing.T, got answer, _ []string) {
			if got.body != `[{"id":` || !errors.Is(got.err, io.ErrUnexpectedEOF) {
				t.Errorf("got %q, %v", got.body, got.err)
			}
		}},
		{"cut elements", list, simulator.CutElements(2, simulator.EndClean), func(t *testing.T, got answer, events []string) {
			listed(4, 3)(t, answer{body: got.body + "]"}, events)
		}},
		{"cut all elements", list, simulator.CutElements(5, simulator.EndClean), func(t *testing.T, got answer, events []string) {
			listed(4, 3, 2, 1, 0)(t, answer{body: got.body + "]"}, events)
		}},
		{"cut elements, aborted", list, simulator.CutElements(1, simulator.EndAbort), func(t *testing.T, got answer, events []string) {
			listed(4)(t, answer{body: got.body + "]"}, events)
			if !errors.Is(got.err, io.ErrUnexpectedEOF) {
				t.Errorf("got %v", got.err)
			}
		}},
		{"huge list", list, simulator.Huge(1 << 20), func(t *testing.T, got answer, _ []string) {
			all := decode[[]map[string]any](t, got.body)
			if len(all) != 6 || len(all[0]["padding"].(string)) != 1<<20 {
				t.Errorf("%d elements", len(all))
			}
		}},
		{"reset", list, simulator.Reset(), func(t *testing.T, got answer, _ []string) {
			if !errors.Is(got.err, syscall.ECONNRESET) {
				t.Errorf("got %v", got.err)
			}
		}},
		{"close", list, simulator.Close(), func(t *testing.T, got answer, _ []string) {
			if !errors.Is(got.err, io.EOF) {
				t.Errorf("got %v", got.err)
			}
		}},
		{"detail id", detail, simulator.ID("other"), has(`{"id":"other","created_at"`, 1)},
		{"detail response", detail, simulator.Response("{}"), has(`,"response":{}}`, 1)},
		{"detail without response", detail, simulator.Response(simulator.Absent), has(`"response"`, 0)},
		{"detail created", detail, simulator.Created(`"soon"`), has(`"created":"soon"`, 1)},
		{"detail, effect on lists", detail, simulator.Repeat(2), has(`"api_version"`, 1)},
		{"huge detail", detail, simulator.Huge(1 << 20), func(t *testing.T, got answer, events []string) {
			d := decode[map[string]any](t, got.body)
			if d["id"] != events[4] || len(d["padding"].(string)) != 1<<20 {
				t.Errorf("detail of %d bytes", len(got.body))
			}
		}},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			s, id, events := small(t, 5)
			remove := s.AddFault(simulator.Fault{Operation: test.op, Do: test.do})
			path := id
			if test.op == detail {
				path += "/events/" + events[4]
			}
			var got answer
			got.resp, got.body, got.err = s.get(path)
			test.check(t, got, events)
			remove()
			listed(4, 3, 2, 1, 0)(t, answer{body: s.ok(id)}, events)
		})
	}
}

// TestFaultMatch checks which requests a fault affects.
func TestFaultMatch(t *testing.T) {
	t.Parallel()
	s, id, events := small(t, 2)
	code := func(path string) int {
		t.Helper()
		resp, _, err := s.get(path)
		if err != nil {
			t.Fatal(err)
		}
		return resp.StatusCode
	}
	other := s.AddEndpoint(simulator.Endpoint{})
	paths := []string{"all", id, other, id + "/events/" + events[0], id + "/events/" + events[1]}
	for _, test := range []struct {
		name  string
		fault simulator.Fault
		want  []int
	}{
		{"all", simulator.Fault{}, []int{418, 418, 418, 418, 418}},
		{"operation", simulator.Fault{Operation: simulator.ListEvents}, []int{200, 418, 418, 200, 200}},
		{"endpoint", simulator.Fault{EndpointID: id}, []int{200, 418, 200, 418, 418}},
		{"event", simulator.Fault{Operation: simulator.GetEvent, EventID: events[1]}, []int{200, 200, 200, 200, 418}},
		{"times", simulator.Fault{Times: 2}, []int{418, 418, 200, 200, 200}},
	} {
		test.fault.Do = simulator.Status(http.StatusTeapot, "")
		remove := s.AddFault(test.fault)
		var got []int
		for _, path := range paths {
			got = append(got, code(path))
		}
		if !slices.Equal(got, test.want) {
			t.Errorf("%s: %v, want %v", test.name, got, test.want)
		}
		remove()
		remove()
	}

	remove := s.AddFault(simulator.Fault{EventID: events[0], Operation: simulator.ListEvents, Do: simulator.Type("odd")})
	if got := s.list(id); got[0].Type == "odd" || got[1].Type != "odd" {
		t.Errorf("effect on one element: %+v", got)
	}
	remove()

	s.AddFault(simulator.Fault{Probability: 0.3, Do: simulator.Status(http.StatusTeapot, "")})
	failed := 0
	for range 200 {
		if code("all") == http.StatusTeapot {
			failed++
		}
	}
	if failed < 30 || failed > 90 {
		t.Errorf("%d of 200 failed with a probability of 0.3", failed)
	}
	s.ClearFaults()
	if got := code("all"); got != 200 {
		t.Errorf("after ClearFaults: %d", got)
	}
}

// TestFaultsStack checks that several faults affect the same answer.
func TestFaultsStack(t *testing.T) {
	t.Parallel()
	s, id, events := small(t, 3)
	s.AddFault(simulator.Fault{Do: simulator.OldestFirst()})
	s.AddFault(simulator.Fault{Do: simulator.Omit(func(i int, _ string) bool { return i == 0 })})
	s.AddFault(simulator.Fault{Do: simulator.Repeat(2)})
	want := []string{events[1], events[1], events[2], events[2]}
	if got := ids(s.list(id)); !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
}
