package codec

import (
	"bytes"
	"errors"
	"reflect"
	"strings"
	"testing"

	"omegastream_exporter/internal/ledger"
	"omegastream_exporter/internal/state/storetest"
)

func FuzzDecodeBlock(f *testing.F) {
	var bl block
	for _, r := range storetest.EveryRow(1, 5).Events {
		bl[r.Slot%blockEvents] = r
	}
	f.Add(uint32(0), bl.encode())
	f.Add(uint32(1<<31), []byte{0, 1})
	f.Fuzz(func(t *testing.T, number uint32, payload []byte) {
		var got, again block
		if err := decodeBlock("ep", number, payload, &got); err != nil {
			if !errors.Is(err, ledger.ErrUnreadable) {
				t.Fatal(err)
			}
			return
		}
		if err := decodeBlock("ep", number, got.encode(), &again); err != nil || !reflect.DeepEqual(got, again) {
			t.Fatalf("%v\n%+v\n%+v", err, got, again)
		}
	})
}

func FuzzDecodeSeries(f *testing.F) {
	for _, r := range storetest.EveryRow(1, 1).Counters {
		payload, err := encodeCounter(r)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(counterKey(r), payload)
	}
	f.Add([]byte("ep\x00"), []byte("{}"))
	f.Fuzz(func(t *testing.T, key, payload []byte) {
		r, err := decodeCounter(key, payload)
		if err != nil {
			if !errors.Is(err, ledger.ErrUnreadable) {
				t.Fatal(err)
			}
			return
		}
		if !bytes.Equal(counterKey(r), key) {
			t.Fatalf("key %q became %q", key, counterKey(r))
		}
	})
}

func TestSealCoversBucketAndKey(t *testing.T) {
	t.Parallel()
	record := Seal([]byte("b"), []byte("k"), []byte("payload"))
	for _, row := range []struct {
		bucket, key string
		record      []byte
	}{{"c", "k", record}, {"b", "l", record}, {"b", "k", record[1:]}, {"b", "k", record[:3]}, {"b", "k", nil}} {
		if _, err := Unseal([]byte(row.bucket), []byte(row.key), row.record); !errors.Is(err, ledger.ErrUnreadable) {
			t.Errorf("%+v: %v", row, err)
		}
	}
	if payload, err := Unseal([]byte("b"), []byte("k"), record); err != nil || string(payload) != "payload" {
		t.Errorf("%v, %q", err, payload)
	}
}

func FuzzDecodeFailure(f *testing.F) {
	for _, r := range storetest.EveryRow(1, 4).Failures {
		payload, err := encodeFailure(r)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(failureKey(r), payload)
	}
	f.Add([]byte("ep\x00"), []byte("null"))
	f.Fuzz(func(t *testing.T, key, payload []byte) {
		r, err := decodeFailure(key, payload)
		if err != nil {
			if !errors.Is(err, ledger.ErrUnreadable) {
				t.Fatal(err)
			}
			return
		}
		if !bytes.Equal(failureKey(r), key) {
			t.Fatalf("key %q became %q", key, failureKey(r))
		}

		again, err := encodeFailure(r)
		if err != nil {
			t.Fatal(err)
		}
		if same, err := decodeFailure(key, again); err != nil || !reflect.DeepEqual(same, r) {
			t.Fatalf("%v\n%+v\n%+v", err, r.Failure, same.Failure)
		}
	})
}

func FuzzDecodeTrace(f *testing.F) {
	for _, r := range storetest.EveryRow(1, 4).Traces {
		f.Add(traceKey(&r), encodeTrace(&r))
	}
	f.Add([]byte("ep\x00"), []byte{})
	f.Fuzz(func(t *testing.T, key, payload []byte) {
		r, err := decodeTrace(key, payload)
		if err != nil {
			if !errors.Is(err, ledger.ErrUnreadable) {
				t.Fatal(err)
			}
			return
		}
		if again, err := decodeTrace(traceKey(&r), encodeTrace(&r)); err != nil || again != r {
			t.Fatalf("%+v became %+v, %v", r, again, err)
		}
	})
}

// A trace survives encoding, whatever the ids of its video look like.
func TestTraceRoundTrip(t *testing.T) {
	t.Parallel()
	const id, uuid = "6322f996601b871c57d875a5", "a0dc8dbf-3126-4805-89a1-662a33331f93"
	for _, v := range []ledger.Video{{}, {ID: id}, {UUID: uuid}, {ID: id, UUID: uuid}, {ID: "v_1", UUID: uuid}, {ID: id, UUID: "1"}} {
		row := ledger.TraceRow{Endpoint: "ep", Time: -7, Key: ledger.KeyOf([]byte("x")), Trace: ledger.Trace{Asked: 300, Healed: -1, Code: 503, Reason: ledger.ReasonTLS}}
		row.Odd = row.Trace.SetVideo(v)
		if got, err := decodeTrace(traceKey(&row), encodeTrace(&row)); err != nil || got != row {
			t.Errorf("%+v: %+v, %v, want %+v", v, got, err, row)
		}
	}
}

// States contain these names and numbers.
func TestStoredKinds(t *testing.T) {
	t.Parallel()
	var names []string
	for kind := range Kinds {
		names = append(names, string(kind.Bucket()))
	}
	if got := strings.Join(names, " "); got != "endpoints series latency events failures traces" || blockEvents != 16 {
		t.Errorf("kinds %q, blocks of %d events", got, blockEvents)
	}
}
