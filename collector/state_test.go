package collector

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"omegastream_exporter/internal/ledger"
	"omegastream_exporter/internal/simulator"
	"omegastream_exporter/internal/state"
)

// fullDisk is a store whose commits can be made to fail.
type fullDisk struct {
	state.Store
	full  atomic.Bool
	cause error // nil for a full disk
}

func (d *fullDisk) Commit(ctx context.Context, b *ledger.Batch) error {
	if d.full.Load() {
		return cmp.Or(d.cause, errors.New("no space left on device"))
	}
	return d.Store.Commit(ctx, b)
}

// TestFailingState checks a state that cannot be written for a while: the exporter shows what
// it wrote last, does not call the API, reports itself down, and recovers.
func TestFailingState(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		disk := &fullDisk{Store: state.NewMemory()}
		a := newAccount(simulator.Options{}, endpointA, endpointB)
		r := start(t, a, setup{store: disk})
		r.scrape()
		a.Emit(endpointA, failedType, simulator.Responded(500))
		a.Emit(endpointB, succeedType, simulator.Pending()) // due again and again
		failure := failuresOf(endpointA, failedType, "500")
		r.scrapes(1, time.Second).want(t, map[string]string{failure: "1"})

		disk.full.Store(true)
		newA := a.Emit(endpointA, failedType, simulator.Responded(500))
		newB := a.Emit(endpointB, failedType, simulator.Responded(500))
		r.scrapes(1, time.Second).want(t, map[string]string{
			failure: "1", eventsOf(endpointA, failedType): "1", eventsOf(endpointB, failedType): "0", "omegastream_up": "0",
		})
		a.ResetCalls()
		during := r.scrapes(3, 10*time.Second)
		during.want(t, map[string]string{
			failure: "1", "omegastream_up": "0", syncsOf("partial"): "0",
			"omegastream_exporter_last_successful_sync_timestamp_seconds": "9.46684801e+08",
		})
		if during["omegastream_exporter_state_commit_failures_total"] == "0" {
			t.Error("no commit failed")
		}
		if n := a.Calls().Total(); n != 0 {
			t.Errorf("%d requests while the state cannot be written", n)
		}

		disk.full.Store(false)
		time.Sleep(10 * time.Second) // by then the exporter has retried the commit
		r.scrape().want(t, map[string]string{
			failure: "2", failuresOf(endpointB, failedType, "500"): "1", "omegastream_up": "1",
		})
		if a.DetailCalls(endpointA, newA) != 1 || a.DetailCalls(endpointB, newB) != 1 {
			t.Error("a detail was asked for twice")
		}
		if r.log.Count("level=WARN") != 1 || r.log.Count("level=WARN", "operation=write_state", "no space left on device") != 1 ||
			r.log.Count("level=INFO", "State is written again") != 1 {
			t.Errorf("log:\n%s", r.log)
		}
	})
}

// TestStateFailsLate checks that a sync fails if its commit fails after all calls were made.
func TestStateFailsLate(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		disk := &fullDisk{Store: state.NewMemory()}
		a := newAccount(simulator.Options{}, endpointA)
		r := start(t, a, setup{store: disk})
		r.scrape()
		a.AddFault(simulator.Fault{Operation: simulator.ListEvents, Do: simulator.Delay(time.Second)})
		time.AfterFunc(time.Second/2, func() { disk.full.Store(true) })
		r.scrape().want(t, map[string]string{"omegastream_up": "0", syncsOf("success"): "1", syncsOf("error"): "1"})
		disk.full.Store(false)
		time.Sleep(10 * time.Second)
		r.scrape().want(t, map[string]string{"omegastream_up": "1"})
	})
}

// TestClosedBook checks that the exporter neither spins nor hangs if its state is closed.
func TestClosedBook(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		a := newAccount(simulator.Options{}, endpointA)
		r := start(t, a, setup{})
		r.scrape()
		if err := r.state.Close(t.Context()); err != nil {
			t.Fatal(err)
		}
		r.scrape(timeout("5")).want(t, map[string]string{"omegastream_up": "0"})
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if err := r.syncer.Close(ctx); err != nil {
			t.Error(err)
		}
		r.syncer = nil
	})
}

// TestStateFailingReasons checks that each cause of a failed commit sets its own reason to 1,
// all others to 0, and up to 0.
func TestStateFailingReasons(t *testing.T) {
	t.Parallel()
	reasons := []string{"write_failed", "replaced", "unreachable", "went_back", "newer_version"}
	causes := map[string]error{"write_failed": nil, "replaced": state.ErrReplaced, "unreachable": state.ErrUnreachable}
	series := func(reason string) string { return `omegastream_exporter_state_failing{reason="` + reason + `"}` }
	for reason, cause := range causes {
		t.Run(reason, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				disk := &fullDisk{Store: state.NewMemory()}
				if cause != nil {
					disk.cause = fmt.Errorf("ledger.db: %w", cause)
				}
				r := start(t, newAccount(simulator.Options{}, endpointA), setup{store: disk})
				want := map[string]string{"omegastream_up": "1"}
				for _, other := range reasons {
					want[series(other)] = "0"
				}
				r.scrapes(1, time.Second).want(t, want)
				disk.full.Store(true)
				want["omegastream_up"], want[series(reason)] = "0", "1"
				r.scrapes(2, 10*time.Second).want(t, want)
				disk.full.Store(false)
				time.Sleep(10 * time.Second) // by then the exporter has retried the commit
			})
		})
	}
}
