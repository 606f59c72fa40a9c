// Package wait waits for time to pass. It imports nothing of ours.
package wait

import (
	"context"
	"time"
)

// For waits for d, or for the end of ctx, whose error it returns.
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
