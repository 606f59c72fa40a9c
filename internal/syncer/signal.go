package syncer

import "sync"

// signal wakes everyone who waits for a change. Its zero value works.
type signal struct {
	mu      sync.Mutex
	changed chan struct{}
}

// next returns a channel that the next change closes. Call it before checking what can
// change.
func (s *signal) next() <-chan struct{} {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.changed == nil {
		s.changed = make(chan struct{})
	}
	return s.changed
}

// notify signals a change.
func (s *signal) notify() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.changed != nil {
		close(s.changed)
		s.changed = nil
	}
}
