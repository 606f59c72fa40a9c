package client

import (
	"cmp"
	"context"
	"fmt"
	"iter"
	"time"

	"github.com/go-json-experiment/json/jsontext"
)

const (
	maxElement = 1 << 20 // bytes of an element of a list of events
	maxTypes   = 1000    // that a list keeps to use their strings again
)

// slotTime is how long a list of events keeps the slot that it was asked for in,
// from its header on. After that it is read on beside the other calls.
const slotTime = 2 * time.Second

// EventList is a list of events that is still on its way. It holds a connection
// until it is closed, which the end of Events does too. It is not safe for
// concurrent use.
type EventList struct {
	x        *request
	reader   *eventReader
	date     time.Time
	count    int    // elements read
	usable   int    // of these
	faults   Faults // of the others
	paged    bool
	begun    bool
	complete bool
	err      error
}

// ListEvents returns all events of an endpoint that the API lists, as soon as the
// header of the answer is there. ctx is the context of the whole read. The list
// must be read with Events or closed with Close.
//
// Source: GET /client/webhooks/:id.
func (c *Client) ListEvents(ctx context.Context, endpointID string) (*EventList, error) {
	var list *EventList
	err := c.do(ctx, eventsCall(endpointID), func(x *request) error {
		x.timer.Stop() // from here on the silence counts, see request.Read
		x.observe()
		x.left = c.opts.ListSilence
		x.slow = time.AfterFunc(slotTime, x.slot.StepAside)
		list = &EventList{
			x:      x,
			reader: &eventReader{decoder: newDecoder(x), key: x.key, types: map[string]string{}},
			date:   dateOf(x.resp.Header),
			paged:  paged(x.resp.Header),
		}
		return nil
	})
	return list, err
}

// Events returns the events in the API's order, which is newest first as far as is
// known, as they arrive. It can be used once. The event it yields is overwritten by
// the next one. When it ends, for whatever reason, the list is closed and Err and
// Complete tell how far it came.
func (l *EventList) Events() iter.Seq[*ListedEvent] {
	return func(yield func(*ListedEvent) bool) {
		if l.begun || l.x == nil {
			return
		}
		l.begun = true
		defer l.Close()
		x, r := l.x, l.reader
		err := l.read(yield)
		l.faults = r.faults
		switch {
		case err != nil:
			l.err = x.failure(err)
		case l.paged:
			l.err = x.failure(ErrPaged)
		}
	}
}

// read yields the events until the end of the list, an error, or a yield that
// wants no more.
func (l *EventList) read(yield func(*ListedEvent) bool) error {
	r := l.reader
	r.allow(maxElement, "the beginning")
	if empty, err := r.openList(); err != nil || empty {
		l.complete = err == nil && !l.paged
		return err
	}
	for r.json.PeekKind() != jsontext.KindEndArray {
		if l.count == l.x.client.opts.MaxListEvents {
			return fmt.Errorf("%w: more than %d events; raise --api.max-list-events to read it", ErrTooLarge, l.count)
		}
		ok, err := r.element()
		if err != nil {
			return r.fault(err)
		}
		l.count++
		l.x.left = l.x.client.opts.ListSilence
		if !ok {
			continue
		}
		l.usable++
		if !yield(&r.event) || l.x == nil { // the caller may have closed it
			return nil
		}
	}
	if _, err := r.json.ReadToken(); err != nil {
		return r.fault(err)
	}
	if err := r.faults.check(l.usable); err != nil {
		return err
	}
	l.complete = !l.paged
	return nil
}

// Err returns why the list is not complete: an *Error, or nil if it is or the caller
// ended it. A list that has more pages has an error in any case.
func (l *EventList) Err() error { return l.err }

// Complete reports whether the end of the list was read.
func (l *EventList) Complete() bool { return l.complete }

// Faults returns what was wrong with the elements that are no events: no object, no
// valid id, a type or created of a wrong type. It is there once Events has ended.
func (l *EventList) Faults() Faults { return l.faults }

// Date returns the answer's own time, zero if it has none.
func (l *EventList) Date() time.Time { return l.date }

// Close ends the list and gives its connection and slot back. It may be called more
// than once; after the end of Events there is no need to.
func (l *EventList) Close() {
	if l.x == nil {
		return
	}
	x, r := l.x, l.reader
	l.x, l.reader = nil, nil
	x.close()
	r.recycle()
}

// ListedEvent is an event as a list shows it: no data and no response, whether or
// not there is one.
type ListedEvent struct {
	ID      []byte // valid, see ValidEventID; overwritten by the next iteration
	Type    string // as sent in valid UTF-8, at most 1 KiB; empty if missing or null
	Created int64  // Unix seconds as sent, without a fraction; 0 if missing or null
}

// eventReader reads the elements of a list of events, without an allocation for
// each.
type eventReader struct {
	*decoder
	key    Secret
	types  map[string]string // those seen, by their raw form
	id     []byte
	event  ListedEvent
	faults Faults
}

// element reads one element, whatever it is, into r.event. ok is false where it is
// no event.
func (r *eventReader) element() (ok bool, err error) {
	r.allow(maxElement, "one event")
	r.event = ListedEvent{}
	if r.json.PeekKind() != jsontext.KindBeginObject {
		if err := r.skip(); err != nil {
			return false, err
		}
		r.faults.add(notObject)
		return false, nil
	}
	if _, err := r.json.ReadToken(); err != nil {
		return false, err
	}
	fault := "" // the first member that is wrong
	for {
		name, more, err := r.name()
		if err != nil {
			return false, err
		}
		if !more {
			break
		}
		switch string(name) {
		case "id":
			err = r.readID()
		case "created":
			if r.event.Created, _, ok, err = r.integer(); !ok {
				fault = cmp.Or(fault, "created")
			}
		case "type":
			if ok, err = r.readType(); !ok {
				fault = cmp.Or(fault, "type")
			}
		default:
			err = r.skip()
		}
		if err != nil {
			return false, err
		}
	}
	if !validID(r.event.ID, maxEventID) || r.key.within(r.event.ID) {
		fault = "id"
	}
	if fault != "" {
		r.faults.add(fault)
	}
	return fault == "", nil
}

// readID reads a string, or a number as its text. What is neither counts as empty.
func (r *eventReader) readID() error {
	s, err := r.idText()
	// One byte more than an id may have tells that it is too long.
	r.id = append(r.id[:0], s[:min(len(s), maxEventID+1)]...)
	r.event.ID = r.id
	return err
}

func (r *eventReader) readType() (ok bool, err error) {
	s, ok, err := r.str()
	if !ok || err != nil || len(s) == 0 {
		return ok, err
	}
	known, found := r.types[string(s)]
	if !found {
		known = r.key.fit(s, maxType)
		if len(s) <= maxType && len(r.types) < maxTypes {
			r.types[string(s)] = known
		}
	}
	r.event.Type = known
	return true, nil
}
