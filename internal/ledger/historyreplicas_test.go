package ledger_test

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"omegastream_exporter/internal/ledger"
	"omegastream_exporter/internal/state"
	"omegastream_exporter/internal/state/storetest"
	"omegastream_exporter/internal/test/needs"
	"omegastream_exporter/internal/test/postgres"
)

// Random histories of replicas that share a state: they hand over the lease, or take it from
// a replica without heartbeats.
func TestHistoriesOfReplicas(t *testing.T) {
	t.Parallel()
	needs.Minutes(t)
	dsn, n := postgres.NewDatabase(t), 0
	rapid.Check(t, func(rt *rapid.T) {
		n++
		schema := fmt.Sprintf("r%d", n)
		history(rt, func() state.Store { return openStore(t, dsn, schema) }, 25)
	})
}

// follower is a replica that is not the active one, with its account in memory.
type follower struct {
	store state.SharedStore
	a     *ledger.Account
	view  *ledger.View
	zero  map[string]int64
	most  map[string]uint64
	mem   *modelMemory
	run   *run
	lost  bool // another replica took its lease, and it has not noticed
}

// shared returns the shared store, or nil.
func (w *world) shared() state.SharedStore {
	p, _ := w.store.(state.SharedStore)
	return p
}

// leads makes the active replica lead.
func (w *world) leads() {
	p := w.shared()
	if p == nil {
		return
	}
	lease, theirs, err := p.Lead(context.Background(), state.Bid{Work: true})
	if err == nil && theirs != nil {
		err = w.a.Follow(theirs)
	}
	if err != nil || !lease.Ours {
		w.Fatalf("%+v: %v", lease, err)
	}
	w.a.Lead(lease.Fence, w.time())
}

// handOver makes another replica active, with what is durable.
func (w *world) handOver() {
	if w.shared() == nil || w.waiting != nil {
		return
	}
	for _, t := range w.flying {
		w.a.Return(t)
	}
	w.flying = make(map[string]ledger.Task)
	taken := w.chance(30, "taken over")
	if taken {
		w.m = w.durable.clone()
		w.steal()
	} else {
		batch := w.a.Batch()
		batch.Release = true
		w.a.Resign()
		if err := w.store.Commit(context.Background(), batch); err != nil {
			w.Fatal(err)
		}
		w.view, w.durable = w.a.View(w.time()), w.m.clone()
	}
	w.followers = append(w.followers, &follower{w.shared(), w.a, w.view, w.zero, w.most, w.mem, w.run, taken})
	w.workOn()
}

// steal takes the lease like another replica, and releases it.
func (w *world) steal() {
	ctx := context.Background()
	thief := w.open().(state.SharedStore)
	defer thief.Close()
	err := thief.Load(ctx, ledger.Gather(new(ledger.Batch)))
	var lease state.Lease
	for range 2 { // the second bid knows the leader's last heartbeat
		if err == nil {
			lease, _, err = thief.Lead(ctx, state.Bid{Work: true, Silent: lease.Heartbeat})
		}
	}
	if err == nil && lease.Ours {
		_, err = thief.CommitLed(ctx, &ledger.Batch{Fence: lease.Fence, Release: true})
	}
	if err != nil || !lease.Ours {
		w.Fatalf("%+v: %v", lease, err)
	}
}

// loadFrom loads the account like a start.
func loadFrom(s state.Store, policy ledger.Policy, now time.Time) (*ledger.Account, error) {
	_, shared := s.(state.SharedStore)
	return ledger.Load(func(rows ledger.Rows) error { return s.Load(context.Background(), rows) }, storetest.URL, policy, shared, now)
}

// workOn makes another replica active, or a new one.
func (w *world) workOn() {
	if len(w.followers) < 3 && w.chance(40, "a new replica") {
		w.store = w.open()
		a, err := loadFrom(w.store, w.p, w.time())
		if err != nil {
			w.Fatal(err)
		}
		w.a, w.zero, w.most, w.mem = a, maps.Clone(w.zero), make(map[string]uint64), newModelMemory()
		w.run = nil
	} else {
		n := w.pick(len(w.followers), "replica")
		next := w.followers[n]
		w.followers = slices.Delete(w.followers, n, n+1)
		w.store, w.a, w.view, w.zero, w.most, w.mem = next.store, next.a, next.view, next.zero, next.most, next.mem
		w.run = next.run
		w.catchUp(next)
	}
	w.leads()
	w.m.turnBack(w.now)
	w.commit()
	if w.run == nil {
		w.beginRun()
	}
}

// catchUp applies the commits of others. A replica that lost its lease notices.
func (w *world) catchUp(p *follower) {
	ctx := context.Background()
	if !p.lost {
		_, theirs, err := p.store.Follow(ctx)
		if err == nil && theirs != nil {
			err = w.a.Follow(theirs)
		}
		if err != nil {
			w.Fatal(err)
		}
		return
	}
	_, err := p.store.CommitLed(ctx, w.a.Batch())
	if !errors.Is(err, ledger.ErrOvertaken) {
		w.Fatalf("a replica that lost its lease: %v", err)
	}
	a, err := loadFrom(p.store, w.p, w.time())
	if err == nil {
		err = a.Check(w.view, w.a)
	}
	if err != nil {
		w.Fatal(err)
	}
	a.Adopt(w.a)
	w.a, w.mem = a, newModelMemory()
}

// alone closes the other replicas, as before a start with other flags.
func (w *world) alone() {
	for _, p := range w.followers {
		_ = p.store.Close()
	}
	w.followers = nil
}
