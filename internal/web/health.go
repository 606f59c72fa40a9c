package web

import (
	"cmp"
	"strings"
	"time"

	"omegastream_exporter/internal/ledger"
)

// The badges of an endpoint, the worst first. An endpoint is green if it was read a short
// time ago, its outcomes are known, and it delivers.
var (
	badgeFailing   = badge{"failing", "bad"}
	badgeSilent    = badge{"not answering", "bad"}
	badgePartly    = badge{"failing partly", "bad"}
	badgeStale     = badge{"not read lately", "warn"}
	badgeBehind    = badge{"behind", "warn"}
	badgeUnread    = badge{"not read yet", "muted"}
	badgeFine      = badge{"delivering", "good"}
	badgeQuiet     = badge{"no deliveries", "muted"}
	badgeOff       = badge{"switched off", "muted"}
	badgesByDegree = []badge{badgeFailing, badgeSilent, badgePartly, badgeStale, badgeBehind, badgeUnread, badgeFine, badgeQuiet, badgeOff}
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

// rank is the position of a badge, 0 for the worst.
func (b badge) rank() int {
	for i, known := range badgesByDegree {
		if b == known {
			return i
		}
	}
	return len(badgesByDegree)
}

// healthOf returns the badge of an endpoint. stale means that its data can be old.
func healthOf(e *ledger.EndpointView, hours []ledger.Hour, stale bool, now time.Time) badge {
	recent := recentOf(hours, now)
	all := tallyOf(e.Window)
	switch {
	case !e.Contacted, stale && e.LastSync.IsZero() && all.Deliveries == 0:
		return badgeUnread
	case e.Meta != nil && !e.Meta.Active:
		return badgeOff
	case e.Consecutive >= silentInARow && e.HasCode && e.LastCode == ledger.CodeNone:
		return badgeSilent
	case e.Consecutive >= failingInARow, e.Consecutive > 0 && all.Deliveries == all.Failures:
		return badgeFailing
	case e.Consecutive > 0, recent.Failures*100 > recent.Deliveries*partlyPercent:
		return badgePartly
	case stale:
		return badgeStale
	case behind(e, now):
		return badgeBehind
	case all.Deliveries == 0:
		return badgeQuiet
	}
	return badgeFine
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
