package ledger_test

import (
	"bytes"
	"maps"
	"slices"
	"strings"
	"time"

	"omegastream_exporter/internal/ledger"
	"omegastream_exporter/internal/state/storetest"
)

// model is a naive ledger of maps and loops, which recomputes everything that it can. It
// shares no code with the ledger except Policy, Answer and the bytes of a Key, which break
// ties in the order of creation.
type model struct {
	admitted    []string
	folded      uint64
	created     int64
	lastListing int64
	endpoints   map[string]*modelEndpoint
}

// modelMemory is what a process knows about its asks, and loses when it ends.
type modelMemory struct {
	heard  int64               // when the API last answered any request for a detail
	none   int64               // since when the account lists no endpoints although it had some
	empty  map[string]int64    // by endpoint: the mark of an empty read before contact
	absent map[string][2]int64 // by endpoint and event: the first and last of consecutive 404s
}

func newModelMemory() *modelMemory {
	return &modelMemory{absent: make(map[string][2]int64), empty: make(map[string]int64)}
}

type modelEndpoint struct {
	id         string
	known      bool  // listed by the account
	created    int64 // creation of the endpoint
	contacted  bool
	stop       int64
	cutoff     int64
	sufficient int64
	listed     int
	missed     int64
	gone       int64
	events     map[string]modelEvent
	counters   map[string]uint64

	foldedFailures                []modelPosition
	last, lastSuccess, lastFailed modelMark
}

type modelState int

const (
	mListed modelState = iota
	mPending
	mOutcome
	mUnresolved
)

type modelEvent struct {
	id, label                             string
	time, firstSeen, firstEmpty, lastAsk  int64
	relisted                              int64
	history, untrusted, timely, responded bool
	state                                 modelState
	code                                  int // 0 for none
	reason                                ledger.Reason
}

type modelPosition struct {
	time int64
	key  string
}

type modelMark struct {
	set bool
	at  modelPosition
	cod int
}

func newModel() *model { return &model{endpoints: make(map[string]*modelEndpoint)} }

func (m *model) clone() *model {
	c := *m
	c.admitted = slices.Clone(m.admitted)
	c.endpoints = make(map[string]*modelEndpoint)
	for id, e := range m.endpoints {
		d := *e
		d.events, d.counters = maps.Clone(e.events), maps.Clone(e.counters)
		d.foldedFailures = slices.Clone(e.foldedFailures)
		c.endpoints[id] = &d
	}
	return &c
}

func (p modelPosition) after(q modelPosition) bool {
	if p.time != q.time {
		return p.time > q.time
	}
	return p.key > q.key
}

func (ev modelEvent) position() modelPosition {
	k := ledger.KeyOf([]byte(ev.id))
	return modelPosition{ev.time, string(k[:])}
}

func (ev modelEvent) waiting() bool { return ev.state == mListed || ev.state == mPending }
func (ev modelEvent) success() bool { return ev.state == mOutcome && ev.code/100 == 2 }
func (ev modelEvent) failing() bool { return ev.state == mOutcome && ev.code/100 != 2 }

// label returns the event_type label of a type in the API.
func (m *model) label(raw string) string {
	name := strings.ToValidUTF8(raw, "\uFFFD")
	if name == "" {
		name = "unknown"
	}
	fixed := append(ledger.DocumentedTypes(), "unknown", "other")
	if slices.Contains(fixed, name) || slices.Contains(m.admitted, name) {
		return name
	}
	if len(m.admitted) == 20 {
		return "other"
	}
	m.admitted = append(m.admitted, name)
	return name
}

func (m *model) list(found []ledger.Found, mem *modelMemory, date, now int64) (believed bool) {
	had := false
	for _, e := range m.endpoints {
		had = had || e.known && e.gone == 0
	}
	switch {
	case len(found) > 0 || !had:
		mem.none = 0
	case mem.none == 0 || now < mem.none:
		mem.none = now
		return false
	case now-mem.none < 600:
		return false
	}
	for _, f := range found {
		e, ok := m.endpoints[f.ID]
		if !ok {
			e = &modelEndpoint{id: f.ID, events: map[string]modelEvent{}, counters: map[string]uint64{}}
			m.endpoints[f.ID] = e
		}
		for _, raw := range f.Meta.Events {
			m.label(raw)
		}
		created := f.Meta.CreatedAt.Unix()
		if !e.known && m.lastListing != 0 && created > m.lastListing && created <= date+300 {
			e.contacted, e.cutoff = true, 0
		}
		e.known, e.created = true, created
		e.missed, e.gone = 0, 0
	}
	for id, e := range m.endpoints {
		if slices.ContainsFunc(found, func(f ledger.Found) bool { return f.ID == id }) {
			continue
		}
		switch {
		case e.missed == 0:
			e.missed = now
		case e.gone == 0 && max(now-e.missed, e.missed-now) >= 30:
			e.gone = now
		case e.gone != 0 && now-e.gone >= 30*86400:
			delete(m.endpoints, id)
		}
	}
	m.lastListing = modelPresent(date, now)
	return true
}

// modelPresent is the earlier of the API's clock and our own, which is ignored if it is more
// than a day behind.
func modelPresent(date, now int64) int64 {
	if date-now > 86400 {
		return date
	}
	return min(date, now)
}

// modelRead is one read of a list.
type modelRead struct {
	began, present int64
	clock          int64 // the later of the API's clock and our own; a created after it is not trusted
	timely         bool
	met            bool // met an event that was already known
	count          int
	trusted        bool
	newest, lowest int64
}

func (m *model) begin(e *modelEndpoint, now, date int64, p ledger.Policy) *modelRead {
	since := now - e.sufficient
	return &modelRead{began: now, present: modelPresent(date, now), clock: max(date, now), timely: e.sufficient != 0 && since >= 0 && since <= modelSeconds(p.Overlap)}
}

// chunk applies elements of a list.
func (m *model) chunk(e *modelEndpoint, r *modelRead, items []storetest.Item, now int64, p ledger.Policy) {
	for _, it := range items {
		r.count++
		if r.valid(it) {
			if !r.trusted {
				r.newest, r.lowest = it.Created, it.Created
			}
			r.trusted = true
			r.newest, r.lowest = max(r.newest, it.Created), min(r.lowest, it.Created)
		}
	}
	for _, it := range items {
		if ev, ok := e.events[it.ID]; ok {
			r.met = r.met || ev.firstSeen < r.began
			if ev.untrusted && now-ev.relisted >= 1800 {
				ev.relisted = now
				e.events[it.ID] = ev
			}
			continue
		}
		trusted := r.valid(it)
		if trusted && e.contacted && it.Created <= e.cutoff {
			continue // forgotten, or history
		}
		if trusted && !e.contacted && r.trusted && it.Created <= min(r.newest, r.present)-modelSeconds(p.Window) {
			continue // too old for any gauge
		}
		ev := modelEvent{id: it.ID, label: m.label(it.Type), time: it.Created, firstSeen: now, history: !e.contacted, timely: r.timely && trusted}
		if !trusted {
			ev.time, ev.untrusted, ev.relisted = now, true, now
		}
		e.events[it.ID] = ev
		if !ev.history {
			m.count(e, ev)
		}
	}
}

func (m *model) count(e *modelEndpoint, ev modelEvent) {
	e.counters["events "+ev.label]++
	if ev.label == "other" {
		m.folded++
	}
}

func (r *modelRead) valid(it storetest.Item) bool { return it.Created > 0 && it.Created <= r.clock+300 }

func (m *model) end(e *modelEndpoint, r *modelRead, complete, enough bool, mem *modelMemory, now int64, p ledger.Policy) {
	if !complete && !enough {
		return
	}
	wasEmpty := e.listed == 0 && now-e.sufficient <= modelSeconds(p.Overlap)
	if complete && e.contacted && e.stop != 0 && r.trusted && !r.met && r.lowest > e.stop && !wasEmpty {
		e.counters["gaps"]++
	}
	if r.trusted {
		e.stop = min(r.newest, r.present)
	}
	e.sufficient = now
	if !complete {
		return
	}
	e.listed = r.count
	doubted := r.count == 0 && mem.empty[e.id] == 0 && r.present-e.created > 60
	if !e.contacted && doubted {
		mem.empty[e.id] = r.present
	}
	if !e.contacted && !doubted {
		mark := r.present
		if r.trusted {
			mark = min(r.newest, r.present)
		}
		e.contacted, e.cutoff = true, mark-modelSeconds(p.Overlap)
		for id, ev := range e.events {
			after := mem.empty[e.id] != 0 && ev.time >= mem.empty[e.id]
			since := p.CountSince > 0 && ev.time > m.created-modelSeconds(p.CountSince)
			if !ev.untrusted && (after || since) {
				ev.history = false
				e.events[id] = ev
				m.count(e, ev)
			}
		}
	}
	if e.stop != 0 {
		e.cutoff = max(e.cutoff, e.stop-modelSeconds(p.Window))
	}
	for _, ev := range e.inOrder() {
		old := e.stop != 0 && !ev.untrusted && ev.time <= e.stop-modelSeconds(p.Window)
		lost := ev.untrusted && ev.relisted <= now-modelSeconds(p.Window)-1800
		if !old && !lost || ev.waiting() && !ev.history {
			continue
		}
		if ev.failing() && (!e.lastSuccess.set || ev.position().after(e.lastSuccess.at)) {
			e.foldedFailures = append(e.foldedFailures, ev.position())
		}
		delete(e.events, ev.id)
	}
}

func (e *modelEndpoint) inOrder() []modelEvent {
	return slices.SortedFunc(maps.Values(e.events), func(a, b modelEvent) int {
		if a.time != b.time {
			return int(a.time - b.time)
		}
		return bytes.Compare([]byte(a.position().key), []byte(b.position().key))
	})
}

func (m *model) unresolve(e *modelEndpoint, id string) {
	ev := e.events[id]
	ev.state = mUnresolved
	e.events[id] = ev
	if !ev.history {
		e.counters["unresolved "+ev.label]++
	}
}

// answer applies a detail.
func (m *model) answer(e *modelEndpoint, id string, a ledger.Answer, mem *modelMemory, now int64, p ledger.Policy) {
	mem.heard = now
	ev, ok := e.events[id]
	if !ok {
		return
	}
	ev.lastAsk = now
	defer func() { e.events[id] = ev }()
	code, decided := 0, a.Responded
	switch {
	case ev.state == mUnresolved || ev.success():
		return
	case a.Responded && a.StatusCode >= 100 && a.StatusCode <= 599:
		code = a.StatusCode
	case a.Responded || ev.state == mOutcome:
	case ev.state == mListed:
		ev.state, ev.firstEmpty = mPending, now
	case now-ev.firstEmpty >= modelSeconds(p.NoResponseAfter):
		decided, a.Reason = true, ledger.ReasonNotRecorded
	}
	if !decided {
		return
	}
	if ev.state == mOutcome && ev.code == code { // the same result, perhaps with a better reason
		if code == 0 && a.Reason != ledger.ReasonUnknown {
			ev.reason = a.Reason
		}
		return
	}
	recovered := ev.failing() && code/100 == 2
	ev.state, ev.code, ev.reason = mOutcome, code, a.Reason
	m.outcome(e, &ev, recovered, now)
}

func (m *model) outcome(e *modelEndpoint, ev *modelEvent, recovered bool, now int64) {
	mark := modelMark{true, ev.position(), ev.code}
	for _, row := range []struct {
		to   *modelMark
		when bool
	}{{&e.last, true}, {&e.lastSuccess, ev.success()}, {&e.lastFailed, ev.failing()}} {
		if row.when && (!row.to.set || !row.to.at.after(mark.at)) {
			*row.to = mark
		}
	}
	if ev.success() && !slices.ContainsFunc(e.foldedFailures, func(p modelPosition) bool { return p.after(mark.at) }) {
		e.foldedFailures = nil // after a late success, the number of failures since the last one is unknown
	}
	first := ev.code != 0 && !ev.responded
	ev.responded = ev.responded || ev.code != 0
	if ev.history {
		return
	}
	e.counters["deliveries "+ev.label+" "+ledger.Code(ev.code).String()]++
	if ev.failing() {
		e.counters["failures"]++
	}
	if ev.code == 0 {
		e.counters["noresponse "+ev.reason.String()]++
	}
	if recovered {
		e.counters["recoveries "+ev.label]++
	}
	if first && ev.timely {
		e.counters["latency"]++
	}
}

// vain applies an ask without news. An event is given up if an ask is in vain a window after
// its first sight.
func (m *model) vain(e *modelEndpoint, id string, kind vainKind, mem *modelMemory, now int64, p ledger.Policy) {
	if kind != vainCall {
		mem.heard = now
	}
	ev, ok := e.events[id]
	if !ok {
		return
	}
	before := ev.lastAsk
	ev.lastAsk = now
	e.events[id] = ev
	aged := func(at int64) bool { return at-ev.firstSeen >= modelSeconds(p.Window) }
	giveUp := kind == vainGone
	switch kind {
	case vainCall:
		giveUp = before != 0 && aged(before) && mem.heard > before
	case vainUnusable:
		giveUp = aged(now)
	case vainMissing:
		row, ok := mem.absent[id]
		if !ok || row[1] != before || row[0] > now {
			row[0] = now
		}
		mem.absent[id] = [2]int64{row[0], now}
		giveUp = aged(now) || now-row[0] >= modelSeconds(p.NoResponseAfter)
	case vainGone:
	}
	if giveUp && ev.waiting() {
		m.unresolve(e, id)
	}
}

// vainKind is the reason why an ask was in vain.
type vainKind int

const (
	vainCall     vainKind = iota // the call failed
	vainUnusable                 // 403, or unusable
	vainMissing                  // 404
	vainGone                     // 410
)

// turnBack corrects times in the future, after a clock was set back.
func (m *model) turnBack(now int64) {
	for _, e := range m.endpoints {
		for id, ev := range e.events {
			for _, at := range []*int64{&ev.firstSeen, &ev.firstEmpty, &ev.lastAsk, &ev.relisted} {
				if *at > now {
					*at = now
				}
			}
			if old := e.events[id]; max(old.firstSeen, old.firstEmpty, old.lastAsk, old.relisted) > now+60 {
				e.events[id] = ev
			}
		}
	}
}

func (e *modelEndpoint) consecutive() int {
	n := 0
	for _, ev := range e.events {
		if ev.failing() && (!e.lastSuccess.set || ev.position().after(e.lastSuccess.at)) {
			n++
		}
	}
	return n + len(e.foldedFailures)
}

func (e *modelEndpoint) failingSince() (since int64) {
	for _, ev := range e.events {
		if ev.failing() && (!e.lastSuccess.set || ev.position().after(e.lastSuccess.at)) && (since == 0 || ev.time < since) {
			since = ev.time
		}
	}
	if len(e.foldedFailures) > 0 {
		since = e.foldedFailures[0].time
	}
	return since
}

func (e *modelEndpoint) window(now time.Time, p ledger.Policy) map[string]int {
	counts := make(map[string]int)
	for _, ev := range e.events {
		if ev.state == mOutcome && ev.time > now.Add(-p.Window).Unix() {
			counts[ev.label+" "+ledger.Code(ev.code).String()]++
		}
	}
	return counts
}

func modelSeconds(d time.Duration) int64 { return int64(d / time.Second) }
