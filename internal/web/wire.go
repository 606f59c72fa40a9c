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

// leastZipped is the smallest answer that is worth compressing.
const leastZipped = 1 << 10

var zippers = sync.Pool{New: func() any { return gzip.NewWriter(nil) }}

// send writes an answer, compressed if the client accepts that.
func send(w http.ResponseWriter, r *http.Request, status int, contentType string, body []byte) {
	h := w.Header()
	h.Set("Content-Type", contentType)
	h.Set("Vary", "Accept-Encoding")
	if len(body) < leastZipped || !negotiate.Gzip(r.Header) {
		w.WriteHeader(status)
		_, _ = w.Write(body) // an error means that the client has left
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

// The elements of a page that depend on the time of rendering: ages, which the browser
// keeps up to date, and the time at which the page was made.
const (
	ageElement = `<time class="age"`
	nowElement = `<time class="now"`
)

// tagOf is the ETag of a page. It does not change if only time passes.
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

// longestPace is the longest time between two refreshes of a page.
const longestPace = time.Minute

// pace is the time between two refreshes of an open page: as often as syncs end, rounded
// to five seconds.
func (p *Pages) pace() time.Duration {
	every := p.opts.Status().Every.Round(5 * time.Second)
	return min(max(every, p.opts.Refresh), longestPace)
}
