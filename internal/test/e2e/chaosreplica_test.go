package e2e

import (
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"omegastream_exporter/internal/test/postgres/proxy"
)

// replica is one of several programs with one state. It survives restarts, and is scraped at
// random moments.
type replica struct {
	setup
	t       *testing.T
	name    string
	proxy   *proxy.Proxy
	witness *witness
	rng     *rand.Rand // for the moments of scrapes

	running  atomic.Pointer[process]
	logs     []*logBuffer // of all processes; used by the test's goroutine only
	last     atomic.Pointer[scrape]
	count    atomic.Int64
	scraping sync.WaitGroup
	stop     chan struct{}
}

// process is a program, with what it has shown.
type process struct {
	*program
	shown *recorder
	floor map[string]float64 // shown before it was started
	first time.Time          // start of its first scrape
}

// note records a scrape. The process was started with the series of its first scrape. It
// holds later ones at 0 for its own scraper, whatever the others show.
func (p *process) note(s *scrape, hold time.Duration) {
	p.shown.note(s)
	if p.shown.scrapes > 1 {
		return
	}
	p.shown.hold, p.first = hold, s.began
	for _, known := range p.shown.series {
		known.at = time.Time{}
	}
}

// holds reports whether a series can still be held at 0 in a scrape.
func (p *process) holds(series string, s *scrape) bool {
	known, ok := p.shown.series[series]
	if !ok || known.value != 0 {
		return false
	}
	since := known.at
	if since.IsZero() {
		since = p.first
	}
	return s.began.Sub(since) < p.shown.hold+2*time.Second
}

// newReplica starts a replica and its scrapes.
func newReplica(t *testing.T, name string, s setup, p *proxy.Proxy, w *witness, seed uint64) *replica {
	t.Helper()
	r := &replica{
		setup: s, t: t, name: name, proxy: p, witness: w, rng: rand.New(rand.NewPCG(seed, 4)), stop: make(chan struct{}),
	}
	r.start()
	r.scraping.Go(r.scrape)
	t.Cleanup(r.end)
	return r
}

// start starts the program.
func (r *replica) start() {
	r.t.Helper()
	floor := r.witness.floor()
	record := newRecorder(r.t, 0)
	record.skew = time.Second // created timestamps follow the database's clock, which is known less precisely under this load
	p := r.setup.start(r.t)
	r.logs = append(r.logs, p.log)
	r.running.Store(&process{program: p, shown: record, floor: floor})
}

// scrape scrapes the running program, again and again.
func (r *replica) scrape() {
	for {
		pause := time.NewTimer(10*time.Millisecond + time.Duration(r.rng.Int64N(int64(300*time.Millisecond))))
		select {
		case <-pause.C:
		case <-r.stop:
			return
		}
		p := r.running.Load()
		if p.url() == "" {
			continue
		}
		floor, quiet := r.witness.floor(), r.witness.calm.Load()
		timeout := time.Second
		if quiet != 0 { // a scrape that ends before its sync shows older values
			timeout = 20 * time.Second
		}
		got, err := p.scrape(timeout)
		if status := (*statusError)(nil); errors.As(err, &status) {
			r.t.Errorf("%s: a scrape failed: %v", r.name, err)
		}
		if err != nil {
			continue // stopped meanwhile
		}
		p.note(got, r.witness.hold)
		r.witness.note(fmt.Sprintf("%s (process %d)", r.name, p.cmd.Process.Pid), got)
		if p.shown.scrapes == 1 {
			r.notBelow(p, p.floor, got, "was shown before this process started")
		}
		if quiet != 0 && quiet == r.witness.calm.Load() {
			maps.DeleteFunc(floor, func(k string, _ float64) bool { return p.holds(k, got) })
			r.notBelow(p, floor, got, "another replica has shown")
		}
		r.last.Store(got)
		r.count.Add(1)
	}
}

// notBelow fails the test if a scrape shows less than it must.
func (r *replica) notBelow(p *process, floor map[string]float64, got *scrape, why string) {
	wrong := 0
	for k, least := range floor {
		if v, ok := got.values[k]; !ok || v < least {
			if wrong++; wrong <= 3 {
				r.t.Errorf("%v %s (process %d) shows %s as %v (%v) where %v %s",
					got.began.Format(time.StampMilli), r.name, p.cmd.Process.Pid, k, v, ok, least, why)
			}
		}
	}
	if wrong > 3 {
		r.t.Errorf("%s: and %d more", r.name, wrong-3)
	}
}

// end stops the scrapes.
func (r *replica) end() {
	select {
	case <-r.stop:
	default:
		close(r.stop)
	}
	r.running.Load().kill()
	r.scraping.Wait()
}

// await waits until a scrape from now on satisfies ok.
func (r *replica) await(ok func(*scrape) error) {
	r.t.Helper()
	from := time.Now()
	eventually(r.t, func() error {
		got := r.last.Load()
		if got == nil || got.began.Before(from) {
			return fmt.Errorf("%s: no scrape", r.name)
		}
		if err := ok(got); err != nil {
			return fmt.Errorf("%s: %w", r.name, err)
		}
		return nil
	})
}

// more waits for n further scrapes.
func (r *replica) more(n int64) {
	r.t.Helper()
	want := r.count.Load() + n
	eventually(r.t, func() error {
		if have := r.count.Load(); have < want {
			return fmt.Errorf("%s: %d scrapes, want %d", r.name, have, want)
		}
		return nil
	})
}
