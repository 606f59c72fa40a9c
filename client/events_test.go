package client

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
)

// seen is a ListedEvent that may be kept.
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
	if !l.Complete() || l.Err() != nil || l.Invalid() != 0 || time.Since(l.Date()).Abs() > time.Minute {
		t.Errorf("complete %v, error %v, invalid %d, date %v", l.Complete(), l.Err(), l.Invalid(), l.Date())
	}
	if again := readAll(l); again != nil {
		t.Errorf("a second use yields %v", again)
	}
}

func TestListEventsElements(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name, body string
		want       []seen
		invalid    int
	}{
		{"empty", ` [ ] `, nil, 0},
		{"missing members", `[{"id":"a"}]`, []seen{{"a", "", 0}}, 0},
		{"nothing of the one before", `[{"id":"a","type":"x","created":5},{},{"id":"b"}]`, []seen{{"a", "x", 5}, {"b", "", 0}}, 1},
		{"nulls", `[{"id":"a","type":null,"created":null}]`, []seen{{"a", "", 0}}, 0},
		{"other kinds", `[1,"a",null,[{"id":"no"}],true,{}]`, nil, 6},
		{"unusable ids", `[{"id":""},{"id":"."},{"id":7},{"id":null},{"id":"\u0007"},{"id":"\ud800"},{"id":"` + strings.Repeat("x", 257) + `"}]`, nil, 7},
		{"invalid UTF-8 in an id", "[{\"id\":\"a\xff\"},{\"id\":\"a\xff\\u0041\"}]", nil, 2},
		{"invalid UTF-8 in a type", "[{\"id\":\"a\",\"type\":\"x\xff\"}]", []seen{{"a", "x\uFFFD", 0}}, 0},
		{"created of another type", `[{"id":"a","created":"1"},{"id":"b","created":1}]`, []seen{{"b", "", 1}}, 1},
		{"type of another type", `[{"id":"a","type":{"x":[1]}},{"id":"b"}]`, []seen{{"b", "", 0}}, 1},
		{
			"created out of range", `[{"id":"a","created":1e300},{"id":"b","created":-99999999999999999999},{"id":"c","created":-1.5}]`,
			[]seen{{"a", "", math.MaxInt64}, {"b", "", math.MinInt64}, {"c", "", -2}},
			0,
		},
		{"escaped names and values", `[{"\u0069d":"a\/b","t\u0079pe":"v\u002e1"}]`, []seen{{"a/b", "v.1", 0}}, 0},
		{"a name again", `[{"id":"a","id":"b"}]`, []seen{{"b", "", 0}}, 0},
		{"data and response", `[{"data":{"video":{"id":"no","created":5}},"id":"a","response":{"id":[{"id":"no"}]}}]`, []seen{{"a", "", 0}}, 0},
		{"the key as a type", `[{"id":"a","type":"` + testKey + `"}]`, []seen{{"a", "[redacted]", 0}}, 0},
		{"a long type", `[{"id":"a","type":"` + strings.Repeat("x", maxType+1) + `"}]`, []seen{{"a", strings.Repeat("x", maxType), 0}}, 0},
		{"behind the end", `[{"id":"a"}]<!-- cached -->`, []seen{{"a", "", 0}}, 0},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			l := listOf(t, tt.body, Options{})
			if diff := cmp.Diff(tt.want, readAll(l)); diff != "" {
				t.Error(diff)
			}
			if !l.Complete() || l.Err() != nil || l.Invalid() != tt.invalid {
				t.Errorf("complete %v, error %v, invalid %d", l.Complete(), l.Err(), l.Invalid())
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
		{"null", "null", 0, ErrBadPayload, "null instead of an array"},
		{"object", `{"events":[]}`, 0, ErrBadPayload, "an object instead of an array"},
		{"HTML", "<html>", 0, ErrBadPayload, "no JSON behind byte 0"},
		{"cut off", `[{"id":"a"},{"id":"b"`, 1, ErrBadPayload, "cut off behind byte 21"},
		{"cut off behind a comma", `[{"id":"a"},`, 1, ErrBadPayload, "cut off"},
		{"broken", `[{"id":"a"} {"id":"b"}]`, 1, ErrBadPayload, "no JSON behind byte 11"},
		{"wrong bracket", `[{"id":"a"}}`, 1, ErrBadPayload, "no JSON"},
		{"too many", `[{"id":"a"},1,{"id":"b"},{"id":"c"}]`, 2, ErrTooLarge, "more than 3 events"},
		{"endless string", `[{"id":"a"},{"data":"` + strings.Repeat("x", maxElement+8<<10), 1, ErrTooLarge, "more than 4194304 bytes"},
		{"endless element", `[{"id":"a"},{"data":[` + strings.Repeat("1,", maxElement/2+8<<10), 1, ErrTooLarge, "more than 4194304 bytes"},
		{"endless space", `[` + strings.Repeat(" ", maxElement+8<<10), 0, ErrTooLarge, "more than 4194304 bytes"},
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
			t.Error("read within a read")
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

// stalling is a body that sends its text and then waits for the end of the request.
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
		time.Sleep(time.Minute) // the time of the caller is no silence
		begin, n := time.Now(), 0
		for range l.Events() {
			n++
			time.Sleep(time.Minute)
		}
		if took := time.Since(begin); n != 2 || took != 2*time.Minute+30*time.Second {
			t.Errorf("%d events in %v", n, took)
		}
		if !errors.Is(l.Err(), ErrTimeout) || !strings.Contains(l.Err().Error(), "not a byte for 30s") {
			t.Errorf("error %v", l.Err())
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

// No allocation per event: a list ten times as long costs no more of them.
func TestListEventsAllocations(t *testing.T) { //nolint:paralleltest // others would allocate too
	measure := func(n int) float64 {
		body := string(listBody(n))
		return testing.AllocsPerRun(5, func() {
			r := &eventReader{decoder: newDecoder(strings.NewReader(body)), types: map[string]string{}}
			defer r.recycle()
			r.allow(maxElement)
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
