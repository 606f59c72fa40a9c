package state

import (
	"context"
	"fmt"
	"time"

	"github.com/cenkalti/backoff/v5"

	"omegastream_exporter/internal/ledger"
	"omegastream_exporter/internal/wait"
)

// commitLed commits what this replica has changed, which also counts as a heartbeat. If
// nothing is urgent, changes wait for the next one.
func (st *State) commitLed(look bool) error {
	r := st.replica
	st.known.Lock()
	hurry, scraped := r.flushing > 0, r.watchers > 0 || time.Since(r.watched) < scrapedFor
	st.known.Unlock()
	st.mu.Lock()
	rests := r.working == 0 && (r.giveBack || r.ended != nil && !scraped || st.account.Rests(st.Now()))
	if !look && !hurry && !rests {
		st.mu.Unlock()
		return nil
	}
	st.healed()
	// The view shows what the batch makes durable, because more can be applied meanwhile.
	batch, seq := st.account.Batch(), st.applied
	next := st.account.View(st.Now())
	batch.Release, batch.Sync, r.ended = rests, r.ended, nil
	if rests {
		st.endLead()
	}
	if r.limits != nil {
		batch.Limits = r.limits.Snapshot(rests)
	}
	st.mu.Unlock()
	st.reportFailed(batch)
	answered := st.sends()
	defer answered()
	lease, sent, err := st.tryCommit(batch)
	if err != nil {
		return err
	}
	if !rests {
		r.surely(sent)
	}
	r.acked = sent
	st.mu.Lock()
	st.showDurable(next, seq)
	st.mu.Unlock()
	st.heard(lease, sent)
	if lease.Asked > lease.Sync.Number && !rests {
		wait.Wake(r.asked)
	}
	return nil
}

// tryCommit tries a batch until it is durable, the lease must have ended, or the account must
// be loaded again.
func (st *State) tryCommit(batch *ledger.Batch) (lease Lease, sent time.Time, err error) {
	r := st.replica
	delays := backoff.ExponentialBackOff{InitialInterval: 50 * time.Millisecond, RandomizationFactor: 0.2, Multiplier: 2, MaxInterval: time.Second}
	delays.Reset()
	for {
		sent = time.Now()
		end := r.acked.Add(LeaseFor)
		ctx, cancel := context.WithDeadline(st.ctx, later(end, sent.Add(time.Second)))
		lease, err = r.store.CommitLed(ctx, batch)
		cancel()
		switch {
		case err == nil:
			if !batch.Empty() {
				st.watcher.Committed(time.Since(sent))
			}
			return lease, sent, nil
		case NeedsLoad(err) || st.ctx.Err() != nil:
			return lease, sent, err
		case !time.Now().Before(end):
			st.known.Lock()
			r.unfit = later(r.unfit, time.Now().Add(scrapedFor))
			st.known.Unlock()
			return lease, sent, fmt.Errorf("%w: nothing could be written for %v, the lease has ended: %w", ledger.ErrOvertaken, LeaseFor, err)
		}
		st.watcher.CommitFailed(err)
		st.report(err, 0)
		if err := wait.For(st.ctx, delays.NextBackOff()); err != nil {
			return lease, sent, err
		}
	}
}
