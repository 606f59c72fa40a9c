package client

import (
	"cmp"

	"github.com/go-json-experiment/json/jsontext"
)

const (
	maxElement = 1 << 20 // bytes of an element of a list of events
	maxTypes   = 1000    // that a list keeps to use their strings again
)

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
	key    secret
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
