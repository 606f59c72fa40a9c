package collector

import (
	"github.com/prometheus/client_golang/prometheus"

	"omegastream_exporter/internal/ledger"
)

var (
	accountInfo = gauge("omegastream_account_info",
		"The account's company id: coid of its endpoints (GET /client/webhooks/all); always 1.", "company_id")
	lastSync = gauge("omegastream_exporter_last_successful_sync_timestamp_seconds",
		"End of the last sync that read every endpoint.")
	foldedTypes = counter("omegastream_exporter_folded_event_types_total",
		"Events counted under event_type=\"other\": the account has more types than can have their own label.")
	stateResets = counter("omegastream_exporter_state_resets_total",
		"States that could not be read and were set aside, so that the counters started at 0.")
	stateCreated = gauge("omegastream_exporter_state_created_timestamp_seconds",
		"When the state was created or its counters were last reset.")
)

var accountFamilies = []*Family{accountInfo, lastSync, foldedTypes, stateResets, stateCreated}

// collectAccount sends the metrics of the whole account.
func collectAccount(v *ledger.View, send func(prometheus.Metric)) {
	if v.CompanyID != "" {
		send(accountInfo.gaugeValue(1, v.CompanyID))
	}
	if at, ok := timestamp(v.LastSync); ok {
		send(lastSync.gaugeValue(at))
	}
	for _, c := range []struct {
		*Family
		value uint64
	}{{foldedTypes, v.FoldedTypes}, {stateResets, v.Resets}} {
		send(prometheus.MustNewConstMetricWithCreatedTimestamp(
			c.desc, prometheus.CounterValue, float64(c.value), v.Created))
	}
	send(stateCreated.gaugeValue(seconds(v.Created)))
}
