package collector

import (
	"errors"

	"github.com/prometheus/client_golang/prometheus"

	"omegastream_exporter/internal/ledger"
	"omegastream_exporter/internal/state"
	"omegastream_exporter/internal/syncer"
)

var (
	up = gauge("omegastream_up",
		"1 if the last read of the account's endpoints and of every list of events succeeded and is at most 5 minutes, or 3 turns, old, "+
			"and the state can be read and written; 0 otherwise, and before the first sync after a start.")
	stateSize = gauge("omegastream_exporter_state_size_bytes",
		"Size of the stored state in bytes.")
	stateFailing = gauge("omegastream_exporter_state_failing",
		"1 while the state cannot be read or written, by reason: write_failed, replaced (another file has taken its place), unreachable, went_back (the database lost commits or was restored) or newer_version. "+
			"Metrics keep the values that were last stored.", labelReason)
)

var webInfo = gauge("omegastream_exporter_web_info",
	"URL at which people reach the pages: --web.external-url; always 1, and absent without that flag.", "external_url")

var leading = gauge("omegastream_exporter_leading",
	"1 if this replica led the last sync that it knows of, 0 if another one did; absent unless replicas share the state.")

var stateFamilies = []*Family{leading, up, stateSize, stateFailing, webInfo}

// stateReasons are the errors behind the values of the label reason. All other errors are
// failed writes.
var stateReasons = []struct {
	reason string
	err    error
}{
	{"replaced", state.ErrReplaced},
	{"unreachable", state.ErrUnreachable},
	{"went_back", ledger.ErrWentBack},
	{"newer_version", state.ErrNewer},
}

const stateWriteFailed = "write_failed"

// stateCollector shows the condition of the state at the time of the scrape, and so whether
// the metrics are current.
type stateCollector struct {
	state  *state.State
	syncer *syncer.Syncer
	url    string // of the pages; "" if unknown
}

// Describe implements prometheus.Collector.
func (stateCollector) Describe(ch chan<- *prometheus.Desc) {
	for _, f := range stateFamilies {
		ch <- f.desc
	}
}

// Collect implements prometheus.Collector.
func (c stateCollector) Collect(ch chan<- prometheus.Metric) {
	if c.url != "" {
		ch <- webInfo.gaugeValue(1, c.url)
	}
	if leads, shared := c.syncer.Leads(); shared {
		ch <- leading.gaugeValue(boolean(leads))
	}
	ch <- stateSize.gaugeValue(float64(c.state.Size()))
	failing := ""
	err := c.state.Failure()
	ch <- up.gaugeValue(boolean(err == nil && c.syncer.Up()))
	if err != nil {
		failing = stateWriteFailed
	}
	for _, r := range stateReasons {
		if errors.Is(err, r.err) {
			failing = r.reason
		}
	}
	ch <- stateFailing.gaugeValue(boolean(failing == stateWriteFailed), stateWriteFailed)
	for _, r := range stateReasons {
		ch <- stateFailing.gaugeValue(boolean(failing == r.reason), r.reason)
	}
}
