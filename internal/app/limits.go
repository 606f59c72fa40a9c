package app

import (
	"encoding/json"
	"time"

	"omegastream_exporter/internal/ratelimit"
	"omegastream_exporter/internal/state"
)

// carryLimits stops each call while another replica can lead, and makes the limits go with
// the lease.
func carryLimits(limiter *ratelimit.Limiter, st *state.State) {
	limiter.Guard(st.MayCall)
	st.Carry(limits{limiter})
}

// limits passes the rate limit on to the next replica that leads. It is a [state.Limits].
type limits struct{ limiter *ratelimit.Limiter }

// storedLimits is the stored form.
type storedLimits struct {
	ratelimit.Snapshot
	Final bool // no request was sent after it was written
}

func (l limits) Snapshot(final bool) []byte {
	stored, _ := json.Marshal(storedLimits{l.limiter.Snapshot(), final}) // plain numbers
	return stored
}

func (l limits) Restore(stored []byte, ago time.Duration) {
	var s storedLimits
	if json.Unmarshal(stored, &s) != nil {
		return // of another version: unknown members are 0
	}
	s.Pause = max(0, s.Pause-ago)
	s.SinceShare += ago
	if s.SinceRequest += ago; !s.Final {
		s.SinceRequest = 0
	}
	l.limiter.Restore(s.Snapshot)
}
