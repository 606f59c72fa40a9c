package web

import (
	"bytes"
	"compress/gzip"
	"fmt"
	"hash/fnv"
	"net/http"
	"sync"
	"time"

	"omegastream_exporter/internal/negotiate"
)

// leastZipped is the size from which an answer is worth compressing.
const leastZipped = 1 << 10

var zippers = sync.Pool{New: func() any { return gzip.NewWriter(nil) }}

// send writes an answer, compressed for a client that takes it.
func send(w http.ResponseWriter, r *http.Request, status int, contentType string, body []byte) {
	h := w.Header()
	h.Set("Content-Type", contentType)
	h.Set("Vary", "Accept-Encoding")
	if len(body) < leastZipped || !negotiate.Gzip(r.Header) {
		w.WriteHeader(status)
		_, _ = w.Write(body) // the client has left, nobody to tell
		return
	}
	h.Set("Content-Encoding", "gzip")
	w.WriteHeader(status)
	z := zippers.Get().(*gzip.Writer)
	defer zippers.Put(z)
	z.Reset(w)
	_, _ = z.Write(body)
	_ = z.Close()
}

// The elements of a page whose text follows from the time of rendering: how long ago
// something was, which the browser counts on by itself, and when the page was made.
const (
	ageElement = `<time class="age"`
	nowElement = `<time class="now"`
)

// tagOf is the ETag of a page. It stays the same while only time passes.
func tagOf(page []byte) string {
	h := fnv.New128a()
	for {
		at := bytes.Index(page, []byte(`<time class="`))
		if at < 0 {
			break
		}
		_, _ = h.Write(page[:at])
		page = page[at:]
		text := bytes.IndexByte(page, '>')
		if bytes.HasPrefix(page, []byte(ageElement)) {
			_, _ = h.Write(page[:text])
		}
		page = page[text+bytes.Index(page[text:], []byte("</time>")):]
	}
	_, _ = h.Write(page)
	return fmt.Sprintf(`W/"%x"`, h.Sum(nil))
}

// longestPace is the longest time between two looks of a page at what is new.
const longestPace = time.Minute

// pace is how often a page that is open brings itself up to date: as often as syncs end,
// to five seconds.
func (p *Pages) pace() time.Duration {
	every := p.opts.Status().Every.Round(5 * time.Second)
	return min(max(every, p.opts.Refresh), longestPace)
}
