package collector

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"sync"
	"time"

	"omegastream_exporter/client"
)

// errorLog logs what goes wrong where it begins, changes and ends: an API that is
// down for an hour is two lines, not two hundred.
type errorLog struct {
	log *slog.Logger

	mu   sync.Mutex
	last map[subject]trouble
}

// trouble is what was reported last, and since when its like was.
type trouble struct {
	kind  string
	err   error
	since time.Time
}

// subject is what fails: an operation, of one endpoint or of the whole account.
type subject struct {
	operation  client.Operation
	endpointID string
}

// opWriteState is the operation that is not the API's.
const opWriteState client.Operation = "write_state"

func newErrorLog(l *slog.Logger) *errorLog {
	return &errorLog{log: l, last: make(map[subject]trouble)}
}

// report logs an error unless its like is what was reported last. An end that we
// brought about ourselves is no error.
func (l *errorLog) report(s subject, err error) {
	if errors.Is(err, context.Canceled) {
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	kind := kindOf(err)
	if was, ok := l.last[s]; ok && was.kind == kind {
		was.err = err
		l.last[s] = was
		l.of(s).Debug("Still failing", "err", err)
		return
	}
	l.last[s] = trouble{kind, err, time.Now()}
	l.of(s).Warn("Failing", "err", err)
}

// healed logs that what was reported works again.
func (l *errorLog) healed(s subject) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if _, failing := l.last[s]; failing {
		delete(l.last, s)
		l.of(s).Info("Working again")
	}
}

// keep forgets the endpoints that there are no more.
func (l *errorLog) keep(endpoints map[string]struct{}) {
	l.mu.Lock()
	defer l.mu.Unlock()
	maps.DeleteFunc(l.last, func(s subject, _ trouble) bool {
		_, there := endpoints[s.endpointID]
		return s.endpointID != "" && !there
	})
}

func (l *errorLog) of(s subject) *slog.Logger {
	log := l.log.With("operation", string(s.operation))
	if s.endpointID != "" {
		log = log.With("endpoint_id", s.endpointID)
	}
	return log
}

// kindOf tells errors apart that a person would: the text of one trouble differs
// from call to call, by a port, a pause or the number of a byte.
func kindOf(err error) string {
	var e *client.Error
	if !errors.As(err, &e) {
		return err.Error()
	}
	for _, kind := range []error{client.ErrConnection, client.ErrTimeout, client.ErrBadPayload, client.ErrTooLarge, client.ErrRateLimited} {
		if errors.Is(err, kind) {
			return kind.Error()
		}
	}
	return fmt.Sprint(e.StatusCode)
}
