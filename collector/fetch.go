package collector

import (
	"context"
	"errors"
	"net/http"
	"time"

	"omegastream_exporter/client"
	"omegastream_exporter/internal/ledger"
)

// fetch asks for one detail and enters what it says.
func (d *drain) fetch(ctx context.Context, t ledger.Task) {
	asked := d.book.Now()
	ev, err := d.api.GetEvent(ctx, t.EndpointID, t.EventID)
	now := d.book.Now()
	if err == nil && ev.Response == nil {
		now = asked // a process that stood still since then has waited for nothing
	}
	var enter func(*ledger.Account)
	switch {
	case err == nil:
		d.succeeded()
		answer := answerOf(ev)
		answer.Words = wordsOf(ev.Response, d.opts.URLDetail, d.opts.KeepBodies)
		enter = func(a *ledger.Account) { a.Answered(t, answer, now) }
	case errors.Is(err, client.ErrNotFound):
		d.succeeded()
		enter = func(a *ledger.Account) { a.Missing(t, now) }
		if e := (*client.Error)(nil); errors.As(err, &e) && e.StatusCode == http.StatusGone {
			enter = func(a *ledger.Account) { a.Gone(t, now) }
		}
	case invalid(err):
		d.succeeded()
		d.telemetry.invalid(client.OpGetEvent, 1)
		d.log.log.Debug("Unusable event", "endpoint_id", t.EndpointID, "event_id", t.EventID, "err", err)
		enter = func(a *ledger.Account) { a.Unusable(t, now) }
	default:
		enter = d.failed(ctx, t, err, now)
	}
	d.book.Do(enter)
	d.moved.notify()
}

// invalid reports whether an answer came that no event can be read from.
func invalid(err error) bool {
	return errors.Is(err, client.ErrBadPayload) || errors.Is(err, client.ErrTooLarge) || errors.Is(err, client.ErrInvalidID)
}

func (d *drain) succeeded() {
	d.brake.succeeded()
	d.log.healed(subject{operation: client.OpGetEvent})
}

// failed enters a call that failed for a reason that is not the event's, and slows
// the drain down.
func (d *drain) failed(ctx context.Context, t ledger.Task, err error, now time.Time) func(*ledger.Account) {
	notTried := func(a *ledger.Account) { a.Return(t) }
	if ctx.Err() != nil {
		return notTried
	}
	d.log.report(subject{operation: client.OpGetEvent}, err)
	if refused(err) {
		d.brake.stop()
		return notTried
	}
	d.brake.failed(t.EventID, err, time.Now())
	if errors.Is(err, client.ErrRateLimited) {
		return notTried
	}
	return func(a *ledger.Account) { a.Unanswered(t, now) }
}
