package syncer

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"sync"
	"time"

	"omegastream_exporter/client"
)

// problems knows what fails, and logs where it begins, changes and ends: an API that is
// down for an hour is two lines, not two hundred.
type problems struct {
	log *slog.Logger

	mu   sync.Mutex
	last map[subject]problem
}

// problem is a Problem and what it is told apart from others by.
type problem struct {
	Problem
	kind string
}

// subject is what fails: an operation, of one endpoint or of the whole account.
type subject struct {
	operation  client.Operation
	endpointID string
}

// WriteState is the operation that is not the API's.
const WriteState client.Operation = "write_state"

func newProblems(l *slog.Logger) *problems {
	return &problems{log: l, last: make(map[subject]problem)}
}

// report logs an error unless its like is what was reported last. An end that we
// brought about ourselves is no error.
func (l *problems) report(s subject, err error) {
	if errors.Is(err, context.Canceled) {
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	kind := kindOf(err)
	if was, ok := l.last[s]; ok && was.kind == kind {
		was.Err = err
		l.last[s] = was
		l.of(s).Debug("Still failing", "err", err)
		return
	}
	l.last[s] = problem{Problem{s.operation, s.endpointID, err, time.Now()}, kind}
	l.of(s).Warn("Failing", "err", err)
}

// healed logs that what was reported works again.
func (l *problems) healed(s subject) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if _, failing := l.last[s]; failing {
		delete(l.last, s)
		l.of(s).Info("Working again")
	}
}

// all returns what was reported and has not healed.
func (l *problems) all() []Problem {
	l.mu.Lock()
	defer l.mu.Unlock()
	all := make([]Problem, 0, len(l.last))
	for _, p := range l.last {
		all = append(all, p.Problem)
	}
	slices.SortFunc(all, func(a, b Problem) int {
		return cmp.Or(cmp.Compare(a.Operation, b.Operation), cmp.Compare(a.EndpointID, b.EndpointID))
	})
	return all
}

// keep forgets the endpoints that there are no more.
func (l *problems) keep(endpoints map[string]struct{}) {
	l.mu.Lock()
	defer l.mu.Unlock()
	maps.DeleteFunc(l.last, func(s subject, _ problem) bool {
		_, there := endpoints[s.endpointID]
		return s.endpointID != "" && !there
	})
}

func (l *problems) of(s subject) *slog.Logger {
	log := l.log.With("operation", string(s.operation))
	if s.endpointID != "" {
		log = log.With("endpoint_id", s.endpointID)
	}
	return log
}

// kindOf tells errors apart that a person would: the text of one problem differs
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
