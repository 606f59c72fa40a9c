package ledger_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"reflect"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"omegastream_exporter/internal/ledger"
	"omegastream_exporter/internal/state"
	"omegastream_exporter/internal/state/storetest"
	"omegastream_exporter/internal/test/needs"
	"omegastream_exporter/internal/test/postgres"
)

// Replicas that lead in turn have the same rows, and derive the same from them as a start
// would.
func TestReplicasAgree(t *testing.T) {
	t.Parallel()
	dsn := postgres.NewDatabase(t)
	policy := storetest.Policy()
	policy.Window = time.Hour
	var states []*state.State
	var watch [3]storetest.Loads
	for i := range watch {
		states = append(states, storetest.Open(t, openStore(t, dsn, "replicas"), policy, &watch[i]))
	}
	rnd := rand.New(rand.NewPCG(1, 2))
	listed := make(map[string][]storetest.Item)
	serial := 0
	for range needs.Count(40, 120) {
		b, id := states[rnd.IntN(len(states))], fmt.Sprintf("ep%d", rnd.IntN(3))
		for range rnd.IntN(40) {
			serial++
			it := storetest.Item{ID: storetest.HexID(serial), Type: fmt.Sprintf("kind %d", rnd.IntN(9)), Created: time.Now().Unix() - int64(rnd.IntN(7000))}
			switch rnd.IntN(20) {
			case 0:
				it.ID = fmt.Sprintf("odd %d", serial)
			case 1:
				it.Created = 0
			}
			listed[id] = append([]storetest.Item{it}, listed[id]...)
		}
		led := storetest.Lead(t, b)
		storetest.MakeKnown(b, "ep0", "ep1", "ep2")
		storetest.ReadOn(b, id, listed[id])
		storetest.Answer(b, rnd.IntN(60), func() ledger.Answer {
			return ledger.Answer{Responded: rnd.IntN(5) > 0, StatusCode: 200 + 300*rnd.IntN(2), Text: ledger.AnswerText{Message: "text"}}
		})
		if rnd.IntN(4) == 0 {
			listed[id] = listed[id][:rnd.IntN(len(listed[id])+1)]
		}
		storetest.GiveBack(led, t, b)
	}
	fresh := openStore(t, dsn, "replicas")
	want, err := loadFrom(fresh, policy, time.Now())
	if err := errors.Join(err, fresh.Close()); err != nil {
		t.Fatal(err)
	}
	now := time.Now()
	for i, b := range states {
		storetest.Refresh(t, b)
		if n := watch[i].Load(); n > 0 {
			t.Errorf("replica %d has loaded the state again %d times", i, n)
		}
		b.Look(func(a *ledger.Account) {
			storetest.SameRows(t, fmt.Sprintf("replica %d", i), a.InMemory(), want.InMemory())
			diffViews(t, fmt.Sprintf("replica %d", i), a.Derived(now), want.Derived(now))
		})
	}
}

func diffViews(t *testing.T, what string, got, want *ledger.View) {
	t.Helper()
	all := cmp.Options{
		cmp.Exporter(func(reflect.Type) bool { return true }),
		cmpopts.EquateEmpty(),
		cmpopts.SortSlices(func(a, b ledger.TypeCount) bool { return a.Type < b.Type }),
		cmpopts.SortSlices(func(a, b ledger.WindowCount) bool { return fmt.Sprint(a.Type, a.Code) < fmt.Sprint(b.Type, b.Code) }),
	}
	if diff := cmp.Diff(want, got, all); diff != "" {
		t.Errorf("%s differs (-want +got):\n%s", what, diff)
	}
}

// behindStore calls meanwhile between loading the state and first following it.
type behindStore struct {
	state.SharedStore
	meanwhile func()
	overtaken atomic.Bool // when it follows next
}

func (s *behindStore) Follow(ctx context.Context) (state.Lease, *ledger.Batch, error) {
	if s.overtaken.CompareAndSwap(true, false) {
		return state.Lease{}, nil, ledger.ErrOvertaken
	}
	return s.SharedStore.Follow(ctx)
}

func (s *behindStore) Load(ctx context.Context, rows ledger.Rows) error {
	err := s.SharedStore.Load(ctx, rows)
	s.meanwhile()
	return err
}

// If two replicas create the state at the same time, the later one takes no lease away.
func TestStartBesideAStart(t *testing.T) {
	t.Parallel()
	dsn := postgres.NewDatabase(t)
	var first *state.State
	var led context.Context
	store := &behindStore{SharedStore: openStore(t, dsn, "replicas"), meanwhile: func() {
		if first == nil {
			first = storetest.Open(t, openStore(t, dsn, "replicas"), storetest.Policy(), storetest.Quiet{})
			led = storetest.Lead(t, first) //nolint:fatcontext // the first start only
		}
	}}
	late, _, err := state.Open(context.Background(), store, storetest.URL, storetest.Policy(), storetest.Quiet{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = late.Close(context.Background()) })
	storetest.MakeKnown(first, "ep")
	if err := first.Flush(context.Background()); err != nil || led.Err() != nil {
		t.Errorf("the leader: %v, %v", err, led.Err())
	}
}

// Commits of another replica during a start, or while the state is loaded again, are not
// lost.
func TestCommitsDuringALoad(t *testing.T) {
	t.Parallel()
	dsn := postgres.NewDatabase(t)
	ctx := context.Background()
	leader := storetest.Open(t, openStore(t, dsn, "replicas"), storetest.Policy(), storetest.Quiet{})
	storetest.Lead(t, leader)
	n := 0
	var ids []string
	store := &behindStore{SharedStore: openStore(t, dsn, "replicas"), meanwhile: func() {
		n++
		id := fmt.Sprintf("ep%d", n)
		ids = append(ids, id)
		storetest.MakeKnown(leader, ids...)
		storetest.ReadOn(leader, id, []storetest.Item{{ID: storetest.HexID(n), Type: "kind", Created: time.Now().Unix()}})
		if err := leader.Flush(ctx); err != nil {
			t.Error(err)
		}
	}}
	b, _, err := state.Open(ctx, store, storetest.URL, storetest.Policy(), storetest.Quiet{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = b.Close(ctx) })
	same := func(when string) {
		t.Helper()
		storetest.Refresh(t, b)
		var want *ledger.Batch
		leader.Look(func(a *ledger.Account) { want = a.InMemory() })
		b.Look(func(a *ledger.Account) { storetest.SameRows(t, when, a.InMemory(), want) })
	}
	same("after the start")
	store.overtaken.Store(true)
	same("loaded anew")
	if n != 2 {
		t.Errorf("%d loads, want 2", n)
	}
}
