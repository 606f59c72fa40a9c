package client

import (
	"context"
	"time"
)

// TurnsAhead is how long before its time a turn is handed out at most, and how
// long a grant without a limit holds: what one process learns reaches the others
// within this time.
const TurnsAhead = 250 * time.Millisecond

// Turns hand out the turns of one rate limit to several processes, and carry what
// the API asked of one of them to all. The client calls one method at a time,
// never while it holds up requests that have their turn. An error means that
// nothing is known; the client tries again for as long as calls wait.
type Turns interface {
	// Reserve takes up to n turns of the rate, in requests a second; 0 means no
	// limit. It does not wait: where the next turn is too far ahead, or in a
	// pause, the grant has none.
	Reserve(ctx context.Context, n int, perSecond float64) (Grant, error)

	// Refused enters a refusal into the state of all by [Throttle.Refuse] and
	// returns that state.
	Refused(ctx context.Context, r Refusal) (Throttle, error)

	// Succeeded does the same by [Throttle.Succeed], for a request sent then.
	Succeeded(ctx context.Context, sent time.Time) (Throttle, error)
}

// Grant is a row of turns. Its durations count from when the answer came.
type Grant struct {
	Turns    int           // 0 if there is none yet
	First    time.Duration // until the first turn, or until it is worth asking again
	Every    time.Duration // from turn to turn; 0 = as many as wanted for TurnsAhead
	Throttle Throttle      // the state of all, its times by the clock of this process
}
