// Package wait waits for time to pass. It imports none of the exporter's packages.
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
