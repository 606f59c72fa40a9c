package server

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"sync"
	"time"

	"github.com/prometheus/exporter-toolkit/web"

	"omegastream_exporter/internal/config"
)

// The steps of a drain. Together they take less than the 10 s after which a supervisor such
// as docker kills the process.
const (
	scrapeGrace = 4 * time.Second // running scrapes end on their own
	answerGrace = time.Second     // their contexts are cancelled, so they answer with what they have
	closeGrace  = 3 * time.Second // the application writes its latest changes to the state
	leaveGrace  = time.Second     // it reports why it could not
)

// serve answers requests until ctx ends or a listener fails, and then drains.
func serve(ctx context.Context, listeners []net.Listener, app *Application, c config.Web, log *slog.Logger) error {
	file := &webFile{name: *c.Toolkit.WebConfigFile, log: log}
	handler := file.watch(routes(app, c))
	toolkit := slog.New(toolkitLog{log.Handler(), file})
	// Requests outlast ctx: the drain decides when they end.
	requests, endRequests := context.WithCancel(context.WithoutCancel(ctx))
	defer endRequests()

	open := newConnections()
	g := &serverGroup{failed: make(chan error, 1)}
	if len(listeners) == 0 {
		g.start(newServer(requests, handler, open, file), func(s *http.Server) error {
			return file.startError(toolkitError(c, web.ListenAndServe(s, c.Toolkit, toolkit)))
		})
	}
	for _, l := range listeners {
		// One server for each listener: web.Serve wraps the handler of its server, and would
		// wrap a shared one once for each listener.
		g.start(newServer(requests, handler, open, file), func(s *http.Server) error {
			return file.startError(web.Serve(l, s, c.Toolkit, toolkit))
		})
	}

	var err error
	select {
	case err = <-g.failed:
	case <-ctx.Done():
		log.Info("Stopping", "reason", context.Cause(ctx))
	}

	if !g.shutdown(scrapeGrace) {
		log.Warn("Requests are still running; ending them with what they have")
		endRequests()
		if !g.shutdown(answerGrace) {
			log.Warn("Requests are still running; closing their connections")
			g.cutOff()
		}
	}
	g.running.Wait()
	return err
}

func newServer(requests context.Context, handler http.Handler, open *connections, file *webFile) *http.Server {
	s := &http.Server{
		Handler: handler,
		// No ReadTimeout: net/http keeps reading while a handler runs, and would cancel the
		// context of a scrape that takes longer.
		ReadHeaderTimeout: 10 * time.Second,
		WriteTimeout:      5 * time.Minute, // longer than any scrape, or a profile
		// Longer than Prometheus keeps an idle connection (5m), as the server could otherwise
		// close one just as a scrape arrives.
		IdleTimeout:    6 * time.Minute,
		MaxHeaderBytes: maxHeaderBytes,
		ConnState:      open.changed,
		ConnContext:    open.remember,
		ErrorLog:       slog.NewLogLogger(serverLog{file.log.Handler(), file}, slog.LevelWarn),
	}
	s.BaseContext = func(net.Listener) context.Context {
		// By now exporter-toolkit has wrapped our handler. Its own answers, as without a
		// password, are limited too.
		s.Handler = open.withoutBody(open.bounded(s.Handler))
		return requests
	}
	return s
}

// serverGroup is a group of servers that run and stop together.
type serverGroup struct {
	servers []*http.Server
	running sync.WaitGroup
	failed  chan error // the first failure
}

func (g *serverGroup) start(s *http.Server, serve func(*http.Server) error) {
	g.servers = append(g.servers, s)
	g.running.Go(func() {
		if err := serve(s); err != nil && !errors.Is(err, http.ErrServerClosed) {
			select {
			case g.failed <- err:
			default:
			}
		}
	})
}

// shutdown stops accepting connections, and waits for the running requests. It returns false
// if some are left after the grace period.
func (g *serverGroup) shutdown(grace time.Duration) bool {
	ctx, cancel := context.WithTimeout(context.Background(), grace)
	defer cancel()
	var stopping sync.WaitGroup
	for _, s := range g.servers {
		stopping.Go(func() { _ = s.Shutdown(ctx) })
	}
	stopping.Wait()
	return ctx.Err() == nil
}

// cutOff closes the connections of the remaining requests.
func (g *serverGroup) cutOff() {
	for _, s := range g.servers {
		_ = s.Close()
	}
}
