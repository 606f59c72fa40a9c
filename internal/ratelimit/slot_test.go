package ratelimit

import (
	"fmt"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"pgregory.net/rapid"
)

const slowness = 2 * time.Second

// aside makes a list step aside once it is slow.
func aside(s *Slot) { time.AfterFunc(slowness, s.StepAside) }

// Endless lists delay neither other lists nor details.
func TestSlowListsStepAside(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := &callers{limiter: New(4, 0)}
		for i := range 5 {
			c.call(fmt.Sprint("slow ", i), Lists, time.Minute, aside)
		}
		c.call("list", Lists, 0)
		c.call("detail", Details, 0)
		c.done.Wait()
		slices.Sort(c.log) // those that start at the same time are in no particular order
		c.expect(t, "detail +2s", "list +2s", "slow 0 +0s", "slow 1 +0s", "slow 2 +0s", "slow 3 +0s", "slow 4 +2s")
	})
}

// One slot stays free for details, however many lists are slow.
func TestSlowListsLeaveASlotForDetails(t *testing.T) {
	t.Parallel()
	for _, slots := range []int{1, 2, 16} {
		synctest.Test(t, func(t *testing.T) {
			c := &callers{limiter: New(slots, 0)}
			for i := range 4 * slots {
				c.call(fmt.Sprint("slow ", i), Lists, time.Hour, aside)
			}
			time.Sleep(2 * slowness)
			c.limiter.mu.Lock()
			under := c.limiter.lists
			c.limiter.mu.Unlock()
			if under != 2*slots-1 {
				t.Errorf("%d lists under way with %d slots", under, slots)
			}
			for range 20 {
				begin := time.Now()
				acquire(t, c.limiter, Details).Release()
				if took := time.Since(begin); took > 0 {
					t.Errorf("a detail waited for %v", took)
				}
			}
			c.done.Wait()
			c.log = nil
			c.expect(t)
		})
	}
}

func TestDetailsDoNotStepAside(t *testing.T) {
	t.Parallel()
	l := New(1, 0)
	slot := acquire(t, l, Details)
	slot.StepAside()
	if l.busy != 1 || l.aside != 0 {
		t.Errorf("%d slots taken, %d aside", l.busy, l.aside)
	}
	slot.Release()
	slot.Release()
	slot.StepAside()
	if l.busy != 0 || l.aside != 0 {
		t.Errorf("%d slots taken, %d aside at the end", l.busy, l.aside)
	}
}

// Random calls never exceed the slots, and no slot is lost.
func TestSlotsAreBounded(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		slots := rapid.IntRange(1, 4).Draw(t, "slots")
		l := New(slots, 0)
		var mu sync.Mutex
		var held []*Slot
		var all sync.WaitGroup
		check := func() {
			l.mu.Lock()
			defer l.mu.Unlock()
			if l.busy < 0 || l.busy > slots || l.aside < 0 || l.aside > slots || l.lists < 0 || l.lists > 2*slots-1 {
				t.Fatalf("%d slots taken, %d aside, %d lists", l.busy, l.aside, l.lists)
			}
			for class := range l.queues {
				if l.queues[class].Len() > 0 && l.admits(Class(class)) {
					t.Fatalf("class %d waits although a slot is free", class)
				}
			}
		}
		calls := rapid.SliceOfN(rapid.IntRange(0, 5), 1, 60).Draw(t, "calls")
		for _, do := range calls {
			mu.Lock()
			n := len(held)
			mu.Unlock()
			switch {
			case do < 3 || n == 0:
				class := Class(do % 2)
				all.Go(func() {
					slot, _, err := l.Acquire(t.Context(), class)
					if err != nil {
						return
					}
					mu.Lock()
					defer mu.Unlock()
					held = append(held, slot)
				})
			case do == 3:
				mu.Lock()
				held[do%n].StepAside()
				mu.Unlock()
			default:
				mu.Lock()
				slot := held[0]
				held = held[1:]
				mu.Unlock()
				slot.Release()
			}
			check()
		}
		done := make(chan struct{})
		go func() { all.Wait(); close(done) }()
		for ended := false; !ended; {
			mu.Lock()
			for _, slot := range held {
				slot.Release()
			}
			held = nil
			mu.Unlock()
			select {
			case <-done:
				ended = true
			case <-time.After(time.Millisecond):
			}
		}
		for _, slot := range held {
			slot.Release()
		}
		if l.busy != 0 || l.lists != 0 || l.aside != 0 || l.stuck.Len() != 0 {
			t.Fatalf("at the end %d slots taken, %d lists, %d aside, %d stuck", l.busy, l.lists, l.aside, l.stuck.Len())
		}
	})
}
