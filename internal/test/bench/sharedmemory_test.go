package bench

import (
	"context"
	"errors"
	"sync"
	"time"

	"omegastream_exporter/internal/ledger"
	"omegastream_exporter/internal/state"
)

// sharedMemory is a state that replicas of this process share, and that works on a fake clock.
// All replicas open it before the first sync.
type sharedMemory struct {
	mu             sync.Mutex
	commits        []*ledger.Batch
	lease          state.Lease
	holder, synced *sharingReplica // nil for none
}

// sharingReplica is the [state.SharedStore] of one replica.
type sharingReplica struct {
	*sharedMemory
	at int // commits that it knows
}

func (m *sharedMemory) store() state.Store { return &sharingReplica{sharedMemory: m} }

func (r *sharingReplica) Load(_ context.Context, rows ledger.Rows) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.at = len(r.commits)
	for _, b := range r.commits {
		if b.Rows() > 1 || b.Account == nil {
			return errors.New("it was opened after a sync")
		}
		if err := rows.Account(*b.Account); err != nil {
			return err
		}
	}
	return nil
}

// Commit implements [state.Store]: it begins the state.
func (r *sharingReplica) Commit(_ context.Context, b *ledger.Batch) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.append(b)
	return nil
}

func (r *sharingReplica) append(b *ledger.Batch) {
	r.commits = append(r.commits, b)
	r.at = len(r.commits)
}

func (r *sharingReplica) Follow(context.Context) (state.Lease, *ledger.Batch, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.seen(), r.since(), nil
}

func (r *sharingReplica) Lead(_ context.Context, bid state.Bid) (state.Lease, *ledger.Batch, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	now, l := time.Now(), &r.lease
	resting := now.Before(l.Sync.Ended.Add(l.Sync.Rest)) && !l.Sync.Ended.Equal(bid.Rested)
	ended := !now.Before(l.Heartbeat.Add(state.LeaseFor)) || l.Heartbeat.Equal(bid.Silent)
	if (r.holder == nil || r.holder == r || ended) && (bid.Work || !resting) {
		r.holder, l.Heartbeat = r, now
		l.Fence++
	}
	if !bid.Work && !resting && r.holder != nil && r.holder != r {
		l.Asked = l.Sync.Number + 1
	}
	return r.seen(), r.since(), nil
}

func (r *sharingReplica) Tell(_ context.Context, b *ledger.Batch) (state.Lease, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.holder != r || b.Fence != r.lease.Fence {
		return r.seen(), ledger.ErrOvertaken
	}
	if b.Rows() > 0 {
		r.append(b)
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

// seen is the lease as this replica sees it. The caller holds r.mu.
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
			all.Account = b.Account
		}
		all.Endpoints = append(all.Endpoints, b.Endpoints...)
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

func (*sharingReplica) SetAside(time.Time) (string, error) {
	return "", errors.New("nothing is set aside")
}
func (*sharingReplica) Size() int64  { return 0 }
func (*sharingReplica) Close() error { return nil }

var _ state.SharedStore = (*sharingReplica)(nil)
