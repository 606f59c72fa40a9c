package syncer

import (
	"context"
	"sync"
	"time"

	"golang.org/x/time/rate"

	"omegastream_exporter/internal/ledger"
	"omegastream_exporter/internal/state"
	"omegastream_exporter/internal/wait"
)

const (
	promoteEvery   = 500 * time.Millisecond // while there is other work
	shortestNap    = 100 * time.Millisecond
	overdueNap     = time.Second // while the rate limit delays failures
	longestNap     = 10 * time.Second
	unlimitedRetry = 2 // failures asked for again per second if there is no rate limit
)

// fetcher fetches details: new events first, then pending ones, then failures that the
// provider may have retried, and history in spare time.
type fetcher struct {
	api      API
	state    *state.State
	problems *problems
	opts     Options

	slots    chan struct{} // one for each concurrent call
	spare    chan struct{} // of these, the ones for anything but new events
	retries  *rate.Limiter
	backoff  *backoff
	promoted time.Time // used by run only
	wake     chan struct{}
	moved    signal // for caughtUp: a call or a sync has ended
}

func newFetcher(ctx context.Context, api API, st *state.State, p *problems, o Options) *fetcher {
	retry := rate.Limit(o.RateLimit / 10)
	spare := o.Concurrency
	if o.RateLimit == 0 {
		retry = unlimitedRetry
	} else {
		// Calls that wait for the rate limit go before new events that arrive meanwhile, so
		// allow no more than a quarter of a second's worth.
		spare = max(1, min(spare, int(o.RateLimit/4)))
	}
	return &fetcher{
		api: api, state: st, problems: p, opts: o,
		slots: make(chan struct{}, o.Concurrency), spare: make(chan struct{}, spare),
		retries: rate.NewLimiter(retry, 1), backoff: newBackoff(ctx), wake: make(chan struct{}, 1),
	}
}

// run fetches whatever is due until ctx ends, then waits for the calls under way.
func (f *fetcher) run(ctx context.Context) {
	var calls sync.WaitGroup
	defer calls.Wait()
	for ctx.Err() == nil {
		led, err := f.state.Leading(ctx)
		if err != nil {
			return // ctx has ended, or the state is closed
		}
		f.backoff.lead(led)
		select {
		case f.slots <- struct{}{}:
		case <-ctx.Done():
			return
		}
		if f.state.Healthy(ctx) != nil {
			return // ctx has ended, or the state is closed
		}
		now := time.Now()
		if rest := f.backoff.resting(now); rest > 0 {
			<-f.slots
			f.sleep(ctx, rest)
			continue
		}
		task, ok := f.take(now)
		if !ok {
			<-f.slots
			f.nap(ctx)
			f.promoted = time.Time{}
			continue
		}
		of := f.backoff.callContext()
		calls.Go(func() {
			f.fetch(of, task)
			if task.Class != ledger.NewEvents {
				<-f.spare
			}
			<-f.slots
			f.wakeUp()
		})
	}
}

// take takes the most urgent task that is allowed now.
func (f *fetcher) take(now time.Time) (task ledger.Task, ok bool) {
	spare := false
	select {
	case f.spare <- struct{}{}:
		spare = true
	default:
	}
	allowed := func(c ledger.Class) bool { return c == ledger.NewEvents || spare && f.mayRetry(c, now) }
	f.state.Look(func(a *ledger.Account) {
		if now.Sub(f.promoted) >= promoteEvery {
			f.promoted = now
			a.Promote(f.state.Now())
		}
		task, ok = a.Take(f.state.Now(), allowed)
	})
	if spare && (!ok || task.Class == ledger.NewEvents) {
		<-f.spare
	}
	if ok && task.Class == ledger.FailedEvents {
		f.retries.AllowN(now, 1)
	}
	return task, ok
}

// mayRetry reports whether the failures' share of the rate allows another call of a class.
func (f *fetcher) mayRetry(c ledger.Class, now time.Time) bool {
	return c != ledger.FailedEvents || f.retries.TokensAt(now) >= 1
}

// nap waits until something is due, or wakes the fetcher.
func (f *fetcher) nap(ctx context.Context) {
	now := time.Now()
	rest := longestNap
	f.state.Look(func(a *ledger.Account) {
		if at, ok := a.NextDue(); ok {
			rest = min(at.Sub(f.state.Now()), rest)
		}
	})
	if rest <= 0 { // due, but failures wait for their share of the rate
		missing := 1 - f.retries.TokensAt(now)
		rest = min(time.Duration(missing/float64(f.retries.Limit())*float64(time.Second)), overdueNap)
	}
	f.sleep(ctx, max(rest, shortestNap))
}

func (f *fetcher) sleep(ctx context.Context, rest time.Duration) {
	timer := time.NewTimer(rest)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-f.wake:
	case <-ctx.Done():
	}
}

// wakeUp wakes the fetcher, because there may be something to fetch.
func (f *fetcher) wakeUp() { wait.Wake(f.wake) }

// resume resumes a fetcher that stopped because of a refused key.
func (f *fetcher) resume() {
	f.backoff.resume()
	f.wakeUp()
}

// caughtUp waits until every new event was asked for once and the results are durable, and
// reports whether that was before the end of ctx. While the fetcher rests, there is nothing
// to wait for; the backlog shows what is missing.
func (f *fetcher) caughtUp(ctx context.Context) bool {
	for {
		moved := f.moved.next()
		followed, led := f.state.Moved()
		untried := 0
		f.state.Look(func(a *ledger.Account) { untried = a.Untried() })
		if untried == 0 || !led || f.backoff.resting(time.Now()) > 0 {
			return f.state.Flush(ctx) == nil
		}
		select {
		case <-moved:
		case <-followed:
		case <-ctx.Done():
			return false
		}
	}
}
