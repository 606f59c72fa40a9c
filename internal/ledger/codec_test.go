package ledger

import (
	"bytes"
	"errors"
	"reflect"
	"testing"
)

func FuzzDecodeBlock(f *testing.F) {
	var bl block
	for _, r := range everyRow(1, 5).Events {
		bl[r.Slot%blockEvents] = r
	}
	f.Add(uint32(0), bl.encode())
	f.Add(uint32(1<<31), []byte{0, 1})
	f.Fuzz(func(t *testing.T, number uint32, payload []byte) {
		var got, again block
		if err := decodeBlock("ep", number, payload, &got); err != nil {
			if !errors.Is(err, ErrUnreadable) {
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
	for _, r := range everyRow(1, 1).Series {
		payload, err := encodeSeries(r)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(seriesKey(r), payload)
	}
	f.Add([]byte("ep\x00"), []byte("{}"))
	f.Fuzz(func(t *testing.T, key, payload []byte) {
		r, err := decodeSeries(key, payload)
		if err != nil {
			if !errors.Is(err, ErrUnreadable) {
				t.Fatal(err)
			}
			return
		}
		if !bytes.Equal(seriesKey(r), key) {
			t.Fatalf("key %q became %q", key, seriesKey(r))
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
		if _, err := Unseal([]byte(row.bucket), []byte(row.key), row.record); !errors.Is(err, ErrUnreadable) {
			t.Errorf("%+v: %v", row, err)
		}
	}
	if payload, err := Unseal([]byte("b"), []byte("k"), record); err != nil || string(payload) != "payload" {
		t.Errorf("%v, %q", err, payload)
	}
}

func FuzzDecodeFailure(f *testing.F) {
	for _, r := range everyRow(1, 4).Failures {
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
			if !errors.Is(err, ErrUnreadable) {
				t.Fatal(err)
			}
			return
		}
		if !bytes.Equal(failureKey(r), key) {
			t.Fatalf("key %q became %q", key, failureKey(r))
		}
		r.Failure.fits(position{r.Time, r.Key})
		again, err := encodeFailure(r)
		if err != nil {
			t.Fatal(err)
		}
		if same, err := decodeFailure(key, again); err != nil || !reflect.DeepEqual(same, r) {
			t.Fatalf("%v\n%+v\n%+v", err, r.Failure, same.Failure)
		}
	})
}
