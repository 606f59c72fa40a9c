package syncer

import (
	"log/slog"
	"sync"
	"time"

	"omegastream_exporter/internal/ledger"
	"omegastream_exporter/internal/state"
)

// overflowEvery is the minimum time between log lines about a full backlog.
const overflowEvery = time.Minute

// overflow logs how many events were given up because too many waited for an outcome.
type overflow struct {
	log *slog.Logger

	mu       sync.Mutex
	reported uint64
	last     time.Time
}

// look checks the account, and logs at most once a minute.
func (o *overflow) look(st *state.State, now time.Time) {
	var given uint64
	st.Look(func(a *ledger.Account) { given = a.Overflowed() })
	o.mu.Lock()
	defer o.mu.Unlock()
	if given == o.reported || now.Sub(o.last) < overflowEvery {
		return
	}
	o.log.Warn("More events wait for an outcome than --collector.max-backlog allows: the oldest are counted as unresolved",
		"events", given-o.reported)
	o.reported, o.last = given, now
}
