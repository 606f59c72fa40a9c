package web

import (
	"fmt"
	"hash/fnv"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"omegastream_exporter/internal/ledger"
)

// failuresPage is the failed deliveries of all endpoints: a line for each group of equal
// failures, and the events, a page at a time.
type failuresPage struct {
	Window        string
	Sync          syncCard
	Selection     selection
	Endpoints     []endpointChoice // empty if there are too many to choose from
	Types         []string
	Codes         []string
	Reasons       []string
	Total, Healed int
	Groups        []*failedGroup
	MoreGroups    int
	Open          *failedGroup // nil while events of all groups are listed
	Rows          []failedRow
	Newest, Older string // links; "" if there is nothing there
	All           string // link without a selection
	Formats       []formatLink
	Command       string
}

type endpointChoice struct{ ID, Name string }

type formatLink struct{ Name, Link string }

// failedGroup is failed deliveries with the same code, reason and message.
type failedGroup struct {
	Answer    string
	Message   string
	Kept      bool // the message is known
	Count     int
	Healed    int
	Endpoints int
	First     time.Time
	Last      time.Time
	Sample    string // the newest event
	Link      string
	Open      bool

	key      groupKey
	endpoint string // of the one before
}

type groupKey struct {
	code    ledger.Code
	reason  ledger.Reason
	message string
}

// name is a short name for links.
func (k groupKey) name() string {
	h := fnv.New64a()
	_, _ = fmt.Fprintf(h, "%d\x00%d\x00%s", k.code, k.reason, k.message)
	return strconv.FormatUint(h.Sum64(), 36)
}

// failedRow is an event in the list.
type failedRow struct {
	EventID, Type        string
	EndpointID, Endpoint string // id and name
	Answer, Message      string
	Video                string // the best name that is known
	Created, Healed      time.Time
	History              bool
}

// The longest lists of a page.
const (
	maxGroups  = 50
	maxRows    = 100
	maxChoices = 100
)

func (p *Pages) failures(r *http.Request, now time.Time) answer {
	q := r.URL.Query()
	s, err := selectionOf(q, now)
	if err != nil {
		return answer{problem: err.Error()}
	}
	if name := q.Get("format"); name != "" {
		if _, ok := formats[name]; !ok {
			return answer{problem: "format=" + name + " is not known: use json, ndjson or csv, or leave it out for the page"}
		}
		return answer{stream: func(w http.ResponseWriter) { p.export(w, name, s, now) }}
	}
	before, err := placeOf(q.Get("before"))
	if err != nil {
		return answer{problem: err.Error()}
	}
	l := links{base: p.opts.Base}
	v := p.state.View(now)
	page := failuresPage{Window: windowName(p.opts.Window), Sync: p.syncCard(v, now), Selection: s, All: l.Failures(nil)}
	names := make(map[string]string)
	for _, e := range v.Endpoints {
		names[e.ID] = nameOf(e)
		page.Endpoints = append(page.Endpoints, endpointChoice{e.ID, names[e.ID]})
	}
	if len(page.Endpoints) > maxChoices {
		page.Endpoints = nil
	}
	rows := page.gather(p, s, before, q.Get("group"), now)
	for _, f := range rows[:min(len(rows), maxRows)] {
		page.Rows = append(page.Rows, failedRowOf(f, names[f.EndpointID]))
	}
	with := func(key, value string) string {
		v := s.values()
		if page.Open != nil {
			v.Set("group", page.Open.key.name())
		}
		if key != "" {
			v.Set(key, value)
		}
		return l.Failures(v)
	}
	if len(rows) > maxRows {
		page.Older = with("before", placeName(rows[maxRows-1])) + "#events"
	}
	if before != nil {
		page.Newest = with("", "") + "#events"
	}
	for _, g := range page.Groups {
		v := s.values()
		if !g.Open {
			v.Set("group", g.key.name())
		}
		g.Link = l.Failures(v) + "#events"
	}
	for _, name := range []string{"json", "ndjson", "csv"} {
		v := s.values()
		v.Set("format", name)
		page.Formats = append(page.Formats, formatLink{strings.ToUpper(name), l.Failures(v)})
		if name == "ndjson" {
			page.Command = "curl -fsS '" + strings.ReplaceAll(p.reachable(r)+l.Failures(v), "'", "%27") + "'"
		}
	}
	return answer{title: "Failed deliveries", template: "failures", content: page}
}

// gather reads every failed delivery once. It returns the newest of those that match and
// are older than a place: one more than a page has.
func (page *failuresPage) gather(p *Pages, s selection, before *ledger.FailedDelivery, open string, now time.Time) []*ledger.FailedDelivery {
	groups := make(map[groupKey]*failedGroup)
	types, codes, reasons := map[string]bool{}, map[string]bool{}, map[string]bool{}
	if s.Reason != "" {
		reasons[s.Reason] = true
	}
	var rows []*ledger.FailedDelivery
	_ = p.each(selection{Endpoint: s.Endpoint}, now, func(f *ledger.FailedDelivery) error {
		types[f.Type], codes[f.Code.String()] = true, true
		if f.Code == ledger.CodeNone {
			reasons[f.Reason.String()] = true
		}
		if !s.wants(f) {
			return nil
		}
		key := groupKey{f.Code, f.Reason, f.Message}
		g := groups[key]
		if g == nil {
			g = &failedGroup{Answer: codeText(f.Code, f.Reason, ""), Message: f.Message, Kept: f.Message != "", First: unix(f.Created), key: key}
			g.Open = open != "" && key.name() == open
			groups[key] = g
		}
		g.add(f)
		page.Total++
		if f.Healed != 0 {
			page.Healed++
		}
		if open != "" && !g.Open || before != nil && newerFirst(f, before) <= 0 {
			return nil
		}
		if rows = append(rows, f); len(rows) > 4*maxRows { // so many that most are dropped in one go
			slices.SortFunc(rows, newerFirst)
			rows = rows[:maxRows+1]
		}
		return nil
	})
	slices.SortFunc(rows, newerFirst)
	page.Types, page.Codes, page.Reasons = slices.Sorted(maps.Keys(types)), slices.Sorted(maps.Keys(codes)), slices.Sorted(maps.Keys(reasons))
	page.Groups = slices.SortedFunc(maps.Values(groups), moreFirst)
	for _, g := range page.Groups {
		if g.Open {
			page.Open = g
		}
	}
	if len(page.Groups) > maxGroups {
		page.MoreGroups = len(page.Groups) - maxGroups
		page.Groups = page.Groups[:maxGroups]
	}
	return rows
}

func (g *failedGroup) add(f *ledger.FailedDelivery) {
	g.Count++
	if f.Healed != 0 {
		g.Healed++
	}
	if g.endpoint != f.EndpointID {
		g.endpoint = f.EndpointID
		g.Endpoints++
	}
	at := unix(f.Created)
	if at.Before(g.First) {
		g.First = at
	}
	if !at.Before(g.Last) {
		g.Last, g.Sample = at, f.EventID
	}
}

func moreFirst(a, b *failedGroup) int {
	switch {
	case a.Count != b.Count:
		return b.Count - a.Count
	case !a.Last.Equal(b.Last):
		return b.Last.Compare(a.Last)
	}
	return strings.Compare(a.Answer+a.Message, b.Answer+b.Message)
}

func failedRowOf(f *ledger.FailedDelivery, endpoint string) failedRow {
	row := failedRow{
		EventID: f.EventID, Type: f.Type, EndpointID: f.EndpointID, Endpoint: endpoint,
		Answer: codeText(f.Code, f.Reason, ""), Message: f.Message, Video: f.Video.UUID,
		Created: unix(f.Created), Healed: unix(f.Healed), History: f.History,
	}
	if row.Video == "" {
		row.Video = f.Video.ID
	}
	return row
}

// placeName names an event's place in the list, for ?before=.
func placeName(f *ledger.FailedDelivery) string {
	return strconv.FormatInt(f.Created, 10) + "." + strings.ReplaceAll(url.QueryEscape(f.EndpointID), ".", "%2E") + "." + url.QueryEscape(f.EventID)
}

// placeOf parses the result of placeName. It returns nil for an empty text.
func placeOf(text string) (*ledger.FailedDelivery, error) {
	if text == "" {
		return nil, nil
	}
	parts := strings.SplitN(text, ".", 3)
	bad := fmt.Errorf("before=%s is not a place in the list; leave it out", text)
	if len(parts) != 3 {
		return nil, bad
	}
	created, err := strconv.ParseInt(parts[0], 10, 64)
	endpoint, endpointErr := url.QueryUnescape(parts[1])
	event, eventErr := url.QueryUnescape(parts[2])
	if err != nil || endpointErr != nil || eventErr != nil {
		return nil, bad
	}
	return &ledger.FailedDelivery{Created: created, EndpointID: endpoint, EventID: event}, nil
}

// reachable returns the scheme and host at which people reach the exporter: those of
// --web.external-url, or those of the request.
func (p *Pages) reachable(r *http.Request) string {
	if u, err := url.Parse(p.opts.ExternalURL); err == nil && u.Host != "" {
		return u.Scheme + "://" + u.Host
	}
	scheme := "http"
	if r.TLS != nil {
		scheme = "https"
	}
	return scheme + "://" + r.Host
}
