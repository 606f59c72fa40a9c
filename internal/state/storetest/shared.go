package storetest

import (
	"context"
	"errors"
	"slices"
	"sync"
	"time"

	"omegastream_exporter/internal/ledger"
	"omegastream_exporter/internal/state"
)

// Shared is an in-memory state for replicas in this process. It also works on a fake clock.
type Shared struct {
	mu             sync.Mutex
	commits        []*ledger.Batch
	rows           *Double // of all commits
	lease          state.Lease
	holder, synced *sharingReplica // nil for none
	silences       []time.Duration
}

// NewShared returns an empty state.
func NewShared() *Shared { return &Shared{rows: NewDouble()} }

// Store returns the store of another replica.
func (m *Shared) Store() state.SharedStore { return &sharingReplica{Shared: m} }

// Silences returns how long each leader was silent that was replaced without having released
// its lease.
func (m *Shared) Silences() []time.Duration {
	m.mu.Lock()
	defer m.mu.Unlock()
	return slices.Clone(m.silences)
}

// sharingReplica is the store of one replica.
type sharingReplica struct {
	*Shared
	at int // number of commits that it has seen
}

// Load implements [state.Store].
func (r *sharingReplica) Load(ctx context.Context, rows ledger.Rows) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.at = len(r.commits)
	return r.rows.Load(ctx, rows)
}

// Commit implements [state.Store]: it makes the first commit.
func (r *sharingReplica) Commit(_ context.Context, b *ledger.Batch) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.append(b)
}

// append adds a commit. The caller holds r.mu.
func (r *sharingReplica) append(b *ledger.Batch) error {
	r.commits = append(r.commits, b)
	r.at = len(r.commits)
	return r.rows.Commit(context.Background(), b)
}

// Follow implements [state.SharedStore].
func (r *sharingReplica) Follow(context.Context) (state.Lease, *ledger.Batch, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.seen(), r.since(), nil
}

// Lead implements [state.SharedStore].
func (r *sharingReplica) Lead(_ context.Context, bid state.Bid) (state.Lease, *ledger.Batch, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	now, l := time.Now(), &r.lease
	resting := now.Before(l.Sync.Ended.Add(l.Sync.Rest)) && !l.Sync.Ended.Equal(bid.Rested)
	ended := !now.Before(l.Heartbeat.Add(state.LeaseFor)) || l.Heartbeat.Equal(bid.Silent)
	left := bid.Unfit && r.synced != nil && r.synced != r && l.Sync.Result != "error" && now.Before(l.Sync.Ended.Add(state.FitFor))
	if (r.holder == nil || r.holder == r || ended) && (bid.Work || !resting) && !left {
		if r.holder != nil && r.holder != r {
			r.silences = append(r.silences, now.Sub(l.Heartbeat))
		}
		r.holder, l.Heartbeat = r, now
		l.Fence++
	}
	if !bid.Work && !resting && r.holder != nil && r.holder != r {
		l.Asked = l.Sync.Number + 1
	}
	return r.seen(), r.since(), nil
}

// CommitLed implements [state.SharedStore].
func (r *sharingReplica) CommitLed(_ context.Context, b *ledger.Batch) (state.Lease, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.holder != r || b.Fence != r.lease.Fence {
		return r.seen(), ledger.ErrOvertaken
	}
	if b.Rows() > 0 {
		if err := r.append(b); err != nil {
			return r.seen(), err
		}
	}
	r.lease.Heartbeat, r.lease.Limits, r.lease.Limited = time.Now(), b.Limits, time.Now()
	if b.Sync != nil {
		number := r.lease.Sync.Number + 1
		r.synced, r.lease.Sync = r, *b.Sync
		r.lease.Sync.Number, r.lease.Sync.Ended = number, time.Now()
	}
	if b.Release {
		r.holder = nil
	}
	return r.seen(), nil
}

// seen returns the lease as this replica sees it. The caller holds r.mu.
func (r *sharingReplica) seen() state.Lease {
	l := r.lease
	l.Held, l.Ours, l.Sync.Ours = r.holder != nil, r.holder == r, r.synced == r
	l.Commit, l.Now = int64(len(r.commits)), time.Now()
	return l
}

// since returns the commits of others as one batch. The caller holds r.mu.
func (r *sharingReplica) since() *ledger.Batch {
	if r.at == len(r.commits) {
		return nil
	}
	all := &ledger.Batch{}
	for _, b := range r.commits[r.at:] {
		if b.Account != nil {
			account := *b.Account
			account.Types = slices.Clone(account.Types)
			all.Account = &account
		}
		for _, row := range b.Endpoints {
			all.Endpoints = append(all.Endpoints, row.Clone())
		}
		all.Counters = append(all.Counters, b.Counters...)
		all.Latencies = append(all.Latencies, b.Latencies...)
		all.Events = append(all.Events, b.Events...)
		all.Failures = append(all.Failures, b.Failures...)
		all.Traces = append(all.Traces, b.Traces...)
		all.Dropped = append(all.Dropped, b.Dropped...)
	}
	r.at = len(r.commits)
	return all
}

// SetAside implements [state.Store].
func (*sharingReplica) SetAside(time.Time) (string, error) {
	return "", errors.New("nothing is set aside")
}

// Size implements [state.Store].
func (*sharingReplica) Size() int64 { return 0 }

// Close implements [state.Store].
func (*sharingReplica) Close() error { return nil }
