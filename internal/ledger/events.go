package ledger

import (
	"fmt"
	"slices"
	"sync"
	"time"
)

// events are the tracked events of an endpoint, with everything derived from them. Only
// insert, replace and remove change an event, and mark its row for the next batch. restore
// and follow apply rows that are already stored.
type events struct {
	endpoint *Endpoint
	table    table
	order    order
	ids      map[Key]string // of hashed keys
	relists  map[slot]int64 // since the last batch, unordered, perhaps with duplicates
	changed  []slot         // since the last batch, in no order, some perhaps more than once

	// Derived from the events.
	failing failingEvents
	window  window
	hours   hours
	pending map[TypeID]int // number of Pending events by type
	backlog int            // counted events without an outcome
	fresh   int            // of these, those that are Listed
	untried int            // of these, those never asked for
	unread  int            // Listed events of the history

	oldestWait queue    // Pending, by creation
	oldestNew  queue    // counted and Listed, by creation
	aside      []ranked // rows of these two, while the account's backlog is limited
}

func (s *events) init(e *Endpoint) {
	*s = events{
		endpoint: e,
		table:    newTable(e.row.Tracked),
		ids:      make(map[Key]string),
		relists:  make(map[slot]int64),
		window:   window{length: e.account.policy.Window, counts: make(map[outcomeKey]int)},
		hours:    hours{cells: make(map[int64]*Hour)},
		pending:  make(map[TypeID]int),
	}
	s.order.table, s.failing.table = &s.table, &s.table
}

// at returns the event in a slot; the pointer stays valid.
func (s *events) at(i slot) *Event { return s.table.at(i) }

func (s *events) find(k Key) (slot, bool) { return s.table.find(k) }

func (s *events) len() int { return s.table.len() }

// insert adds an event. id is the id of a hashed key.
func (s *events) insert(ev Event, id string) {
	i := s.table.insert(ev)
	s.order.add(i)
	if id != "" {
		s.ids[ev.Key] = id
	}
	if ev.Has(Untrusted) {
		s.relists[i] = ev.FirstSeen
	}
	s.enter(i)
	s.change(i)
}

// replace replaces the event in a slot.
func (s *events) replace(i slot, next Event) {
	s.put(i, next)
	if !next.Waiting() {
		delete(s.endpoint.work.absent, next.Key)
	}
	s.change(i)
}

// remove forgets an event that is no longer in the order.
func (s *events) remove(i slot) {
	delete(s.endpoint.work.absent, s.at(i).Key)
	s.vacate(i)
	s.change(i)
}

func (s *events) change(i slot) {
	s.changed = append(s.changed, i)
	s.endpoint.mark()
}

// put puts the next version of an event into its slot.
func (s *events) put(i slot, next Event) {
	was := *s.at(i)
	s.tally(i, -1)
	*s.at(i) = next
	s.tally(i, 1)
	if next.Stage != was.Stage || next.Has(History) != was.Has(History) {
		s.age(i)
	}
	s.endpoint.work.schedule(i)
}

// enter derives everything from an event that has just entered its slot.
func (s *events) enter(i slot) {
	s.tally(i, 1)
	s.age(i)
	s.endpoint.work.schedule(i)
}

// vacate empties a slot.
func (s *events) vacate(i slot) {
	s.tally(i, -1)
	delete(s.ids, s.at(i).Key)
	delete(s.relists, i)
	s.table.remove(i)
}

// tally adds an event to the derived numbers (n = 1), or removes it (n = -1).
func (s *events) tally(i slot, n int) {
	ev, e := s.at(i), s.endpoint
	s.window.tally(ev, n)
	s.hours.tally(ev, n)
	if ev.Waiting() && !ev.Has(History) {
		s.backlog += n
		e.account.backlog += n
	}
	switch {
	case ev.Stage == Pending:
		s.pending[ev.Type] += n
	case ev.Stage == Listed && ev.Has(History):
		s.unread += n
	case ev.Stage == Listed:
		s.fresh += n
		if ev.LastAsk == 0 {
			s.untried += n
		}
	case ev.Failing():
		e.work.retryKnown = false
		if n > 0 {
			s.failing.add(i)
			e.account.waiting[e] = struct{}{}
		} else {
			s.failing.remove(i)
		}
	}
}

// age queues an event that has just entered a stage whose oldest event is shown.
func (s *events) age(i slot) {
	switch ev := s.at(i); {
	case ev.Stage == Pending:
		s.oldestWait.push(ev.Time, i)
	case ev.Stage == Listed && !ev.Has(History):
		s.oldestNew.push(ev.Time, i)
	}
}

// id returns the event id of a key.
func (s *events) id(k Key) string {
	if k.Hashed() {
		return s.ids[k]
	}
	return k.PlainID()
}

// relisted records when an untrusted event was last listed.
func (s *events) relisted(i slot, now time.Time) {
	if last, ok := s.relists[i]; ok && now.Unix()-last >= seconds(relistEvery) {
		s.relists[i] = now.Unix()
		s.change(i)
	}
}

// oldest returns the queue by creation of the events in a stage.
func (s *events) oldest(stage Stage) *queue {
	if stage == Pending {
		return &s.oldestWait
	}
	return &s.oldestNew
}

// putBack returns what oldestIdle put aside.
func (s *events) putBack() {
	for _, r := range s.aside {
		s.oldest(s.at(r.slot).Stage).push(r.at, r.slot)
	}
	s.aside = nil
}

// inStage returns a check of whether a row of a queue by creation is still valid.
func (s *events) inStage(stage Stage) func(ranked) bool {
	return func(r ranked) bool {
		ev := s.at(r.slot)
		return ev.Stage == stage && ev.Time == r.at && (stage != Listed || !ev.Has(History))
	}
}

// batch adds the changed rows to a batch.
func (s *events) batch(b *Batch) {
	slices.Sort(s.changed)
	for _, i := range slices.Compact(s.changed) {
		ev := *s.at(i)
		row := EventRow{Endpoint: s.endpoint.row.ID, Slot: i, Event: ev, Relisted: s.relists[i]}
		if ev.Stage != Free && ev.Key.Hashed() {
			row.ID = s.ids[ev.Key]
		}
		b.Events = append(b.Events, row)
	}
	s.changed = nil
}

// restore puts an event into its stored slot. It returns false if the slot is taken. Nothing
// is derived from the event before restored.
func (s *events) restore(r EventRow) bool {
	if !s.table.restore(r.Slot, r.Event) {
		return false
	}
	s.note(r)
	return true
}

// note records what a row has besides its event.
func (s *events) note(r EventRow) {
	if r.ID != "" {
		s.ids[r.Event.Key] = r.ID
	}
	if r.Relisted != 0 {
		s.relists[r.Slot] = r.Relisted
	}
}

// restored derives what is not stored, after the last restore. It returns false if two events
// have the same key.
func (s *events) restored() bool {
	var index sync.WaitGroup // the index and the order take longest, and are built concurrently
	unique := false
	index.Go(func() { unique = s.table.restored() })
	s.order.arrived = make([]slot, 0, s.table.used)
	for i := range s.table.all() {
		s.order.add(i)
	}
	s.order.slots()
	if index.Wait(); !unique {
		return false
	}
	for _, i := range s.order.slots() {
		s.enter(i)
	}
	return true
}

// same reports whether a row changes nothing in its slot.
func (s *events) same(r EventRow) bool {
	if r.Slot >= s.table.used {
		return r.Event.Stage == Free
	}
	return *s.at(r.Slot) == r.Event && s.relists[r.Slot] == r.Relisted
}

// used reports whether a slot has an event.
func (s *events) used(i slot) bool { return i < s.table.used && s.at(i).Stage != Free }

// follow applies rows that another replica has committed. It first empties the slots that are
// freed or hold another event, because the order depends on the slots' content.
func (s *events) follow(rows []EventRow) error {
	var out map[slot]struct{}
	for _, r := range rows {
		if r.Slot >= MaxSlots || r.Event.Stage >= stages || !s.endpoint.account.types.has(r.Event.Type) {
			return fmt.Errorf("%w: event in slot %d of endpoint %q", ErrOvertaken, r.Slot, r.Endpoint)
		}
		if s.used(r.Slot) && s.at(r.Slot).Key != r.Event.Key {
			if out == nil {
				out = make(map[slot]struct{})
			}
			out[r.Slot] = struct{}{}
		}
	}
	if out != nil {
		s.order.remove(out)
		for i := range out {
			s.vacate(i)
		}
	}
	for _, r := range rows {
		switch {
		case r.Event.Stage == Free:
			continue
		case s.used(r.Slot):
			s.put(r.Slot, r.Event)
		case !s.table.put(r.Slot, r.Event):
			return fmt.Errorf("%w: an event of endpoint %q is in two places", ErrOvertaken, r.Endpoint)
		default:
			s.order.add(r.Slot)
			s.enter(r.Slot)
		}
		s.note(r)
	}
	return nil
}
