package collector

import (
	"fmt"
	"net/http"
	"strconv"
	"strings"

	"omegastream_exporter/internal/gate"
)

// chunkSize is the size of the pieces in which an answer is written.
const chunkSize = 32 << 10

// answer is an encoded exposition before it is sent, with its first error. It is the
// http.ResponseWriter of promhttp, so that no series are held for a slow client.
type answer struct {
	header http.Header
	status int
	chunks [][]byte
	err    string // the first error while gathering, encoding or writing
}

// Header implements http.ResponseWriter.
func (a *answer) Header() http.Header { return a.header }

// WriteHeader implements http.ResponseWriter.
func (a *answer) WriteHeader(status int) { a.status = status }

// Write implements http.ResponseWriter.
func (a *answer) Write(b []byte) (int, error) {
	written := len(b)
	for len(b) > 0 {
		last := len(a.chunks) - 1
		if last < 0 || len(a.chunks[last]) == chunkSize {
			a.chunks = append(a.chunks, make([]byte, 0, chunkSize))
			last++
		}
		n := min(len(b), chunkSize-len(a.chunks[last]))
		a.chunks[last] = append(a.chunks[last], b[:n]...)
		b = b[n:]
	}
	return written, nil
}

// Println implements promhttp.Logger. It is called for each family that could not be gathered
// or encoded.
func (a *answer) Println(v ...any) { a.fail(strings.TrimSuffix(fmt.Sprintln(v...), "\n")) }

func (a *answer) fail(err string) {
	if a.err == "" {
		a.err = err
	}
}

// size returns the size of the answer in bytes.
func (a *answer) size() (bytes int) {
	for _, chunk := range a.chunks {
		bytes += len(chunk)
	}
	return bytes
}

// send writes the answer to a client.
func (a *answer) send(to http.ResponseWriter) {
	header := to.Header()
	for name, values := range a.header {
		header[name] = values
	}
	header.Set("Content-Length", strconv.Itoa(a.size()))
	if a.status == 0 {
		a.status = http.StatusOK
	}
	to.WriteHeader(a.status)
	for _, chunk := range a.chunks {
		if _, err := to.Write(chunk); err != nil {
			a.fail(err.Error())
			return
		}
	}
}

// complete reports whether the client was sent everything, as far as is known here.
func (a *answer) complete(to *gate.Writer, r *http.Request) bool {
	if r.Method != http.MethodGet || r.URL.Query().Has("name[]") || a.status != http.StatusOK || a.err != "" {
		return false
	}
	// A short answer is still buffered. If it cannot be sent, net/http cancels the request's
	// context.
	to.Flush()
	return r.Context().Err() == nil
}
