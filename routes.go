package main

import (
	"io"
	"net/http"
	"net/http/pprof"
	"strconv"

	"github.com/prometheus/common/version"
	"github.com/prometheus/exporter-toolkit/web"
)

// routes puts the application and the pages behind one handler. The patterns
// begin with GET, which takes HEAD as well, so that http.ServeMux answers other
// methods with 405 by itself.
func routes(app *application, c webConfig) (http.Handler, error) {
	landing, err := web.NewLandingPage(web.LandingConfig{
		Name:        program,
		Description: "Prometheus exporter for the webhooks of an OmegaStream account",
		Version:     version.Info(),
		Profiling:   strconv.FormatBool(c.enablePprof),
		Links: []web.LandingLinks{
			{Address: c.telemetryPath, Text: "Metrics"},
			{Address: "/-/healthy", Text: "Health", Description: "whether the process answers"},
			{Address: "/-/ready", Text: "Readiness", Description: "whether the state is loaded"},
		},
	})
	if err != nil {
		return nil, err
	}
	mux := http.NewServeMux()
	mux.Handle("GET "+c.telemetryPath, app.metrics)
	mux.Handle("GET /{$}", landing)
	mux.HandleFunc("GET /-/healthy", func(w http.ResponseWriter, _ *http.Request) {
		plainText(w, http.StatusOK, program+" is healthy.\n")
	})
	mux.HandleFunc("GET /-/ready", func(w http.ResponseWriter, _ *http.Request) {
		if ok, reason := app.ready(); !ok {
			plainText(w, http.StatusServiceUnavailable, program+" is not ready: "+reason+"\n")
			return
		}
		plainText(w, http.StatusOK, program+" is ready.\n")
	})
	if c.enablePprof {
		mux.HandleFunc("GET /debug/pprof/", pprof.Index)
		mux.HandleFunc("GET /debug/pprof/cmdline", pprof.Cmdline)
		mux.HandleFunc("GET /debug/pprof/profile", pprof.Profile)
		mux.HandleFunc("GET /debug/pprof/symbol", pprof.Symbol)
		mux.HandleFunc("POST /debug/pprof/symbol", pprof.Symbol) // go tool pprof asks so
		mux.HandleFunc("GET /debug/pprof/trace", pprof.Trace)
	}
	return secure(mux), nil
}

func plainText(w http.ResponseWriter, status int, body string) {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.WriteHeader(status)
	_, _ = io.WriteString(w, body) // the client has left, nobody to tell
}

// securityHeaders let a browser load nothing from elsewhere, run no script and
// guess no type. The styles of the pages are inline.
var securityHeaders = map[string]string{
	"Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'",
	"Referrer-Policy":         "no-referrer",
	"X-Content-Type-Options":  "nosniff",
	"X-Frame-Options":         "DENY",
}

// secure adds the headers that --web.config.file has not set already.
func secure(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		for key, v := range securityHeaders {
			if w.Header().Get(key) == "" {
				w.Header().Set(key, v)
			}
		}
		next.ServeHTTP(w, r)
	})
}
