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
	maxTypes   = 1000    // whose strings a list reuses
)

// slotTime is how long a list of events keeps its slot, from its header on. After that it is
// read besides the other calls.
const slotTime = 2 * time.Second

// EventList is a list of events that is being received. It holds a connection until it is
// closed, or until Events ends. It is not safe for concurrent use.
type EventList struct {
	x        *request
	reader   *eventReader
	date     time.Time
	count    int    // elements read
	usable   int    // of these elements
	faults   Faults // of the other elements
	paged    bool
	begun    bool
	complete bool
	err      error
}

// ListEvents returns the list of all events of an endpoint as soon as its header has arrived.
// ctx applies to the whole read. Read the list with Events, or Close it.
//
// Source: GET /client/webhooks/:id.
func (c *Client) ListEvents(ctx context.Context, endpointID string) (*EventList, error) {
	var list *EventList
	err := c.do(ctx, eventsCall(endpointID), func(x *request) error {
		x.timer.Stop() // from here on ListSilence applies, see request.Read
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

// Events yields the events as they arrive, in the API's order, which seems to be newest
// first. It can be used once. Each event overwrites the previous one. When the loop ends for
// any reason, the list is closed, and Err and Complete report how far it was read.
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

// read yields the events until the end of the list, an error, or a yield that returns false.
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
		if !yield(&r.event) || l.x == nil { // the caller can have closed it
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

// Err returns why the list is incomplete: an *Error, or nil if it is complete or the caller
// stopped. A list with more pages always has an error.
func (l *EventList) Err() error { return l.err }

// Complete reports whether the end of the list was read.
func (l *EventList) Complete() bool { return l.complete }

// Faults returns what was wrong with skipped elements: not an object, no valid id, a type or
// created of a wrong type. It is valid after Events has ended.
func (l *EventList) Faults() Faults { return l.faults }

// Date returns the answer's own time; zero if it has none.
func (l *EventList) Date() time.Time { return l.date }

// Close ends the list, and releases its connection and slot. It can be called more than once,
// and is not needed after Events has ended.
func (l *EventList) Close() {
	if l.x == nil {
		return
	}
	x, r := l.x, l.reader
	l.x, l.reader = nil, nil
	x.close()
	r.recycle()
}

// ListedEvent is an event as a list shows it: without data and response, even if they exist.
type ListedEvent struct {
	ID      []byte // valid, see ValidEventID; overwritten by the next iteration
	Type    string // as sent in valid UTF-8, at most 1 KiB; empty if missing or null
	Created int64  // Unix seconds as sent, without a fraction; 0 if missing or null
}

// eventReader reads the elements of a list of events, without allocating for each.
type eventReader struct {
	*decoder
	key    Secret
	types  map[string]string // types seen so far, by their raw form
	id     []byte
	event  ListedEvent
	faults Faults
}

// element reads one element of any type into r.event. ok is false if it is not an event.
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
	fault := "" // the first wrong member
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

// readID reads a string, or the text of a number. Anything else becomes empty.
func (r *eventReader) readID() error {
	s, err := r.idText()
	// Keep one byte more than an id can have, to detect that it is too long.
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
