package ledger

import (
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"
)

// lateList is a list in which some events appear after newer ones.
type lateList struct {
	appeared []item // newest first
	at       map[string]int
}

// add makes an event appear, and returns its id.
func (l *lateList) add(now, created int64) string {
	it := item{hexID(len(l.at) + 1), failed, created}
	l.at[it.id] = len(l.at)
	n, _ := slices.BinarySearchFunc(l.appeared, created, func(it item, created int64) int {
		if it.created > created {
			return -1
		}
		return 1
	})
	l.appeared = slices.Insert(l.appeared, n, it)
	return it.id
}

// readLate reads the list like a sync, and returns the number of elements read.
func readLate(a *Account, items []item, now time.Time) (elements int) {
	r := a.Begin("ep", now, now, now)
	for _, it := range items {
		elements++
		if r.Note([]byte(it.id), it.typ, it.created) {
			a.Apply(r, now)
		}
		if r.Enough() {
			break
		}
	}
	a.Apply(r, now)
	a.End(r, !r.Enough(), now)
	return elements
}

// Reads find a late event at most a minute after a read of the whole overlap would, however
// late events come and however often the list is read: the first read a minute later finds
// it, and evenly spaced reads find it within the minute. A replica that takes over behaves
// the same.
func TestLateEventsAreFoundWithinAMinute(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		p := testPolicy()
		p.Hold = 0
		p.Overlap = rapid.SampledFrom([]time.Duration{20 * time.Second, 3 * time.Minute, 15 * time.Minute}).Draw(t, "overlap")
		overlap := seconds(p.Overlap)
		every := rapid.SampledFrom([]int64{1, 9, 10, 15, 30, 59, 60, 61, 300}).Draw(t, "interval")
		even := rapid.Bool().Draw(t, "even")
		a := newAccount(AccountRow{APIURL: testURL}, p)
		a.List([]Found{{ID: "ep", Meta: Meta{CreatedAt: epoch}}}, epoch, epoch)
		l := &lateList{at: make(map[string]int)}
		now := epoch.Unix()
		l.add(now, now)
		readLate(a, l.appeared, epoch)
		type found struct{ whole, ours int64 } // when a read of the whole overlap finds it, and when this one did
		events := make(map[string]*found)
		mark, contact := now, now-overlap // events created by then are history
		for range 60 {
			gap := every
			if !even {
				gap = rapid.SampledFrom([]int64{1, 5, 15, 40, 90, 400}).Draw(t, "gap")
			}
			now += gap
			for range rapid.IntRange(0, 3).Draw(t, "events") {
				late := int64(rapid.IntRange(0, 5).Draw(t, "age"))
				if rapid.IntRange(0, 5).Draw(t, "odd") == 0 {
					late = rapid.Int64Range(0, overlap+100).Draw(t, "late")
				}
				events[l.add(now, now-late)] = &found{}
			}
			if rapid.IntRange(0, 9).Draw(t, "hand over") == 0 {
				a = handedOver(t, a, p, now)
			}
			readLate(a, l.appeared, time.Unix(now, 0))
			e := a.endpoints["ep"]
			for id, f := range events {
				if _, known := e.events.find(KeyOf([]byte(id))); known && f.ours == 0 {
					f.ours = now
				}
				created := l.appeared[slices.IndexFunc(l.appeared, func(it item) bool { return it.id == id })].created
				if f.whole == 0 && created >= mark-overlap && created > contact {
					f.whole = now
				}
				late := f.whole != 0 && f.ours == 0
				if late && (now-f.whole >= 60 || even && now+every-f.whole > 60) {
					t.Fatalf("an event that came %d s late is missing %d s after a read of the whole overlap would have found it", mark-created, now-f.whole)
				}
				if f.ours != 0 {
					delete(events, id)
				}
			}
			mark = l.appeared[0].created
		}
	})
}

// handedOver returns the account of another replica that has also read the list.
func handedOver(t *rapid.T, a *Account, p Policy, now int64) *Account {
	a = restarted(t, a, p, time.Unix(now, 0))
	a.endpoints["ep"].reads.full = true
	return a
}

// While no event is late, four of five reads stop twenty seconds after the new events. After
// a late one, reads go twice as far back as it, until none has been late for some hours.
func TestReadsLearnHowLateEventsCome(t *testing.T) {
	t.Parallel()
	const every, rate = 15, 2 // seconds, events a second
	a := account(t, "ep")
	l := &lateList{at: make(map[string]int)}
	now := epoch.Unix()
	for s := range int64(2000) {
		for range rate {
			l.add(now, now-2000+s)
		}
	}
	readLate(a, l.appeared, epoch)
	e := a.endpoints["ep"]
	wholes := func(reads int, late int64) (wholes, largest int) {
		for range reads {
			for range int64(every) {
				now++
				for range rate {
					l.add(now, now)
				}
			}
			if late > 0 {
				l.add(now, now-every-late)
			}
			n := readLate(a, l.appeared, time.Unix(now, 0))
			if n > 900*rate {
				wholes++
			} else {
				largest = max(largest, n)
			}
		}
		return wholes, largest
	}
	if n, largest := wholes(100, 0); n != 20 || largest > (every+lateSlack+1)*rate+1 {
		t.Errorf("%d of 100 reads cover the whole overlap, the longest other one has %d elements", n, largest)
	}
	if n, _ := wholes(5, 10); n != 1 || e.row.Late != 10 { // a little late is normal
		t.Errorf("%d of 5 reads cover the whole overlap, late by %d s", n, e.row.Late)
	}
	if n, _ := wholes(1, 28); n != 1 { // a short read that meets a late event continues
		t.Error("a read that meets an unusually late event stops early")
	}
	if n, largest := wholes(50, 200); n > 11 || e.row.Late < 200 || e.row.Late > 275 || largest < 430*rate {
		t.Errorf("%d of 50 reads cover the whole overlap, the others have %d elements, late by %d s", n, largest, e.row.Late)
	}
	e.reads.full = false // like a start
	half := e.row.Late / 2
	wholes(1, 0)
	if e.row.Late != half {
		t.Errorf("late by %d s after a full read", e.row.Late)
	}
	e.reads.full = false
	half /= 2
	wholes(1, 5000) // beyond any ordinary read
	if e.row.Late != half {
		t.Errorf("late by %d s after an event that no overlap finds", e.row.Late)
	}
}
