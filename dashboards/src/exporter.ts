// Dashboard "OmegaStream exporter".
import * as dashboard from "@grafana/grafana-foundation-sdk/dashboard";
import { bar, inBar, number, seldom, series, type Steps } from "./panels.js";
import { account, endpoint, endpointLegend, gaps, grown, largest, maximum, owed, records, total as recorded } from "./queries.js";
import { dashboards, slow, thresholds as t } from "./settings.js";
import { accountVariables, exporterVariable, firing, link, outside, restarts, runbooksVariable, selected, tidy } from "./variables.js";

const J = selected;
/** The 99th percentile of whichever kind of histogram Prometheus stores: classic buckets or a native one. */
const p99 = (metric: string, by: string) =>
  `histogram_quantile(0.99, sum by (${by}, le) (rate(${metric}_bucket{${J}}[$__rate_interval]))) or histogram_quantile(0.99, sum by (${by}) (rate(${metric}{${J}}[$__rate_interval])))`;
const zeroIsGood: Steps = [[null, "green"], [0.5, "red"]];

function overview(d: dashboard.DashboardBuilder): void {
  const total = (title: string, description: string, metric: string, steps: Steps, by = account) =>
    number({ title, description, unit: "locale", decimals: 0, width: 4, steps, query: { expr: `sum(${maximum(grown(`${metric}{${J}}`, "$__range"), by)})` } });
  const resets = `omegastream_exporter_state_resets_total{${J}}`;
  d.withRow(new dashboard.RowBuilder("Overview"))
    .withPanel(number({
      title: "Last sync", description: "Whether the last sync read every endpoint. With several instances, the best result counts.",
      unit: "none", width: 4, colour: "background", steps: [[null, "red"], [1, "green"]],
      query: { expr: `min(${maximum(`omegastream_up{${J}}`, account)})` },
    }).mappings([{ type: dashboard.MappingType.ValueToText, options: { "0": { text: "failed", index: 0 }, "1": { text: "complete", index: 1 } } }]))
    .withPanel(number({
      title: "Age of the data", description: "Time since the exporter read all endpoints.",
      unit: "s", decimals: 0, width: 4, steps: [[null, "green"], [t.stale / 3, "orange"], [t.stale, "red"]],
      query: { expr: `max(${records.age}{${J}})` },
    }))
    .withPanel(number({
      // Not an increase, because a pod that comes back under a new instance starts with the reset already counted.
      title: "State resets", description: "How often in the time range the exporter could not read its state and restarted its counters at 0.",
      unit: "locale", decimals: 0, width: 4, steps: zeroIsGood,
      query: { expr: `sum(${maximum(`${resets} and time() - omegastream_exporter_state_created_timestamp_seconds{${J}} < $__range_s`, account)}) or 0 * sum(${maximum(resets, account)})` },
    }))
    .withPanel(total("List gaps", "How often in the time range the exporter can have missed events.", "omegastream_exporter_list_gaps_total", zeroIsGood, endpoint))
    .withPanel(total("Folded types", "Events in the time range that count under the type other, because the account has too many types.", "omegastream_exporter_folded_event_types_total", [[null, "green"], [0.5, "orange"]]))
    .withPanel(total("Deadlines exceeded", "Scrapes in the time range that the exporter answered before their sync ended.", "omegastream_exporter_scrape_deadline_exceeded_total", [[null, "green"], [0.5, "orange"]], `${account}, instance`));
}

function syncs(d: dashboard.DashboardBuilder): void {
  d.withRow(new dashboard.RowBuilder("Syncs"))
    .withPanel(series({
      title: "Syncs by result", description: "Each sync reads all lists. partial means that some endpoints failed.",
      unit: "locale", decimals: 0, width: 8, height: 9, kind: "bars",
      queries: [{ expr: `sum by (result) (${bar(`${account}, instance, result`, "omegastream_exporter_syncs_total", J)})`, legend: "{{result}}" }],
    }).overrideByName("success", [{ id: "color", value: { mode: "fixed", fixedColor: "green" } }])
      .overrideByName("partial", [{ id: "color", value: { mode: "fixed", fixedColor: "orange" } }])
      .overrideByName("error", [{ id: "color", value: { mode: "fixed", fixedColor: "red" } }]))
    .withPanel(series({
      title: "Sync duration, p99", description: "How long a sync takes. Keep it well below the scrape timeout.",
      unit: "s", width: 8, height: 9, kind: "lines", steps: [[null, "transparent"], [slow.sync, "red"]],
      queries: [{ expr: p99("omegastream_exporter_sync_duration_seconds", `${account}, instance`), legend: "{{instance}}" }],
    }))
    .withPanel(series({
      title: "Endpoints' data age", description: `Time since the exporter read an endpoint's list: the oldest of all, and those of more than ${t.lagging / 60} minutes, ten at most.`,
      unit: "s", width: 8, height: 9, kind: "lines", steps: [[null, "transparent"], [t.stale, "red"]],
      queries: [{ expr: `max(${recorded("oldest")}{${J}})`, legend: "oldest" }, { expr: largest(`${owed("age")}{${J}}`), legend: endpointLegend }],
    }));
}

function api(d: dashboard.DashboardBuilder): void {
  d.withRow(new dashboard.RowBuilder("API"))
    .withPanel(series({
      title: "Calls by operation", description: "Calls of all instances to the OmegaStream API.",
      unit: "locale", decimals: 0, width: 12, kind: "bars", legend: "right", calcs: ["sum"],
      queries: [{ expr: `sum by (operation) (${bar(`${account}, instance, operation, code`, "omegastream_api_requests_total", J)})`, legend: "{{operation}}" }],
    }))
    .withPanel(series({
      title: "Calls by status code", description: "How the API answered. none means no answer.",
      unit: "locale", decimals: 0, width: 12, kind: "bars", legend: "right", calcs: ["sum"], byClass: true,
      queries: [{ expr: `sum by (code) (${bar(`${account}, instance, operation, code`, "omegastream_api_requests_total", J)}) > 0`, legend: "{{code}}" }],
    }))
    .withPanel(series({
      title: "Duration of calls, p99", description: "Time from a request to its answer; for lists, to the end of the header.",
      unit: "s", width: 8, kind: "lines", steps: [[null, "transparent"], [slow.call, "red"]],
      queries: [{ expr: p99("omegastream_api_request_duration_seconds", "operation"), legend: "{{operation}}" }],
    }))
    .withPanel(series({
      title: "Waits for the rate limit", description: "How many calls wait for --api.rate-limit or a Retry-After at a time, on average.",
      unit: "none", decimals: 2, width: 8, kind: "lines",
      queries: [{ expr: `sum by (operation) (rate(omegastream_api_rate_limit_wait_seconds_total{${J}}[$__rate_interval]))`, legend: "{{operation}}" }],
    }))
    .withPanel(series({
      title: "Retries and bad answers", description: "Calls that the exporter repeated, and invalid elements of answers.",
      unit: "locale", decimals: 0, width: 8, kind: "bars",
      queries: [
        { expr: `sum by (operation) (${bar(`${account}, instance, operation`, "omegastream_api_retries_total", J)})`, legend: "retried {{operation}}" },
        { expr: `sum by (operation) (${bar(`${account}, instance, operation`, "omegastream_exporter_invalid_payloads_total", J)})`, legend: "bad {{operation}}" },
      ],
    }));
}

/** The backlog of all endpoints, and the ten largest ones. */
const backlogOf = (name: "events" | "history") => [
  { expr: `sum(${recorded(name)}{${J}})`, legend: "all endpoints" },
  { expr: largest(`${owed(name)}{${J}}`), legend: endpointLegend },
];

function backlog(d: dashboard.DashboardBuilder): void {
  d.withRow(new dashboard.RowBuilder("Backlog"))
    .withPanel(series({
      title: "New events without their detail", description: "Events whose outcome is not counted yet. If it stays above 0, calls are too slow or too few.",
      unit: "locale", decimals: 0, width: 8, height: 9, kind: "lines",
      queries: backlogOf("events"),
    }))
    .withPanel(series({
      title: "Age of the oldest event without its detail", description: "How late the exporter can notice a failure. 0 while there is no backlog.",
      unit: "s", width: 8, height: 9, kind: "lines", steps: [[null, "transparent"], [t.backlog, "red"]],
      queries: [seldom("id", largest(`${owed("oldest")}{${J}}`), J, endpointLegend)],
    }))
    .withPanel(series({
      title: "History without its detail", description: "Events from before the first contact. The exporter fetches them in spare time; they affect gauges only.",
      unit: "locale", decimals: 0, width: 8, height: 9, kind: "lines",
      queries: backlogOf("history"),
    }))
    .withPanel(series({
      title: "Events listed and tracked", description: "Events in the last complete lists, and events in the state.",
      unit: "locale", decimals: 0, width: 12, kind: "lines",
      queries: [
        { expr: `sum(${recorded("listed")}{${J}})`, legend: "listed" },
        { expr: `sum(${recorded("tracked")}{${J}})`, legend: "tracked" },
      ],
    }))
    .withPanel(series({
      title: "List gaps", description: "How often a list began after the newest known event: the exporter can have missed events in between.",
      unit: "locale", decimals: 0, width: 12, kind: "bars",
      queries: [seldom("id", largest(inBar(gaps, J)), J, endpointLegend)],
    }));
}

function state(d: dashboard.DashboardBuilder): void {
  d.withRow(new dashboard.RowBuilder("State and process"))
    .withPanel(series({
      title: "Commit time, p99", description: "How long a write of the state takes. A value is shown only after it is written.",
      unit: "s", width: 8, kind: "lines", steps: [[null, "transparent"], [slow.commit, "orange"]],
      queries: [{ expr: p99("omegastream_exporter_state_commit_duration_seconds", `${account}, instance`), legend: "{{instance}}" }],
    }))
    .withPanel(series({
      title: "Commit failures", description: "Writes of the state that failed. Nothing new is shown until one succeeds.",
      unit: "locale", decimals: 0, width: 8, kind: "bars",
      queries: [{ expr: bar(`${account}, instance`, "omegastream_exporter_state_commit_failures_total", J), legend: "{{instance}}" }],
    }))
    .withPanel(series({
      title: "Size of the state", description: "Size of the stored state; 0 in memory.",
      unit: "bytes", width: 8, kind: "lines",
      queries: [{ expr: `max by (${account}, instance) (omegastream_exporter_state_size_bytes{${J}})`, legend: "{{instance}}" }],
    }))
    .withPanel(series({
      title: "Age of the state", description: "Time since the state was created. It drops to 0 when a state was lost or set aside.",
      unit: "s", width: 8, kind: "lines",
      queries: [{ expr: `time() - max by (${account}, instance) (omegastream_exporter_state_created_timestamp_seconds{${J}})`, legend: "{{instance}}" }],
    }))
    .withPanel(series({
      title: "Memory", description: "Resident memory of each instance.",
      unit: "bytes", width: 8, kind: "lines",
      queries: [{ expr: `max by (${account}, instance) (process_resident_memory_bytes{${J}})`, legend: "{{instance}}" }],
    }))
    .withPanel(series({
      title: "Goroutines", description: "Goroutines of each instance. They should stay flat over days.",
      unit: "short", decimals: 0, width: 8, kind: "lines",
      queries: [{ expr: `max by (${account}, instance) (go_goroutines{${J}})`, legend: "{{instance}}" }],
    }));
}

export function exporterDashboard(): dashboard.Dashboard {
  const d = accountVariables(new dashboard.DashboardBuilder("OmegaStream exporter"))
    .uid(dashboards.exporter)
    .description("Whether omegastream_exporter sees everything, and what that costs.")
    .tags(["omegastream"])
    .editable()
    .timezone("browser")
    .time({ from: "now-6h", to: "now" })
    .refresh("1m")
    .tooltip(dashboard.DashboardCursorSync.Crosshair)
    .withVariable(exporterVariable())
    .withVariable(runbooksVariable())
    .link(link("Webhook deliveries", `/d/${dashboards.deliveries}`, "The deliveries that the exporter watches", true))
    .annotation(restarts())
    .annotation(firing(selected));
  for (const l of outside()) d.link(l);
  overview(d);
  syncs(d);
  api(d);
  backlog(d);
  state(d);
  return tidy(d.build());
}
