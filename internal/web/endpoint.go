package web

import (
	"net/http"
	"slices"
	"time"

	"omegastream_exporter/internal/ledger"
	"omegastream_exporter/internal/syncer"
)

// endpointPage is the page of one endpoint.
type endpointPage struct {
	endpointHead
	tally
	Window       string
	Company      string
	Created      time.Time // of the endpoint itself
	Updated      time.Time
	LastSync     time.Time
	LastCode     string // "" if there was no outcome yet
	Tracked      int
	Waiting      int // events whose detail is not fetched
	Chart        chart
	Matrix       matrix
	Filter       filter
	Choices      choices
	Kept         int // failures, before the filter
	Fitting      int // failures, after it
	Listed       []failureRow
	All          string // link to all of them, "" where all are listed
	Awaited      []pendingRow
	MoreAwait    int // pending events that are not shown
	Notices      []notice
	Types        []string // that it is subscribed to
	FailuresLink string   // to all of its failed deliveries
	Runbook      string   // link to what to do while it fails
	JSON         string   // link
}

// pendingRow is an event whose detail has no response yet.
type pendingRow struct {
	EventID, Type string
	Created       time.Time
	FirstSeen     time.Time
	LastAsked     time.Time
}

// The longest lists of a page.
const (
	maxPending  = 100
	maxFailures = 50 // unless the visitor asks for all
)

// find returns the endpoint with an id, nil if there is none.
func find(v *ledger.View, id string) *ledger.EndpointView {
	i := slices.IndexFunc(v.Endpoints, func(e *ledger.EndpointView) bool { return e.ID == id })
	if i < 0 {
		return nil
	}
	return v.Endpoints[i]
}

func (p *Pages) endpoint(r *http.Request, now time.Time) answer {
	id := r.PathValue("id")
	v := p.state.View(now)
	e := find(v, id)
	if e == nil {
		p.opts.Unknown(id)
		return answer{missing: "The account has no webhook endpoint with this ID. It may have been removed."}
	}
	var hours []ledger.Hour
	var waiting []ledger.Known
	p.state.Look(func(a *ledger.Account) {
		hours = a.Hours(id)
		waiting = a.Pending(id, maxPending)
	})
	link := links{base: p.opts.Base}.Endpoint(id)
	card := p.syncCard(v, now)
	page := endpointPage{
		endpointHead: headOf(e, healthOf(e, hours, card.stale(e, now), now)), tally: tallyOf(e.Window),
		Window: windowName(p.opts.Window), Company: v.CompanyID, LastSync: e.LastSync,
		Tracked: e.Tracked, Waiting: e.Backlog + e.HistoryBacklog,
		Chart:  newChart(hours, p.opts.Window, now, largeBars, largeHeight),
		Matrix: newMatrix(e.Window, link), Filter: filterOf(r.URL.Query()),
	}
	if e.Meta != nil {
		page.Created, page.Updated, page.Types = e.Meta.CreatedAt, e.Meta.UpdatedAt, e.Meta.Events
	}
	if e.HasCode {
		page.LastCode = codeText(e.LastCode, ledger.ReasonUnknown, "")
	}
	page.list(e.Failures(), waiting)
	page.JSON = link + "?" + page.Filter.query("format", "json")
	var own []syncer.Problem
	for _, t := range p.opts.Status().Problems {
		if t.EndpointID == id || t.EndpointID == "" {
			own = append(own, t)
		}
	}
	page.Notices = noticesOf(own, nil)
	page.FailuresLink = links{base: p.opts.Base}.FailuresOf(id)
	page.Runbook = links{base: p.opts.Base}.Runbooks() + "#" + alertOf(page.Badge)
	data := p.endpointJSON(v, e, page, hours)
	if r.URL.Query().Get("show") != "all" && page.Fitting > maxFailures {
		page.Listed, page.All = page.Listed[:maxFailures], link+"?"+page.Filter.query("show", "all")+"#failures"
	}
	return answer{title: page.Name, template: "endpoint", content: page, data: data}
}

// alertOf returns the alert whose runbook covers a state.
func alertOf(s badge) string {
	if s == badgePartly {
		return "OmegaStreamDeliveryFailed"
	}
	return "OmegaStreamEndpointFailing"
}

// list adds the failures and pending events that match the filter.
func (e *endpointPage) list(kept []*ledger.Failure, waiting []ledger.Known) {
	var failures []failureRow
	for _, f := range kept {
		failures = append(failures, failureOf(f))
	}
	var pending []pendingRow
	for _, k := range waiting {
		pending = append(pending, pendingRow{k.EventID, k.Type, unix(k.Time), unix(k.FirstSeen), unix(k.LastAsk)})
	}
	e.Kept = len(failures)
	e.Choices = choicesOf(failures, pending, e.Filter)
	e.MoreAwait = max(0, e.Pending-len(pending))
	e.Listed = slices.DeleteFunc(failures, func(row failureRow) bool { return !e.Filter.failure(row) })
	e.Fitting = len(e.Listed)
	e.Awaited = slices.DeleteFunc(pending, func(row pendingRow) bool { return !e.Filter.pending(row) })
}
