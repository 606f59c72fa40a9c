package main

import (
	"io"
	"net/http"
	"net/http/pprof"

	"omegastream_exporter/internal/web"
)

// healthy is what /-/healthy answers, and how healthcheck knows us.
const healthy = program + " is healthy."

// routes puts the application behind one handler, below --web.route-prefix. The
// patterns begin with GET, which takes HEAD as well, so that http.ServeMux answers
// other methods with 405 by itself.
func routes(app *application, c webConfig) http.Handler {
	mux := http.NewServeMux()
	get := func(path string, h http.HandlerFunc) { mux.Handle("GET "+c.routePrefix+path, h) }
	get(c.telemetryPath, app.metrics.ServeHTTP)
	get("/-/healthy", func(w http.ResponseWriter, _ *http.Request) {
		plainText(w, http.StatusOK, healthy+"\n")
	})
	get("/-/ready", func(w http.ResponseWriter, _ *http.Request) {
		if ok, reason := app.ready(); !ok {
			plainText(w, http.StatusServiceUnavailable, program+" is not ready: "+reason+"\n")
			return
		}
		plainText(w, http.StatusOK, program+" is ready.\n")
	})
	if c.enablePprof {
		get("/debug/pprof/", http.StripPrefix(c.routePrefix, http.HandlerFunc(pprof.Index)).ServeHTTP)
		get("/debug/pprof/cmdline", pprof.Cmdline)
		get("/debug/pprof/profile", pprof.Profile)
		get("/debug/pprof/symbol", pprof.Symbol)
		mux.HandleFunc("POST "+c.routePrefix+"/debug/pprof/symbol", pprof.Symbol) // go tool pprof asks so
		get("/debug/pprof/trace", pprof.Trace)
	}
	if c.routePrefix != "" {
		mux.Handle("GET /{$}", http.RedirectHandler(c.linkPath()+"/", http.StatusFound))
	}
	mux.Handle("GET /", app.pages)
	return secure(mux)
}

func plainText(w http.ResponseWriter, status int, body string) {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.WriteHeader(status)
	_, _ = io.WriteString(w, body) // the client has left, nobody to tell
}

// secure lets a browser do with every answer what it may do with a page.
func secure(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		web.Secure(w.Header())
		next.ServeHTTP(w, r)
	})
}
