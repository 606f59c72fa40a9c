package ledger_test

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"time"

	"omegastream_exporter/internal/ledger"
	"omegastream_exporter/internal/state/storetest"
)

// start starts a process, which knows what the store has.
func (w *world) start() {
	w.alone()
	if _, ok := w.store.(*storetest.Double); !ok {
		if w.store != nil {
			if err := w.store.Close(); err != nil {
				w.Fatal(err)
			}
		}
		w.store = w.open()
	}
	a, err := loadFrom(w.store, w.p, w.time())
	if err != nil {
		w.Fatal(err)
	}
	w.a, w.m, w.mem = a, w.durable.clone(), newModelMemory()
	w.leads()
	w.m.turnBack(w.now)
	w.flying, w.waiting, w.off = make(map[string]ledger.Task), nil, w.off || w.p.Hold == 0
	w.commit()
	w.beginRun()
}

// beginRun records what a new process shows.
func (w *world) beginRun() {
	w.run = &run{loaded: storetest.ShownCounters(w.view), began: -1, hold: w.p.Hold}
}

// restart kills the process and starts another one, perhaps with other flags.
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

// failCommit makes a commit without a result. The next commit repeats it.
func (w *world) failCommit() {
	if w.waiting != nil {
		return
	}
	w.waiting, w.waitM = w.a.Batch(), w.m.clone()
	w.waitV = w.a.View(w.time())
}

// scrape shows the view, like the collector.
func (w *world) scrape() {
	w.a.Release(w.time())
	if w.chance(80, "commit in time") {
		w.commit()
	}
	for name, value := range storetest.ShownCounters(w.view) {
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
		if value > 0 && !w.off && (!ok || w.passed-zero < modelSeconds(w.minHold)) {
			w.Fatalf("%s is shown as %d at %d, but at 0 only since %d (%v)", name, value, w.passed, zero, ok)
		}
	}
	if w.run.hold > 0 && (w.run.began < 0 || w.passed-w.run.began < modelSeconds(w.run.hold)) {
		for name, value := range storetest.ShownCounters(w.view) {
			if value != w.run.loaded[name] {
				w.Fatalf("%s is shown as %d soon after a start that loaded %d", name, value, w.run.loaded[name])
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
		for name, value := range storetest.ShownCounters(w.view) {
			if _, ok := w.zero[name]; !ok && value == 0 {
				w.zero[name] = w.passed
			}
		}
	}
}

// check compares the ledger with the model.
func (w *world) check(after string) {
	untried := 0
	if w.a.EndpointCount() != len(w.m.endpoints) {
		w.Fatalf("%s: %d endpoints, want %d", after, w.a.EndpointCount(), len(w.m.endpoints))
	}
	for id, want := range w.m.endpoints {
		e := w.a.Inside(id)
		counters := make(map[string]uint64)
		var none, reasons uint64
		for k, value := range e.Counted() {
			if value > 0 {
				counters[storetest.CounterName(k.Kind, w.a.TypeName(k.Type), k.Code, k.Reason)] = value
			}
			switch {
			case k.Kind == ledger.CountNoResponse:
				reasons += value
			case k.Kind == ledger.CountDeliveries && k.Code == ledger.CodeNone:
				none += value
			}
			if k.Kind == ledger.CountDeliveries && !k.Code.Success() && value > 0 {
				counters["failures"] += value
			}
		}
		if n := storetest.BucketSum(e.Latency()); n > 0 {
			counters["latency"] = n
		}
		if !maps.Equal(counters, want.counters) {
			w.Fatalf("%s: counters of %s are %v, want %v", after, id, counters, want.counters)
		}
		if none != reasons {
			w.Fatalf("%s: %d deliveries without a response, %d reasons", after, none, reasons)
		}
		w.checkEvents(after, e, want)
		w.checkGauges(after, e, want)
		w.checkPeople(after, id, want)
		for _, ev := range want.events {
			if ev.state == mListed && !ev.history && ev.lastAsk == 0 && want.missed == 0 {
				untried++
			}
		}
	}
	if got := w.a.Untried(); got != untried {
		w.Fatalf("%s: %d untried, want %d", after, got, untried)
	}
	if w.a.FoldedTypes() != w.m.folded {
		w.Fatalf("%s: %d folded, want %d", after, w.a.FoldedTypes(), w.m.folded)
	}
}

func (w *world) checkEvents(after string, e ledger.Inside, want *modelEndpoint) {
	if e.Tracked() != len(want.events) {
		w.Fatalf("%s: %d events tracked, want %d", after, e.Tracked(), len(want.events))
	}
	for id, ev := range want.events {
		got, ok := e.Event(id)
		if !ok {
			w.Fatalf("%s: %s is not tracked", after, id)
		}
		state := map[ledger.Stage]modelState{ledger.Listed: mListed, ledger.Pending: mPending, ledger.Delivered: mOutcome, ledger.NoResponse: mOutcome, ledger.Unresolved: mUnresolved}[got.Stage]
		if state != ev.state || w.a.TypeName(got.Type) != ev.label || got.Time != ev.time || got.LastAsk != ev.lastAsk ||
			got.FirstSeen != ev.firstSeen || got.FirstEmpty != ev.firstEmpty || got.Has(ledger.History) != ev.history ||
			ev.state == mOutcome && int(got.Code) != ev.code || e.EventID(got.Key) != id {
			w.Fatalf("%s: %s is %+v, want %+v", after, id, got, ev)
		}
	}
}

func (w *world) checkGauges(after string, e ledger.Inside, want *modelEndpoint) {
	v := e.Show(w.time())
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
			window[c.Type+" "+c.Code.String()] = c.Count
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

// settle ends all calls and syncs until nothing is due. Then everything counted is shown.
func (w *world) settle() {
	for _, name := range slices.Sorted(maps.Keys(w.flying)) {
		w.handBack(w.flying[name])
	}
	clear(w.flying)
	var found []ledger.Found
	for _, id := range slices.Sorted(maps.Keys(w.api)) {
		found = append(found, ledger.Found{ID: id, CompanyID: "co", Meta: w.api[id].meta})
	}
	w.a.List(found, w.time(), w.time())
	w.m.list(found, w.mem, w.now, w.now)
	w.dropShown()
	for range 3 {
		w.now += 7 * 3600
		w.promote()
		for {
			task, ok := w.a.Take(w.time(), func(ledger.Class) bool { return true })
			if !ok {
				break
			}
			w.taken(task)
			w.a.Answered(task, ledger.Answer{Responded: true, StatusCode: 200}, w.time())
			w.m.answer(w.m.endpoints[task.EndpointID], task.EventID, ledger.Answer{Responded: true, StatusCode: 200}, w.mem, w.now, w.p)
		}
	}
	w.check("settle")
	for id, e := range w.m.endpoints {
		for _, ev := range e.events {
			if e.contacted && (ev.waiting() || ev.failing()) {
				w.Fatalf("%s: %+v was never taken", id, ev)
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
	for name, value := range storetest.ShownCounters(w.view) {
		var id string
		_, _ = fmt.Sscan(name, &id)
		if want := w.m.endpoints[id].counters[name[len(id)+1:]]; value != want {
			w.Fatalf("%s is shown as %d, but counted as %d", name, value, want)
		}
	}
	if at, ok := w.a.NextDue(); ok {
		w.Fatalf("something is due at %v", at)
	}
}
