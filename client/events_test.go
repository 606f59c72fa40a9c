package client

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"net/http"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
)

// seen is a copy of a ListedEvent, which is only valid until the next one.
type seen struct {
	ID, Type string
	Created  int64
}

func readAll(l *EventList) (all []seen) {
	for e := range l.Events() {
		all = append(all, seen{string(e.ID), e.Type, e.Created})
	}
	return all
}

func listOf(t *testing.T, body string, o Options) *EventList {
	t.Helper()
	c, mux := setup(t, o)
	mux.HandleFunc("/base/client/webhooks/"+endpointID, reply(body))
	l, err := c.ListEvents(t.Context(), endpointID)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(l.Close)
	return l
}

func TestListEvents(t *testing.T) {
	t.Parallel()
	l := listOf(t, testdata(t, "events_list.json"), Options{})
	want := []seen{
		{"63377e715790c27875f70dbd", "video.process_succeeded", 1664581231},
		{"633772fa5790c27875f70dbb", "video.uploaded", 1664578297},
	}
	if diff := cmp.Diff(want, readAll(l)); diff != "" {
		t.Error(diff)
	}
	if !l.Complete() || l.Err() != nil || l.Faults() != nil || time.Since(l.Date()).Abs() > time.Minute {
		t.Errorf("complete %v, error %v, faults %v, date %v", l.Complete(), l.Err(), l.Faults(), l.Date())
	}
	if again := readAll(l); again != nil {
		t.Errorf("a second read yields %v", again)
	}
}

func TestListEventsElements(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name, body string
		want       []seen
		faults     string
	}{
		{"empty", ` [ ] `, nil, ""},
		{"null", ` null `, nil, ""},
		{"missing members", `[{"id":"a"}]`, []seen{{"a", "", 0}}, ""},
		{"no leftovers of the previous element", `[{"id":"a","type":"x","created":5},{},{"id":"b"}]`, []seen{{"a", "x", 5}, {"b", "", 0}}, `1 has no usable "id"`},
		{"nulls", `[{"id":"a","type":null,"created":null}]`, []seen{{"a", "", 0}}, ""},
		{"other kinds", `[1,"a",null,[{"id":"no"}],true,{},{"id":"b"}]`, []seen{{"b", "", 0}}, `5 are not objects, 1 has no usable "id"`},
		{"unusable ids", `[{"id":""},{"id":"."},{"id":{}},{"id":null},{"id":"\u0007"},{"id":"\ud800"},{"id":"` + strings.Repeat("x", 257) + `"},{"id":"b"}]`, []seen{{"b", "", 0}}, `7 have no usable "id"`},
		{"ids that are numbers", `[{"id":7},{"id":1664581231000}]`, []seen{{"7", "", 0}, {"1664581231000", "", 0}}, ""},
		{"invalid UTF-8 in an id", "[{\"id\":\"a\xff\"},{\"id\":\"a\xff\\u0041\"},{\"id\":\"b\"}]", []seen{{"b", "", 0}}, `2 have no usable "id"`},
		{"invalid UTF-8 in a type", "[{\"id\":\"a\",\"type\":\"x\xff\"}]", []seen{{"a", "x\uFFFD", 0}}, ""},
		{"created in quotes", `[{"id":"a","created":"1664581231"},{"id":"b","created":"1.5e3"},{"id":"c","created":"-7"}]`, []seen{{"a", "", 1664581231}, {"b", "", 1500}, {"c", "", -7}}, ""},
		{
			"wrong type of created", `[{"id":"a","created":"soon"},{"id":"b","created":1},{"id":"c","created":[]},{"id":"d","created":""},{"id":"e","created":"0x5"},{"id":"f","created":" 5"}]`,
			[]seen{{"b", "", 1}},
			`5 have no usable "created"`,
		},
		{"wrong type of type", `[{"id":"a","type":{"x":[1]}},{"id":"b"}]`, []seen{{"b", "", 0}}, `1 has no usable "type"`},
		{
			"created out of range", `[{"id":"a","created":1e300},{"id":"b","created":-99999999999999999999},{"id":"c","created":1.5},{"id":"d","created":"99999999999999999999"}]`,
			[]seen{{"a", "", math.MaxInt64}, {"b", "", math.MinInt64}, {"c", "", 1}, {"d", "", math.MaxInt64}},
			"",
		},
		{"escaped names and values", `[{"\u0069d":"a\/b","t\u0079pe":"v\u002e1"}]`, []seen{{"a/b", "v.1", 0}}, ""},
		{"duplicate member", `[{"id":"a","id":"b"}]`, []seen{{"b", "", 0}}, ""},
		{"data and response", `[{"data":{"video":{"id":"no","created":5}},"id":"a","response":{"id":[{"id":"no"}]}}]`, []seen{{"a", "", 0}}, ""},
		{"the key as a type", `[{"id":"a","type":"` + testKey + `"}]`, []seen{{"a", "[redacted]", 0}}, ""},
		{"a long type", `[{"id":"a","type":"` + strings.Repeat("x", maxType+1) + `"}]`, []seen{{"a", strings.Repeat("x", maxType), 0}}, ""},
		{"data after the end", `[{"id":"a"}]<!-- cached -->`, []seen{{"a", "", 0}}, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			l := listOf(t, tt.body, Options{})
			if diff := cmp.Diff(tt.want, readAll(l)); diff != "" {
				t.Error(diff)
			}
			if !l.Complete() || l.Err() != nil || l.Faults().String() != tt.faults {
				t.Errorf("complete %v, error %v, faults %v", l.Complete(), l.Err(), l.Faults())
			}
		})
	}
}

func TestListEventsFaults(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name, body string
		events     int
		want       error
		text       string
	}{
		{"empty", "", 0, ErrBadPayload, "empty"},
		{"unusable ids", `[{"_id":"a"},{"_id":"b"},5]`, 0, ErrBadPayload, `none of its 3 elements is usable: 1 is not an object, 2 have no usable "id"`},
		{"unusable times", `[{"id":"a","created":"2022-09-30T23:40:31Z"}]`, 0, ErrBadPayload, `none of its 1 elements is usable: 1 has no usable "created"`},
		{"object", `{"events":[]}`, 0, ErrBadPayload, "an object instead of an array"},
		{"HTML", "<html>", 0, ErrBadPayload, "invalid JSON after byte 0"},
		{"cut off", `[{"id":"a"},{"id":"b"`, 1, ErrBadPayload, "cut off after byte 21"},
		{"cut off behind a comma", `[{"id":"a"},`, 1, ErrBadPayload, "cut off"},
		{"broken", `[{"id":"a"} {"id":"b"}]`, 1, ErrBadPayload, "invalid JSON after byte 11"},
		{"wrong bracket", `[{"id":"a"}}`, 1, ErrBadPayload, "invalid JSON"},
		{"too many", `[{"id":"a"},1,{"id":"b"},{"id":"c"}]`, 2, ErrTooLarge, "more than 3 events; raise --api.max-list-events to read it"},
		{"endless string", `[{"id":"a"},{"data":"` + strings.Repeat("x", maxElement+256<<10), 1, ErrTooLarge, "more than 1048576 bytes"},
		{"endless element", `[{"id":"a"},{"data":[` + strings.Repeat("1,", maxElement/2+256<<10), 1, ErrTooLarge, "more than 1048576 bytes"},
		{"endless space", `[` + strings.Repeat(" ", maxElement+256<<10), 0, ErrTooLarge, "more than 1048576 bytes"},
		{"endless nesting", `[{"id":"a"},{"data":` + strings.Repeat(`[`, maxDepth), 1, ErrTooLarge, "nested"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			l := listOf(t, tt.body, Options{MaxListEvents: 3})
			events := readAll(l)
			if len(events) != tt.events || l.Complete() {
				t.Errorf("%d events, complete %v", len(events), l.Complete())
			}
			if err := l.Err(); !errors.Is(err, tt.want) || !strings.Contains(err.Error(), tt.text) ||
				!strings.HasPrefix(err.Error(), "list events of endpoint "+endpointID+": ") {
				t.Errorf("error %v, want %v with %q", err, tt.want, tt.text)
			}
		})
	}
}

func TestListEventsAtTheBound(t *testing.T) {
	t.Parallel()
	l := listOf(t, `[{"id":"a"},{"id":"b"},{"id":"c"}]`, Options{MaxListEvents: 3})
	if got := readAll(l); len(got) != 3 || !l.Complete() || l.Err() != nil {
		t.Errorf("%d events, complete %v, error %v", len(got), l.Complete(), l.Err())
	}
}

func TestListEventsStoppedByTheCaller(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name string
		stop func(*EventList) bool
	}{
		{"break", func(*EventList) bool { return true }},
		{"close", func(l *EventList) bool { l.Close(); return false }},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			l := listOf(t, string(listBody(100_000)), Options{Concurrency: 1})
			c, n := l.x.client, 0
			for range l.Events() {
				if n++; n == 3 && tt.stop(l) {
					break
				}
			}
			if n != 3 || l.Err() != nil || l.Complete() {
				t.Errorf("%d events, error %v, complete %v", n, l.Err(), l.Complete())
			}
			l.Close()
			if c.limiter.Busy() != 0 {
				t.Errorf("%d slots still taken", c.limiter.Busy())
			}
		})
	}
}

func TestListEventsCanBeReadOnce(t *testing.T) {
	t.Parallel()
	l := listOf(t, `[{"id":"a"},{"id":"b"}]`, Options{})
	n := 0
	for range l.Events() {
		if n++; readAll(l) != nil {
			t.Error("a nested read yields events")
		}
	}
	if n != 2 || !l.Complete() {
		t.Errorf("%d events, complete %v", n, l.Complete())
	}
	closed := listOf(t, `[{"id":"a"}]`, Options{})
	closed.Close()
	if readAll(closed) != nil || closed.Complete() || closed.Err() != nil {
		t.Error("read after Close")
	}
}

func TestListEventsHoldsItsSlot(t *testing.T) {
	t.Parallel()
	l := listOf(t, `[]`, Options{Concurrency: 1})
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	c := l.x.client
	if _, err := c.ListEvents(ctx, endpointID); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("error %v", err)
	}
	l.Close()
	if second, err := c.ListEvents(t.Context(), endpointID); err != nil {
		t.Error(err)
	} else {
		second.Close()
	}
}

// stalling is a body that ends only with its request.
type stalling struct {
	io.Reader
	ctx context.Context
}

func (s stalling) Read(p []byte) (int, error) {
	if n, err := s.Reader.Read(p); err == nil {
		return n, nil
	}
	<-s.ctx.Done()
	return 0, context.Cause(s.ctx)
}

func (stalling) Close() error { return nil }

func stall(text string) transport {
	return func(r *http.Request) (*http.Response, error) {
		a := answerWith(200, "")
		a.ContentLength, a.Body = -1, stalling{strings.NewReader(text), r.Context()}
		return a, nil
	}
}

func TestListEventsSilence(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := newClient(t, "http://api", Options{Transport: stall(`[{"id":"a"},{"id":"b"},`)})
		l, err := c.ListEvents(t.Context(), endpointID)
		if err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Minute) // waiting in the caller does not count as silence
		begin, n := time.Now(), 0
		for range l.Events() {
			n++
			time.Sleep(time.Minute)
		}
		if took := time.Since(begin); n != 2 || took != 2*time.Minute+30*time.Second {
			t.Errorf("%d events in %v", n, took)
		}
		if !errors.Is(l.Err(), ErrTimeout) || !strings.Contains(l.Err().Error(), "not one complete event in 30s") {
			t.Errorf("error %v", l.Err())
		}
	})
}

// trickle sends the lists of slow endpoints endlessly, a part of an event every few seconds,
// and answers all other calls at once.
func trickle(part string) transport {
	return func(r *http.Request) (*http.Response, error) {
		switch {
		case strings.Contains(r.URL.Path, "/events/"):
			return answerWith(200, anEvent), nil
		case !strings.Contains(r.URL.Path, "slow"):
			return answerWith(200, `[{"id":"a"}]`), nil
		}
		body, w := io.Pipe()
		go func() {
			_, err := io.WriteString(w, "[")
			for err == nil {
				select {
				case <-time.After(3 * time.Second):
					_, err = io.WriteString(w, part)
				case <-r.Context().Done():
					_ = w.CloseWithError(context.Cause(r.Context()))
					return
				}
			}
		}()
		return &http.Response{StatusCode: 200, Header: http.Header{}, Body: body, ContentLength: -1, ProtoMajor: 1, ProtoMinor: 1}, nil
	}
}

// Trickling lists delay neither other lists nor details, even if there are more of them than
// slots.
func TestTricklingLists(t *testing.T) {
	t.Parallel()
	for _, part := range []string{" ", `{"id":"a"},`} {
		synctest.Test(t, func(t *testing.T) {
			c := newClient(t, "http://api", Options{Concurrency: 16, RateLimit: 20, Transport: trickle(part)})
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			var all sync.WaitGroup
			errs := make([]error, 20)
			for i := range errs {
				all.Go(func() {
					l, err := c.ListEvents(ctx, fmt.Sprint("slow", i))
					if err == nil {
						readAll(l)
						err = l.Err()
					}
					errs[i] = err
				})
			}
			synctest.Wait()
			begin := time.Now()
			for range 20 { // details are fetched meanwhile
				if err := getEvent(t.Context(), c); err != nil {
					t.Fatal(err)
				}
			}
			l, err := c.ListEvents(t.Context(), endpointID)
			if err != nil {
				t.Fatal(err)
			}
			if got := readAll(l); len(got) != 1 || !l.Complete() {
				t.Errorf("%d events: %v", len(got), l.Err())
			}
			if took := time.Since(begin); took > 5*time.Second {
				t.Errorf("another list and 20 details took %v", took)
			}
			time.Sleep(time.Minute)
			if part == " " { // without a complete event, the lists have timed out
				all.Wait()
			}
			cancel()
			all.Wait()
			for i, err := range errs {
				if want := map[string]error{" ": ErrTimeout}[part]; want != nil && !errors.Is(err, want) {
					t.Errorf("list %d: %v", i, err)
				}
			}
			if c.limiter.Busy() != 0 {
				t.Errorf("%d slots still taken", c.limiter.Busy())
			}
		})
	}
}

// Time spent in the limiter or the caller does not count towards a list's timeout.
func TestListEventsPatienceIsForEachElement(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := newClient(t, "http://api", Options{RateLimit: 0.01, Transport: trickle(`{"id":"a","data":{}},`)})
		if err := getEvent(t.Context(), c); err != nil {
			t.Fatal(err)
		}
		l, err := c.ListEvents(t.Context(), "slow") // waits for 100 s
		if err != nil {
			t.Fatal(err)
		}
		n := 0
		for range l.Events() {
			if n++; n == 100 {
				break
			}
			time.Sleep(time.Minute)
		}
		if n != 100 || l.Err() != nil {
			t.Errorf("%d events: %v", n, l.Err())
		}
	})
}

func TestListEventsCallerGivesUp(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := newClient(t, "http://api", Options{Transport: stall(`[{"id":"a"},`)})
		ctx, cancel := context.WithTimeout(t.Context(), 12*time.Second)
		defer cancel()
		l, err := c.ListEvents(ctx, endpointID)
		if err != nil {
			t.Fatal(err)
		}
		if got := readAll(l); len(got) != 1 {
			t.Errorf("%d events", len(got))
		}
		if !errors.Is(l.Err(), context.DeadlineExceeded) || errors.Is(l.Err(), ErrTimeout) {
			t.Errorf("error %v", l.Err())
		}
	})
}

func TestListEventsConnectionBreaks(t *testing.T) {
	t.Parallel()
	c, mux := setup(t, Options{})
	mux.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprint(w, `[{"id":"a"},`)
		w.(http.Flusher).Flush()
		panic(http.ErrAbortHandler)
	})
	l, err := c.ListEvents(t.Context(), endpointID)
	if err != nil {
		t.Fatal(err)
	}
	if got := readAll(l); len(got) != 1 || !errors.Is(l.Err(), ErrConnection) || !errors.Is(l.Err(), io.ErrUnexpectedEOF) {
		t.Errorf("%d events, error %v", len(got), l.Err())
	}
}

// Allocations do not grow with the number of events.
func TestListEventsAllocations(t *testing.T) { //nolint:paralleltest // others would allocate too
	measure := func(n int) float64 {
		body := string(listBody(n))
		return testing.AllocsPerRun(5, func() {
			r := &eventReader{decoder: newDecoder(strings.NewReader(body)), types: map[string]string{}}
			defer r.recycle()
			r.allow(maxElement, "one event")
			if err := r.open('['); err != nil {
				t.Fatal(err)
			}
			for r.json.PeekKind() != ']' {
				if ok, err := r.element(); !ok || err != nil {
					t.Fatal(ok, err)
				}
			}
		})
	}
	few, many := measure(1000), measure(10_000)
	if perEvent := (many - few) / 9000; perEvent > 0.001 {
		t.Errorf("%.4f allocations per event", perEvent)
	}
}
