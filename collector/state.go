package collector

import (
	"errors"

	"github.com/prometheus/client_golang/prometheus"

	"omegastream_exporter/internal/ledger"
	"omegastream_exporter/internal/syncer"
)

var (
	up = gauge("omegastream_up",
		"1 if the last read of the account's endpoints and of every list of events succeeded and is at most 5 minutes, or 3 turns, old, "+
			"and the state can be worked on; 0 if not, or before the first sync since the start.")
	stateSize = gauge("omegastream_exporter_state_size_bytes",
		"Bytes that the state takes where it is stored.")
	stateFailing = gauge("omegastream_exporter_state_failing",
		"1 while the state cannot be worked on, by reason: write_failed, replaced (its file was removed or is another one), unreachable, went_back (an older one was restored) or newer_version; "+
			"what is shown stays what was last durable.", labelReason)
)

var webInfo = gauge("omegastream_exporter_web_info",
	"URL under which people reach the pages: --web.external-url; always 1, and missing without it.", "external_url")

var leading = gauge("omegastream_exporter_leading",
	"1 if this replica led the last sync that it knows of, 0 if another one did; only with a state that replicas share.")

var stateFamilies = []*Family{leading, up, stateSize, stateFailing, webInfo}

// stateReasons are the errors behind the values of the label reason. What is none of
// them is a write that failed.
var stateReasons = []struct {
	reason string
	err    error
}{
	{"replaced", ledger.ErrReplaced},
	{"unreachable", ledger.ErrUnreachable},
	{"went_back", ledger.ErrWentBack},
	{"newer_version", ledger.ErrNewer},
}

const stateWriteFailed = "write_failed"

// stateCollector shows how the state is, as of the scrape, and with it whether what
// is shown can be believed.
type stateCollector struct {
	book   *ledger.Book
	syncer *syncer.Syncer
	url    string // of the pages; "" where it is not known
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
	ch <- stateSize.gaugeValue(float64(c.book.Size()))
	failing := ""
	err := c.book.Failure()
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
