package ledger

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"time"
)

const testURL = "https://api.example"

// start starts a process: what it knows is what is in the store.
func (w *world) start() {
	w.alone()
	if _, ok := w.store.(*rowStore); !ok {
		if w.store != nil {
			if err := w.store.Close(); err != nil {
				w.Fatal(err)
			}
		}
		w.store = w.open()
	}
	a, err := load(context.Background(), w.store, testURL, w.p, w.time())
	if err != nil {
		w.Fatal(err)
	}
	w.a, w.m, w.mem = a, w.durable.clone(), newModelMemory()
	w.leads()
	w.m.turnBack(w.now)
	w.flying, w.waiting, w.off = make(map[string]Task), nil, w.off || w.p.Hold == 0
	w.commit()
	w.beginRun()
}

// beginRun notes what a process that has just started shows.
func (w *world) beginRun() { w.run = &run{loaded: shownCounters(w.view), began: -1, hold: w.p.Hold} }

// restart is a kill at any moment and a start, perhaps with other flags.
func (w *world) restart() {
	if w.waiting != nil && w.chance(50, "the failed commit was written") {
		if err := w.store.Commit(context.Background(), w.waiting); err != nil {
			w.Fatal(err)
		}
		w.durable = w.waitM
	}
	if w.chance(30, "other flags") {
		w.p.Window = time.Duration(1+w.pick(24, "window")) * time.Hour
		w.p.Overlap = time.Duration(1+w.pick(30, "overlap")) * time.Minute
		w.p.Hold = time.Duration(w.pick(3, "hold")) * time.Minute
		w.minHold = min(w.minHold, w.p.Hold)
	}
	w.start()
}

func (w *world) commit() {
	if w.waiting != nil {
		if err := w.store.Commit(context.Background(), w.waiting); err != nil {
			w.Fatal(err)
		}
		w.waiting = nil
	}
	batch := w.a.Batch()
	w.view = w.a.View(w.time())
	if err := w.store.Commit(context.Background(), batch); err != nil {
		w.Fatal(err)
	}
	w.durable = w.m.clone()
}

// failCommit is a commit that the process does not hear of. It is tried again,
// as it was, by the next one.
func (w *world) failCommit() {
	if w.waiting != nil {
		return
	}
	w.waiting, w.waitM = w.a.Batch(), w.m.clone()
	w.waitV = w.a.View(w.time())
}

// counters names what a view shows.
func shownCounters(v *View) map[string]uint64 {
	shown := make(map[string]uint64)
	for _, e := range v.Endpoints {
		for _, c := range e.Counters.Series {
			shown[e.ID+" "+seriesName(c.Kind, c.Type, c.Code, c.Reason)] = c.Value
		}
		if l := e.Counters.Latency; l != nil {
			shown[e.ID+" latency"] = bucketSum(l.Counts)
		}
	}
	return shown
}

func bucketSum(c LatencyCounts) (sum uint64) {
	for _, n := range c.Buckets {
		sum += n
	}
	return sum
}

func seriesName(k Kind, typ string, code Code, reason Reason) string {
	switch k { //nolint:exhaustive // the rest is gaps
	case CountEvents:
		return "events " + typ
	case CountDeliveries:
		return "deliveries " + typ + " " + codeText(int(code))
	case CountNoResponse:
		return "noresponse " + reason.String()
	case CountRecoveries:
		return "recoveries " + typ
	case CountUnresolved:
		return "unresolved " + typ
	}
	return "gaps"
}

// scrape shows the view, as the collector does.
func (w *world) scrape() {
	w.a.Release(w.time())
	if w.chance(80, "commit in time") {
		w.commit()
	}
	for name, value := range shownCounters(w.view) {
		var id string
		_, _ = fmt.Sscan(name, &id)
		if have := w.durable.endpoints[id].counters[name[len(id)+1:]]; value > have {
			w.Fatalf("%s is shown as %d, durable is %d", name, value, have)
		}
		if value < w.most[name] {
			w.Fatalf("%s is shown as %d after %d", name, value, w.most[name])
		}
		w.most[name] = value
		zero, ok := w.zero[name]
		if value > 0 && !w.off && (!ok || w.passed-zero < seconds(w.minHold)) {
			w.Fatalf("%s is shown as %d at %d, at 0 since %d (%v)", name, value, w.passed, zero, ok)
		}
	}
	if w.run.hold > 0 && (w.run.began < 0 || w.passed-w.run.began < seconds(w.run.hold)) {
		for name, value := range shownCounters(w.view) {
			if value != w.run.loaded[name] {
				w.Fatalf("%s is shown as %d soon after a start, it was loaded as %d", name, value, w.run.loaded[name])
			}
		}
	}
	if w.view.FoldedTypes > w.durable.folded {
		w.Fatalf("folded types are shown as %d, durable is %d", w.view.FoldedTypes, w.durable.folded)
	}
	if w.chance(80, "complete") {
		w.a.Shown(w.view, w.time())
		if w.run.began < 0 {
			w.run.began = w.passed
		}
		for name, value := range shownCounters(w.view) {
			if _, ok := w.zero[name]; !ok && value == 0 {
				w.zero[name] = w.passed
			}
		}
	}
}

// check compares everything with the model.
func (w *world) check(after string) {
	untried := 0
	if len(w.a.endpoints) != len(w.m.endpoints) {
		w.Fatalf("%s: %d endpoints, want %d", after, len(w.a.endpoints), len(w.m.endpoints))
	}
	for id, want := range w.m.endpoints {
		e := w.a.endpoints[id]
		counters := make(map[string]uint64)
		var none, reasons uint64
		for k, s := range e.counters {
			if s.value > 0 {
				counters[seriesName(k.Kind, w.a.types.name(k.Type), k.Code, k.Reason)] = s.value
			}
			switch {
			case k.Kind == CountNoResponse:
				reasons += s.value
			case k.Kind == CountDeliveries && k.Code == CodeNone:
				none += s.value
			}
			if k.Kind == CountDeliveries && !k.Code.Success() && s.value > 0 {
				counters["failures"] += s.value
			}
		}
		if e.latency != nil && bucketSum(e.latency.counts) > 0 {
			counters["latency"] = bucketSum(e.latency.counts)
		}
		if !maps.Equal(counters, want.counters) {
			w.Fatalf("%s: counters of %s are %v, want %v", after, id, counters, want.counters)
		}
		if none != reasons {
			w.Fatalf("%s: %d deliveries without a response, %d reasons", after, none, reasons)
		}
		w.checkEvents(after, e, want)
		w.checkGauges(after, e, want)
		w.checkPeople(after, e, want)
		for _, ev := range want.events {
			if ev.state == mListed && !ev.history && ev.lastAsk == 0 && want.missed == 0 {
				untried++
			}
		}
	}
	if got := w.a.Untried(); got != untried {
		w.Fatalf("%s: %d untried, want %d", after, got, untried)
	}
	if w.a.row.FoldedTypes != w.m.folded {
		w.Fatalf("%s: %d folded, want %d", after, w.a.row.FoldedTypes, w.m.folded)
	}
}

func (w *world) checkEvents(after string, e *Endpoint, want *modelEndpoint) {
	if e.slab.len() != len(want.events) {
		w.Fatalf("%s: %d events tracked, want %d", after, e.slab.len(), len(want.events))
	}
	for id, ev := range want.events {
		i, ok := e.slab.find(KeyOf([]byte(id)))
		if !ok {
			w.Fatalf("%s: %s is not tracked", after, id)
		}
		got := e.slab.at(i)
		state := map[State]modelState{Listed: mListed, Pending: mPending, Delivered: mOutcome, NoResponse: mOutcome, Unresolved: mUnresolved}[got.State]
		if state != ev.state || w.a.types.name(got.Type) != ev.label || got.Time != ev.time || got.LastAsk != ev.lastAsk ||
			got.FirstSeen != ev.firstSeen || got.FirstEmpty != ev.firstEmpty || got.Has(History) != ev.history ||
			ev.state == mOutcome && int(got.Code) != ev.code || e.id(got.Key) != id {
			w.Fatalf("%s: %s is %+v, want %+v", after, id, *got, ev)
		}
	}
}

func (w *world) checkGauges(after string, e *Endpoint, want *modelEndpoint) {
	v := e.show(w.time())
	pending := make(map[string]int)
	var backlog, history int
	var oldestPending, oldestUnfetched int64
	for _, ev := range want.inOrder() {
		switch {
		case ev.state == mPending:
			pending[ev.label]++
			if oldestPending == 0 {
				oldestPending = ev.time
			}
		case ev.state == mListed && ev.history:
			history++
		case ev.state == mListed:
			backlog++
			if oldestUnfetched == 0 {
				oldestUnfetched = ev.time
			}
		}
	}
	shown := make(map[string]int)
	for _, p := range v.Pending {
		if p.Count > 0 {
			shown[p.Type] = p.Count
		}
	}
	window := make(map[string]int)
	for _, c := range v.Window {
		if c.Count > 0 {
			window[c.Type+" "+codeText(int(c.Code))] = c.Count
		}
	}
	if want.contacted && !maps.Equal(shown, pending) {
		w.Fatalf("%s: pending %v, want %v", after, shown, pending)
	}
	if !maps.Equal(window, want.window(w.time(), w.p)) {
		w.Fatalf("%s: window %v, want %v", after, window, want.window(w.time(), w.p))
	}
	type gauges struct {
		Backlog, History, Tracked, Listed, Consecutive, LastCode int
		Pending, Unfetched, Success, Failure, Since              int64
		Contacted                                                bool
	}
	got := gauges{
		v.Backlog, v.HistoryBacklog, v.Tracked, v.Listed, v.Consecutive, int(v.LastCode),
		v.OldestPending, v.OldestUnfetched, v.LastSuccess, v.LastFailure, v.FailingSince, v.Contacted,
	}
	naive := gauges{
		backlog, history, len(want.events), want.listed, want.consecutive(), want.last.cod,
		oldestPending, oldestUnfetched, want.lastSuccess.at.time, want.lastFailed.at.time, want.failingSince(), want.contacted,
	}
	if got != naive {
		w.Fatalf("%s: gauges\n%+v, want\n%+v", after, got, naive)
	}
}

// settle lets the account come to rest: then nothing is left to ask for, and what
// is shown is what was counted.
func (w *world) settle() {
	for _, name := range slices.Sorted(maps.Keys(w.flying)) {
		w.handBack(w.flying[name])
	}
	clear(w.flying)
	var found []Found
	for _, id := range slices.Sorted(maps.Keys(w.api)) {
		found = append(found, Found{ID: id, CompanyID: "co", Meta: w.api[id].meta})
	}
	w.a.List(found, w.time(), w.time())
	w.m.list(found, w.mem, w.now, w.now)
	w.dropShown()
	for range 3 {
		w.now += 7 * 3600
		w.promote()
		for {
			task, ok := w.a.Take(w.time(), func(Class) bool { return true })
			if !ok {
				break
			}
			w.taken(task)
			w.a.Answered(task, Answer{Responded: true, StatusCode: 200}, w.time())
			w.m.answer(w.m.endpoints[task.EndpointID], task.EventID, Answer{Responded: true, StatusCode: 200}, w.mem, w.now, w.p)
		}
	}
	w.check("settle")
	for id, e := range w.m.endpoints {
		for _, ev := range e.events {
			if e.contacted && (ev.waiting() || ev.failing()) {
				w.Fatalf("%s: %+v was never handed out", id, ev)
			}
		}
	}
	for range 3 {
		w.commit()
		w.a.Shown(w.view, w.time())
		w.now += 180
		w.a.Release(w.time())
	}
	w.commit()
	for name, value := range shownCounters(w.view) {
		var id string
		_, _ = fmt.Sscan(name, &id)
		if want := w.m.endpoints[id].counters[name[len(id)+1:]]; value != want {
			w.Fatalf("%s is shown as %d, counted are %d", name, value, want)
		}
	}
	if at, ok := w.a.NextDue(); ok {
		w.Fatalf("something is due at %v", at)
	}
}
