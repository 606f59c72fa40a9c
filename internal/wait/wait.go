// Package wait waits for time to pass, and wakes what waits. It imports none of the exporter's packages.
package wait

import (
	"context"
	"time"
)

// For waits for d, or until ctx ends, and returns the error of ctx.
func For(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// Wake wakes a loop that receives from c, a channel with room for one element. It never waits:
// a loop that has not received the last element yet will look at everything anyway.
func Wake(c chan<- struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}
