package ledger

import (
	"bytes"
	"cmp"
	"slices"
	"strings"
)

// FailedDelivery is a tracked event whose latest outcome is a failure, or was one
// before it healed. Times are Unix seconds.
type FailedDelivery struct {
	EndpointID string
	Host       string // of the endpoint, as far as it can be shown
	EventID    string
	Type       string // the label
	Created    int64  // first sight if not trusted
	Untrusted  bool
	History    bool // listed before contact, so in no counter
	FirstSeen  int64
	LastSeen   int64 // when the API was last asked for it
	Asked      int   // times that it was asked for, if known
	Code       Code  // the last one other than a success
	Reason     Reason
	Healed     int64  // when a later answer was a success; 0 if none was
	Video      Video  // if known
	Message    string // the provider's; "" if it is not kept
}

// FailedKeys returns the keys of the endpoint's tracked failed deliveries, oldest first, as
// of now.
func (a *Account) FailedKeys(endpointID string) []Key {
	e, ok := a.endpoints[endpointID]
	if !ok {
		return nil
	}
	slots := slices.Clone(e.events.failing.slots)
	for key, t := range e.traces.rows {
		if t.Healed == 0 {
			continue
		}
		if i, ok := e.events.find(key); ok {
			slots = append(slots, i)
		}
	}
	if healed := slots[len(e.events.failing.slots):]; len(healed) > 0 {
		slices.SortFunc(slots, func(a, b slot) int {
			x, y := e.events.at(a), e.events.at(b)
			return cmp.Or(cmp.Compare(x.Time, y.Time), bytes.Compare(x.Key[:], y.Key[:]))
		})
	}
	keys := make([]Key, len(slots))
	for n, i := range slots {
		keys[n] = e.events.at(i).Key
	}
	return keys
}

// FailedDeliveries returns what is known about failed deliveries, as of now, without those
// that were forgotten meanwhile.
func (a *Account) FailedDeliveries(endpointID string, keys []Key) []FailedDelivery {
	e, ok := a.endpoints[endpointID]
	if !ok {
		return nil
	}
	all := make([]FailedDelivery, 0, len(keys))
	for _, key := range keys {
		if i, ok := e.events.find(key); ok {
			if f, failed := e.failedDelivery(e.events.at(i)); failed {
				all = append(all, f)
			}
		}
	}
	return all
}

// failedDelivery returns false if the event has never failed.
func (e *Endpoint) failedDelivery(ev *Event) (FailedDelivery, bool) {
	t, traced := e.traces.rows[ev.Key]
	switch {
	case ev.Failing():
		if !traced {
			t.Asked = uint32(ev.Tries)
		}
		t.Code, t.Reason, t.Healed = ev.Code, ev.Reason, 0
	case t.Healed == 0:
		return FailedDelivery{}, false
	}
	f := FailedDelivery{
		EndpointID: e.row.ID, EventID: e.events.id(ev.Key), Type: e.account.types.name(ev.Type),
		Created: ev.Time, Untrusted: ev.Has(Untrusted), History: ev.Has(History),
		FirstSeen: ev.FirstSeen, LastSeen: ev.LastAsk, Asked: int(t.Asked),
		Code: t.Code, Healed: t.Healed, Video: t.Video(e.traces.odd[ev.Key]),
	}
	if f.Code == CodeNone {
		f.Reason = t.Reason
	}
	if e.row.Meta != nil {
		f.Host, _, _ = strings.Cut(e.row.Meta.URL, "/")
	}
	if kept, ok := e.failures.find(ev.position()); ok {
		_, f.Message = kept.Said()
	}
	return f, true
}

// Said returns the provider's text of the last answer other than a success.
func (f *Failure) Said() (status, message string) {
	for _, r := range slices.Backward(f.Answers) {
		if r.Stage == Delivered && r.Code == f.Code || r.Stage == NoResponse && f.Code == CodeNone {
			return r.Status, r.Message
		}
	}
	return "", ""
}

// report adds a counted failure to the batch that makes it durable.
func (e *Endpoint) report(ev *Event, a Answer) {
	f, _ := e.failedDelivery(ev)
	f.Message = Prose(a.Text.Message, maxMessage)
	e.account.failed = append(e.account.failed, f)
}
