package dashboards_test

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"io"
	"maps"
	"math"
	"net/http"
	"slices"
	"testing"
	"time"
)

// pushed is a series that is written to Prometheus by remote write.
type pushed struct {
	labels map[string]string
	value  float64 // the last one
	grows  bool    // by one with each sample
	every  time.Duration
	head   []byte // the encoded labels
}

// push writes the samples of a time span in order, half an hour of a few hundred series at a
// time, because Prometheus rejects samples that are much older than its latest.
func (p *prometheus) push(t *testing.T, all []pushed, from, to time.Time, every time.Duration) {
	t.Helper()
	const together, span = 500, 30 * time.Minute
	for i := range all {
		all[i].head = encodeLabels(all[i].labels)
	}
	for start := from; start.Before(to); start = start.Add(span) {
		end := start.Add(span)
		if end.After(to) {
			end = to
		}
		for some := range slices.Chunk(all, together) {
			var request []byte
			for _, s := range some {
				if one := s.encode(start, end, to, every); len(one) > len(s.head) {
					request = field(request, 1, one)
				}
			}
			if len(request) == 0 {
				continue
			}
			if err := p.write(request); err != nil {
				t.Fatal(err)
			}
		}
	}
}

// write sends a remote write request, version 1.
func (p *prometheus) write(request []byte) error {
	req, err := http.NewRequest(http.MethodPost, p.base+"/api/v1/write", bytes.NewReader(literal(request)))
	if err != nil {
		return err
	}
	req.Header.Set("Content-Type", "application/x-protobuf")
	req.Header.Set("Content-Encoding", "snappy")
	resp, err := (&http.Client{Timeout: 2 * time.Minute}).Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if text, _ := io.ReadAll(resp.Body); resp.StatusCode/100 != 2 {
		return fmt.Errorf("remote write: %s: %.500s", resp.Status, text)
	}
	return nil
}

// encode returns a TimeSeries message with the samples after start, up to end. The last
// sample has the value of the series.
func (s pushed) encode(start, end, last time.Time, every time.Duration) []byte {
	out := slices.Clone(s.head)
	if s.every > 0 {
		every = s.every
	}
	for at := start.Truncate(every).Add(every); !at.After(end); at = at.Add(every) {
		value := s.value
		if s.grows {
			value += 1000 - last.Sub(at).Seconds()/every.Seconds()
		}
		sample := binary.LittleEndian.AppendUint64([]byte{1<<3 | 1}, math.Float64bits(value))
		sample = binary.AppendUvarint(append(sample, 2<<3), uint64(at.UnixMilli()))
		out = field(out, 2, sample)
	}
	return out
}

func encodeLabels(labels map[string]string) (out []byte) {
	for _, name := range slices.Sorted(maps.Keys(labels)) {
		out = field(out, 1, field(field(nil, 1, []byte(name)), 2, []byte(labels[name])))
	}
	return out
}

// field appends a length-delimited protobuf field.
func field(out []byte, number byte, content []byte) []byte {
	out = binary.AppendUvarint(append(out, number<<3|2), uint64(len(content)))
	return append(out, content...)
}

// literal encodes data in snappy's block format, without compression.
func literal(content []byte) []byte {
	out := binary.AppendUvarint(nil, uint64(len(content)))
	for part := range slices.Chunk(content, 1<<16) {
		out = append(out, 61<<2)
		out = binary.LittleEndian.AppendUint16(out, uint16(len(part)-1))
		out = append(out, part...)
	}
	return out
}
