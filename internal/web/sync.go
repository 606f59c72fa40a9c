package web

import (
	"strconv"
	"time"

	"omegastream_exporter/internal/ledger"
	"omegastream_exporter/internal/syncer"
)

// syncCard is how the exporter itself gets on.
type syncCard struct {
	State    state
	Ended    time.Time // zero if no sync has ended since the start
	Took     string
	LastGood time.Time // the last sync that succeeded for every endpoint, in any run
	Requests uint64
	Failed   uint64
	Rate     string
	Paused   time.Time // no request before then; zero if there is no pause
	Slowed   bool
	Problems []problemRow
	Unsaved  string // why the state cannot be written
}

type problemRow struct {
	syncer.Problem
	Endpoint string // name
}

func (p *Pages) syncCard(v *ledger.View, now time.Time) syncCard {
	s := p.opts.Status()
	c := syncCard{
		State: syncState(s.Status), Ended: s.Ended, Took: span(s.Took), LastGood: v.LastSync,
		Requests: s.Requests, Failed: s.Failed, Rate: "no limit",
		Slowed: s.Limits.Current < s.Limits.Configured,
	}
	if s.Limits.Configured > 0 {
		c.Rate = strconv.FormatFloat(s.Limits.Current, 'g', 3, 64) + " a second"
	}
	if s.Limits.PausedUntil.After(now) {
		c.Paused = s.Limits.PausedUntil
	}
	names := make(map[string]string)
	for _, e := range v.Endpoints {
		names[e.ID] = headOf(e).Name
	}
	for _, t := range s.Problems {
		c.Problems = append(c.Problems, problemRow{t, names[t.EndpointID]})
	}
	if err := p.ledger.Failure(); err != nil {
		c.Unsaved = ledger.Prose(err.Error(), 512)
	}
	return c
}

func syncState(s syncer.Status) state {
	switch {
	case s.Ended.IsZero() && s.Syncing:
		return state{"first sync running", "muted"}
	case s.Ended.IsZero():
		return state{"waiting for a scrape", "muted"}
	case s.Result == syncer.Success:
		return state{"up to date", "good"}
	case s.Result == syncer.Partial:
		return state{"incomplete", "warn"}
	}
	return state{"failing", "bad"}
}
