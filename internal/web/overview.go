package web

import (
	"cmp"
	"net/http"
	"slices"
	"strings"
	"time"

	"omegastream_exporter/internal/ledger"
)

// overviewPage is the account at a glance.
type overviewPage struct {
	Company   string
	Window    string
	Sync      syncCard
	Catchup   *catchup // nil when every detail is there
	Total     tally
	Pending   int
	Oldest    time.Time // of the pending events; zero if there are none
	Failing   int       // endpoints
	Known     int       // endpoints in all
	Endpoints []endpointRow
	Folded    int       // endpoints that are well and not listed
	Query     string    // of the search for endpoints
	All       string    // link to all of them
	HeldUntil time.Time // until when the metrics show the stored counters; zero if they do not
	Target    string    // for the scrape configuration
}

// tally counts the deliveries of a window.
type tally struct{ Deliveries, Failures int }

// Delivered returns the deliveries that did not fail.
func (t tally) Delivered() int { return t.Deliveries - t.Failures }

// endpointRow is an endpoint in the table.
type endpointRow struct {
	endpointHead
	tally
	Chart chart
}

// endpointHead is common to an endpoint's row and its page.
type endpointHead struct {
	ID           string
	Name         string // host, else the id
	Description  string
	Badge        badge
	Pending      int
	Oldest       time.Time // creation of the oldest pending event
	InARow       int       // failures
	FailingSince time.Time // creation of the first of them; zero if there is none
	Why, Message string    // why the newest failure failed, if the endpoint is failing
	LastSuccess  time.Time
	LastFailure  time.Time
}

// badge is a word with its colour.
type badge struct{ Word, Tone string }

// catchup is the progress of fetching details.
type catchup struct {
	Done, Total, New, History int
}

const (
	smallBars, smallHeight = 48, 40
	largeBars, largeHeight = 96, 200
)

// maxListed is how many endpoints are listed with those that are well.
const maxListed = 100

func (p *Pages) overview(r *http.Request, now time.Time) answer {
	v := p.state.View(now)
	hours := make(map[string][]ledger.Hour, len(v.Endpoints))
	q := r.URL.Query()
	page := overviewPage{
		Company: v.CompanyID, Window: windowName(p.opts.Window), Known: len(v.Endpoints), Query: q.Get("q"),
		Sync: p.syncCard(v, now), Catchup: catchingUp(v.Endpoints), All: links{base: p.opts.Base}.Overview() + "?show=all", Target: r.Host,
	}
	p.state.Look(func(a *ledger.Account) {
		for _, e := range v.Endpoints {
			hours[e.ID] = a.Hours(e.ID)
		}
		page.HeldUntil, _ = a.HeldUntil()
	})
	if !page.HeldUntil.After(now) {
		page.HeldUntil = time.Time{}
	}
	for _, e := range v.Endpoints {
		row := endpointRow{
			endpointHead: headOf(e, healthOf(e, hours[e.ID], page.Sync.stale(e, now), now)), tally: tallyOf(e.Window),
		}
		page.Endpoints = append(page.Endpoints, row)
		page.Total.Deliveries += row.Deliveries
		page.Total.Failures += row.Failures
		page.Pending += row.Pending
		if row.Badge.Tone == "bad" {
			page.Failing++
		}
		if !row.Oldest.IsZero() && (page.Oldest.IsZero() || row.Oldest.Before(page.Oldest)) {
			page.Oldest = row.Oldest
		}
	}
	slices.SortFunc(page.Endpoints, worseFirst)
	data := p.overviewJSON(page)
	page.fold(q.Get("show") == "all")
	for i := range page.Endpoints {
		row := &page.Endpoints[i]
		row.Chart = newChart(hours[row.ID], p.opts.Window, now, smallBars, smallHeight)
	}
	return answer{title: "Overview", template: "overview", content: page, data: data}
}

// fold keeps the endpoints that match the search. If there are very many and the visitor did
// not ask for all, it keeps only those that are not well.
func (page *overviewPage) fold(all bool) {
	if page.Query != "" {
		page.Endpoints = slices.DeleteFunc(page.Endpoints, func(row endpointRow) bool {
			return !strings.Contains(strings.ToLower(row.Name+"\x00"+row.ID+"\x00"+row.Description+"\x00"+row.Badge.Word), strings.ToLower(page.Query))
		})
	}
	if all || len(page.Endpoints) <= maxListed {
		return
	}
	keep := slices.IndexFunc(page.Endpoints, func(row endpointRow) bool { return row.Badge.rank() >= badgeUnread.rank() })
	if keep < 0 || keep > maxListed {
		keep = maxListed
	}
	page.Folded = len(page.Endpoints) - keep
	page.Endpoints = page.Endpoints[:keep]
}

// worseFirst sorts by state, the worst first, and then by failures in a row.
func worseFirst(a, b endpointRow) int {
	return cmp.Or(
		cmp.Compare(a.Badge.rank(), b.Badge.rank()),
		cmp.Compare(b.InARow, a.InARow),
		cmp.Compare(b.Failures, a.Failures),
		cmp.Compare(a.Name, b.Name),
		cmp.Compare(a.ID, b.ID),
	)
}

func headOf(e *ledger.EndpointView, s badge) endpointHead {
	h := endpointHead{
		ID: e.ID, Name: nameOf(e), Badge: s, FailingSince: unix(e.FailingSince), Oldest: unix(e.OldestPending), InARow: e.Consecutive,
		LastSuccess: unix(e.LastSuccess), LastFailure: unix(e.LastFailure),
	}
	if e.Meta != nil {
		h.Description = e.Meta.Description
	}
	h.Why, h.Message = whyOf(e, s)
	for _, t := range e.Pending {
		h.Pending += t.Count
	}
	return h
}

// nameOf is an endpoint's host, else its id.
func nameOf(e *ledger.EndpointView) string {
	if e.Meta == nil {
		return e.ID
	}
	return cmp.Or(e.Meta.URL, e.ID)
}

func tallyOf(window []ledger.WindowCount) (t tally) {
	for _, w := range window {
		t.Deliveries += w.Count
		if !w.Code.Success() {
			t.Failures += w.Count
		}
	}
	return t
}

// catchingUp returns how far the details of what is tracked are fetched, nil if
// all are.
func catchingUp(endpoints []*ledger.EndpointView) *catchup {
	var c catchup
	for _, e := range endpoints {
		c.Total += e.Tracked
		c.New += e.Backlog
		c.History += e.HistoryBacklog
	}
	c.Done = c.Total - c.New - c.History
	if c.Done == c.Total {
		return nil
	}
	return &c
}
