package client

import (
	"bytes"
	"fmt"
	"testing"
)

// listBody returns a list of n events, 238 bytes each.
func listBody(n int) []byte {
	b := make([]byte, 0, n*238+2)
	b = append(b, '[')
	for i := range n {
		if i > 0 {
			b = append(b, ',')
		}
		b = fmt.Appendf(b, `{"id":"63377e715790c278%08x","created_at":"0001-01-01T00:00:00Z","ocid":"omega-cop-KoNef9DB5i","api_version":"v1","created":%d,"type":"video.process_succeeded","data":null,"endpoint_id":"6336cd2b5790c27875f70d96","response":null}`, n-i, 1664581231-i)
	}
	return append(b, ']')
}

func BenchmarkDecodeList(b *testing.B) {
	body := listBody(100_000)
	b.SetBytes(int64(len(body)))
	b.ReportAllocs()
	for b.Loop() {
		r := &eventReader{decoder: newDecoder(bytes.NewReader(body)), types: map[string]string{}}
		r.allow(maxElement, "one event")
		_ = r.open('[')
		for r.json.PeekKind() != ']' {
			if ok, err := r.element(); !ok || err != nil {
				b.Fatal(err)
			}
		}
		r.recycle()
	}
}
