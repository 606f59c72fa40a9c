package web

import (
	"log/slog"
	"net/http"
	"time"

	"omegastream_exporter/internal/gate"
	"omegastream_exporter/internal/ledger"
	"omegastream_exporter/internal/ratelimit"
	"omegastream_exporter/internal/syncer"
)

// State is the data of the pages, such as a *state.State.
type State interface {
	// View returns the durable part of the account.
	View(now time.Time) *ledger.View

	// Look calls a function with the account, which is locked meanwhile.
	Look(question func(*ledger.Account))

	// Failure returns why the last write of the state failed, or nil.
	Failure() error
}

// Status describes the exporter's work with the API.
type Status struct {
	syncer.Status

	Requests uint64 // to the API since the start
	Failed   uint64 // of them, those without a 2xx
	Limits   ratelimit.Limits
}

// Options are the settings of the pages.
type Options struct {
	// Base is the path before every link, as a browser sees it, without a trailing slash.
	// Empty means none.
	Base string

	// APIURL is the base URL of the API, for the commands on the pages.
	APIURL string

	// ExternalURL is the URL at which people reach the exporter, without a trailing slash. If
	// it is empty, the pages take it from the request.
	ExternalURL string

	// Prefix is the path before every route, as requests arrive here, without a trailing
	// slash. Empty means none.
	Prefix string

	// MetricsPath is where the metrics are, below Base.
	MetricsPath string

	// Window is how far back events are tracked.
	Window time.Duration

	// ShowBody lets the pages show the answers of receivers.
	ShowBody bool

	// Version is shown in the footer.
	Version string

	// Refresh is the shortest time between two refreshes of an open page. If syncs are
	// further apart, it waits for them. Zero means 5 seconds.
	Refresh time.Duration

	// Status describes the exporter's work with the API. It must not block. Nil
	// means that nothing is known.
	Status func() Status

	// Unknown is called if a visitor asks for an unknown endpoint. It must not block.
	// It can be nil.
	Unknown func(endpointID string)

	// Now is the clock. Nil means time.Now.
	Now func() time.Time

	// Logger logs errors of pages. Nil discards them.
	Logger *slog.Logger
}

// Pages serves the pages. It is safe for concurrent use.
type Pages struct {
	state State
	opts  Options
	mux   *http.ServeMux
	gate  *gate.Gate
}

// Limits of the memory for answers that are made and sent at the same time.
const (
	maxPlaces    = 8
	exportPlaces = 3 // for exports, so that pages always have some left
)

// New returns the pages of a ledger.
func New(st State, o Options) *Pages {
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	if o.Unknown == nil {
		o.Unknown = func(string) {}
	}
	if o.Status == nil {
		o.Status = func() Status { return Status{} }
	}
	if o.Refresh == 0 {
		o.Refresh = 5 * time.Second
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	p := &Pages{state: st, opts: o, mux: http.NewServeMux(), gate: gate.New(maxPlaces)}
	p.page("/{$}", p.overview)
	p.page("/endpoints/{id}", p.endpoint)
	p.page("/events/{id}", p.event)
	p.page("/failures", p.failures)
	p.page("/runbooks", p.runbooks)
	p.mux.HandleFunc("GET "+o.Prefix+assetPath+"{name}", p.asset)
	p.mux.HandleFunc("/", p.notFound)
	return p
}

// ServeHTTP implements http.Handler.
func (p *Pages) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	Secure(w.Header())
	places := 1
	if wantsData(r) {
		places = exportPlaces
	}
	to := &gate.Writer{ResponseWriter: w}
	pass, err := p.gate.Enter(r.Context(), to, places)
	if err != nil {
		return // the client has left
	}
	defer pass.Leave()
	p.mux.ServeHTTP(to, r)
}
