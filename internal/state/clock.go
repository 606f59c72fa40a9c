package state

import (
	"sync"
	"time"
)

// commonClock is the clock shared by all replicas of a state, as far as this one knows it. It
// is safe for concurrent use, and changes of this machine's clock do not affect it.
type commonClock struct {
	mu     sync.Mutex
	base   time.Time // on the common clock,
	anchor time.Time // when this process's time was this
	within time.Duration
}

// at returns the common clock at a time of this process. Before any observation, that is the
// same time.
func (c *commonClock) at(here time.Time) time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.reckon(here)
}

func (c *commonClock) reckon(here time.Time) time.Time {
	if c.base.IsZero() {
		return here
	}
	return c.base.Add(here.Sub(c.anchor))
}

// observe records that the common clock showed now at some moment between the request and its
// answer. A slower answer than the best one so far is less precise, and counts only if it
// contradicts the estimate.
func (c *commonClock) observe(now, asked, answered time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	took := answered.Sub(asked)
	right := !now.Before(c.reckon(asked)) && !now.After(c.reckon(answered))
	if !c.base.IsZero() && took > c.within && right {
		return
	}
	c.base, c.anchor, c.within = now, asked.Add(took/2), took
}

// clockSlack is how far a clock can be off without having been set. Another machine's clock
// is only known to within the time of an answer.
const clockSlack = 10 * time.Second

// clockWatch notices that a clock was set, or that this machine was suspended. It is safe for
// concurrent use.
type clockWatch struct {
	mu       sync.Mutex
	is, here time.Time // the clock, and the elapsed time in this process
	set      time.Time // when it was last set, by its new time
}

// see records what the clock shows at a time of this process.
func (c *clockWatch) see(is, here time.Time) {
	is = is.Round(0) // without the monotonic time
	c.mu.Lock()
	defer c.mu.Unlock()
	if jump := is.Sub(c.is) - here.Sub(c.here); !c.is.IsZero() && (jump > clockSlack || jump < -clockSlack) {
		c.set = is
	}
	c.is, c.here = is, here
}

// lastSet returns when the clock was last set; zero if never.
func (c *clockWatch) lastSet() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.set
}
