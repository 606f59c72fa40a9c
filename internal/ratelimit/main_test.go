package ratelimit

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var epoch = time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)

// callers queue at a limiter one after the other, and log when each was admitted.
type callers struct {
	limiter *Limiter
	mu      sync.Mutex
	done    sync.WaitGroup
	log     []string
}

// call makes a call that takes hold. Meanwhile slow, if given, is called with its slot.
func (c *callers) call(name string, class Class, hold time.Duration, slow ...func(*Slot)) {
	begin := time.Now()
	c.done.Go(func() {
		slot, _, err := c.limiter.Acquire(context.Background(), class)
		if err != nil {
			name += " refused"
		}
		c.mu.Lock()
		c.log = append(c.log, fmt.Sprintf("%s +%v", name, time.Since(begin)))
		c.mu.Unlock()
		if err != nil {
			return
		}
		for _, do := range slow {
			do(slot)
		}
		time.Sleep(hold)
		slot.Release()
	})
	synctest.Wait() // queue this call before the next one
}

func (c *callers) expect(t *testing.T, want ...string) {
	t.Helper()
	c.done.Wait()
	if !slices.Equal(c.log, want) {
		t.Errorf("got  %q\nwant %q", c.log, want)
	}
	if l := c.limiter; l.busy != 0 || l.lists != 0 || l.aside != 0 || l.stuck.Len() != 0 {
		t.Errorf("%d slots taken, %d lists under way, %d aside, %d stuck", l.busy, l.lists, l.aside, l.stuck.Len())
	}
}

func acquire(t *testing.T, l *Limiter, class Class) *Slot {
	t.Helper()
	slot, _, err := l.Acquire(t.Context(), class)
	if err != nil {
		t.Fatal(err)
	}
	return slot
}
