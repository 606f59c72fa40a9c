package syncer

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"omegastream_exporter/client"
	"omegastream_exporter/internal/simulator"
	"omegastream_exporter/internal/test/logs"
)

func statusError(code int) error {
	kinds := map[int]error{403: client.ErrForbidden, 404: client.ErrNotFound, 429: client.ErrRateLimited}
	kind := kinds[code]
	if kind == nil {
		kind = client.ErrServer
	}
	return &client.Error{StatusCode: code, Err: kind}
}

// TestProblems checks which errors are logged on their own, each a minute after the previous
// one.
func TestProblems(t *testing.T) {
	t.Parallel()
	reset := func(port int) error {
		return &client.Error{Op: client.OpListEvents, Err: fmt.Errorf("%w: read tcp 10.0.0.1:%d: connection reset", client.ErrConnection, port)}
	}
	limited := func(d time.Duration) error {
		return &client.Error{StatusCode: 429, RetryAfter: d, Err: client.ErrRateLimited}
	}
	a, b := subject{operation: client.OpListEvents, endpointID: endpointA}, subject{operation: client.OpListEvents, endpointID: endpointB}
	event := subject{client.OpGetEvent, endpointA, "e"}
	report := func(s subject, err error) func(*problems) { return func(p *problems) { p.report(s, err) } }
	healed := func(s subject) func(*problems) { return func(p *problems) { p.healed(s) } }
	for _, tt := range []struct {
		name     string
		steps    []func(*problems)
		warnings int
		infos    int
	}{
		{"the same error", []func(*problems){report(a, statusError(500)), report(a, statusError(500))}, 1, 0},
		{"another port", []func(*problems){report(a, reset(50001)), report(a, reset(50002))}, 1, 0},
		{"another pause", []func(*problems){report(a, limited(time.Minute)), report(a, limited(time.Second))}, 1, 0},
		{"another failure of the server", []func(*problems){report(a, statusError(500)), report(a, statusError(503))}, 1, 0},
		{"another status", []func(*problems){report(a, statusError(404)), report(a, statusError(403))}, 2, 0},
		{"another problem", []func(*problems){report(a, statusError(500)), report(a, reset(50001))}, 2, 0},
		{"another endpoint", []func(*problems){report(a, statusError(500)), report(b, statusError(500))}, 2, 0},
		{"not an error of the client", []func(*problems){report(a, errors.New("x")), report(a, errors.New("y"))}, 2, 0},
		{"healed", []func(*problems){report(a, statusError(500)), healed(a), healed(a)}, 1, 1},
		{"healed in between", []func(*problems){report(a, statusError(500)), healed(a), report(a, statusError(500))}, 2, 1},
		{"another endpoint healed", []func(*problems){report(a, statusError(500)), healed(b), report(a, statusError(500))}, 1, 0},
		{"an event", []func(*problems){report(event, statusError(403)), healed(event)}, 1, 1},
		{"our own cancellation", []func(*problems){report(a, &client.Error{Err: context.Canceled})}, 0, 0},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				log := new(logs.Buffer)
				p := newProblems(newTextLogger(log))
				defer p.close()
				for _, step := range tt.steps {
					step(p)
					time.Sleep(lineEvery)
				}
				if log.Count("level=WARN") != tt.warnings || log.Count("level=INFO") != tt.infos {
					t.Errorf("want %d warnings and %d infos, log:\n%s", tt.warnings, tt.infos, log)
				}
				if strings.Contains(log.String(), `endpoint_id=""`) || strings.Contains(log.String(), `event_id=""`) {
					t.Errorf("an empty id:\n%s", log)
				}
			})
		})
	}
}

// TestOneLineAMinute checks that the log has one line a minute while very many lists fail and
// heal at random. Each line says how many are not in the log, and the last one that all are
// well.
func TestOneLineAMinute(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		log := new(logs.Buffer)
		p := newProblems(slog.New(slog.NewTextHandler(log, nil)))
		defer p.close()
		random := rand.New(rand.NewPCG(1, 2))
		of := func(i int) subject {
			return subject{operation: client.OpListEvents, endpointID: "endpoint" + strconv.Itoa(i)}
		}
		for range 590 { // almost ten minutes
			for range 60 {
				i := random.IntN(1000)
				switch random.IntN(5) {
				case 0:
					p.report(of(i), statusError(429))
				case 1:
					p.report(of(i), statusError(404))
				case 2:
					p.report(of(i), statusError(500+random.IntN(4)))
				default:
					p.healed(of(i))
				}
			}
			time.Sleep(time.Second)
		}
		if n := log.Count("List of events"); n != 10 {
			t.Errorf("%d lines in ten minutes:\n%s", n, log)
		}
		if n := log.Count("List of events", "unwritten="); n != 9 {
			t.Errorf("%d lines say how many are not in the log:\n%s", n, log)
		}
		for i := range 1000 {
			p.healed(of(i))
		}
		time.Sleep(2 * lineEvery)
		lines := slices.Collect(strings.Lines(strings.TrimSpace(log.String())))
		if last := lines[len(lines)-1]; !strings.Contains(last, "List of events is read again") || strings.Contains(last, "failing=") {
			t.Errorf("the last line is %s", last)
		}
	})
}

// The first of many failures is logged at once. A minute later the log has another one, with
// the number of the rest.
func TestTheRestIsCounted(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		log := new(logs.Buffer)
		p := newProblems(newTextLogger(log))
		defer p.close()
		for i := range 40 {
			p.report(subject{operation: client.OpListEvents, endpointID: strconv.Itoa(i)}, statusError(403))
		}
		if log.Count("List of events failed", "endpoint_id=0") != 1 || log.Count("") != 1 {
			t.Errorf("at once:\n%s", log)
		}
		time.Sleep(lineEvery)
		synctest.Wait()
		if log.Count("List of events failed", "failing=40", "unwritten=38") != 1 || log.Count("") != 2 {
			t.Errorf("a minute later:\n%s", log)
		}
	})
}

// Very many bad events take limited memory, and are one problem of their endpoint.
func TestOddEvents(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p := newProblems(slog.New(slog.DiscardHandler))
		defer p.close()
		event := func(i int) subject { return subject{client.OpGetEvent, endpointA, strconv.Itoa(i)} }
		for i := range 2 * oddEvents {
			p.report(event(i), statusError(403))
		}
		if n := len(p.now); n != oddEvents {
			t.Errorf("%d events are tracked", n)
		}
		if all := p.all(); len(all) != 1 || all[0].EndpointID != endpointA {
			t.Errorf("%d problems", len(all))
		}
		for i := range 2 * oddEvents {
			p.healed(event(i))
		}
		p.report(event(1), statusError(403))
		time.Sleep(2 * oddForgets)
		if all := p.all(); len(all) != 0 || p.events != 0 {
			t.Errorf("%d problems, %d events, long after the last ask", len(all), p.events)
		}
	})
}

// When an endpoint is removed while its list fails, its problems go too.
func TestProblemsOfEndpointsThatAreGone(t *testing.T) {
	t.Parallel()
	p := newProblems(slog.New(slog.DiscardHandler))
	defer p.close()
	for _, id := range []string{"", endpointA, endpointB} {
		p.report(subject{operation: client.OpListEvents, endpointID: id}, client.ErrNotFound)
	}
	p.retain(map[string]struct{}{endpointB: {}})
	var left []string
	for _, one := range p.all() {
		left = append(left, one.EndpointID)
	}
	if !slices.Equal(left, []string{"", endpointB}) {
		t.Errorf("problems of %q are left", left)
	}
}

// TestLogOfAThousandEndpoints checks that the log has at most one line a minute for each
// operation while many lists fail now and then, each in its own way, and that it says how
// many failures are not in it.
func TestLogOfAThousandEndpoints(t *testing.T) {
	t.Parallel()
	for name, faults := range map[string][]simulator.Fault{
		"5xx": {
			{Probability: 0.3, Do: simulator.Status(500, "")},
			{Probability: 0.3, Do: simulator.Status(502, "")},
			{Probability: 0.3, Do: simulator.Status(503, "")},
		},
		"404": {{Probability: 0.6, Do: simulator.Status(404, "")}},
		"429": {{Probability: 0.01, Do: simulator.TooManyRequests(2 * time.Second)}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				a := newAccount(manyIDs(1000)...)
				for _, f := range faults {
					f.Operation = simulator.ListEvents
					a.AddFault(f)
				}
				r := start(t, a, setup{options: Options{MinInterval: 9 * time.Second, RateLimit: 100}})
				began := time.Now()
				r.scrapes(6)
				minutes := int(time.Since(began).Minutes()) + 1
				operations, unwritten := make(map[string]int), 0
				for line := range strings.Lines(r.log.String()) {
					if strings.Contains(line, "level=DEBUG") || !strings.Contains(line, "operation=") {
						continue
					}
					_, operation, _ := strings.Cut(line, "operation=")
					operations[strings.Fields(operation)[0]]++
					if strings.Contains(line, "unwritten=") {
						unwritten++
					}
				}
				for operation, n := range operations {
					if n > minutes {
						t.Errorf("%d lines about %s in %d minutes", n, operation, minutes)
					}
				}
				if unwritten < operations["list_events"]-1 { // the first failure on its own
					t.Errorf("%d of %d lines say how many are not in the log", unwritten, operations["list_events"])
				}
				if n := r.log.Count("level=WARN") + r.log.Count("level=INFO"); n > 3*minutes || name != "429" && operations["list_events"] == 0 {
					t.Errorf("%d lines in %d minutes, of %v", n, minutes, operations)
				}
			})
		})
	}
}
