package ledger

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"omegastream_exporter/internal/test/needs"
	"omegastream_exporter/internal/test/postgres"
)

// The promises over random histories of replicas that share a state: they hand the
// account to each other, or take it over from one that is not heard of any more.
func TestHistoriesOfReplicas(t *testing.T) {
	t.Parallel()
	needs.Minutes(t)
	dsn, n := postgres.NewDatabase(t), 0
	rapid.Check(t, func(rt *rapid.T) {
		n++
		schema := fmt.Sprintf("r%d", n)
		history(rt, func() Store { return openPostgres(t, dsn, schema) }, 25)
	})
}

// peer is a replica that has the account in memory and is not the one at work.
type peer struct {
	store *Postgres
	a     *Account
	view  *View
	zero  map[string]int64
	most  map[string]uint64
	mem   *modelMemory
	run   *run
	lost  bool // the account was taken over from it, and it does not know
}

// shared returns the store where replicas share it, nil where not.
func (w *world) shared() *Postgres {
	p, _ := w.store.(*Postgres)
	return p
}

// leads makes the replica at work lead.
func (w *world) leads() {
	p := w.shared()
	if p == nil {
		return
	}
	lease, theirs, err := p.Lead(context.Background(), Bid{Work: true})
	if err == nil && theirs != nil {
		err = w.a.Follow(theirs)
	}
	if err != nil || !lease.Ours {
		w.Fatalf("%+v: %v", lease, err)
	}
	w.a.Lead(lease.Fence, w.time())
}

// handOver lets another replica go on with what is durable.
func (w *world) handOver() {
	if w.shared() == nil || w.waiting != nil {
		return
	}
	for _, t := range w.flying {
		w.a.Return(t)
	}
	w.flying = make(map[string]Task)
	taken := w.chance(30, "taken over")
	if taken {
		w.m = w.durable.clone()
		if _, err := w.shared().pool.Exec(context.Background(),
			w.shared().in(`UPDATE %[1]s.state SET holder = NULL, fence = fence + 1`)); err != nil {
			w.Fatal(err)
		}
	} else {
		batch := w.a.Batch()
		batch.Release = true
		w.a.Resign()
		if err := w.store.Commit(context.Background(), batch); err != nil {
			w.Fatal(err)
		}
		w.view, w.durable = w.a.View(w.time()), w.m.clone()
	}
	w.peers = append(w.peers, &peer{w.shared(), w.a, w.view, w.zero, w.most, w.mem, w.run, taken})
	w.workOn()
}

// workOn makes another replica the one at work, or a new one.
func (w *world) workOn() {
	if len(w.peers) < 3 && w.chance(40, "a new replica") {
		w.store = w.open()
		a, err := load(context.Background(), w.store, testURL, w.p, w.time())
		if err != nil {
			w.Fatal(err)
		}
		w.a, w.zero, w.most, w.mem = a, maps.Clone(w.zero), make(map[string]uint64), newModelMemory()
		w.run = nil
	} else {
		n := w.pick(len(w.peers), "replica")
		next := w.peers[n]
		w.peers = slices.Delete(w.peers, n, n+1)
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

// catchUp takes in what others have committed. One that was taken over from notices.
func (w *world) catchUp(p *peer) {
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
	_, err := p.store.Tell(ctx, w.a.Batch())
	if !errors.Is(err, ErrOvertaken) {
		w.Fatalf("a replica that the account was taken over from: %v", err)
	}
	a, err := load(ctx, p.store, testURL, w.p, w.time())
	if err == nil {
		err = a.Check(w.view, w.a)
	}
	if err != nil {
		w.Fatal(err)
	}
	a.Adopt(w.a)
	w.a, w.mem = a, newModelMemory()
}

// alone ends the other replicas, as before a start with other flags.
func (w *world) alone() {
	for _, p := range w.peers {
		_ = p.store.Close()
	}
	w.peers = nil
}
