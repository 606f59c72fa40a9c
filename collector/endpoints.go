package collector

import (
	"time"

	"omegastream_exporter/internal/ledger"
)

// endpointGauge is a gauge whose only label is the endpoint.
type endpointGauge struct {
	*Family
	value func(e *ledger.EndpointView, now time.Time) (v float64, ok bool)
}

var endpointGauges = []endpointGauge{
	{
		gauge("webhook_oldest_pending_age_seconds",
			"Seconds since created of the oldest event whose response is null in its detail; 0 if there is none.", labelEndpoint),
		func(e *ledger.EndpointView, now time.Time) (float64, bool) {
			return ledger.Age(e.OldestPending, now), e.Contacted
		},
	},
	{
		gauge("webhook_endpoint_consecutive_failures",
			"Failed deliveries since the last success, in order of created.", labelEndpoint),
		func(e *ledger.EndpointView, _ time.Time) (float64, bool) {
			return float64(e.Consecutive), e.Contacted
		},
	},
	{
		gauge("webhook_endpoint_failing_since_timestamp_seconds",
			"created of the first failed delivery since the last success; absent if there is none.", labelEndpoint),
		func(e *ledger.EndpointView, _ time.Time) (float64, bool) { return unix(e.FailingSince) },
	},
	{
		gauge("webhook_endpoint_last_status_code",
			"response.status_code of the newest event that has an outcome; 0: no HTTP response.", labelEndpoint),
		func(e *ledger.EndpointView, _ time.Time) (float64, bool) { return float64(e.LastCode), e.HasCode },
	},
	{
		gauge("webhook_endpoint_last_success_timestamp_seconds",
			"created of the newest event that was answered with 2xx.", labelEndpoint),
		func(e *ledger.EndpointView, _ time.Time) (float64, bool) { return unix(e.LastSuccess) },
	},
	{
		gauge("webhook_endpoint_last_failure_timestamp_seconds",
			"created of the newest event that was not answered with 2xx, even if a later delivery succeeded.", labelEndpoint),
		func(e *ledger.EndpointView, _ time.Time) (float64, bool) { return unix(e.LastFailure) },
	},
	{
		gauge("webhook_endpoint_active",
			"1 if the endpoint is active (GET /client/webhooks/all), 0 if it is switched off.", labelEndpoint),
		func(e *ledger.EndpointView, _ time.Time) (float64, bool) {
			return boolean(e.Meta != nil && e.Meta.Active), e.Meta != nil
		},
	},
	{
		gauge("webhook_endpoint_updated_timestamp_seconds",
			"updated_at of the endpoint (GET /client/webhooks/all).", labelEndpoint),
		func(e *ledger.EndpointView, _ time.Time) (float64, bool) {
			if e.Meta == nil {
				return 0, false
			}
			return timestamp(e.Meta.UpdatedAt)
		},
	},
	{
		gauge("webhook_events_listed",
			"Events in the last complete read of the endpoint's list (GET /client/webhooks/:id).", labelEndpoint),
		func(e *ledger.EndpointView, _ time.Time) (float64, bool) {
			return float64(e.Listed), !e.LastFull.IsZero()
		},
	},
	{
		gauge("omegastream_exporter_endpoint_last_successful_sync_timestamp_seconds",
			"End of the last successful read of the endpoint's list.", labelEndpoint),
		func(e *ledger.EndpointView, _ time.Time) (float64, bool) { return timestamp(e.LastSync) },
	},
	{
		gauge("omegastream_exporter_event_detail_backlog",
			"New events whose detail is not fetched yet, so that their outcome is not counted.", labelEndpoint),
		func(e *ledger.EndpointView, _ time.Time) (float64, bool) { return float64(e.Backlog), e.Contacted },
	},
	{
		gauge("omegastream_exporter_history_detail_backlog",
			"Events from before the first contact whose detail is not fetched yet, so that gauges lack their outcome.", labelEndpoint),
		func(e *ledger.EndpointView, _ time.Time) (float64, bool) {
			return float64(e.HistoryBacklog), e.Contacted
		},
	},
	{
		gauge("omegastream_exporter_oldest_unfetched_event_timestamp_seconds",
			"created of the oldest new event whose detail is not fetched yet; absent if there is none.", labelEndpoint),
		func(e *ledger.EndpointView, _ time.Time) (float64, bool) { return unix(e.OldestUnfetched) },
	},
	{
		gauge("omegastream_exporter_tracked_events",
			"Events of the endpoint in the state.", labelEndpoint),
		func(e *ledger.EndpointView, _ time.Time) (float64, bool) { return float64(e.Tracked), e.Contacted },
	},
}

var (
	windowDeliveries = gauge("webhook_window_deliveries",
		"Events created within --collector.window by their latest response.status_code; none: no HTTP response.",
		labelEndpoint, labelType, labelCode)
	pendingDeliveries = gauge("webhook_deliveries_pending",
		"Events without an outcome yet: response is null in their detail.", labelEndpoint, labelType)
	lastEvent = gauge("webhook_last_event_timestamp_seconds",
		"created of the newest event of this type.", labelEndpoint, labelType)
	endpointInfo = gauge("webhook_endpoint_info",
		"The endpoint's url, reduced as --webhook.url-detail says, and description (GET /client/webhooks/all); always 1.",
		labelEndpoint, "url", "description")
	endpointSubscribed = gauge("webhook_endpoint_subscribed",
		"1 for each event type that the endpoint is subscribed to: its events (GET /client/webhooks/all).", labelEndpoint, labelType)
)

func endpointFamilies() []*Family {
	families := []*Family{windowDeliveries, pendingDeliveries, lastEvent, endpointInfo, endpointSubscribed}
	for _, g := range endpointGauges {
		families = append(families, g.Family)
	}
	return families
}

// collectEndpoint adds an endpoint's gauges. Each has a value and up to three labels; unused
// labels are empty.
func collectEndpoint(e *ledger.EndpointView, now time.Time, add func(f *Family, v float64, a, b, c string)) {
	for _, g := range endpointGauges {
		if v, ok := g.value(e, now); ok {
			add(g.Family, v, e.ID, "", "")
		}
	}
	for _, w := range e.Window {
		add(windowDeliveries, float64(w.Count), e.ID, w.Type, w.Code.String())
	}
	for _, p := range e.Pending {
		add(pendingDeliveries, float64(p.Count), e.ID, p.Type, "")
	}
	for _, l := range e.LastEvents {
		add(lastEvent, float64(l.Time), e.ID, l.Type, "")
	}
	if e.Meta != nil {
		add(endpointInfo, 1, e.ID, e.Meta.URL, e.Meta.Description)
		for _, t := range e.Subscribed {
			add(endpointSubscribed, 1, e.ID, t, "")
		}
	}
}

// unix returns a time in Unix seconds; 0 is none.
func unix(t int64) (float64, bool) { return float64(t), t != 0 }

// timestamp returns a time in Unix seconds; the zero time is none.
func timestamp(t time.Time) (float64, bool) {
	if t.IsZero() {
		return 0, false
	}
	return seconds(t), true
}

func boolean(b bool) float64 {
	if b {
		return 1
	}
	return 0
}
