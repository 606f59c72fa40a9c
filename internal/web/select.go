package web

import (
	"cmp"
	"fmt"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"omegastream_exporter/internal/ledger"
)

// selection selects failed deliveries; an empty member selects all.
type selection struct {
	Endpoint, Type, Code, Reason string
	Since, Until                 string // of creation, as they were given
	Healed                       string // "true" or "false"
	Video                        string // its id or its UUID
	Text                         string // in an id, the type or the message

	since, until time.Time
}

// selectionOf parses a selection. Its error says what to change.
func selectionOf(q url.Values, now time.Time) (s selection, err error) {
	s = selection{
		Endpoint: q.Get("endpoint"), Type: q.Get("type"), Code: q.Get("code"), Reason: q.Get("reason"),
		Since: q.Get("since"), Until: q.Get("until"), Healed: q.Get("healed"), Video: q.Get("video"), Text: q.Get("q"),
	}
	if s.since, err = timeOf("since", s.Since, now); err != nil {
		return s, err
	}
	if s.until, err = timeOf("until", s.Until, now); err != nil {
		return s, err
	}
	if code, err := strconv.Atoi(s.Code); s.Code != "" && s.Code != "none" && (err != nil || code < 100 || code > 599) {
		return s, fmt.Errorf("code=%s is not a status code; use a number from 100 to 599, or none", s.Code)
	}
	known := slices.ContainsFunc(ledger.Reasons(), func(r ledger.Reason) bool { return r.String() == s.Reason })
	if s.Reason != "" && !known {
		return s, fmt.Errorf("reason=%s is not known: use one of %s", s.Reason, reasonNames())
	}
	if s.Healed != "" && s.Healed != "true" && s.Healed != "false" {
		return s, fmt.Errorf("healed=%s is neither true nor false", s.Healed)
	}
	return s, nil
}

func reasonNames() string {
	var names []string
	for _, r := range ledger.Reasons() {
		names = append(names, r.String())
	}
	return strings.Join(names, ", ")
}

// timeOf parses a time: RFC 3339, Unix seconds, or an age such as 90m.
func timeOf(key, text string, now time.Time) (time.Time, error) {
	if text == "" {
		return time.Time{}, nil
	}
	if t, err := time.Parse(time.RFC3339, text); err == nil {
		return t, nil
	}
	if s, err := strconv.ParseInt(text, 10, 64); err == nil {
		return time.Unix(s, 0), nil
	}
	if d, err := time.ParseDuration(text); err == nil && d >= 0 {
		return now.Add(-d), nil
	}
	return time.Time{}, fmt.Errorf("%s=%s is not a time; use 2026-03-01T12:30:00Z, Unix seconds, or an age such as 90m", key, text)
}

// On reports whether the selection excludes anything.
func (s selection) On() bool { return len(s.values()) > 0 }

// values returns the selection as a query.
func (s selection) values() url.Values {
	q := url.Values{}
	for key, v := range map[string]string{
		"endpoint": s.Endpoint, "type": s.Type, "code": s.Code, "reason": s.Reason, "since": s.Since, "until": s.Until,
		"healed": s.Healed, "video": s.Video, "q": s.Text,
	} {
		if v != "" {
			q.Set(key, v)
		}
	}
	return q
}

func (s selection) wants(f *ledger.FailedDelivery) bool {
	created := time.Unix(f.Created, 0)
	switch {
	case s.Type != "" && s.Type != f.Type,
		s.Code != "" && s.Code != f.Code.String(),
		s.Reason != "" && (f.Code != ledger.CodeNone || s.Reason != f.Reason.String()),
		s.Healed != "" && (s.Healed == "true") != (f.Healed != 0),
		!s.since.IsZero() && created.Before(s.since),
		!s.until.IsZero() && created.After(s.until),
		s.Video != "" && !strings.EqualFold(s.Video, f.Video.ID) && !strings.EqualFold(s.Video, f.Video.UUID):
		return false
	}
	return s.Text == "" || slices.ContainsFunc(
		[]string{f.EventID, f.EndpointID, f.Type, f.Video.ID, f.Video.UUID, f.Message},
		func(text string) bool { return strings.Contains(strings.ToLower(text), strings.ToLower(s.Text)) })
}

// lookAt is how many failed deliveries are read while the account is locked.
const lookAt = 500

// each calls do with every failed delivery of the window that matches, sorted by endpoint
// id and then from the oldest to the newest.
func (p *Pages) each(s selection, now time.Time, do func(*ledger.FailedDelivery) error) error {
	edge := now.Add(-p.opts.Window).Unix()
	for _, e := range p.state.View(now).Endpoints {
		if s.Endpoint != "" && s.Endpoint != e.ID {
			continue
		}
		var keys []ledger.Key
		p.state.Look(func(a *ledger.Account) { keys = a.FailedKeys(e.ID) })
		for chunk := range slices.Chunk(keys, lookAt) {
			var failed []ledger.FailedDelivery
			p.state.Look(func(a *ledger.Account) { failed = a.FailedDeliveries(e.ID, chunk) })
			for i := range failed {
				if f := &failed[i]; f.Created > edge && s.wants(f) {
					if err := do(f); err != nil {
						return err
					}
				}
			}
		}
	}
	return nil
}

// newerFirst sorts failed deliveries of several endpoints, the newest first.
func newerFirst(a, b *ledger.FailedDelivery) int {
	return cmp.Or(cmp.Compare(b.Created, a.Created), cmp.Compare(a.EndpointID, b.EndpointID), cmp.Compare(a.EventID, b.EventID))
}
