package app

import (
	"log/slog"
	"net/url"
	"sync"
	"time"

	"omegastream_exporter/internal/ledger"
)

const (
	failureLines = 100         // a second, and as many at once
	stderrWait   = time.Second // how long a commit waits for a blocked stderr
)

// failureLog writes a line for each failed delivery. If there are too many, or earlier
// lines are not written yet, it counts the rest in a line of its own.
type failureLog struct {
	log  *slog.Logger
	base string // before the path of an event's page; "" if it is unknown

	mu      sync.Mutex
	lines   float64   // that can be written at once
	last    time.Time // when lines were counted last
	rest    int       // failed deliveries without a line
	closing *time.Timer

	writing chan struct{} // holds an element while lines are written
}

func newFailureLog(log *slog.Logger, externalURL string) *failureLog {
	return &failureLog{log: log, base: externalURL, lines: failureLines, last: time.Now(), writing: make(chan struct{}, 1)}
}

// report writes the lines. It returns when they are written, or when stderr has blocked
// for a while.
func (f *failureLog) report(failed []ledger.FailedDelivery) {
	select {
	case f.writing <- struct{}{}:
	default: // stderr still blocks
		f.skip(len(failed))
		return
	}
	n := f.take(len(failed))
	f.skip(len(failed) - n)
	written := make(chan struct{})
	go func() {
		defer close(written)
		defer func() { <-f.writing }()
		for i := range failed[:n] {
			f.write(&failed[i])
		}
	}()
	patience := time.NewTimer(stderrWait)
	defer patience.Stop()
	select {
	case <-written:
	case <-patience.C:
	}
}

// take returns how many of n lines can be written now.
func (f *failureLog) take(wanted int) int {
	f.mu.Lock()
	defer f.mu.Unlock()
	now := time.Now()
	f.lines = min(failureLines, f.lines+failureLines*now.Sub(f.last).Seconds())
	f.last = now
	n := min(wanted, int(f.lines))
	f.lines -= float64(n)
	return n
}

// skip counts failed deliveries that get no line. A second after the first of them a
// line says how many there were.
func (f *failureLog) skip(n int) {
	if n == 0 {
		return
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.rest += n; f.closing == nil {
		f.closing = time.AfterFunc(time.Second, f.logRest)
	}
}

func (f *failureLog) logRest() {
	select {
	case f.writing <- struct{}{}:
	default: // later
		f.mu.Lock()
		defer f.mu.Unlock()
		f.closing = time.AfterFunc(time.Second, f.logRest)
		return
	}
	defer func() { <-f.writing }()
	f.mu.Lock()
	n := f.rest
	f.rest, f.closing = 0, nil
	f.mu.Unlock()
	if n > 0 {
		f.log.Warn("More deliveries failed than the log has lines for", "count", n)
	}
}

// close logs the number of the rest.
func (f *failureLog) close() {
	f.mu.Lock()
	pending := f.closing != nil && f.closing.Stop()
	f.mu.Unlock()
	if pending {
		f.logRest()
	}
}

func (f *failureLog) write(d *ledger.FailedDelivery) {
	outcome := slog.Int("status_code", int(d.Code))
	if d.Code == ledger.CodeNone {
		outcome = slog.String("reason", d.Reason.String())
	}
	attrs := []any{
		"endpoint_id", d.EndpointID, "host", d.Host, "event_id", d.EventID, "event_type", d.Type, outcome,
		"video_uuid", d.Video.UUID, "created", time.Unix(d.Created, 0).UTC().Format(time.RFC3339),
	}
	if f.base != "" {
		attrs = append(attrs, "url", f.base+"/events/"+url.PathEscape(d.EventID))
	}
	f.log.Warn("Delivery failed", attrs...)
}
