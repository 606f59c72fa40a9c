package syncer

import (
	"maps"
	"time"

	"omegastream_exporter/internal/ledger"
)

const (
	listingEvery = time.Minute      // how often the account's endpoints are asked for
	listingShare = 10               // of that many calls at most one does that
	hintRest     = 10 * time.Minute // how long a hint is ignored after a listing that did not confirm it
)

// listing is what a Syncer knows of its asks for the account's endpoints.
type listing struct {
	every time.Duration // without a hint
	last  time.Time     // ask
	ok    bool          // it was answered
	known bool          // one was answered since the start
	hints map[hint]struct{}
	rests map[hint]time.Time // until when one is none
}

// hint is a reason to ask for the endpoints sooner.
type hint struct {
	kind       hintKind
	endpointID string
}

// rest returns the hint to ignore if a listing does not confirm this one: anybody can look
// for any page.
func (h hint) rest() hint {
	if h.kind == visited {
		h.endpointID = ""
	}
	return h
}

type hintKind int

const (
	missing  hintKind = iota // its list answers 404: it may be gone
	expected                 // a flag names it, and it was not listed
	visited                  // somebody looked for a page of it, and it is not known
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

// due reports whether the endpoints are to be asked for now.
func (l *listing) due(now time.Time) bool {
	return !l.known || len(l.hints) > 0 || now.Sub(l.last) >= l.every
}

// asked notes the end of an ask.
func (l *listing) asked(now time.Time, ok bool) {
	l.last, l.ok, l.known = now, ok, l.known || ok
}

// heard notes the time of an ask that another replica has made with the same result.
func (l *listing) heard(at time.Time) {
	if l.ok && at.After(l.last) {
		l.last = at
	}
}

// hint notes a reason to ask, and reports whether it is one.
func (l *listing) hint(kind hintKind, endpointID string, now time.Time) bool {
	h := hint{kind, endpointID}
	if now.Before(l.rests[h.rest()]) {
		return false
	}
	if kind == visited { // one is enough: anybody can look for very many
		maps.DeleteFunc(l.hints, func(other hint, _ struct{}) bool { return other.kind == visited })
	}
	l.hints[h] = struct{}{}
	return true
}

// answered ends all hints. It ignores those that the answer did not confirm for a while.
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

// listingDue reports whether this sync is to ask for the account's endpoints: once a
// minute, of all replicas together, on a hint, or after a sync that failed.
func (s *Syncer) listingDue() bool {
	var last time.Time
	s.state.Look(func(a *ledger.Account) { last = a.LastListing() })
	ago := s.state.Now().Sub(last)
	s.mu.Lock()
	defer s.mu.Unlock()
	now := time.Now()
	if !last.IsZero() && ago >= 0 {
		s.listing.heard(now.Add(-ago))
	}
	return s.failures > 0 || s.listing.due(now)
}

// Hint notes that somebody looks for an endpoint that is not known. The account's endpoints
// are then asked for at once, unless a hint like this was wrong in the last ten minutes.
func (s *Syncer) Hint(endpointID string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.listing.hint(visited, endpointID, time.Now()) {
		s.begin(time.Now())
	}
}

// hintMissing notes that a list answered 404, and reports whether the account's endpoints
// are asked for because of that.
func (s *Syncer) hintMissing(endpointID string) bool {
	if s.opts.Pinned {
		return false
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.listing.hint(missing, endpointID, time.Now())
}
