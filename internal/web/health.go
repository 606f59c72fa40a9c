package web

import (
	"cmp"
	"strings"
	"time"

	"omegastream_exporter/internal/ledger"
)

// The states of an endpoint, the worst first. An endpoint is green if it was read a short
// time ago, its outcomes are known, and it delivers.
var (
	stateFailing   = badge{"failing", "bad"}
	stateSilent    = badge{"not answering", "bad"}
	statePartly    = badge{"failing partly", "bad"}
	stateStale     = badge{"not read lately", "warn"}
	stateBehind    = badge{"behind", "warn"}
	stateUnread    = badge{"not read yet", "muted"}
	stateFine      = badge{"delivering", "good"}
	stateQuiet     = badge{"no deliveries", "muted"}
	stateOff       = badge{"switched off", "muted"}
	statesByDegree = []badge{stateFailing, stateSilent, statePartly, stateStale, stateBehind, stateUnread, stateFine, stateQuiet, stateOff}
)

// When an endpoint counts as failing, as the alerts see it.
const (
	failingInARow = 3
	silentInARow  = 2
	partlyPercent = 1         // of the recent deliveries
	recently      = time.Hour // and up to an hour more: deliveries are counted by the hour
	freshFor      = 5 * time.Minute
	behindBy      = 10 * time.Minute // the oldest event whose outcome was not fetched
)

// rank is the position of a state, 0 for the worst.
func (s badge) rank() int {
	for i, known := range statesByDegree {
		if s == known {
			return i
		}
	}
	return len(statesByDegree)
}

// healthOf returns the state of an endpoint. stale means that its data can be old.
func healthOf(e *ledger.EndpointView, hours []ledger.Hour, stale bool, now time.Time) badge {
	recent := recentOf(hours, now)
	all := tallyOf(e.Window)
	switch {
	case !e.Contacted, stale && e.LastSync.IsZero() && all.Deliveries == 0:
		return stateUnread
	case e.Meta != nil && !e.Meta.Active:
		return stateOff
	case e.Consecutive >= silentInARow && e.HasCode && e.LastCode == ledger.CodeNone:
		return stateSilent
	case e.Consecutive >= failingInARow, e.Consecutive > 0 && all.Deliveries == all.Failures:
		return stateFailing
	case e.Consecutive > 0, recent.Failures*100 > recent.Deliveries*partlyPercent:
		return statePartly
	case stale:
		return stateStale
	case behind(e, now):
		return stateBehind
	case all.Deliveries == 0:
		return stateQuiet
	}
	return stateFine
}

// behind reports whether the exporter fetches the outcomes of an endpoint's deliveries too
// slowly: any of these deliveries can have failed.
func behind(e *ledger.EndpointView, now time.Time) bool {
	return e.OldestUnfetched != 0 && now.Sub(unix(e.OldestUnfetched)) > behindBy
}

// recentOf counts the deliveries of the last hour or two.
func recentOf(hours []ledger.Hour, now time.Time) (t tally) {
	since := now.Add(-recently).Truncate(time.Hour).Unix()
	for _, h := range hours {
		if h.Start >= since {
			t.Deliveries += h.Delivered + h.Failed
			t.Failures += h.Failed
		}
	}
	return t
}

// whyOf returns why the endpoint's newest failure failed, "" if the endpoint is not failing.
func whyOf(e *ledger.EndpointView, s badge) (why, message string) {
	if s.Tone != "bad" {
		return "", ""
	}
	failures := e.Failures()
	if len(failures) == 0 {
		return codeText(e.LastCode, ledger.ReasonUnknown, ""), ""
	}
	f := failures[0]
	status, message := f.Said()
	if f.Code == ledger.CodeNone {
		words := strings.TrimPrefix(reasonWords[f.Reason], ": ")
		return cmp.Or(words, "no response"), message
	}
	return codeText(f.Code, f.Reason, status), message
}
