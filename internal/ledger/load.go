package ledger

import (
	"fmt"
	"time"
)

// Load builds the account of an API's URL from the rows that read delivers, or a new account
// if there are none. A shared account changes only after [Account.Lead]. The error wraps
// [ErrUnreadable] if the rows contradict each other, and [ErrOtherAccount] if they belong to
// another URL.
func Load(read func(Rows) error, apiURL string, policy Policy, shared bool, now time.Time) (*Account, error) {
	l := &loader{policy: policy}
	if err := read(l); err != nil {
		return nil, err
	}
	if l.account == nil {
		a := New(apiURL, policy, now)
		a.shared = shared
		return a, nil
	}
	l.account.shared = shared
	if l.account.row.APIURL != apiURL {
		if !l.account.used() {
			return l.account.forAPI(apiURL, now), nil
		}
		return nil, fmt.Errorf("%w: it was written for %s", ErrOtherAccount, l.account.row.APIURL)
	}
	l.account.clock, l.account.stored = now.Unix(), true
	for _, e := range l.account.endpoints {
		if err := e.restored(now); err != nil {
			return nil, err
		}
	}
	return l.account, nil
}

// Stored reports whether the account was loaded rather than created.
func (a *Account) Stored() bool { return a.stored }

// Unwritten reports whether the store lacks the account: it is new, or replaces an unused one
// of another API's URL.
func (a *Account) Unwritten() bool { return !a.stored || a.changedRow }

// used reports whether the API has ever listed an endpoint of the account. Endpoints that a
// flag names do not count.
func (a *Account) used() bool {
	for _, e := range a.endpoints {
		if e.row.Meta != nil || e.contacted() {
			return true
		}
	}
	return false
}

// forAPI returns the account for another API's URL. It replaces an unused one, which a start
// with a wrong URL created.
func (a *Account) forAPI(apiURL string, now time.Time) *Account {
	next := newAccount(AccountRow{APIURL: apiURL, Created: now, Resets: a.row.Resets, Era: a.row.Era}, a.policy)
	next.changedRow, next.clock, next.stored, next.shared = true, now.Unix(), true, a.shared
	for id := range a.endpoints {
		next.dropped = append(next.dropped, id)
	}
	return next
}

// loader is the Rows that build an Account.
type loader struct {
	policy  Policy
	account *Account
	last    *Endpoint // of the previous row, usually this row's too
}

func (l *loader) Account(r AccountRow) error {
	if l.account != nil {
		return fmt.Errorf("%w: two accounts", ErrUnreadable)
	}
	if len(r.Types) > maxAdmittedTypes {
		return fmt.Errorf("%w: %d admitted types", ErrUnreadable, len(r.Types))
	}
	l.account = newAccount(r, l.policy)
	return nil
}

func (l *loader) Endpoint(r EndpointRow) error {
	if l.account == nil {
		return fmt.Errorf("%w: endpoint %q without an account", ErrUnreadable, r.ID)
	}
	if _, ok := l.account.endpoints[r.ID]; ok {
		return fmt.Errorf("%w: endpoint %q twice", ErrUnreadable, r.ID)
	}
	for _, t := range r.LastEvent {
		if err := l.checkType(t.Type); err != nil {
			return err
		}
	}
	l.account.endpoints[r.ID] = newEndpoint(l.account, r)
	return nil
}

func (l *loader) Counter(r CounterRow) error {
	e, err := l.endpoint(r.Endpoint)
	if err != nil {
		return err
	}
	if err := l.checkType(r.Key.Type); err != nil {
		return err
	}
	if r.Key.Kind >= kinds || r.Key.Reason >= reasons || e.counters.rows[r.Key] != nil {
		return fmt.Errorf("%w: counter %+v of endpoint %q", ErrUnreadable, r.Key, r.Endpoint)
	}
	e.counters.rows[r.Key] = &counter{
		Birth: Birth{Born: r.Born, Released: r.Released},
		value: r.Value, loaded: r.Value, exemplar: r.Exemplar,
	}
	return nil
}

func (l *loader) Latency(r LatencyRow) error {
	e, err := l.endpoint(r.Endpoint)
	if err != nil {
		return err
	}
	e.counters.latency = &latency{Birth: Birth{Born: r.Born, Released: r.Released}, counts: r.Counts, loaded: r.Counts}
	return nil
}

func (l *loader) Event(r EventRow) error {
	e, err := l.endpoint(r.Endpoint)
	if err != nil {
		return err
	}
	if err := l.checkType(r.Event.Type); err != nil {
		return err
	}
	if r.Event.Stage == Free || r.Event.Stage >= stages || r.Event.Key.Hashed() == (r.ID == "") ||
		r.Slot >= MaxSlots || !e.events.restore(r) {
		return fmt.Errorf("%w: event in slot %d of endpoint %q", ErrUnreadable, r.Slot, r.Endpoint)
	}
	return nil
}

func (l *loader) Failure(r FailureRow) error {
	e, err := l.endpoint(r.Endpoint)
	if err != nil {
		return err
	}
	at := position{r.Time, r.Key}
	if _, twice := e.failures.find(at); twice || len(e.failures.rows) >= maxFailures || !r.Failure.fits(at) {
		return fmt.Errorf("%w: failure %q of endpoint %q", ErrUnreadable, r.Failure.EventID, r.Endpoint)
	}
	e.failures.put(at, r.Failure)
	return nil
}

func (l *loader) Trace(r TraceRow) error {
	e, err := l.endpoint(r.Endpoint)
	if err != nil {
		return err
	}
	if _, twice := e.traces.rows[r.Key]; twice || r.Trace.Code.Success() || r.Trace.Reason >= reasons {
		return fmt.Errorf("%w: trace of an event of endpoint %q", ErrUnreadable, r.Endpoint)
	}
	e.traces.set(r)
	return nil
}

func (l *loader) endpoint(id string) (*Endpoint, error) {
	if l.last != nil && l.last.row.ID == id {
		return l.last, nil
	}
	if l.account != nil {
		if e, ok := l.account.endpoints[id]; ok {
			l.last = e
			return e, nil
		}
	}
	return nil, fmt.Errorf("%w: a row of an unknown endpoint %q", ErrUnreadable, id)
}

func (l *loader) checkType(t TypeID) error {
	if l.account == nil || !l.account.types.has(t) {
		return fmt.Errorf("%w: event type number %d", ErrUnreadable, t)
	}
	return nil
}

// restored derives what is not stored.
func (e *Endpoint) restored(now time.Time) error {
	if !e.events.restored() {
		return fmt.Errorf("%w: endpoint %q has an event twice", ErrUnreadable, e.row.ID)
	}
	e.traces.dropStray()
	e.counters.countHeld()
	if e.account.Leads() {
		e.adapt(now)
	}
	return nil
}

// adapt adapts an endpoint from another process, perhaps of another version or with other
// flags, to this one.
func (e *Endpoint) adapt(now time.Time) {
	e.turnBack(now.Unix())
	if !e.account.policy.ShowBody {
		e.failures.dropBodies()
	}
	e.reduceURL()
	if e.account.hold.off {
		e.counters.releaseAll()
	}
	e.seed(now)
	if e.contacted() {
		for class := range classes {
			e.account.enqueue(class, e)
		}
	}
}

// reduceURL reduces the stored URL to what the flags allow.
func (e *Endpoint) reduceURL() {
	if e.row.Meta == nil || e.account.reduce == nil {
		return
	}
	if less := e.account.reduce(e.row.Meta.URL); less != e.row.Meta.URL {
		meta := *e.row.Meta
		meta.URL = less
		e.row.Meta = &meta
		e.changeRow()
	}
}
