package ledger

import (
	"hash/fnv"
	"math"
	"time"
)

const (
	trustAhead    = 5 * time.Minute // how far in the future a created can be
	orderSlack    = 60              // seconds of disorder in a newest-first list
	fullReadEvery = time.Hour
	fullReadSpan  = 10 * time.Minute  // over which endpoints spread their full reads
	restFactor    = 20                // an unordered list rests this many times the length of a read
	relistEvery   = fullReadEvery / 2 // precision of the last listing of an untrusted event
	readChunk     = 256
)

// Read is one read of an endpoint's list. Its own methods belong to the reading goroutine;
// [Account.Apply] applies what they collect to the ledger.
type Read struct {
	endpoint *Endpoint
	fence    uint64        // of the lease under which the read began
	began    time.Time     // when the list was requested
	answered time.Time     // when the header arrived, by our clock
	waited   time.Duration // since then, for anything but the list
	trust    int64         // a created above this is not valid
	present  int64         // the time of the answer, above which no mark goes
	full     bool          // reads to the end in any case
	mark     int64         // an ordinary read ends only after it has met an event as new as this one,
	stop     int64         // and below this creation time
	whole    int64         // where it stops if it reads the whole overlap
	late     int64         // seconds by which the latest event came after newer ones
	timely   bool

	chunk   []listed
	count   int
	known   bool // met an event seen before this read
	enough  bool
	ordered bool
	trusted bool  // met a trusted creation time
	lowest  int64 // of the trusted creation times
	newest  int64
}

// listed is an element of a list, as the ledger keeps it.
type listed struct {
	key     Key
	id      string // of a hashed key
	typ     string
	created int64
	trusted bool
}

// reads is what an endpoint remembers between reads, but not over restarts.
type reads struct {
	full  bool      // a full read has been made since the start
	rest  time.Time // no read before this time
	empty int64     // before contact: the mark of a read with an empty list, or 0
}

// ReadDue reports whether the endpoint's list can be read now. An unordered list, which takes
// a full read every time, rests between reads.
func (a *Account) ReadDue(endpointID string, now time.Time) bool {
	e, ok := a.endpoints[endpointID]
	return ok && !now.Before(e.reads.rest)
}

// Begin starts a read of a list that was requested at began and answered at date, which is
// zero if the answer had none. now is when the header arrived. It returns nil if the endpoint
// is no longer known, or another replica leads.
func (a *Account) Begin(endpointID string, began, date, now time.Time) *Read {
	e, ok := a.endpoints[endpointID]
	if !ok || !a.Leads() {
		return nil
	}
	if date.IsZero() {
		date = now
	}
	r := &Read{
		endpoint: e, fence: a.fence, began: began, answered: now, present: present(date, now).Unix(), full: e.fullDue(now),
		ordered: true, lowest: math.MaxInt64, newest: math.MinInt64,
		chunk: make([]listed, 0, readChunk),
	}
	overlap := a.policy.Overlap
	// An answer from a cache, or from a clock that is behind, must not make events look as if
	// they came from the future.
	r.trust = max(date.Unix(), now.Unix()) + seconds(trustAhead)
	r.mark = min(e.row.StopMark, r.present)
	r.whole, r.stop = e.stops(r)
	last := e.row.LastSufficient
	r.timely = !last.IsZero() && !last.After(now) && now.Sub(last) <= overlap
	return r
}

// clockFault is how far our clock can be behind the API's before it is ignored.
const clockFault = 24 * time.Hour

// present returns the time of an answer: the earlier of its Date and our clock. Either can be
// ahead, and a time in the future would turn later events into history.
func present(date, now time.Time) time.Time {
	if now.Before(date) && date.Sub(now) <= clockFault {
		return now
	}
	return date
}

// fullDue reports whether the next read must read the whole list.
func (e *Endpoint) fullDue(now time.Time) bool {
	return !e.contacted() || !e.reads.full || e.row.Unordered || e.row.StopMark == 0 ||
		e.row.LastFull.After(now) || now.Sub(e.row.LastFull) >= fullReadEvery-e.fullReadOffset()
}

// fullReadOffset is the endpoint's offset within fullReadSpan.
func (e *Endpoint) fullReadOffset() time.Duration {
	h := fnv.New32a()
	_, _ = h.Write([]byte(e.row.ID))
	return time.Duration(h.Sum32()) % fullReadSpan
}

// Note records the next element, and reports whether the reader should call Apply now. It
// copies the id if needed, and ignores an element without one.
func (r *Read) Note(id []byte, eventType string, created int64) (full bool) {
	if len(id) == 0 {
		return false
	}
	l := listed{key: KeyOf(id), typ: eventType, created: created}
	if l.key.Hashed() {
		l.id = string(id)
	}
	l.trusted = created > 0 && created <= r.trust
	if l.trusted {
		r.noteTime(created)
	}
	r.count++
	r.chunk = append(r.chunk, l)
	return r.enough || len(r.chunk) == cap(r.chunk)
}

func (r *Read) noteTime(created int64) {
	if r.trusted && created > r.lowest+orderSlack {
		r.ordered = false
	}
	r.trusted = true
	r.lowest = min(r.lowest, created)
	r.newest = max(r.newest, created)
	r.enough = r.past(created)
}

// past reports whether an ordinary read ends at an event with this creation time. A list that
// does not start with the newest event can have its new events at its end.
func (r *Read) past(created int64) bool {
	return !r.full && r.ordered && r.newest >= r.mark && created < r.stop
}

// reached returns the mark of the read: the newest trusted creation time, or the time of the
// answer if that is earlier or there is none.
func (r *Read) reached() int64 {
	if !r.trusted {
		return r.present
	}
	return min(r.newest, r.present)
}

// lost reports whether the endpoint is no longer known, or the read's lease has ended.
func (r *Read) lost() bool { return r.endpoint.dropped || r.Overtaken() }

// Overtaken reports whether the read's lease has ended, so that the read changes nothing.
func (r *Read) Overtaken() bool { return r.endpoint.account.fence != r.fence }

// Enough reports whether the list need not be read further. Apply can change that.
func (r *Read) Enough() bool { return r.enough }

// Apply adds the recorded elements to the ledger. It returns how many of them are new and
// have an invalid created.
func (a *Account) Apply(r *Read, now time.Time) (untrusted int) {
	e := r.endpoint
	if r.lost() {
		r.chunk = r.chunk[:0]
		return 0
	}
	for _, l := range r.chunk {
		if i, known := e.events.find(l.key); known {
			if !r.known { // unless the list repeats a new event
				r.known = e.events.at(i).FirstSeen < r.began.Unix()
			}
			e.events.relisted(i, now)
			continue
		}
		if l.trusted && l.created <= e.horizon(r) {
			continue
		}
		if !l.trusted {
			untrusted++
		} else {
			r.noteLate(l.created)
		}
		e.track(l, now, r.timely)
	}
	r.chunk = r.chunk[:0]
	a.bound(now)
	return untrusted
}

// horizon is the creation time up to which unknown events are not tracked: they were
// forgotten, or are history too old for any gauge.
func (e *Endpoint) horizon(r *Read) int64 {
	if e.contacted() {
		return e.row.Cutoff
	}
	if !r.trusted {
		return math.MinInt64
	}
	return r.reached() - seconds(e.account.policy.Window)
}

// Waited records time since Begin that was not spent reading, but waiting for a commit.
func (r *Read) Waited(d time.Duration) { r.waited += d }

// End closes a read after the last Apply. complete says whether the list's closing bracket
// was read. It reports whether the read was sufficient; [Account.ReadFailed] records the
// error of one that was not.
func (a *Account) End(r *Read, complete bool, now time.Time) bool {
	e := r.endpoint
	if r.lost() {
		return false
	}
	if e.row.Unordered != !r.ordered && (complete || !r.ordered) {
		e.row.Unordered = !r.ordered
		e.changeRow()
	}
	if e.row.Unordered {
		e.reads.rest = now.Add(restFactor * max(0, now.Sub(r.answered)-r.waited))
	}
	if !complete && !r.enough {
		return false
	}
	gap := complete && e.gap(r, now)
	e.learnLate(r, complete)
	if r.trusted {
		e.row.StopMark = r.reached() // can be earlier than before
	}
	e.row.LastSufficient, e.row.LastRead, e.row.ReadError = now, now, ""
	e.changeRow()
	if complete {
		e.completed(r, now)
		a.bound(now) // contact can make some of them new
	}
	if gap {
		e.counters.bump(CounterKey{Kind: CountGaps}, now)
	}
	return true
}

// ReadFailed records that reading an endpoint's list failed, with the kind of error in a few
// words.
func (a *Account) ReadFailed(endpointID, kind string, now time.Time) {
	if e, ok := a.endpoints[endpointID]; ok && a.Leads() {
		e.row.LastRead, e.row.ReadError = now, kind
		e.changeRow()
	}
}

// Fresh reports whether the last read of every list succeeded, and either ended at most this
// long before now or is not due again.
func (a *Account) Fresh(now time.Time, within time.Duration) bool {
	for _, id := range a.policy.Endpoints {
		if a.endpoints[id] == nil {
			return false
		}
	}
	for _, e := range a.endpoints {
		if !e.listed() || !a.selects(e.row.ID) {
			continue
		}
		late := now.Sub(e.row.LastRead) > within && !now.Before(e.reads.rest)
		if late || e.row.ReadError != "" || e.row.LastSufficient.IsZero() {
			return false
		}
	}
	return true
}

// completed applies what only a complete list shows.
func (e *Endpoint) completed(r *Read, now time.Time) {
	e.reads.full = true
	e.row.LastFull, e.row.Listed = now, r.count
	policy := e.account.policy
	if !e.contacted() && !e.doubts(r) {
		e.contact(r.reached()-seconds(policy.Overlap), now)
	}
	edge := int64(math.MinInt64)
	if e.row.StopMark != 0 {
		edge = e.row.StopMark - seconds(policy.Window)
	}
	e.row.Cutoff = max(e.row.Cutoff, edge)
	e.forget(edge, now)
}
