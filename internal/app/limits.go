package app

import (
	"encoding/json"
	"time"

	"omegastream_exporter/internal/ratelimit"
	"omegastream_exporter/internal/state"
)

// handOn stops each call while another replica can lead, and passes the limits on with the
// lease.
func handOn(limiter *ratelimit.Limiter, st *state.State) {
	limiter.Guard(st.MayCall)
	st.Carry(limits{limiter})
}

// limits passes the rate limit on to the next replica that leads. It is a [state.Limits].
type limits struct{ limiter *ratelimit.Limiter }

// handedOn is the stored form.
type handedOn struct {
	ratelimit.State
	Final bool // no request was sent after it was written
}

func (l limits) State(final bool) []byte {
	kept, _ := json.Marshal(handedOn{l.limiter.State(), final}) // plain numbers
	return kept
}

func (l limits) Restore(kept []byte, ago time.Duration) {
	var h handedOn
	if json.Unmarshal(kept, &h) != nil {
		return // of another version: unknown members are 0
	}
	h.Pause = max(0, h.Pause-ago)
	h.SinceShare += ago
	if h.SinceRequest += ago; !h.Final {
		h.SinceRequest = 0
	}
	l.limiter.Restore(h.State)
}
