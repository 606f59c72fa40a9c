// Dashboard "Webhook deliveries".
import * as dashboard from "@grafana/grafana-foundation-sdk/dashboard";
import { bar, bars, heat, number, rows, series, type Steps } from "./panels.js";
import { behind, current, endpointLegend, increaseOf, increaseOverDays, named, type Counter } from "./queries.js";
import { burn, dashboards, objective, thresholds as t } from "./settings.js";
import { all, at, datasourceVariable, exporterVariable, firing, jobVariable, link, outside, query, restarts, runbooksVariable, tidy } from "./variables.js";

const E = 'job=~"$job", endpoint_id=~"$endpoint"';
const ET = `${E}, event_type=~"$event_type"`;
const ETC = `${ET}, status_code=~"$status_code"`;
const budget = +(1 - objective).toFixed(6);
const upperBound =
  "The exporter sees a response only after it was stored, so every latency here is an upper bound: by up to one scrape interval more than the truth.";

/** What only grows, as timestamps do, is the largest value over the instances; of other gauges those that are behind have no say. */
const newest = (timestamp: string) => `max by (endpoint_id) (${timestamp}{${E}}) * 1000`;
const now = (gauge: string) => current(gauge, `(${behind(E)})`);
const perEndpoint = (metric: string) => now(`${metric}{${E}}`);
const perType = (metric: string) => now(`sum without (event_type) (${metric}{${ET}})`);

/** What each endpoint had in a window that ends now, of the instance that saw most of it. */
const within = (metric: string, range: string, selector = ET) =>
  `max by (endpoint_id) (sum without (event_type, status_code) (increase(${metric}{${selector}}[${range}])))`;
/** The same over a day or more, in which pods come and go: bars added up. */
const over = (metric: string, range: string, selector = ET) => `sum by (endpoint_id) (${bars("endpoint_id, event_type, status_code", metric, selector, range)})`;
const deliveriesTotal = "webhook_deliveries_total";
const failuresTotal = "webhook_delivery_failures_total";
/** Share of success; nothing where nothing was delivered. */
const success = (window: typeof within, range: string) =>
  `1 - (${window(failuresTotal, range)} or 0 * ${window(deliveriesTotal, range)}) / (${window(deliveriesTotal, range)} > 0)`;

const good: Steps = [[null, "red"], [objective - 0.04, "orange"], [objective, "green"]];
const none: Steps = [[null, "green"], [1, "red"]];
const neutral: Steps = [[null, "blue"]];

function overview(d: dashboard.DashboardBuilder): void {
  d.withRow(new dashboard.RowBuilder("Overview"))
    .withPanel(number({
      title: "Success", description: `Share of deliveries in the time range that were answered with 2xx. The objective is ${objective * 100} %.`,
      unit: "percentunit", decimals: 2, width: 4, calc: "last", steps: good, empty: "No deliveries",
      query: { expr: `1 - (sum(${over(failuresTotal, "$__range")}) or vector(0)) / (sum(${over(deliveriesTotal, "$__range")}) > 0)` },
    }))
    .withPanel(number({
      title: "Deliveries", description: "Outcomes of deliveries in the time range. A retry with another status code is one more.",
      unit: "locale", decimals: 0, width: 3, calc: "sum", steps: neutral, empty: "No deliveries",
      query: { expr: `sum(${bar("endpoint_id, event_type, status_code", deliveriesTotal, ETC)})` },
    }))
    .withPanel(number({
      title: "Failures", description: "Deliveries in the time range that were not answered with 2xx.",
      unit: "locale", decimals: 0, width: 3, calc: "sum", steps: none, empty: "No failures",
      query: { expr: `sum(${bar("endpoint_id, event_type, status_code", failuresTotal, ETC)})` },
    }))
    .withPanel(number({
      title: "Pending", description: "Events without an outcome yet.",
      unit: "locale", decimals: 0, width: 3, calc: "last", steps: [[null, "green"], [t.pending, "orange"], [10 * t.pending, "red"]], empty: "0",
      query: { expr: `sum(${perType("webhook_deliveries_pending")})` },
    }))
    .withPanel(number({
      title: "Oldest pending", description: "Age of the oldest event without an outcome.",
      unit: "s", decimals: 0, width: 4, calc: "last", steps: [[null, "green"], [600, "orange"], [3600, "red"]], empty: "0",
      query: { expr: `max(${perEndpoint("webhook_oldest_pending_age_seconds")})` },
    }))
    .withPanel(number({
      title: "Active endpoints", description: "Endpoints that are switched on, of all. The table below names them.",
      unit: "short", decimals: 0, width: 3, calc: "last", steps: neutral, empty: "No endpoints",
      query: { expr: `sum(${perEndpoint("webhook_endpoint_active")})`, legend: "active" },
      beside: { expr: `count(${perEndpoint("webhook_endpoint_active")})`, legend: "of" },
    }))
    .withPanel(number({
      title: "Age of the data", description: "Time since all endpoints were read. Red: what stands below is old.",
      unit: "s", decimals: 0, width: 4, calc: "last", colour: "background",
      steps: [[null, "green"], [t.stale / 3, "orange"], [t.stale, "red"]], empty: "Never read",
      query: { expr: `time() - min(max by (job) (omegastream_exporter_last_successful_sync_timestamp_seconds{job=~"$job"}))` },
    }));
}

function deliveries(d: dashboard.DashboardBuilder): void {
  d.withRow(new dashboard.RowBuilder("Deliveries"))
    .withPanel(series({
      title: "Deliveries by status code", description: "How deliveries ended. Bars count what happened within their width; none: no HTTP response.",
      unit: "locale", decimals: 0, width: 12, kind: "bars", legend: "right", calcs: ["sum"], byClass: true, empty: "No deliveries",
      queries: [{ expr: `sum by (status_code) (${bar("endpoint_id, event_type, status_code", deliveriesTotal, ETC)})`, legend: "{{status_code}}" }],
    }))
    .withPanel(series({
      title: "Failures by status code", description: "Deliveries that were not answered with 2xx. The dots are exemplars: each leads to the newest failed event.",
      unit: "locale", decimals: 0, width: 12, kind: "bars", legend: "right", calcs: ["sum"], byClass: true, empty: "No failures",
      queries: [{ expr: `sum by (status_code) (${bar("endpoint_id, event_type, status_code", failuresTotal, ETC)})`, legend: "{{status_code}}", exemplar: true }],
    }))
    .withPanel(series({
      title: "Failures by event type", description: "The same failures by what happened to the video.",
      unit: "locale", decimals: 0, width: 12, height: 9, kind: "bars", legend: "right", calcs: ["sum"], empty: "No failures",
      queries: [{ expr: `sum by (event_type) (${bar("endpoint_id, event_type, status_code", failuresTotal, ETC)}) > 0`, legend: "{{event_type}}" }],
    }))
    .withPanel(series({
      title: "No response, by reason", description: "Why deliveries got no HTTP response, as OmegaStream words it.",
      unit: "locale", decimals: 0, width: 12, height: 9, kind: "bars", legend: "right", calcs: ["sum"], empty: "Every delivery got a response",
      queries: [{ expr: `sum by (reason) (${bar("endpoint_id, reason", "webhook_delivery_no_response_total", E)}) > 0`, legend: "{{reason}}" }],
    }))
    .withPanel(series({
      title: "Success by endpoint", description: `Share of deliveries of the last hour that were answered with 2xx. Dashed: the objective, ${objective * 100} %.`,
      unit: "percentunit", width: 12, height: 9, kind: "lines", legend: "right", calcs: ["lastNotNull"], max: 1, steps: [[null, "transparent"], [objective, "green"]], empty: "No deliveries",
      queries: [{ expr: named(success(within, "1h"), E), legend: endpointLegend }],
    }))
    .withPanel(series({
      title: "Events by type", description: "Events that the API listed for the endpoints, delivered or not.",
      unit: "locale", decimals: 0, width: 12, height: 9, kind: "bars", legend: "right", calcs: ["sum"], empty: "No events",
      queries: [{ expr: `sum by (event_type) (${bar("endpoint_id, event_type", "webhook_events_total", ET)})`, legend: "{{event_type}}" }],
    }));
}

function endpoints(d: dashboard.DashboardBuilder): void {
  const here = `/d/${dashboards.deliveries}?\${__url_time_range}&\${datasource:queryparam}&\${job:queryparam}&var-endpoint=\${__data.fields.Endpoint}`;
  const links = [
    { title: "Only this endpoint", url: here },
    { title: "The exporter's page of it", url: "${exporter}/endpoints/${__data.fields.Endpoint}", targetBlank: true },
  ];
  const ratio: Steps = [[null, "red"], [objective - 0.04, "orange"], [objective, "green"]];
  const nothing: dashboard.ValueMapping = { type: dashboard.MappingType.SpecialValue, options: { match: dashboard.SpecialValueMatch.Null, result: { text: "-", color: "text", index: 0 } } };
  d.withRow(new dashboard.RowBuilder("Endpoints")).withPanel(rows({
    title: "Endpoints", description: "One row for each endpoint: the share of success, what was sent and failed, failures in a row, the last status code. Its host leads to this page for that endpoint alone, and to the exporter's own page.",
    unit: "locale", width: 24, height: 10, sortBy: "In a row", empty: "-", hide: ["Value #A"],
    columns: [
      { name: "Host", label: "url", links, width: 180 },
      { name: "Description", label: "description" },
      { name: "Endpoint", label: "endpoint_id", links, width: 215 },
      { name: "Info", expr: `max by (endpoint_id, url, description) (webhook_endpoint_info{${E}})` },
      {
        name: "Active", expr: perEndpoint("webhook_endpoint_active"), width: 60,
        mappings: [{ type: dashboard.MappingType.ValueToText, options: { "0": { text: "off", color: "orange", index: 0 }, "1": { text: "on", color: "green", index: 1 } } }],
      },
      { name: "OK 1 h", width: 66, expr: success(within, "1h"), unit: "percentunit", decimals: 1, steps: ratio, mappings: [nothing] },
      { name: "OK 24 h", width: 70, expr: success(over, "1d"), unit: "percentunit", decimals: 1, steps: ratio, mappings: [nothing] },
      { name: "Sent 24 h", width: 80, expr: `round(${over(deliveriesTotal, "1d")})`, decimals: 0 },
      { name: "Failed 24 h", width: 92, expr: `round(${over(failuresTotal, "1d")})`, decimals: 0, steps: [[null, "text"], [1, "red"]] },
      { name: "In a row", width: 70, expr: perEndpoint("webhook_endpoint_consecutive_failures"), decimals: 0, steps: [[null, "text"], [1, "orange"], [t.failuresInARow, "red"]] },
      {
        name: "Last", width: 56, expr: perEndpoint("webhook_endpoint_last_status_code"), unit: "none", decimals: 0,
        steps: [[null, "purple"], [100, "green"], [300, "blue"], [400, "orange"], [500, "red"]],
        mappings: [{ type: dashboard.MappingType.ValueToText, options: { "0": { text: "none", index: 0 } } }],
      },
      { name: "Last success", width: 140, expr: newest("webhook_endpoint_last_success_timestamp_seconds"), unit: "dateTimeFromNow" },
      { name: "Last failure", width: 140, expr: newest("webhook_endpoint_last_failure_timestamp_seconds"), unit: "dateTimeFromNow" },
      { name: "Pending", width: 76, expr: perType("webhook_deliveries_pending"), decimals: 0, steps: [[null, "text"], [t.pending, "orange"]] },
      { name: "p90 24 h", width: 80, expr: `histogram_quantile(0.9, max by (endpoint_id, le) (increase(webhook_delivery_latency_seconds_bucket{${E}}[1d]))) >= 0`, unit: "s", decimals: 1 },
    ],
  }));
}

function latency(d: dashboard.DashboardBuilder): void {
  const buckets = "webhook_delivery_latency_seconds_bucket";
  d.withRow(new dashboard.RowBuilder("Delivery latency (an upper bound)"))
    .withPanel(heat({
      title: "Latency", description: `From an event's creation to the first sight of its response. ${upperBound}`,
      unit: "short", width: 12, empty: "No responses",
      query: { expr: `sum by (le) (${bar("endpoint_id, le", buckets, E)})`, legend: "{{le}}", exemplar: true },
    }))
    .withPanel(series({
      title: "Latency quantiles", description: `Of the responses of the last hour. ${upperBound}`,
      unit: "s", width: 12, kind: "lines", empty: "No responses",
      queries: [0.5, 0.9, 0.99].map((q) => ({
        expr: `histogram_quantile(${q}, sum by (le) (max by (endpoint_id, le) (increase(${buckets}{${E}}[1h]))))`, legend: `p${q * 100}`,
      })),
    }));
}

function slo(d: dashboard.DashboardBuilder): void {
  /** Over days as the alerts say it; in the first hour, when that says nothing yet, what there is. */
  const all = (counter: Counter, range: string) => {
    const hour = increaseOf(counter, "1h", E);
    return range.endsWith("d") ? `(sum(${increaseOverDays(hour, range)}) or sum(${hour}))` : `sum(${increaseOf(counter, range, E)})`;
  };
  const spent = (range: string) => `(${all("failures", range)} or vector(0)) / (${all("deliveries", range)} > 0) / ${budget}`;
  const rates = [...burn.fast, ...burn.slow].map((pair) => pair.long);
  d.withRow(new dashboard.RowBuilder(`Objective: ${objective * 100} % of deliveries succeed`))
    .withPanel(number({
      title: "Budget left, 30 days", description: `Of the ${+(budget * 100).toFixed(2)} % of deliveries that may fail within 30 days, what is left. Below 0: the objective is missed.`,
      unit: "percentunit", decimals: 0, width: 6, height: 8, calc: "last", steps: [[null, "red"], [0, "orange"], [0.5, "green"]], empty: "No deliveries",
      query: { expr: `1 - ${spent("30d")}` },
    }))
    .withPanel(series({
      title: "Burn rates", description: "How fast the budget goes: at 1 it lasts for exactly 30 days. Alerts fire when a long and a short window are both above their limit.",
      unit: "none", decimals: 1, width: 18, kind: "lines", legend: "right", calcs: ["lastNotNull"], steps: [[null, "transparent"], [1, "orange"], [14.4, "red"]], empty: "No deliveries",
      queries: rates.map((range) => ({ expr: spent(range), legend: `over ${range}` })),
    }))
    .withPanel(series({
      title: "Recoveries", description: "Failed deliveries that a later try of OmegaStream delivered.",
      unit: "locale", decimals: 0, width: 12, kind: "bars", empty: "No recoveries",
      queries: [{ expr: `sum by (event_type) (${bar("endpoint_id, event_type", "webhook_delivery_recoveries_total", ET)}) > 0`, legend: "{{event_type}}" }],
    }))
    .withPanel(series({
      title: "Outcomes never learned", description: "Events that the API dropped before it told how they ended.",
      unit: "locale", decimals: 0, width: 12, kind: "bars", empty: "None",
      queries: [{ expr: `sum by (event_type) (${bar("endpoint_id, event_type", "webhook_events_unresolved_total", ET)}) > 0`, legend: "{{event_type}}" }],
    }));
}

export function deliveriesDashboard(): dashboard.Dashboard {
  const d = new dashboard.DashboardBuilder("Webhook deliveries")
    .uid(dashboards.deliveries)
    .description("Deliveries of OmegaStream's webhooks: how many fail, to which endpoint, for which event type, with which status code.")
    .tags(["omegastream"])
    .editable()
    .timezone("browser")
    .time({ from: "now-24h", to: "now" })
    .refresh("1m")
    .tooltip(dashboard.DashboardCursorSync.Crosshair)
    .withVariable(datasourceVariable())
    .withVariable(jobVariable())
    .withVariable(
      // Host and id: many endpoints may have the same host, and it may not be shown at all.
      query("endpoint", "Endpoint", 'query_result(max by (endpoint_id, name) (label_join(webhook_endpoint_info{job=~"$job"}, "name", " ", "url", "endpoint_id")))')
        .regex('/endpoint_id="(?<value>[^"]+)".*name="\\s*(?<text>[^"]*)"/').multi(true).includeAll(true).allValue(".*").current(all()),
    )
    .withVariable(
      query("event_type", "Event type", 'label_values(webhook_events_total{job=~"$job", endpoint_id=~"$endpoint"}, event_type)')
        .multi(true).includeAll(true).allValue(".*").current(all()),
    )
    .withVariable(
      query("status_code", "Status code", 'label_values(webhook_deliveries_total{job=~"$job", endpoint_id=~"$endpoint"}, status_code)')
        .multi(true).includeAll(true).allValue(".*").current(all()),
    )
    .withVariable(exporterVariable())
    .withVariable(runbooksVariable())
    .link(link("OmegaStream exporter", `/d/${dashboards.exporter}`, "Whether what stands here is complete and fresh", true))
    .annotation(at("Endpoint changes", newest("webhook_endpoint_updated_timestamp_seconds"), "Endpoint changed", "{{endpoint_id}}", "purple"))
    .annotation(restarts())
    .annotation(firing());
  for (const l of outside()) d.link(l);
  overview(d);
  endpoints(d);
  deliveries(d);
  latency(d);
  slo(d);
  return tidy(d.build());
}
