package ledger

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"go.etcd.io/bbolt"
)

func TestTraceNamesItsVideo(t *testing.T) {
	t.Parallel()
	const id, uuid = "6322f996601b871c57d875a5", "a0dc8dbf-3126-4805-89a1-662a33331f93"
	for name, v := range map[string]Video{
		"both": {id, uuid}, "an id": {ID: id}, "a uuid": {UUID: uuid}, "nothing": {},
		"an odd id": {"v_1", uuid}, "an odd uuid": {id, "1"}, "upper case": {"6322F996601B871C57D875A5", "A0DC8DBF-3126-4805-89A1-662A33331F93"},
		"no dashes": {id, "a0dc8dbf031260480508901066203333-1f93"},
	} {
		var trace Trace
		odd := trace.SetVideo(v)
		if got := trace.Video(odd); got != v {
			t.Errorf("%s: %+v, want %+v", name, got, v)
		}
		if again := trace.SetVideo(Video{}); again != (Video{}) || trace.Video(odd) != v {
			t.Errorf("%s: a detail without a video took it away", name)
		}
		row := TraceRow{Endpoint: "ep", Time: -7, Key: KeyOf([]byte("x")), Trace: trace, Odd: odd}
		row.Trace.Asked, row.Trace.Healed, row.Trace.Code, row.Trace.Reason = 300, -1, 503, ReasonTLS
		if got, err := decodeTrace(traceKey(&row), encodeTrace(&row)); err != nil || got != row {
			t.Errorf("%s: %+v, %v, want %+v", name, got, err, row)
		}
	}
}

func FuzzDecodeTrace(f *testing.F) {
	for _, r := range everyRow(1, 4).Traces {
		f.Add(traceKey(&r), encodeTrace(&r))
	}
	f.Add([]byte("ep\x00"), []byte{})
	f.Fuzz(func(t *testing.T, key, payload []byte) {
		r, err := decodeTrace(key, payload)
		if err != nil {
			if !errors.Is(err, ErrUnreadable) {
				t.Fatal(err)
			}
			return
		}
		if again, err := decodeTrace(traceKey(&r), encodeTrace(&r)); err != nil || again != r {
			t.Fatalf("%+v became %+v, %v", r, again, err)
		}
	})
}

// A state of before there were traces opens, and gets them with the first failure.
func TestOlderStateGetsTraces(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	before := everyRow(1, 6)
	before.Traces = nil
	path, _ := written(t, before)
	schema := func() (v byte) {
		alter(t, path, func(tx *bbolt.Tx) error {
			payload, err := Unseal(AboutBucket, keySchema, tx.Bucket(AboutBucket).Get(keySchema))
			v = payload[3]
			return err
		})
		return v
	}
	if v := schema(); v != schemaVersion {
		t.Fatalf("schema %d without a trace", v)
	}
	b, how, err := Open(ctx, NewFile(path), testURL, testPolicy(), quiet{})
	if err != nil || how.SetAside != "" {
		t.Fatal(err, how)
	}
	var failed []FailedDelivery
	b.Do(func(a *Account) { failed = a.FailedDeliveries("endpoint-0", a.FailedKeys("endpoint-0")) })
	if len(failed) != 6 || failed[0].Video != (Video{}) || failed[0].Code != 503 {
		t.Errorf("%+v", failed)
	}
	now := time.Now()
	b.Do(func(a *Account) {
		read(t, a, "endpoint-0", now, true, item{hexID(100), "t", now.Unix()})
		answerAll(a, now, func(Task) Answer { return Answer{Responded: true, StatusCode: 404, Video: Video{ID: "v"}} })
	})
	if err := b.Close(ctx); err != nil {
		t.Fatal(err)
	}
	if v := schema(); v != schemaTraces {
		t.Errorf("schema %d with a trace", v)
	}
	rows, err := collect(t, NewFile(path))
	if err != nil || len(rows.traces["endpoint-0"]) == 0 {
		t.Errorf("%v, traces %v", err, rows.traces)
	}
	alter(t, path, func(tx *bbolt.Tx) error { return tx.DeleteBucket(RecordTrace.Bucket()) })
	if _, err := collect(t, NewFile(path)); !errors.Is(err, ErrUnreadable) {
		t.Errorf("without its traces: %v", err)
	}
}

// What a batch counts as failed is what it reports, history not among it.
func TestBatchReportsWhatItCounts(t *testing.T) {
	t.Parallel()
	a := account(t, "ep")
	read(t, a, "ep", epoch, true, at(1, 0))
	read(t, a, "ep", epoch, true, at(1, 0), at(2, 0), at(3, 0))
	answerAll(a, epoch, func(task Task) Answer {
		if task.EventID == at(3, 0).id {
			return Answer{Responded: true, Reason: ReasonDNS, Video: Video{ID: "v"}, Words: Words{Message: "no such host"}}
		}
		return failedWith(503, "busy")
	})
	got := fmt.Sprintf("%+v", a.Batch().Failed)
	want := fmt.Sprintf("%+v", []FailedDelivery{
		{EndpointID: "ep", EventID: at(2, 0).id, Type: at(2, 0).typ, Created: at(2, 0).created, FirstSeen: epoch.Unix(), LastSeen: epoch.Unix(), Asked: 1, Code: 503, Message: "busy"},
		{EndpointID: "ep", EventID: at(3, 0).id, Type: at(3, 0).typ, Created: at(3, 0).created, FirstSeen: epoch.Unix(), LastSeen: epoch.Unix(), Asked: 1, Reason: ReasonDNS, Video: Video{ID: "v"}, Message: "no such host"},
	})
	if got != want {
		t.Errorf("%s\nwant %s", got, want)
	}
	if again := a.Batch().Failed; len(again) != 0 {
		t.Errorf("reported again: %+v", again)
	}
	answerAll(a, epoch.Add(time.Hour), func(Task) Answer { return failedWith(503, "busy") })
	if again := a.Batch().Failed; len(again) != 1 || again[0].EventID != at(3, 0).id {
		t.Errorf("only a changed code is an outcome: %+v", again)
	}
}

// What a commit counts as failed is told once, before the first try.
func TestFailedIsToldBeforeTheCommit(t *testing.T) {
	t.Parallel()
	s := newRowStore()
	b, _, err := Open(context.Background(), s, testURL, testPolicy(), quiet{})
	if err != nil {
		t.Fatal(err)
	}
	var told []string
	tries := 0
	b.OnFailed(func(failed []FailedDelivery) {
		if tries > 0 {
			t.Error("told after a try")
		}
		for _, f := range failed {
			told = append(told, f.EventID)
		}
	})
	s.mu.Lock()
	s.fail = func() error {
		if len(told) == 0 {
			return nil // the contact's
		}
		if tries++; tries < 3 {
			return errDisk
		}
		return nil
	}
	s.mu.Unlock()
	b.Do(func(a *Account) {
		a.List([]Found{{ID: "ep"}}, epoch, epoch)
		read(t, a, "ep", epoch, true)
		read(t, a, "ep", epoch, true, at(1, 0))
		answerAll(a, epoch, func(Task) Answer { return failedWith(500, "") })
	})
	if err := b.Close(context.Background()); err != nil {
		t.Fatal(err)
	}
	if len(told) != 1 || told[0] != at(1, 0).id || tries != 3 {
		t.Errorf("told of %v, %d tries", told, tries)
	}
}
