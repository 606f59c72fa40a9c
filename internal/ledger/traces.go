package ledger

import "time"

// traces is what an endpoint keeps of its failed deliveries besides their events.
type traces struct {
	endpoint *Endpoint
	rows     map[Key]Trace
	odd      map[Key]Video         // videos whose ids do not fit into a trace
	changed  map[position]struct{} // since the last batch
}

func newTraces(e *Endpoint) traces {
	return traces{e, make(map[Key]Trace), make(map[Key]Video), make(map[position]struct{})}
}

// answered applies an answer for an event that is, or was, a failure. was is the event before
// the answer.
func (s *traces) answered(was, ev Event, v Video, now time.Time) {
	t, known := s.rows[ev.Key]
	switch {
	case known:
		t.Asked++
	case was.Failing():
		t = Trace{Asked: uint32(was.Tries) + 1, Code: was.Code, Reason: was.Reason}
	case ev.Failing():
		t = Trace{Asked: uint32(was.Tries) + 1}
	default:
		return
	}
	switch {
	case ev.Failing():
		t.Code, t.Reason = ev.Code, ev.Reason
	case ev.Resolved() && t.Healed == 0:
		t.Healed = now.Unix()
	}
	if odd := t.SetVideo(v); odd != (Video{}) {
		s.odd[ev.Key] = odd
	} else if t.Names&HasOdd == 0 {
		delete(s.odd, ev.Key)
	}
	s.rows[ev.Key] = t
	s.change(ev.position())
}

// absent records that the API no longer has the detail of a failure. If its video is unknown
// by now, it stays unknown.
func (s *traces) absent(ev Event) {
	if _, known := s.rows[ev.Key]; ev.Failing() && !known {
		s.rows[ev.Key] = Trace{Asked: uint32(ev.Tries), Code: ev.Code, Reason: ev.Reason}
		s.change(ev.position())
		return
	}
	s.asked(ev)
}

// asked counts a call for a failure that brought no news.
func (s *traces) asked(ev Event) {
	if t, known := s.rows[ev.Key]; known {
		t.Asked++
		s.rows[ev.Key] = t
		s.change(ev.position())
	}
}

// remove removes the trace of a forgotten event.
func (s *traces) remove(ev *Event) {
	if _, known := s.rows[ev.Key]; known {
		delete(s.rows, ev.Key)
		delete(s.odd, ev.Key)
		s.change(ev.position())
	}
}

func (s *traces) change(at position) {
	s.changed[at] = struct{}{}
	s.endpoint.mark()
}

// batch adds the changed rows to a batch, including deleted ones.
func (s *traces) batch(b *Batch) {
	for at := range s.changed {
		t, known := s.rows[at.Key]
		b.Traces = append(b.Traces, TraceRow{s.endpoint.row.ID, at.Time, at.Key, t, s.odd[at.Key], !known})
	}
	clear(s.changed)
}

// set puts a stored trace into its place.
func (s *traces) set(r TraceRow) {
	if r.Gone {
		delete(s.rows, r.Key)
		delete(s.odd, r.Key)
		return
	}
	s.rows[r.Key] = r.Trace
	if r.Odd != (Video{}) {
		s.odd[r.Key] = r.Odd
	}
}

// dropStray drops the traces of untracked events.
func (s *traces) dropStray() {
	for key := range s.rows {
		if _, ok := s.endpoint.events.find(key); !ok {
			delete(s.rows, key)
			delete(s.odd, key)
		}
	}
}
