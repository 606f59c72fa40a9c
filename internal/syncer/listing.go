package syncer

import (
	"maps"
	"time"

	"omegastream_exporter/internal/ledger"
)

const (
	listingEvery = time.Minute      // how often the account's endpoints are requested
	listingShare = 10               // at most one in this many calls requests them
	hintRest     = 10 * time.Minute // how long to ignore hints after a listing that did not confirm one
)

// listing is what a Syncer knows about its requests for the account's endpoints.
type listing struct {
	every  time.Duration // without a hint
	last   time.Time     // of the last request
	ok     bool          // whether it was answered
	pauses bool          // whether its answer paused all calls
	known  bool          // whether one was answered since the start
	hints  map[hint]struct{}
	rests  map[hint]time.Time // hints to ignore, and until when
}

// hint is a reason to request the endpoints sooner.
type hint struct {
	kind       hintKind
	endpointID string
}

// rest returns the hints to ignore if a listing does not confirm this one: anybody can ask
// for any page.
func (h hint) rest() hint {
	if h.kind == visited {
		h.endpointID = ""
	}
	return h
}

type hintKind int

const (
	missing  hintKind = iota // its list answers 404, so it may be gone
	expected                 // a flag names it, but it was not listed
	visited                  // somebody viewed its page, but it is unknown
)

func newListing(o Options) listing {
	every := listingEvery
	if o.RateLimit > 0 {
		every = max(every, time.Duration(listingShare/o.RateLimit*float64(time.Second)))
	}
	if o.MinInterval == 0 {
		every = 0
	}
	return listing{every: every, hints: make(map[hint]struct{}), rests: make(map[hint]time.Time)}
}

// due reports whether to request the endpoints now. Hints wait while that fails.
func (l *listing) due(now time.Time) bool {
	return !l.known || l.ok && len(l.hints) > 0 || now.Sub(l.last) >= l.every
}

// asked records the end of a request.
func (l *listing) asked(now time.Time, ok bool) {
	l.last, l.ok, l.known = now, ok, l.known || ok
}

// heard records the time of another replica's request with the same result.
func (l *listing) heard(at time.Time) {
	if l.ok && at.After(l.last) {
		l.last = at
	}
}

// hint records a hint, and reports whether it counts.
func (l *listing) hint(kind hintKind, endpointID string, now time.Time) bool {
	h := hint{kind, endpointID}
	if now.Before(l.rests[h.rest()]) {
		return false
	}
	if kind == visited { // one for all, as anybody can ask for very many
		maps.DeleteFunc(l.hints, func(other hint, _ struct{}) bool { return other.kind == visited })
	}
	l.hints[h] = struct{}{}
	return true
}

// answered ends all hints, and ignores the unconfirmed ones for a while.
func (l *listing) answered(found map[string]struct{}, now time.Time) {
	for h, rest := range l.rests {
		if !now.Before(rest) {
			delete(l.rests, h)
		}
	}
	for h := range l.hints {
		if _, listed := found[h.endpointID]; listed == (h.kind == missing) {
			l.rests[h.rest()] = now.Add(hintRest)
		}
	}
	clear(l.hints)
}

// listingDue reports whether this sync requests the account's endpoints: once a minute for
// all replicas together, on a hint, or after a failed sync. If the last answer paused all
// calls, the request must wait for the lists, or it would delay their turn again.
func (s *Syncer) listingDue() (due, afterLists bool) {
	var last time.Time
	s.state.Look(func(a *ledger.Account) { last = a.LastListing() })
	ago := s.state.Now().Sub(last)
	s.mu.Lock()
	defer s.mu.Unlock()
	now := time.Now()
	if !last.IsZero() && ago >= 0 {
		s.listing.heard(now.Add(-ago))
	}
	afterLists = s.listing.pauses
	return s.failures > 0 && !afterLists || s.listing.due(now), afterLists
}

// Hint reports that somebody asked for an unknown endpoint. The account's endpoints are then
// requested at once, unless such a hint was wrong in the last ten minutes, or the API fails.
func (s *Syncer) Hint(endpointID string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := time.Now()
	rests := s.failures > 0 && now.Sub(s.began) < s.interval()
	if s.listing.hint(visited, endpointID, now) && s.listing.due(now) && !rests {
		s.begin(now)
	}
}

// hintMissing records that a list answered 404, and reports whether the account's endpoints
// are requested because of it.
func (s *Syncer) hintMissing(endpointID string) bool {
	if s.opts.Pinned {
		return false
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	now := time.Now()
	return s.listing.hint(missing, endpointID, now) && s.listing.due(now)
}
