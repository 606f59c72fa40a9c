package web

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"runtime/debug"
	"time"

	"omegastream_exporter/internal/negotiate"
)

// answer is the result of a page: content for a template, or that there is nothing at
// the address.
type answer struct {
	title    string
	template string // of the content
	content  any
	still    bool                      // the page never changes
	data     any                       // for ?format=json, nil if there is no JSON
	missing  string                    // what was not found, "" if the page exists
	stream   func(http.ResponseWriter) // writes the answer itself; nil for a page
	problem  string                    // what to change in the request, "" if it is good
}

// frame is the part around the content of every page.
type frame struct {
	Title    string
	Template string
	Content  any
	Links    links
	Version  string
	Now      time.Time
	Refresh  int64 // milliseconds; 0 means that the page stays as it is
}

// page registers a page. If it panics, the visitor gets an error page and the log a line,
// and the connection does not break.
func (p *Pages) page(pattern string, build func(r *http.Request, now time.Time) answer) {
	p.mux.HandleFunc("GET "+p.opts.Prefix+pattern, func(w http.ResponseWriter, r *http.Request) {
		defer func() {
			cause := recover()
			if err, _ := cause.(error); errors.Is(err, http.ErrAbortHandler) {
				panic(cause)
			}
			if cause != nil {
				p.broken(w, r, fmt.Errorf("panic: %v\n%s", cause, debug.Stack()))
			}
		}()
		now := p.opts.Now()
		a := build(r, now)
		switch {
		case a.missing != "":
			p.writeError(w, r, http.StatusNotFound, a.missing)
		case a.problem != "":
			p.writeError(w, r, http.StatusBadRequest, a.problem)
		case a.stream != nil:
			a.stream(w)
		case a.data != nil && r.URL.Query().Get("format") == "json":
			p.writeJSON(w, r, http.StatusOK, a.data)
		default:
			f := p.frame(a.title, a.template, a.content, now)
			if !a.still {
				f.Refresh = p.pace().Milliseconds()
			}
			p.write(w, r, http.StatusOK, f)
		}
	})
}

func (p *Pages) frame(title, template string, content any, now time.Time) frame {
	return frame{
		Title: title, Template: template, Content: content, Now: now,
		Links: links{p.opts.Base, p.opts.MetricsPath}, Version: p.opts.Version,
	}
}

// write renders the page before it writes anything, so a visitor gets a whole page or an
// error.
func (p *Pages) write(w http.ResponseWriter, r *http.Request, status int, f frame) {
	var b bytes.Buffer
	if err := templates.ExecuteTemplate(&b, "frame", f); err != nil {
		p.broken(w, r, err)
		return
	}
	page := visible(b.Bytes())
	if status == http.StatusOK {
		tag := tagOf(page)
		w.Header().Set("ETag", tag)
		if negotiate.Unchanged(r.Header, tag) {
			w.WriteHeader(http.StatusNotModified)
			return
		}
	}
	send(w, r, status, "text/html; charset=utf-8", page)
}

// writeError answers in the requested format.
func (p *Pages) writeError(w http.ResponseWriter, r *http.Request, status int, text string) {
	if wantsData(r) {
		p.writeJSON(w, r, status, map[string]string{"error": text})
		return
	}
	title := "Not found"
	if status == http.StatusBadRequest {
		title = "Invalid request"
	}
	p.write(w, r, status, p.frame(title, "error", text, p.opts.Now()))
}

// wantsData reports whether a request asks for data instead of a page.
func wantsData(r *http.Request) bool {
	_, ok := formats[r.URL.Query().Get("format")]
	return ok
}

func (p *Pages) writeJSON(w http.ResponseWriter, r *http.Request, status int, data any) {
	b, err := json.MarshalIndent(data, "", "  ")
	if err != nil {
		p.broken(w, r, err)
		return
	}
	send(w, r, status, "application/json", append(b, '\n'))
}

func (p *Pages) notFound(w http.ResponseWriter, r *http.Request) {
	p.writeError(w, r, http.StatusNotFound, "There is no page at this address.")
}

// broken answers that a page could not be rendered. It uses no template, because a template
// can be the cause.
func (p *Pages) broken(w http.ResponseWriter, r *http.Request, err error) {
	p.opts.Logger.Error("Failed to render a page", "path", r.URL.Path, "err", err)
	const text = "The exporter failed to render this page; its log says why."
	if wantsData(r) {
		send(w, r, http.StatusInternalServerError, "application/json", []byte(`{"error": "`+text+`"}`+"\n"))
		return
	}
	send(w, r, http.StatusInternalServerError, "text/plain; charset=utf-8", []byte("500: "+text+".\n"))
}

// SecurityHeaders returns the headers that forbid a page to load anything from elsewhere,
// and others to frame or cache it.
func SecurityHeaders() map[string]string { return maps.Clone(securityHeaders) }

var securityHeaders = map[string]string{
	"Content-Security-Policy": "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self'; connect-src 'self'; " +
		"base-uri 'none'; form-action 'self'; frame-ancestors 'none'",
	"Referrer-Policy":        "no-referrer",
	"X-Content-Type-Options": "nosniff",
	"X-Frame-Options":        "DENY",
	"Cache-Control":          "no-store",
}

// Secure sets the security headers that --web.config.file has not set already.
func Secure(h http.Header) {
	for key, v := range securityHeaders {
		if h.Get(key) == "" {
			h.Set(key, v)
		}
	}
}
