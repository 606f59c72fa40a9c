package syncer

import (
	"context"
	"errors"
	"net/http"
	"time"

	"omegastream_exporter/client"
	"omegastream_exporter/internal/ledger"
	"omegastream_exporter/internal/state"
)

// fetch fetches one detail and applies it to the ledger.
func (f *fetcher) fetch(ctx context.Context, t ledger.Task) {
	asked := f.state.Now()
	ev, err := f.api.GetEvent(ctx, t.EndpointID, t.EventID)
	now := f.state.Now()
	if err == nil && ev.Response == nil {
		now = asked // a paused process has not waited since then
	}
	of := subject{client.OpGetEvent, t.EndpointID, t.EventID}
	var enter func(*ledger.Account)
	switch {
	case err == nil:
		f.succeeded()
		f.problems.healed(of)
		f.use(t, ev.Unusable)
		answer := answerOf(ev)
		enter = func(a *ledger.Account) { a.Answered(t, answer, now) }
	case errors.Is(err, client.ErrNotFound):
		f.succeeded()
		f.problems.healed(of)
		enter = func(a *ledger.Account) { a.Missing(t, now) }
		if e := (*client.Error)(nil); errors.As(err, &e) && e.StatusCode == http.StatusGone {
			enter = func(a *ledger.Account) { a.Gone(t, now) }
		}
	case client.IsForbidden(err):
		f.succeeded() // the key works for others, after a pause that came with it
		f.problems.report(of, err)
		enter = func(a *ledger.Account) { a.Unusable(t, now) }
	case invalid(err):
		f.succeeded()
		f.opts.Observer.Invalid(client.OpGetEvent, 1)
		f.problems.report(of, err)
		enter = func(a *ledger.Account) { a.Unusable(t, now) }
	default:
		enter = f.failed(ctx, t, err, now)
	}
	asks := false
	f.state.Do(func(a *ledger.Account) {
		enter(a)
		asks = a.Asks(t)
	})
	if !asks {
		f.problems.drop(of)
	}
	f.moved.notify()
}

// use counts and reports unusable members of a detail. The other members are used.
func (f *fetcher) use(t ledger.Task, unusable []string) {
	var faults client.Faults
	if len(unusable) > 0 {
		faults = make(client.Faults)
		f.opts.Observer.Invalid(client.OpGetEvent, 1)
	}
	for _, member := range unusable {
		faults[member] = 1
	}
	f.problems.use(subject{operation: UseMembers, endpointID: t.EndpointID}, faults)
}

// invalid reports whether the answer was not an event.
func invalid(err error) bool {
	return errors.Is(err, client.ErrBadPayload) || errors.Is(err, client.ErrTooLarge) || errors.Is(err, client.ErrInvalidID)
}

func (f *fetcher) succeeded() {
	f.backoff.succeeded()
	f.problems.healed(subject{operation: client.OpGetEvent})
}

// failed returns what to apply for a call that failed, not because of its event, and slows
// the fetcher down.
func (f *fetcher) failed(ctx context.Context, t ledger.Task, err error, now time.Time) func(*ledger.Account) {
	notTried := func(a *ledger.Account) { a.Return(t) }
	if ctx.Err() != nil || errors.Is(err, state.ErrFollows) {
		return notTried
	}
	if errors.Is(err, client.ErrUnauthorized) {
		f.problems.report(subject{operation: OpSync}, err)
		f.backoff.stop(err)
		return notTried
	}
	f.problems.report(subject{operation: client.OpGetEvent}, err)
	f.backoff.failed(t.EventID, err, time.Now())
	if errors.Is(err, client.ErrRateLimited) {
		return notTried
	}
	return func(a *ledger.Account) { a.Unanswered(t, now) }
}
