package collector

import (
	"context"
	"sync"
	"time"

	"golang.org/x/time/rate"

	"omegastream_exporter/internal/ledger"
)

const (
	promoteEvery   = 500 * time.Millisecond // while there is other work
	shortestNap    = 100 * time.Millisecond
	overdueNap     = time.Second // while the rate limit keeps failures waiting
	longestNap     = 10 * time.Second
	unlimitedRetry = 2 // failures asked for again per second where the API is not limited
)

// drain fetches details: new events first, then pending ones, then failures that
// may have been retried, and history in spare time.
type drain struct {
	api       API
	book      *ledger.Book
	telemetry *Telemetry
	log       *errorLog
	opts      Options

	slots    chan struct{} // one for each call at a time
	spare    chan struct{} // of them, those that may serve anything but new events
	retries  *rate.Limiter
	brake    *brake
	promoted time.Time // belongs to run
	wake     chan struct{}
	moved    signal // for caughtUp: a call has ended, or a sync
}

func newDrain(ctx context.Context, api API, book *ledger.Book, t *Telemetry, log *errorLog, o Options) *drain {
	retry := rate.Limit(o.RateLimit / 10)
	spare := o.Concurrency
	if o.RateLimit == 0 {
		retry = unlimitedRetry
	} else {
		// What waits for the rate limit stands before the new events that come in
		// the meantime: not more than a quarter of a second's worth.
		spare = max(1, min(spare, int(o.RateLimit/4)))
	}
	return &drain{
		api: api, book: book, telemetry: t, log: log, opts: o,
		slots: make(chan struct{}, o.Concurrency), spare: make(chan struct{}, spare),
		retries: rate.NewLimiter(retry, 1), brake: newBrake(ctx), wake: make(chan struct{}, 1),
	}
}

// run fetches whatever is due until ctx ends, then waits for the calls under way.
func (d *drain) run(ctx context.Context) {
	var calls sync.WaitGroup
	defer calls.Wait()
	for ctx.Err() == nil {
		select {
		case d.slots <- struct{}{}:
		case <-ctx.Done():
			return
		}
		if d.book.Healthy(ctx) != nil {
			return // ctx has ended, or the book has
		}
		now := time.Now()
		if rest := d.brake.resting(now); rest > 0 {
			<-d.slots
			d.sleep(ctx, rest)
			continue
		}
		task, ok := d.take(now)
		if !ok {
			<-d.slots
			d.nap(ctx)
			d.promoted = time.Time{}
			continue
		}
		of := d.brake.callContext()
		calls.Go(func() {
			d.fetch(of, task)
			if task.Class != ledger.NewEvents {
				<-d.spare
			}
			<-d.slots
			d.wakeUp()
		})
	}
}

// take takes the most urgent task that may be done now.
func (d *drain) take(now time.Time) (task ledger.Task, ok bool) {
	spare := false
	select {
	case d.spare <- struct{}{}:
		spare = true
	default:
	}
	allowed := func(c ledger.Class) bool { return c == ledger.NewEvents || spare && d.mayRetry(c, now) }
	d.book.Look(func(a *ledger.Account) {
		if now.Sub(d.promoted) >= promoteEvery {
			d.promoted = now
			a.Promote(d.book.Now())
		}
		task, ok = a.Take(d.book.Now(), allowed)
	})
	if spare && (!ok || task.Class == ledger.NewEvents) {
		<-d.spare
	}
	if ok && task.Class == ledger.FailedEvents {
		d.retries.AllowN(now, 1)
	}
	return task, ok
}

// mayRetry reports whether the share of the rate that is for failures allows one more
// of the class.
func (d *drain) mayRetry(c ledger.Class, now time.Time) bool {
	return c != ledger.FailedEvents || d.retries.TokensAt(now) >= 1
}

// nap waits until something is due or wakes the drain.
func (d *drain) nap(ctx context.Context) {
	now := time.Now()
	wait := longestNap
	d.book.Look(func(a *ledger.Account) {
		if at, ok := a.NextDue(); ok {
			wait = min(at.Sub(d.book.Now()), wait)
		}
	})
	if wait <= 0 { // due, but not allowed: failures that wait for their share of the rate
		missing := 1 - d.retries.TokensAt(now)
		wait = min(time.Duration(missing/float64(d.retries.Limit())*float64(time.Second)), overdueNap)
	}
	d.sleep(ctx, max(wait, shortestNap))
}

func (d *drain) sleep(ctx context.Context, wait time.Duration) {
	timer := time.NewTimer(wait)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-d.wake:
	case <-ctx.Done():
	}
}

// wakeUp tells the drain that there may be something to fetch.
func (d *drain) wakeUp() {
	select {
	case d.wake <- struct{}{}:
	default:
	}
}

// resume lets a drain go on that was stopped over a refused key.
func (d *drain) resume() {
	d.brake.resume()
	d.wakeUp()
}

// caughtUp waits until every new event was asked for once and what came of it is
// durable, and reports whether that was before ctx. While the drain rests there is
// nothing to wait for: the backlog tells what is missing.
func (d *drain) caughtUp(ctx context.Context) bool {
	for {
		moved := d.moved.next()
		untried := 0
		d.book.Look(func(a *ledger.Account) { untried = a.Untried() })
		if untried == 0 || d.brake.resting(time.Now()) > 0 {
			return d.book.Flush(ctx) == nil
		}
		select {
		case <-moved:
		case <-ctx.Done():
			return false
		}
	}
}
