package e2e

import (
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// scraper scrapes the running program again and again, and records what it shows.
type scraper struct {
	t       *testing.T
	record  *recorder
	timeout time.Duration

	target  atomic.Pointer[program]
	last    atomic.Pointer[scrape]
	count   atomic.Int64
	running sync.WaitGroup
	stop    chan struct{}
}

// newScraper starts to scrape the program in target.
func newScraper(t *testing.T, record *recorder) *scraper {
	t.Helper()
	s := &scraper{t: t, record: record, timeout: 400 * time.Millisecond, stop: make(chan struct{})}
	s.running.Go(s.run)
	t.Cleanup(s.end)
	return s
}

func (s *scraper) run() {
	pause := time.NewTicker(10 * time.Millisecond)
	defer pause.Stop()
	for {
		select {
		case <-pause.C:
		case <-s.stop:
			return
		}
		p := s.target.Load()
		if p == nil || p.url() == "" {
			continue
		}
		got, err := p.scrape(s.timeout)
		if status := (*statusError)(nil); errors.As(err, &status) {
			s.t.Errorf("a scrape failed: %v", err)
		}
		if err != nil {
			continue // stopped meanwhile
		}
		s.record.note(got)
		s.last.Store(got)
		s.count.Add(1)
	}
}

// end stops the scraper.
func (s *scraper) end() {
	s.target.Store(nil)
	select {
	case <-s.stop:
	default:
		close(s.stop)
	}
	s.running.Wait()
}

// await waits until a scrape from now on satisfies ok.
func (s *scraper) await(ok func(*scrape) error) {
	s.t.Helper()
	from := time.Now()
	eventually(s.t, func() error {
		got := s.last.Load()
		if got == nil || got.began.Before(from) {
			return fmt.Errorf("no scrape")
		}
		return ok(got)
	})
}

// more waits for n further scrapes.
func (s *scraper) more(n int64) {
	s.t.Helper()
	want := s.count.Load() + n
	eventually(s.t, func() error {
		if have := s.count.Load(); have < want {
			return fmt.Errorf("%d scrapes, want %d", have, want)
		}
		return nil
	})
}
