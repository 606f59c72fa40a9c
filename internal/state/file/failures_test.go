package file

import (
	"context"
	"errors"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.etcd.io/bbolt"

	"omegastream_exporter/internal/ledger"
	"omegastream_exporter/internal/state"
	"omegastream_exporter/internal/state/codec"
	"omegastream_exporter/internal/state/storetest"
)

// Failures survive restarts and outlast the window. They are deleted with their endpoint.
func TestFailuresAreStored(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	path := filepath.Join(t.TempDir(), "ledger.db")
	policy := storetest.Policy()
	policy.ShowBody = true
	open := func() *state.State {
		b, how, err := state.Open(ctx, New(path), storetest.URL, policy, storetest.Quiet{})
		if err != nil || how.Cause != nil {
			t.Fatal(err, how)
		}
		return b
	}
	b := open()
	now := storetest.Epoch
	b.Do(func(a *ledger.Account) {
		a.List([]ledger.Found{{ID: "ep", Meta: ledger.Meta{Events: []string{storetest.Type}}}}, now, now)
		storetest.Read(t, a, "ep", now, true)
		storetest.Read(t, a, "ep", now, true, storetest.Item{ID: storetest.HexID(1), Type: storetest.Type, Created: storetest.Epoch.Unix()}, storetest.Item{ID: storetest.HexID(2), Type: storetest.Type, Created: storetest.Epoch.Unix()}, storetest.Item{ID: "odd \xff id", Type: "t", Created: storetest.Epoch.Unix()})
		storetest.AnswerAll(a, now, ledger.Answer{Responded: true, StatusCode: 500, Text: ledger.AnswerText{Status: "500", Message: "<b>", Body: "body"}})
	})
	shown := func() []*ledger.Failure {
		t.Helper()
		if err := b.Flush(ctx); err != nil {
			t.Fatal(err)
		}
		return b.View(now).Endpoints[0].Failures()
	}
	want := shown()
	if len(want) != 3 || want[0].Answers[0].Message != "<b>" || want[0].Answers[0].Body == "" {
		t.Fatalf("%+v", want)
	}
	restart := func() {
		t.Helper()
		if err := b.Close(ctx); err != nil {
			t.Fatal(err)
		}
		b = open()
	}
	restart()
	if diff := cmp.Diff(want, shown()); diff != "" {
		t.Errorf("after a restart (-want +got):\n%s", diff)
	}
	now = now.Add(48 * time.Hour)
	b.Do(func(a *ledger.Account) {
		storetest.Read(t, a, "ep", now, true, storetest.Item{ID: storetest.HexID(9), Type: "t", Created: now.Unix()})
	})
	if got, tracked := shown(), b.View(now).Endpoints[0].Tracked; len(got) != 3 || tracked != 1 {
		t.Errorf("%d failures, %d events after the window", len(got), tracked)
	}
	policy.ShowBody = false
	for range 2 { // after the second restart, the store has none either
		restart()
		policy.ShowBody = true
		for _, f := range shown() {
			if f.Answers[0].Body != "" || f.Answers[0].Message != "<b>" {
				t.Errorf("%+v", f.Answers[0])
			}
		}
	}
	b.Do(func(a *ledger.Account) { // drop the endpoint
		others := []ledger.Found{{ID: "other"}}
		for _, after := range []time.Duration{0, time.Minute, 31 * 24 * time.Hour} {
			a.List(others, now.Add(after), now.Add(after))
		}
	})
	if err := b.Close(ctx); err != nil {
		t.Fatal(err)
	}
	rows, err := storetest.Collect(t, New(path))
	if err != nil || len(rows.Failures) != 0 {
		t.Errorf("%v, %d rows are left", err, len(rows.Failures))
	}
}

// A state from before traces opens, and gets them with the first failure.
func TestOlderStateGetsTraces(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	before := storetest.EveryRow(1, 6)
	before.Traces = nil
	path, _ := written(t, before)
	schema := func() (v byte) {
		alter(t, path, func(tx *bbolt.Tx) error {
			payload, err := codec.Unseal(codec.AboutBucket, keySchema, tx.Bucket(codec.AboutBucket).Get(keySchema))
			v = payload[3]
			return err
		})
		return v
	}
	if v := schema(); v != schemaVersion {
		t.Fatalf("schema %d without a trace", v)
	}
	b, how, err := state.Open(ctx, New(path), storetest.URL, storetest.Policy(), storetest.Quiet{})
	if err != nil || how.SetAside != "" {
		t.Fatal(err, how)
	}
	var failed []ledger.FailedDelivery
	b.Do(func(a *ledger.Account) { failed = a.FailedDeliveries("endpoint-0", a.FailedKeys("endpoint-0")) })
	if len(failed) != 6 || failed[0].Video != (ledger.Video{}) || failed[0].Code != 503 {
		t.Errorf("%+v", failed)
	}
	now := time.Now()
	b.Do(func(a *ledger.Account) {
		storetest.Read(t, a, "endpoint-0", now, true, storetest.Item{ID: storetest.HexID(100), Type: "t", Created: now.Unix()})
		storetest.AnswerAll(a, now, ledger.Answer{Responded: true, StatusCode: 404, Video: ledger.Video{ID: "v"}})
	})
	if err := b.Close(ctx); err != nil {
		t.Fatal(err)
	}
	if v := schema(); v != schemaTraces {
		t.Errorf("schema %d with a trace", v)
	}
	rows, err := storetest.Collect(t, New(path))
	if err != nil || len(rows.Traces["endpoint-0"]) == 0 {
		t.Errorf("%v, traces %v", err, rows.Traces)
	}
	alter(t, path, func(tx *bbolt.Tx) error { return tx.DeleteBucket(codec.Trace.Bucket()) })
	if _, err := storetest.Collect(t, New(path)); !errors.Is(err, ledger.ErrUnreadable) {
		t.Errorf("without its traces: %v", err)
	}
}
