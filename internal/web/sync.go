package web

import (
	"slices"
	"strconv"
	"time"

	"omegastream_exporter/client"
	"omegastream_exporter/internal/human"
	"omegastream_exporter/internal/ledger"
	"omegastream_exporter/internal/syncer"
)

// syncCard describes the exporter's own state.
type syncCard struct {
	Badge    badge
	Ended    time.Time // zero if no sync has ended since the start
	Took     string
	LastGood time.Time // the last sync that succeeded for every endpoint, in any run
	Behind   time.Time // creation of the oldest event whose outcome should be known by now; zero if none
	Unknown  int       // new events whose outcomes are not known, where Behind is set
	Partly   bool      // some endpoints could not be read, or a part of their data was unusable
	Requests int
	Failed   int
	Rate     string
	Paused   time.Time // no request before then; zero if there is no pause
	Slowed   bool
	Notices  []notice
	Stale    bool      // the data can be old
	Unsaved  string    // why the state cannot be written
	Read     time.Time // when a list was read last
	Known    bool      // there is an endpoint

	fresh  time.Duration   // how old the last read can be
	unread map[string]bool // endpoints whose list cannot be read
}

// stale reports whether the data of an endpoint can be old.
func (c *syncCard) stale(e *ledger.EndpointView, now time.Time) bool {
	return c.Stale || c.unread[e.ID] || now.Sub(e.LastSync) > c.fresh
}

func newestRead(v *ledger.View) (at time.Time) {
	for _, e := range v.Endpoints {
		if e.LastSync.After(at) {
			at = e.LastSync
		}
	}
	return at
}

func (p *Pages) syncCard(v *ledger.View, now time.Time) syncCard {
	s := p.opts.Status()
	c := syncCard{
		Badge: syncBadge(s.Status), Ended: s.Ended, Took: human.Span(s.Took), LastGood: v.LastSync,
		Requests: int(s.Requests), Failed: int(s.Failed), Rate: "no limit",
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
		names[e.ID] = nameOf(e)
	}
	if err := p.state.Failure(); err != nil {
		c.Unsaved = ledger.Prose(err.Error(), 512)
	}
	problems := s.Problems
	if c.Unsaved != "" { // it has a notice of its own
		problems = slices.DeleteFunc(slices.Clone(problems), func(t syncer.Problem) bool { return t.Operation == syncer.WriteState })
	}
	c.Notices = noticesOf(problems, names)
	c.fresh = max(freshFor, 3*s.Turn)
	c.unread = make(map[string]bool)
	for _, t := range s.Problems {
		switch {
		case t.Operation == client.OpListEndpoints && t.EndpointID == "":
			c.Stale = true
		case t.Operation == client.OpListEvents:
			c.unread[t.EndpointID] = true
		}
	}
	newest := newestRead(v)
	c.Read, c.Known = newest, len(v.Endpoints) > 0
	if !c.Known && !c.Stale {
		c.Read = v.LastSync // there is no list to read
	}
	for _, e := range v.Endpoints {
		if at := unix(e.OldestUnfetched); behind(e, now) && (c.Behind.IsZero() || at.Before(c.Behind)) {
			c.Behind = at
		}
		c.Unknown += e.Backlog
	}
	c.Partly = s.Result == syncer.Partial && len(c.unread) > 0
	c.Stale = c.Stale || c.Known && now.Sub(newest) > c.fresh
	return c
}

func syncBadge(s syncer.Status) badge {
	switch {
	case s.Ended.IsZero() && s.Syncing:
		return badge{"first sync running", "muted"}
	case s.Ended.IsZero():
		return badge{"waiting for a scrape", "muted"}
	case s.Result == syncer.Success:
		return badge{"up to date", "good"}
	case s.Result == syncer.Partial:
		return badge{"last sync incomplete", "warn"}
	}
	return badge{"last sync failed", "bad"}
}
