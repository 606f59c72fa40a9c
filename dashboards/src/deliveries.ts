// Dashboard "Webhook deliveries".
import * as dashboard from "@grafana/grafana-foundation-sdk/dashboard";
import { heat, inBar, number, rows, seldom, series, withinBar, type Query, type Steps } from "./panels.js";
import { bar, barWidth, burnWindows, current, endpoint, endpointLegend, gauge, hour, increase, largestNamed, latency as latencyBars, maximum, ratio, records, whole, type Counter, type Window } from "./queries.js";
import { accountLabels, burn, dashboards, objective, thresholds as t } from "./settings.js";
import { accountVariables, all, at, exporterVariable, firing, link, outside, query, restarts, runbooksVariable, sayFilters, selected, tidy } from "./variables.js";

/** The selectors of the variables at the top. Not every panel filters by type or code; its description says which apply. */
const E = `${selected}, endpoint_id=~"$endpoint"`;
const ET = `${E}, event_type=~"$event_type"`;
const ETC = `${ET}, status_code=~"$status_code"`;
const budget = +(1 - objective).toFixed(6);
const upperBound =
  "The exporter sees a response only at the next scrape, so the true latency can be up to one scrape interval lower.";

/** A timestamp only grows, so the largest value over the instances is right. */
const newest = (timestamp: string) => `${maximum(`${timestamp}{${E}}`)} * 1000`;
const late = `on (${endpoint}, instance) ${records.behind}`;
const chosen = (record: string) => `${record}{${E}}`;
const perType = (metric: string) => current(`sum without (event_type) (${metric}{${ET}})`, late);
const perEndpoint = (metric: string) => current(`${metric}{${E}}`, late);

/** Failures of the endpoints: 0 if no delivery failed, and no value if there was no delivery. */
const failedOf = (failures: string, deliveries: string) => `(sum(${failures}) or 0 * sum(${deliveries}))`;
const success = (failures: string, deliveries: string) => `1 - ${failedOf(failures, deliveries)} / (sum(${deliveries}) > 0)`;

/**
 * A sum over the chosen endpoints, for queries that read many samples. While all endpoints are chosen, it reads the
 * account's record and the second selector matches nothing; while some are chosen, the first selector matches nothing.
 */
function overChosen(record: string, of: (series: string) => string = (series) => series, by = ""): string {
  const some = `${record}{${E}, endpoint_id!~"$endpoint.+"}`;
  return `(sum${by} (${of(`${whole(record)}{${E}}`)}) or sum${by} (${of(some)}))`;
}
/** The numbers that alerts compare. */
const since = (counter: Counter, window: Window) => chosen(increase(counter, window));
/** The deliveries of the window as the account has them now: this needs no rules and no history. */
const inWindow = (selector: string) => `max by (${endpoint}, event_type, status_code) (webhook_window_deliveries{${selector}} unless ${late})`;

const good: Steps = [[null, "red"], [objective - t.objectiveMissed, "orange"], [objective, "green"]];
const none: Steps = [[null, "green"], [0.5, "red"]];
const neutral: Steps = [[null, "blue"]];

function window(d: dashboard.DashboardBuilder): void {
  const failed = inWindow(`${ETC}, status_code!~"2.."`);
  const sent = inWindow(ETC);
  d.withRow(new dashboard.RowBuilder("Last 24 hours (--collector.window), from the account itself"))
    .withPanel(number({
      title: "Success, 24 h", description: `The share of deliveries of the last 24 hours whose latest response is 2xx, after retries. The objective is ${objective * 100} %.`,
      unit: "percentunit", decimals: 2, width: 5, steps: good,
      query: { expr: success(failed, sent) },
    }))
    .withPanel(number({
      title: "Failed, 24 h", description: "Events of the last 24 hours whose latest outcome is not 2xx.",
      unit: "locale", decimals: 0, width: 4, steps: none,
      query: { expr: failedOf(failed, sent) },
    }))
    .withPanel(number({
      title: "Delivered, 24 h", description: "Events of the last 24 hours that have an outcome.",
      unit: "locale", decimals: 0, width: 4, steps: neutral,
      query: { expr: `sum(${sent})` },
    }))
    .withPanel(number({
      title: "By status code, 24 h", description: "The same events by status code. none means no HTTP response.",
      unit: "locale", decimals: 0, width: 11, steps: neutral, names: true,
      query: { expr: `sort_desc(sum by (status_code) (${sent}) > 0)`, legend: "{{status_code}}" },
    }));
}

function overview(d: dashboard.DashboardBuilder): void {
  d.withRow(new dashboard.RowBuilder("Now, as the alerts see it"))
    .withPanel(number({
      title: "Success, 1 h", description: `The share of deliveries of the last hour that got a 2xx response. The objective is ${objective * 100} %.`,
      unit: "percentunit", decimals: 2, width: 4, steps: good,
      query: { expr: success(since("failures", "1h"), since("deliveries", "1h")) },
    }))
    .withPanel(number({
      title: "Deliveries, 1 h", description: "Outcomes of deliveries in the last hour. A retry that ends with another status code counts again.",
      unit: "locale", decimals: 0, width: 3, steps: neutral,
      query: { expr: `sum(${since("deliveries", "1h")})` },
    }))
    .withPanel(number({
      title: "Failures, 1 h", description: "Deliveries of the last hour that got no 2xx response.",
      unit: "locale", decimals: 0, width: 3, steps: none,
      query: { expr: failedOf(since("failures", "1h"), since("deliveries", "1h")) },
    }))
    .withPanel(number({
      title: "Pending", description: "Events that have no outcome yet.",
      unit: "locale", decimals: 0, width: 3, steps: [[null, "green"], [t.pending, "orange"], [10 * t.pending, "red"]],
      query: { expr: `sum(${perType("webhook_deliveries_pending")})` },
    }))
    .withPanel(number({
      title: "Oldest pending", description: "The age of the oldest event that has no outcome yet.",
      unit: "s", decimals: 0, width: 4, steps: [[null, "green"], [t.pendingLong, "orange"], [t.pendingTooLong, "red"]],
      query: { expr: `max(${perEndpoint("webhook_oldest_pending_age_seconds")})` },
    }))
    .withPanel(number({
      title: "Active endpoints", description: "How many of your endpoints are switched on. The table below lists them.",
      unit: "short", decimals: 0, width: 3, steps: neutral,
      query: { expr: `sum(${chosen(gauge("active"))})`, legend: "active" },
      beside: { expr: `count(${chosen(gauge("active"))})`, legend: "of" },
    }))
    .withPanel(number({
      title: "Age of the data", description: "Time since the exporter read all endpoints. If it is red, this dashboard shows old data.",
      unit: "s", decimals: 0, width: 4, colour: "background",
      steps: [[null, "green"], [t.stale / 2, "orange"], [t.stale, "red"]],
      query: { expr: `max(${records.age}{${selected}})` },
    }));
}

const bars = (label: string, record: string, selector: string) => seldom(label, `sum by (${label}) (${inBar(record, selector)})`, selected);

/** Asks only for the exemplars of a series, because records have none. */
const exemplars = (metric: string, selector: string): Query => ({ expr: `${metric}{${selector}} @ end() < 0`, legend: "exemplars", exemplar: true });

function deliveries(d: dashboard.DashboardBuilder): void {
  d.withRow(new dashboard.RowBuilder("Deliveries, in bars of five minutes"))
    .withPanel(series({
      title: "Deliveries by status code", description: "How deliveries ended. Each bar counts the deliveries within its width. none means no HTTP response.",
      unit: "locale", decimals: 0, width: 12, kind: "bars", legend: "right", calcs: ["sum"], byClass: true,
      queries: [{ expr: `sum by (status_code) (${inBar(bar("deliveries"), ETC)})`, legend: "{{status_code}}" }],
    }))
    .withPanel(series({
      title: "Failures by status code", description: "Deliveries that got no 2xx response. The dots are exemplars: click one to open the newest failed event.",
      unit: "locale", decimals: 0, width: 12, kind: "bars", legend: "right", calcs: ["sum"], byClass: true,
      queries: [bars("status_code", bar("failures"), ETC), exemplars("webhook_delivery_failures_total", ETC)],
    }))
    .withPanel(series({
      title: "Failures by event type", description: "The same failures by event type.",
      unit: "locale", decimals: 0, width: 12, height: 9, kind: "bars", legend: "right", calcs: ["sum"],
      queries: [bars("event_type", bar("failures"), ETC)],
    }))
    .withPanel(series({
      title: "No response, by reason", description: "Why deliveries got no HTTP response, according to OmegaStream.",
      unit: "locale", decimals: 0, width: 12, height: 9, kind: "bars", legend: "right", calcs: ["sum"],
      queries: [bars("reason", bar("noResponse"), E)],
    }))
    .withPanel(series({
      title: "Success by endpoint", description: `The ten endpoints that fail most: the share of their deliveries that got a 2xx response, over the last hour. Dashed: the objective, ${objective * 100} %.`,
      unit: "percentunit", width: 12, height: 9, kind: "lines", legend: "right", calcs: ["lastNotNull"], max: 1, steps: [[null, "transparent"], [objective, "green"]],
      queries: [{ expr: `1 - ${largestNamed(chosen(ratio("1h")))}`, legend: endpointLegend }],
    }).interval(barWidth))
    .withPanel(series({
      title: "Events by type", description: "Events that the API lists for the endpoints, delivered or not.",
      unit: "locale", decimals: 0, width: 12, height: 9, kind: "bars", legend: "right", calcs: ["sum"],
      queries: [{ expr: `sum by (event_type) (${inBar(bar("events"), ET)})`, legend: "{{event_type}}" }],
    }));
}

function endpoints(d: dashboard.DashboardBuilder): void {
  const here = `/d/${dashboards.deliveries}?\${__url_time_range}&\${datasource:queryparam}&\${cluster:queryparam}&\${namespace:queryparam}&\${job:queryparam}&var-endpoint=\${__data.fields.Endpoint}`;
  const links = [
    { title: "Only this endpoint", url: here },
    { title: "Its page in the exporter", url: "${exporter}/endpoints/${__data.fields.Endpoint}", targetBlank: true },
  ];
  // Without the name of the record: Grafana joins only series with the same labels into one row.
  const cell = (series: string) => `max by (${endpoint}) (${series})`;
  const nothing: dashboard.ValueMapping = { type: dashboard.MappingType.SpecialValue, options: { match: dashboard.SpecialValueMatch.Null, result: { text: "-", color: "text", index: 0 } } };
  d.withRow(new dashboard.RowBuilder("Endpoints")).withPanel(rows({
    title: "Endpoints", description: "One row per endpoint. Click its host or id to filter this dashboard by the endpoint, or to open its page in the exporter.",
    unit: "locale", width: 24, height: 10, sortBy: "In a row", empty: "-", hide: ["Value #A", ...accountLabels],
    columns: [
      { name: "Host", label: "url", links, width: 180 },
      { name: "Description", label: "description" },
      { name: "Endpoint", label: "endpoint_id", links, width: 215 },
      { name: "Info", expr: `max by (${endpoint}, url, description) (webhook_endpoint_info{${E}})` },
      {
        name: "Active", expr: cell(chosen(gauge("active"))), width: 60,
        mappings: [{ type: dashboard.MappingType.ValueToText, options: { "0": { text: "off", color: "orange", index: 0 }, "1": { text: "on", color: "green", index: 1 } } }],
      },
      { name: "OK 1 h", width: 66, expr: `1 - ${chosen(ratio("1h"))}`, unit: "percentunit", decimals: 1, steps: good, mappings: [nothing] },
      { name: "OK 24 h", width: 70, expr: `1 - ${chosen(ratio("1d"))}`, unit: "percentunit", decimals: 1, steps: good, mappings: [nothing] },
      { name: "Sent 24 h", width: 80, expr: cell(since("deliveries", "1d")), decimals: 0 },
      { name: "Failed 24 h", width: 92, expr: cell(since("failures", "1d")), decimals: 0, steps: [[null, "text"], [1, "red"]] },
      { name: "In a row", width: 70, expr: cell(chosen(gauge("inARow"))), decimals: 0, steps: [[null, "text"], [1, "orange"], [t.failuresInARow, "red"]] },
      {
        name: "Last", width: 56, expr: cell(chosen(gauge("lastCode"))), unit: "none", decimals: 0,
        steps: [[null, "purple"], [100, "green"], [300, "blue"], [400, "orange"], [500, "red"]],
        mappings: [{ type: dashboard.MappingType.ValueToText, options: { "0": { text: "none", index: 0 } } }],
      },
      { name: "Last success", width: 140, expr: newest("webhook_endpoint_last_success_timestamp_seconds"), unit: "dateTimeFromNow" },
      { name: "Last failure", width: 140, expr: newest("webhook_endpoint_last_failure_timestamp_seconds"), unit: "dateTimeFromNow" },
      { name: "Pending", width: 76, expr: cell(chosen(gauge("pending"))), decimals: 0, steps: [[null, "text"], [t.pending, "orange"]] },
      { name: "p90 24 h", width: 80, expr: `${perEndpointQuantile(0.9, "1d")} >= 0`, unit: "s", decimals: 1 },
    ],
  }));
}

/** A quantile of whichever kind of histogram Prometheus stores. */
const quantile = (q: number, classic: string, native: string) => `(histogram_quantile(${q}, ${classic}) or histogram_quantile(${q}, ${native}))`;

/** The quantile of each endpoint within a range. */
function perEndpointQuantile(q: number, range: string): string {
  const of = (record: string) => `sum_over_time(${chosen(record)}[${range}])`;
  return quantile(q, `sum by (${endpoint}, le) (${of(latencyBars.buckets)})`, `sum by (${endpoint}) (${of(latencyBars.native)})`);
}

/** The quantile of all endpoints within a moving range. It first adds up bars over endpoints, so that it reads each bar once. */
function movingQuantile(q: number, range: string): string {
  const of = (sum: string) => `sum_over_time(${sum}[${range}:${barWidth}])`;
  return quantile(q, of(overChosen(latencyBars.buckets, undefined, " by (le)")), of(overChosen(latencyBars.native)));
}

function latency(d: dashboard.DashboardBuilder): void {
  d.withRow(new dashboard.RowBuilder("Delivery latency (an upper bound)"))
    .withPanel(heat({
      title: "Latency", description: `Time from an event's creation until the exporter first sees its response. ${upperBound}`,
      unit: "short", width: 12,
      queries: [
        { expr: overChosen(latencyBars.buckets, withinBar, " by (le)"), legend: "{{le}}" },
        { expr: overChosen(latencyBars.native, withinBar), legend: "" },
      ],
    }))
    .withPanel(series({
      title: "Latency quantiles", description: `Quantiles of the responses of the last hour. ${upperBound}`,
      unit: "s", width: 12, kind: "lines",
      queries: [0.5, 0.9, 0.99].map((q) => ({ expr: movingQuantile(q, "1h"), legend: `p${q * 100}` })),
    }));
}

function slo(d: dashboard.DashboardBuilder): void {
  const spent = (failures: string, deliveries: string) => `(${failures} or 0 * ${deliveries}) / (${deliveries} > 0) / ${budget}`;
  const within = (counter: "deliveries" | "failures", window: Window) => overChosen(increase(counter, window));
  const month = (counter: "deliveries" | "failures") => overChosen(hour(counter), (series) => `sum_over_time(${series}[30d])`);
  // Use the last hour until the first hour is recorded.
  const left = `1 - (${spent(month("failures"), month("deliveries"))} or ${spent(within("failures", "1h"), within("deliveries", "1h"))})`;
  d.withRow(new dashboard.RowBuilder(`Objective: ${objective * 100} % of deliveries succeed`))
    .withPanel(number({
      title: "Budget left, 30 days", description: `Up to ${+(budget * 100).toFixed(2)} % of the deliveries of 30 days can fail. This is the share of that budget that is left; below 0, the objective is missed. Prometheus must keep 30 days of data.`,
      unit: "percentunit", decimals: 0, width: 6, height: 8, steps: [[null, "red"], [0, "orange"], [0.5, "green"]],
      query: { expr: left },
    }))
    .withPanel(series({
      title: "Burn rates", description: "How fast the budget is spent: at 1, it lasts for exactly 30 days. An alert fires when a long and a short window both exceed its limit.",
      unit: "none", decimals: 1, width: 18, kind: "lines", legend: "right", calcs: ["lastNotNull"], steps: [[null, "transparent"], [1, "orange"], [burn.fast[0]!.rate, "red"]],
      queries: burnWindows.map((window) => ({ expr: spent(within("failures", window), within("deliveries", window)), legend: `over ${window}` })),
    }))
    .withPanel(series({
      title: "Recoveries", description: "Failed deliveries that succeeded when OmegaStream tried again.",
      unit: "locale", decimals: 0, width: 12, kind: "bars",
      queries: [bars("event_type", bar("recoveries"), ET)],
    }))
    .withPanel(series({
      title: "Outcomes never learned", description: "Events that the API dropped before the exporter learned their outcome.",
      unit: "locale", decimals: 0, width: 12, kind: "bars",
      queries: [bars("event_type", bar("unresolved"), ET)],
    }));
}

export function deliveriesDashboard(): dashboard.Dashboard {
  const d = accountVariables(new dashboard.DashboardBuilder("Webhook deliveries"))
    .uid(dashboards.deliveries)
    .description("Deliveries of OmegaStream's webhooks: how many fail, to which endpoint, for which event type, with which status code.")
    .tags(["omegastream"])
    .editable()
    .timezone("browser")
    .time({ from: "now-24h", to: "now" })
    .refresh("1m")
    .tooltip(dashboard.DashboardCursorSync.Crosshair)
    .withVariable(
      // Host and id, because endpoints can share a host, and the host can be hidden.
      query("endpoint", "Endpoint", `query_result(max by (endpoint_id, name) (label_join(webhook_endpoint_info{${selected}}, "name", " ", "url", "endpoint_id")))`)
        .regex('/endpoint_id="(?<value>[^"]+)".*name="\\s*(?<text>[^"]*)"/').multi(true).includeAll(true).allValue(".*").current(all()),
    )
    .withVariable(
      query("event_type", "Event type", `label_values(webhook_events_total{${E}}, event_type)`)
        .multi(true).includeAll(true).allValue(".*").current(all()),
    )
    .withVariable(
      query("status_code", "Status code", `label_values(webhook_deliveries_total{${E}}, status_code)`)
        .multi(true).includeAll(true).allValue(".*").current(all()),
    )
    .withVariable(exporterVariable())
    .withVariable(runbooksVariable())
    .link(link("OmegaStream exporter", `/d/${dashboards.exporter}`, "Is the data of this dashboard complete and fresh?", true))
    .annotation(at("Endpoint changes", newest("webhook_endpoint_updated_timestamp_seconds"), "Endpoint changed", "{{endpoint_id}}", "purple", barWidth))
    .annotation(restarts())
    .annotation(firing(`${selected}, endpoint_id=~"$endpoint|"`));
  for (const l of outside()) d.link(l);
  window(d);
  overview(d);
  endpoints(d);
  deliveries(d);
  latency(d);
  slo(d);
  return tidy(sayFilters(d.build()));
}
