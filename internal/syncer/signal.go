package syncer

import "sync"

// signal wakes all who wait for a change. The zero value is ready.
type signal struct {
	mu      sync.Mutex
	changed chan struct{}
}

// next returns a channel that the next change closes. It must be called before
// looking at what may change.
func (s *signal) next() <-chan struct{} {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.changed == nil {
		s.changed = make(chan struct{})
	}
	return s.changed
}

// notify tells of a change.
func (s *signal) notify() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.changed != nil {
		close(s.changed)
		s.changed = nil
	}
}
