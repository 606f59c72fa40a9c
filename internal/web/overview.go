package web

import (
	"cmp"
	"net/http"
	"slices"
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
	Endpoints []endpointRow
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

// endpointHead is what an endpoint's row and its page have in common.
type endpointHead struct {
	ID          string
	Name        string // host, else the id
	Description string
	State       state
	Pending     int
	Oldest      time.Time // creation of the oldest pending event
	InARow      int       // failures
	LastSuccess time.Time
	LastFailure time.Time
}

// state is a word about something with the colour that it has.
type state struct{ Word, Tone string }

// catchup is how far the details are.
type catchup struct {
	Done, Total, New, History int
}

const (
	smallBars, smallHeight = 48, 40
	largeBars, largeHeight = 96, 200
)

func (p *Pages) overview(_ *http.Request, now time.Time) answer {
	v := p.ledger.View(now)
	hours := make(map[string][]ledger.Hour, len(v.Endpoints))
	p.ledger.Look(func(a *ledger.Account) {
		for _, e := range v.Endpoints {
			hours[e.ID] = a.Hours(e.ID)
		}
	})
	page := overviewPage{
		Company: v.CompanyID, Window: windowName(p.opts.Window),
		Sync: p.syncCard(v, now), Catchup: catchingUp(v.Endpoints),
	}
	for _, e := range v.Endpoints {
		row := endpointRow{
			endpointHead: headOf(e), tally: tallyOf(e.Window),
			Chart: newChart(hours[e.ID], p.opts.Window, now, smallBars, smallHeight),
		}
		page.Endpoints = append(page.Endpoints, row)
		page.Total.Deliveries += row.Deliveries
		page.Total.Failures += row.Failures
		page.Pending += row.Pending
		if row.InARow > 0 {
			page.Failing++
		}
		if !row.Oldest.IsZero() && (page.Oldest.IsZero() || row.Oldest.Before(page.Oldest)) {
			page.Oldest = row.Oldest
		}
	}
	slices.SortFunc(page.Endpoints, worseFirst)
	return answer{title: "Overview", template: "overview", content: page}
}

// worseFirst puts failing endpoints first, and those with the longest row of
// failures before the others. What is switched off comes last.
func worseFirst(a, b endpointRow) int {
	return cmp.Or(
		cmp.Compare(b.InARow, a.InARow),
		cmp.Compare(a.State.rank(), b.State.rank()),
		cmp.Compare(a.Name, b.Name),
		cmp.Compare(a.ID, b.ID),
	)
}

func (s state) rank() int {
	if s == stateOff {
		return 1
	}
	return 0
}

// The states of an endpoint.
var (
	stateUnread  = state{"not read yet", "muted"}
	stateFailing = state{"failing", "bad"}
	stateOff     = state{"switched off", "muted"}
	stateQuiet   = state{"no deliveries", "muted"}
	stateFine    = state{"delivering", "good"}
)

func stateOf(e *ledger.EndpointView) state {
	switch {
	case !e.Contacted:
		return stateUnread
	case e.Meta != nil && !e.Meta.Active:
		return stateOff
	case e.Consecutive > 0:
		return stateFailing
	case !e.HasCode:
		return stateQuiet
	}
	return stateFine
}

func headOf(e *ledger.EndpointView) endpointHead {
	h := endpointHead{
		ID: e.ID, Name: e.ID, State: stateOf(e), Oldest: unix(e.OldestPending), InARow: e.Consecutive,
		LastSuccess: unix(e.LastSuccess), LastFailure: unix(e.LastFailure),
	}
	if e.Meta != nil {
		h.Name, h.Description = cmp.Or(e.Meta.URL, e.ID), e.Meta.Description
	}
	for _, t := range e.Pending {
		h.Pending += t.Count
	}
	return h
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
