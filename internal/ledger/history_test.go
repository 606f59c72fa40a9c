package ledger_test

import (
	"fmt"
	"maps"
	"math"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"omegastream_exporter/internal/ledger"
	"omegastream_exporter/internal/state"
	"omegastream_exporter/internal/state/storetest"
)

// Over random histories of an account, its API and the process, the ledger agrees with a
// naive model.
func TestHistories(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(rt *rapid.T) { history(rt, func() state.Store { return storetest.NewDouble() }, 60) })
}

func history(t *rapid.T, open func() state.Store, steps int) {
	w := &world{
		T: t, open: open, now: storetest.Epoch.Unix(), m: newModel(), durable: newModel(), api: make(map[string]*apiEndpoint),
		flying: make(map[string]ledger.Task), zero: make(map[string]int64), most: make(map[string]uint64),
	}
	w.p = storetest.Policy()
	w.p.Window = time.Duration(rapid.SampledFrom([]int{1, 2, 24}).Draw(t, "window")) * time.Hour
	w.p.CountSince = rapid.SampledFrom([]time.Duration{0, 0, 10 * time.Minute}).Draw(t, "count since")
	w.p.MaxBacklog = rapid.SampledFrom([]int{0, 0, 3}).Draw(t, "max backlog")
	w.durable.created = w.now
	w.minHold = w.p.Hold
	w.newEndpoint()
	w.start()
	defer func() {
		w.alone()
		_ = w.store.Close()
	}()
	actions := []struct {
		name   string
		weight int
		do     func()
	}{
		{"tick", 8, w.tick},
		{"happen", 12, w.happen},
		{"sync", 12, w.sync},
		{"fetch", 12, w.fetch},
		{"land", 4, w.land},
		{"respond", 5, w.respond},
		{"age out", 2, w.ageOut},
		{"commit", 6, w.commit},
		{"fail", 1, w.failCommit},
		{"restart", 2, w.restart},
		{"scrape", 8, w.scrape},
		{"come", 1, w.newEndpoint},
		{"go", 1, w.toggle},
		{"jump", 1, w.jump},
		{"hand over", 3, w.handOver},
	}
	var table []int
	for i, a := range actions {
		table = append(table, slices.Repeat([]int{i}, a.weight)...)
	}
	for range steps {
		a := actions[rapid.SampledFrom(table).Draw(t, "action")]
		a.do()
		w.check(a.name)
	}
	w.settle()
}

// world is everything around the ledger.
type world struct {
	*rapid.T
	open  func() state.Store
	store state.Store
	p     ledger.Policy
	a     *ledger.Account
	m     *model
	mem   *modelMemory
	now   int64

	// What survives a crash: the model and the view as of the last commit. A failed commit
	// has its own, which wait with it.
	durable *model
	view    *ledger.View
	waiting *ledger.Batch
	waitM   *model
	waitV   *ledger.View

	followers []*follower // if replicas share the state
	api       map[string]*apiEndpoint
	events    int
	flying    map[string]ledger.Task

	zero map[string]int64  // when a complete scrape first showed a series at 0
	most map[string]uint64 // the highest value shown
	run  *run
	off  bool // a run without holds showed everything at once

	passed  int64         // elapsed seconds, whatever the clock showed
	minHold time.Duration // of all runs
}

// run describes a process since its start. Until the hold after its first complete scrape has
// passed, it shows the counters as loaded.
type run struct {
	loaded map[string]uint64
	began  int64 // first complete scrape, in elapsed seconds; -1 before
	hold   time.Duration
}

type apiEndpoint struct {
	meta    ledger.Meta
	present bool
	events  []*apiEvent
}

type apiEvent struct {
	storetest.Item
	vain   bool // the answer is empty, as kind says
	kind   vainKind
	answer ledger.Answer
}

func (w *world) time() time.Time { return time.Unix(w.now, 0) }

func (w *world) pick(n int, label string) int { return rapid.IntRange(0, n-1).Draw(w.T, label) }

func (w *world) chance(percent int, label string) bool { return w.pick(100, label) < percent }

func (w *world) newEndpoint() {
	if len(w.api) >= 4 {
		return
	}
	at := w.now - int64(w.pick(2, "age"))*86400
	types := []string{w.eventType(), w.eventType()}
	w.api[fmt.Sprintf("ep%d", len(w.api))] = &apiEndpoint{present: true, meta: ledger.Meta{CreatedAt: time.Unix(at, 0), Events: types}}
}

func (w *world) eventType() string {
	n := w.pick(60, "type")
	switch {
	case n < 10:
		return ledger.DocumentedTypes()[n]
	case n < 50:
		return fmt.Sprintf("video.kind_%d", n)
	}
	return []string{"", "other", "unknown", "bad\xff", "video.process_failed"}[n%5]
}

func (w *world) tick() {
	w.pass(int64(rapid.SampledFrom([]int{1, 5, 20, 90, 400, 1000, 4000, 30000}).Draw(w.T, "tick")))
	w.promote()
}

func (w *world) promote() {
	w.a.Promote(w.time())
	w.overflow()
}

// overflow reads from the ledger which events had no room in the backlog. It checks their
// number, that none is newer than one that stays, and that none is being asked for.
func (w *world) overflow() {
	over, oldest, newest := -w.p.MaxBacklog, int64(math.MaxInt64), int64(math.MinInt64)
	out := make(map[string]*modelEndpoint)
	stays := 0
	for endpoint, e := range w.m.endpoints {
		for id, ev := range e.events {
			if ev.history || !ev.waiting() {
				continue
			}
			over++
			_, busy := w.flying[endpoint+" "+id]
			now, _ := w.a.Inside(endpoint).Event(id)
			switch unresolved := now.Stage == ledger.Unresolved; {
			case unresolved && busy:
				w.Fatalf("%s is given up while it is being asked for", id)
			case unresolved:
				out[id] = e
				newest = max(newest, ev.time)
			case !busy:
				stays++
				oldest = min(oldest, ev.time)
			}
		}
	}
	want := 0
	if w.p.MaxBacklog > 0 {
		want = min(max(over, 0), len(out)+stays)
	}
	if len(out) != want || newest > oldest {
		w.Fatalf("%d events are given up, want %d; the newest is from %d, one from %d stays", len(out), want, newest, oldest)
	}
	for id, e := range out {
		w.m.unresolve(e, id)
	}
}

func (w *world) pass(seconds int64) { w.now, w.passed = w.now+seconds, w.passed+seconds }

func (w *world) jump() {
	by := rapid.SampledFrom([]int64{-30, -300, -100000, 100000, 31 * 86400}).Draw(w.T, "jump")
	w.pass(by)
	w.passed += max(0, -by)
	if by < -60 {
		w.m.turnBack(w.now)
		w.mem.heard = min(w.mem.heard, w.now)
	}
	w.promote()
}

// happen adds an event to an endpoint: a new one, a late one, or one with a bogus time.
func (w *world) happen() {
	e := w.api[w.anyEndpoint()]
	for range 1 + w.pick(4, "events") {
		w.events++
		ev := &apiEvent{Item: storetest.Item{ID: storetest.HexID(w.events), Type: w.eventType(), Created: w.now - int64(w.pick(30, "age"))}}
		switch w.pick(12, "oddity") {
		case 0:
			ev.ID = fmt.Sprintf("evt_%d", w.events)
		case 1:
			ev.ID = fmt.Sprintf("%024X", 0xABCDEF<<32+w.events)
		case 2:
			ev.Created = rapid.SampledFrom([]int64{0, -5, w.now * 1000, 4070908800}).Draw(w.T, "bogus")
		case 3:
			ev.Created -= int64(rapid.SampledFrom([]int{100, 800, 1000, 5000, 50000}).Draw(w.T, "late"))
		case 4:
			ev.Created += rapid.SampledFrom([]int64{100, 299, 301, 500, 3 * 3600, 200000}).Draw(w.T, "ahead")
		}
		w.respondTo(ev)
		e.events = append(e.events, ev)
	}
}

func (w *world) anyEndpoint() string {
	return rapid.SampledFrom(slices.Sorted(maps.Keys(w.api))).Draw(w.T, "endpoint")
}

// respond changes the details of some events.
func (w *world) respond() {
	events := w.api[w.anyEndpoint()].events
	for range min(len(events), 3) {
		w.respondTo(events[w.pick(len(events), "event")])
	}
}

func (w *world) respondTo(ev *apiEvent) {
	ev.vain, ev.answer = false, ledger.Answer{Video: videoOf(ev.ID)}
	switch n := w.pick(14, "response"); n {
	case 0, 1, 2, 3:
		ev.vain, ev.kind = true, vainKind(n)
	case 4, 5, 6:
	default:
		code := rapid.SampledFrom([]int{200, 200, 204, 500, 500, 503, 404, 0, 99, 600, -1}).Draw(w.T, "code")
		ev.answer = ledger.Answer{Responded: true, StatusCode: code, Reason: ledger.Reason(w.pick(len(ledger.Reasons()), "reason")), Video: videoOf(ev.ID)}
	}
}

// ageOut removes the oldest events of an endpoint from the API's list.
func (w *world) ageOut() {
	e := w.api[w.anyEndpoint()]
	e.events = e.events[w.pick(len(e.events)+1, "drop"):]
}

func (w *world) toggle() {
	e := w.api[w.anyEndpoint()]
	e.present = !e.present
}

// sync lists the account and reads its lists. Any of them can be wrong.
func (w *world) sync() {
	date := w.now
	if w.chance(20, "skewed") {
		date += rapid.SampledFrom([]int64{-60, -20, 20, 60, -7000, 3 * 3600, -200000, 200000}).Draw(w.T, "skew")
	}
	var found []ledger.Found
	for _, id := range slices.Sorted(maps.Keys(w.api)) {
		if e := w.api[id]; e.present {
			found = append(found, ledger.Found{ID: id, CompanyID: "co", Meta: e.meta})
		}
	}
	if got, want := w.a.List(found, time.Unix(date, 0), w.time()), w.m.list(found, w.mem, date, w.now); got != want {
		w.Fatalf("the ledger believes a listing of %d endpoints: %v", len(found), got)
	}
	w.dropShown()
	for _, id := range w.a.ToRead() {
		if e := w.m.endpoints[id]; e == nil || !e.known || e.missed != 0 {
			w.Fatalf("ToRead has %s", id)
		}
		if !w.chance(10, "skip") {
			w.read(id, date)
		}
	}
	w.pass(1)
}

// dropShown forgets the shown values of dropped endpoints.
func (w *world) dropShown() {
	for name := range w.most {
		var id string
		_, _ = fmt.Sscan(name, &id)
		if w.m.endpoints[id] == nil {
			delete(w.most, name)
			delete(w.zero, name)
		}
	}
	maps.DeleteFunc(w.flying, func(_ string, t ledger.Task) bool { return w.m.endpoints[t.EndpointID] == nil })
}

// listing returns what the API lists of an endpoint this time.
func (w *world) listing(id string) (items []storetest.Item, complete bool) {
	for _, ev := range w.api[id].events {
		items = append(items, ev.Item)
	}
	slices.SortStableFunc(items, func(a, b storetest.Item) int { return int(b.Created - a.Created) })
	complete = true
	switch w.pick(10, "listing") {
	case 0:
		items = rapid.Permutation(items).Draw(w.T, "shuffled")
	case 1: // truncated
		items, complete = items[:w.pick(len(items)+1, "cut")], false
	case 2: // some are missing by mistake
		items = slices.DeleteFunc(items, func(storetest.Item) bool { return w.chance(50, "left out") })
	case 3:
		items = nil
	case 4:
		items = slices.Concat(items, items)
	}
	return items, complete
}

func (w *world) read(id string, date int64) {
	e := w.m.endpoints[id]
	items, complete := w.listing(id)
	r := w.a.Begin(id, w.time(), time.Unix(date, 0), w.time())
	mr := w.m.begin(e, w.now, date, w.p)
	var chunk []storetest.Item
	apply := func() {
		w.a.Apply(r, w.time())
		w.m.chunk(e, mr, chunk, w.now, w.p)
		w.overflow()
		chunk = nil
	}
	enough := false
	for _, it := range items {
		chunk = append(chunk, it)
		if r.Note([]byte(it.ID), it.Type, it.Created) || w.chance(20, "apply") {
			apply()
		}
		if r.Enough() {
			enough, complete = true, false
			break
		}
	}
	apply()
	w.a.End(r, complete, w.time())
	w.m.end(e, mr, complete, enough, w.mem, w.now, w.p)
	w.overflow()
}

// fetch asks for some details. Some calls take until later, some are given up.
func (w *world) fetch() {
	for range 1 + w.pick(8, "details") {
		task, ok := w.a.Take(w.time(), func(ledger.Class) bool { return true })
		if !ok {
			return
		}
		w.taken(task)
		if w.chance(15, "slow") {
			w.flying[task.EndpointID+" "+task.EventID] = task
			continue
		}
		w.handBack(task)
	}
}

// taken checks that a task is valid.
func (w *world) taken(t ledger.Task) {
	e := w.m.endpoints[t.EndpointID]
	if e == nil || e.missed != 0 || !e.contacted {
		w.Fatalf("took %+v of an endpoint that the API does not list", t)
	}
	ev, ok := e.events[t.EventID]
	wait := int64(5)
	if ev.failing() {
		wait = 300
	}
	if !ok || !ev.waiting() && !ev.failing() || ev.lastAsk != 0 && w.now < ev.lastAsk+wait {
		w.Fatalf("took %+v, which is %+v at %d", t, ev, w.now)
	}
	if _, ok := w.flying[t.EndpointID+" "+t.EventID]; ok {
		w.Fatalf("took %+v twice", t)
	}
}

// land ends calls that took long.
func (w *world) land() {
	for _, name := range slices.Sorted(maps.Keys(w.flying)) {
		if w.chance(60, "land") {
			w.handBack(w.flying[name])
			delete(w.flying, name)
		}
	}
}

func (w *world) handBack(t ledger.Task) {
	e := w.m.endpoints[t.EndpointID]
	if e == nil {
		e = &modelEndpoint{counters: map[string]uint64{}}
	}
	events := w.api[t.EndpointID].events
	at := slices.IndexFunc(events, func(ev *apiEvent) bool { return ev.ID == t.EventID })
	switch {
	case w.chance(5, "given up"):
		w.a.Return(t)
	case at < 0:
		w.askedInVain(t, e, vainMissing)
	case events[at].vain:
		w.askedInVain(t, e, events[at].kind)
	default:
		w.a.Answered(t, events[at].answer, w.time())
		w.m.answer(e, t.EventID, events[at].answer, w.mem, w.now, w.p)
	}
}

func (w *world) askedInVain(t ledger.Task, e *modelEndpoint, kind vainKind) {
	tell := map[vainKind]func(ledger.Task, time.Time){
		vainCall: w.a.Unanswered, vainUnusable: w.a.Unusable, vainMissing: w.a.Missing, vainGone: w.a.Gone,
	}[kind]
	tell(t, w.time())
	w.m.vain(e, t.EventID, kind, w.mem, w.now, w.p)
}
