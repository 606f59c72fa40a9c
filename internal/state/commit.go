package state

import (
	"errors"
	"time"

	"github.com/cenkalti/backoff/v5"

	"omegastream_exporter/internal/ledger"
	"omegastream_exporter/internal/wait"
)

// commits is the committer.
func (st *State) commits() {
	defer close(st.done)
	for {
		select {
		case <-st.ctx.Done():
			return
		case <-st.wake:
		}
		st.mu.Lock()
		batch, seq := st.account.Batch(), st.applied
		next := st.account.View(time.Now())
		st.mu.Unlock()
		if st.commit(batch) != nil {
			return
		}
		st.view.Store(next)
		st.report(nil, seq)
	}
}

// commit tries a batch until it is durable. It returns an error if the state is closed before
// that, or if the account must be loaded again.
func (st *State) commit(batch *ledger.Batch) error {
	if batch.Empty() {
		return nil
	}
	st.reportFailed(batch)
	answered := st.sends()
	defer answered()
	delays := backoff.ExponentialBackOff{InitialInterval: 100 * time.Millisecond, RandomizationFactor: 0.2, Multiplier: 2, MaxInterval: 5 * time.Second}
	delays.Reset()
	for {
		began := time.Now()
		err := st.store.Commit(st.ctx, batch)
		if err == nil {
			st.watcher.Committed(time.Since(began))
			return nil
		}
		if NeedsLoad(err) {
			return err
		}
		st.watcher.CommitFailed(err)
		st.report(err, 0)
		if err := wait.For(st.ctx, delays.NextBackOff()); err != nil {
			return err
		}
	}
}

// reportFailed reports the failed deliveries of a batch before its commit.
func (st *State) reportFailed(batch *ledger.Batch) {
	if report := st.failed.Load(); report != nil && len(batch.Failed) > 0 {
		(*report)(batch.Failed)
	}
}

// report records how the last commit ended, and wakes those who wait for it.
func (st *State) report(err error, durable uint64) {
	st.known.Lock()
	defer st.known.Unlock()
	st.failure = err
	if err == nil {
		st.saved = time.Now()
	}
	st.durable = max(st.durable, durable)
	st.move()
}

// NeedsLoad reports whether an error of a shared store means that what is in memory is no
// longer valid.
func NeedsLoad(err error) bool {
	return errors.Is(err, ledger.ErrOvertaken) || errors.Is(err, ledger.ErrWentBack) || errors.Is(err, ErrNewer)
}
