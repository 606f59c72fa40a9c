package simulator

import (
	"math"
	"net/http"
	"strconv"
	"sync"
	"time"
)

// LimitRate makes the account answer 429 with a Retry-After in seconds above perSecond
// requests a second, regardless of faults; 0 means no limit. It is a token bucket that starts
// full with one second's requests, at least one.
func (a *Account) LimitRate(perSecond float64) {
	a.bucket.set(perSecond, a.now())
}

// bucket is a token bucket.
type bucket struct {
	mu     sync.Mutex
	rate   float64 // tokens a second; 0 for no limit
	tokens float64
	filled time.Time
}

func (b *bucket) set(rate float64, now time.Time) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.rate, b.tokens, b.filled = rate, max(1, rate), now
}

// take takes a token, or returns how long until there is one.
func (b *bucket) take(now time.Time) (wait time.Duration, ok bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.rate <= 0 {
		return 0, true
	}
	b.tokens = min(max(1, b.rate), b.tokens+b.rate*now.Sub(b.filled).Seconds())
	b.filled = now
	if b.tokens < 1 {
		return time.Duration((1 - b.tokens) / b.rate * float64(time.Second)), false
	}
	b.tokens--
	return 0, true
}

// tooMany is the answer above the limit, with a Retry-After in whole seconds, rounded up.
func tooMany(wait time.Duration) *reply {
	rep := problem(http.StatusTooManyRequests, "too many requests")
	rep.header.Set("Retry-After", strconv.Itoa(int(math.Ceil(wait.Seconds()))))
	return rep
}
