package app

import (
	"encoding/json"
	"time"

	"omegastream_exporter/internal/ratelimit"
)

// limits passes the rate limit on to the next replica that leads. It is a ledger.Limits.
type limits struct{ limiter *ratelimit.Limiter }

// handedOn is the stored form.
type handedOn struct {
	ratelimit.State
	Final bool // no request was sent after it was written
}

func (l limits) State(final bool) []byte {
	state, _ := json.Marshal(handedOn{l.limiter.State(), final}) // plain numbers
	return state
}

func (l limits) Restore(state []byte, ago time.Duration) {
	var h handedOn
	if json.Unmarshal(state, &h) != nil {
		return // of another version: unknown members are 0
	}
	h.Pause = max(0, h.Pause-ago)
	h.SinceShare += ago
	if h.SinceRequest += ago; !h.Final {
		h.SinceRequest = 0
	}
	l.limiter.Restore(h.State)
}
