package server

import (
	"io"
	"net/http"
	"net/http/pprof"

	"omegastream_exporter/internal/config"
	"omegastream_exporter/internal/web"
)

// Healthy is the answer of /-/healthy, by which healthcheck recognises the exporter.
const Healthy = config.Program + " is healthy."

// routes combines the application's handlers, below --web.route-prefix. The patterns start
// with GET, which includes HEAD, so that http.ServeMux answers other methods with 405.
func routes(app *Application, c config.Web) http.Handler {
	mux := http.NewServeMux()
	get := func(path string, h http.HandlerFunc) { mux.Handle("GET "+c.RoutePrefix+path, h) }
	get(c.TelemetryPath, app.Metrics.ServeHTTP)
	get("/-/healthy", func(w http.ResponseWriter, _ *http.Request) {
		plainText(w, http.StatusOK, Healthy+"\n")
	})
	// The state was loaded before the first request.
	get("/-/ready", func(w http.ResponseWriter, _ *http.Request) {
		plainText(w, http.StatusOK, config.Program+" is ready.\n")
	})
	if c.EnablePprof {
		get("/debug/pprof/", http.StripPrefix(c.RoutePrefix, http.HandlerFunc(pprof.Index)).ServeHTTP)
		get("/debug/pprof/cmdline", pprof.Cmdline)
		get("/debug/pprof/profile", pprof.Profile)
		get("/debug/pprof/symbol", pprof.Symbol)
		mux.HandleFunc("POST "+c.RoutePrefix+"/debug/pprof/symbol", pprof.Symbol) // go tool pprof sends a POST
		get("/debug/pprof/trace", pprof.Trace)
	}
	if c.RoutePrefix != "" {
		mux.Handle("GET /{$}", http.RedirectHandler(c.LinkPath()+"/", http.StatusFound))
	}
	mux.Handle("GET /", app.Pages)
	return secure(mux)
}

func plainText(w http.ResponseWriter, status int, body string) {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.WriteHeader(status)
	_, _ = io.WriteString(w, body) // an error means that the client has disconnected
}

// secure sets the security headers of pages on every answer.
func secure(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		web.Secure(w.Header())
		next.ServeHTTP(w, r)
	})
}
