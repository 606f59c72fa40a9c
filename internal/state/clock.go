package state

import (
	"sync"
	"time"
)

// commonClock is the clock that all who share a state go by, as far as it is known
// here. It is safe for concurrent use, and no change of this machine's clock moves it.
type commonClock struct {
	mu     sync.Mutex
	base   time.Time // on the common clock,
	anchor time.Time // as of this time here
	within time.Duration
}

// at returns the common clock at a time here, which is that time as long as nothing
// was observed.
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

// observe notes that the common clock stood at now at some moment between asking and
// being answered. An answer that took longer than the best one so far knows less, and
// counts only where what is known cannot be right.
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

// clockSlack is how far a clock can be from the time that has passed and was not set: what is
// known of another machine's clock is known to within the time of an answer.
const clockSlack = 10 * time.Second

// clockWatch notices that a clock was set, or that this machine slept. It is safe for
// concurrent use.
type clockWatch struct {
	mu       sync.Mutex
	is, here time.Time // the clock, and the time that has passed here by then
	set      time.Time // when it was last set, by the clock that it has become
}

// see notes what the clock says at a time of this process.
func (c *clockWatch) see(is, here time.Time) {
	is = is.Round(0) // without the time that has passed
	c.mu.Lock()
	defer c.mu.Unlock()
	if jump := is.Sub(c.is) - here.Sub(c.here); !c.is.IsZero() && (jump > clockSlack || jump < -clockSlack) {
		c.set = is
	}
	c.is, c.here = is, here
}

// lastSet returns when the clock was last set, zero if it never was.
func (c *clockWatch) lastSet() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.set
}
