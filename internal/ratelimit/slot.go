package ratelimit

import (
	"container/list"
	"time"
)

// Slot is the right to send one request.
type Slot struct {
	limiter *Limiter
	class   Class

	// Guarded by the limiter's lock.
	aside bool
	stuck *list.Element // in the limiter's list of those waiting for a place aside
	ended bool
}

// Release releases the slot. It can be called more than once.
func (s *Slot) Release() {
	l := s.limiter
	l.mu.Lock()
	defer l.mu.Unlock()
	if s.ended {
		return
	}
	s.ended = true
	now := time.Now()
	l.end(s.class, now)
	switch {
	case s.aside:
		l.aside--
		l.moveAside(now)
	case s.stuck != nil:
		l.stuck.Remove(s.stuck)
		fallthrough
	default:
		l.free(now)
	}
	l.dispatch(now)
}

// StepAside frees the slot of a slow list, which is then read in a place aside. There are as
// many such places as slots; if all are taken, the list keeps its slot until one is free. It
// does nothing for a detail.
func (s *Slot) StepAside() {
	l := s.limiter
	l.mu.Lock()
	defer l.mu.Unlock()
	if s.class != Lists || s.ended || s.aside || s.stuck != nil {
		return
	}
	now := time.Now()
	s.stuck = l.stuck.PushBack(s)
	l.moveAside(now)
	l.dispatch(now)
}

// moveAside fills the places aside.
func (l *Limiter) moveAside(now time.Time) {
	for first := l.stuck.Front(); first != nil && l.aside < l.maxAside(); first = l.stuck.Front() {
		s := first.Value.(*Slot)
		l.stuck.Remove(first)
		s.stuck, s.aside = nil, true
		l.aside++
		l.free(now)
	}
}

// end records that a request is over, in a slot or aside.
func (l *Limiter) end(class Class, now time.Time) {
	if class != Lists {
		return
	}
	if l.lists == l.maxLists() {
		l.listsFreeSince = now
	}
	l.lists--
}

// free frees a slot.
func (l *Limiter) free(now time.Time) {
	if l.busy == l.slots {
		l.freeSince = now
	}
	l.busy--
}
