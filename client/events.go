package client

import (
	"context"
	"fmt"
	"iter"
	"time"

	"github.com/go-json-experiment/json/jsontext"
)

// slotTime is how long a list of events keeps the slot that it was asked for in,
// from its header on. After that it is read on beside the other calls.
const slotTime = 2 * time.Second

// EventList is a list of events that is still on its way. It holds a connection
// until it is closed, which the end of Events does too. It is not safe for
// concurrent use.
type EventList struct {
	x        *exchange
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
	err := c.do(ctx, eventsCall(endpointID), func(x *exchange) error {
		x.timer.Stop() // from here on the silence counts, see exchange.Read
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
			return fmt.Errorf("%w: more than %d events; a higher --api.max-list-events reads on", ErrTooLarge, l.count)
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
