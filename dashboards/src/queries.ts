// PromQL that rules, alerts and dashboards share.
//
// Every instance of the exporter shows the whole account. So each query first takes the growth of each instance, adds up
// the series of that instance, and only then takes the maximum over instances. A sum would count every replica again, and
// the growth of the maximum would mistake a replica that leaves for a counter reset.

import { accountLabels, burn, mark, objective, thresholds, type Burn } from "./settings.js";

/** The labels that identify an account's exporter, over all its instances. It does not matter if a target lacks one. */
export const account = accountLabels.join(", ");

/** The labels that identify an endpoint, so that two accounts, or production and staging, never share an alert. */
export const endpoint = `${account}, endpoint_id`;

export const windows = ["5m", "30m", "1h", "2h", "6h", "1d", "3d", "7d"] as const;
export type Window = (typeof windows)[number];

/** The shorter windows that make up each long one. They adjoin. */
const parts: Partial<Record<Window, { of: Window; count: number }>> = {
  "1h": { of: "30m", count: 2 },
  "2h": { of: "1h", count: 2 },
  "6h": { of: "2h", count: 3 },
  "1d": { of: "6h", count: 4 },
  "3d": { of: "1d", count: 3 },
  "7d": { of: "1d", count: 7 },
};

const unit = { m: 1, h: 60, d: 1440 };
function times(window: Window, n: number): string {
  const minutes = Number.parseInt(window, 10) * unit[window.at(-1) as keyof typeof unit] * n;
  return minutes % 1440 === 0 ? `${minutes / 1440}d` : minutes % 60 === 0 ? `${minutes / 60}h` : `${minutes}m`;
}

export const counters = {
  deliveries: { metric: "webhook_deliveries_total", record: "webhook_deliveries", details: "event_type, status_code" },
  failures: { metric: "webhook_delivery_failures_total", record: "webhook_delivery_failures", details: "event_type, status_code" },
  events: { metric: "webhook_events_total", record: "webhook_events", details: "event_type" },
};
export type Counter = keyof typeof counters;

/** The windows that an alert or a panel reads. */
const windowsOf: Record<Counter, readonly Window[]> = { deliveries: windows, failures: windows, events: ["30m", "1h", "2h", "6h", "1d"] };

/** Indents each line that is not empty. */
export function indent(text: string, by = 2): string {
  return text.replaceAll(/^(?=.)/gm, " ".repeat(by));
}

/** Selectors within braces, or nothing. */
function braces(selector: string): string {
  return selector === "" ? "" : `{${selector}}`;
}

/** The largest value over the instances. */
export function maximum(expr: string, by = endpoint): string {
  return `max by (${by}) (${expr})`;
}

/**
 * The exact growth of a counter. Nothing is extrapolated, so 12 failures are 12, and adjoining windows neither overlap nor
 * leave gaps. A series that begins within the window starts at the value that its exporter loaded, or at 0; a series that
 * is reset within the window starts at 0.
 */
export function growth(counter: string, range: string): string {
  const last = `last_over_time(${counter}[${range}])`;
  return `${last} - (${counter} offset ${range} <= ${last} or min_over_time(${counter}[${range}]))`;
}

/** The same without the increment just before the window's first sample, for a window that does not adjoin others. */
export function grown(counter: string, range: string): string {
  return `last_over_time(${counter}[${range}]) - min_over_time(${counter}[${range}])`;
}

/**
 * How many seconds an instance is behind the one that last read an endpoint, if it is far behind. Gauges also fall, so an
 * instance that can no longer read the API must not outvote those that can. If all are equally old, none is behind.
 */
export function behind(selector = ""): string {
  const synced = `omegastream_exporter_endpoint_last_successful_sync_timestamp_seconds${braces(selector)}`;
  return `${maximum(synced)} - on (${endpoint}) group_right () ${synced} > ${thresholds.behind}`;
}

/** A gauge of endpoints, taken over the instances that are not behind. */
export function current(gauge: string, late = `(${behind()})`, aggregation: "max" | "min" = "max"): string {
  return `${aggregation} by (${endpoint}) (${gauge} unless ${late})`;
}

/** The gauges of endpoints that several alerts and panels read. */
const gauges = {
  active: { record: "endpoint:webhook_endpoint_active:max", expr: "webhook_endpoint_active" },
  inARow: { record: "endpoint:webhook_endpoint_consecutive_failures:max", expr: "webhook_endpoint_consecutive_failures" },
  lastCode: { record: "endpoint:webhook_endpoint_last_status_code:max", expr: "webhook_endpoint_last_status_code" },
  failingFor: {
    record: "endpoint:webhook_endpoint_failing:seconds",
    expr: "(webhook_endpoint_last_failure_timestamp_seconds - webhook_endpoint_failing_since_timestamp_seconds)",
  },
  pending: { record: "endpoint:webhook_deliveries_pending:max", expr: "sum without (event_type) (webhook_deliveries_pending)" },
};

/** How a legend names an endpoint of named(). The host alone is not enough: endpoints can share one, or hide it. */
export const endpointLegend = "{{host}} …{{id}}";

/** Adds the host and the end of the id to series of endpoints. */
function named(expr: string): string {
  return `(${expr}) * on (${endpoint}) group_left (host, id) label_replace(${records.info}, "id", "$1", "endpoint_id", ".*?(.{1,6})")`;
}

/** The ten largest series: a thousand lines are unreadable, and cost ten times as much. */
export const largest = (expr: string) => `topk(10, ${expr})`;
/** The same, for series of endpoints without names. */
export const largestNamed = (expr: string) => named(largest(expr));

/** The names of the recorded series. */
export const records = {
  /** The result of behind(). */
  behind: "endpoint_instance:omegastream_exporter_behind:seconds",
  /** One series for each endpoint, with its host and description. */
  info: "endpoint:webhook_endpoint_info:host",
  /** When an endpoint was active, or 0 while it is off, with its host and description: for a day after it was switched off or removed. */
  seen: "endpoint:webhook_endpoint_active:seen",
  /** Endpoints that burn their budget fast although deliveries succeed in between: while fewer than the last three failed. */
  partly: "endpoint:webhook_endpoint_failing:partly",
  /** One series for each account's exporter that was scraped within a day, whether it is up or not. */
  known: "job:omegastream_exporter_known:group",
  /** Seconds since the exporter read all endpoints of an account. */
  age: "job:omegastream_exporter_data_age:seconds",
};

export const gauge = (name: keyof typeof gauges) => gauges[name].record;
export const increase = (counter: Counter, window: Window) => `endpoint:${counters[counter].record}:increase${window}`;
export const ratio = (window: Window) => `endpoint:webhook_delivery_failures:ratio${window}`;

/** The share of deliveries that can fail. */
export const budget = +(1 - objective).toFixed(6);

/**
 * One pair of windows: too many deliveries failed in the long one, and still do in the short one. The short window is
 * remembered for a while, so that an alert about few deliveries does not flap.
 */
function burns(pair: Burn, remember = true): string {
  const limit = `${pair.rate} * ${budget}`;
  return [
    `${ratio(pair.long)} > ${limit}`,
    `and ${remember ? `max_over_time(${ratio(pair.short)}[${pair.remember}])` : ratio(pair.short)} > ${limit}`,
    ...(pair.deliveries ? [`and ${increase("deliveries", pair.long)} >= ${pair.deliveries}`] : []),
    ...(pair.failures ? [`and ${increase("failures", pair.long)} >= ${pair.failures}`] : []),
    ...(pair.fewerThan ? [`and ${increase("deliveries", pair.long)} < ${pair.fewerThan}`] : []),
  ].join("\n");
}

/** Any of the pairs. */
export const anyOf = (pairs: readonly Burn[], remember = true) => pairs.map((pair) => indent(burns(pair, remember))).join("\n  or\n");

/** Limits an expression to jobs of this exporter, because other applications can have metrics of the same names. */
export function ours(expr: string): string {
  return `${expr} and on (${account}) ${records.known}`;
}

/** The account's record that belongs to an endpoint's record. It has no endpoint_id. */
export const whole = (record: string) => record.replace(/^endpoint:/, "job:");
const addedUp = (record: string, more = "") => ({ record: whole(record), expr: `sum by (${account}${more}) (${record})` });

function info(): string {
  const shown = `label_replace(${ours("webhook_endpoint_info")}, "host", "$1", "url", "(.*)")`;
  return `topk by (${endpoint}) (1, ${maximum(shown, `${endpoint}, host, description`)})
or on (${endpoint})
${maximum(ours("webhook_endpoint_consecutive_failures >= bool 0"))}`;
}

/** The share of failures: 0 if no delivery failed, and no series if there was no delivery. */
function divide(failures: string, deliveries: string): string {
  return `(${failures} or 0 * ${deliveries}) / (${deliveries} > 0)`;
}

/** The long windows of the alerts about the error budget. */
export const burnWindows = windows.filter((window) => [...burn.fast, ...burn.slow].some((pair) => pair.long === window));

/**
 * The work that the exporter has left for an endpoint. Usually there is none, so the rules record only values above `from`,
 * with the endpoint's name.
 */
const owing = {
  events: { record: "endpoint:omegastream_exporter_event_detail_backlog:max", expr: maximum("omegastream_exporter_event_detail_backlog"), from: 0 },
  history: { record: "endpoint:omegastream_exporter_history_detail_backlog:max", expr: maximum("omegastream_exporter_history_detail_backlog"), from: 0 },
  oldest: { record: "endpoint:omegastream_exporter_oldest_unfetched_event:seconds", expr: `time() - ${maximum("omegastream_exporter_oldest_unfetched_event_timestamp_seconds")}`, from: 0 },
  age: { record: "endpoint:omegastream_exporter_data_age:seconds", expr: `time() - ${maximum("omegastream_exporter_endpoint_last_successful_sync_timestamp_seconds")}`, from: thresholds.lagging },
};
export const owed = (name: keyof typeof owing) => owing[name].record;

/** Numbers for the whole account, one series each. */
const totalOf = {
  events: { record: "job:omegastream_exporter_event_detail_backlog:sum", expr: `sum by (${account}) (${owing.events.expr})` },
  history: { record: "job:omegastream_exporter_history_detail_backlog:sum", expr: `sum by (${account}) (${owing.history.expr})` },
  oldest: { record: "job:omegastream_exporter_oldest_data_age:seconds", expr: maximum(owing.age.expr, account) },
  listed: { record: "job:webhook_events_listed:sum", expr: `sum by (${account}) (${maximum(ours("webhook_events_listed"))})` },
  tracked: { record: "job:omegastream_exporter_tracked_events:sum", expr: `sum by (${account}) (${maximum("omegastream_exporter_tracked_events")})` },
};
export const total = (name: keyof typeof totalOf) => totalOf[name].record;

/** A counter of each instance and endpoint, over all types and codes. Every label set starts at 0, so this sum only grows too. */
const sum = (counter: Counter) => `endpoint_instance:${counters[counter].record}:sum`;

export interface RecordingRule {
  record: string;
  expr: string;
}

/** Adds up adjoining windows, some of which can be missing. */
function addUp(record: string, window: Window, count: number): string {
  const older = Array.from({ length: count - 1 }, (_, i) => `  or label_replace(${record} offset ${times(window, i + 1)}, "part", "${i + 1}", "", "")`);
  return `sum by (${endpoint}) (\n  ${record}\n${older.join("\n")}\n)`;
}

/** The recording rules of the alerts, and of panels that must agree with them. A rule comes after those that it needs. */
export function recordingRules(): RecordingRule[] {
  const rules: RecordingRule[] = [
    {
      record: records.known,
      // An exporter that is down stays known while it is a target; a removed one stays known for a day.
      expr: `group by (${account}) (last_over_time(${mark}[1d]))
or
group by (${account}) (up) and on (${account}) last_over_time(${records.known}[1d])`,
    },
    { record: records.age, expr: `time() - ${maximum("omegastream_exporter_last_successful_sync_timestamp_seconds", account)}` },
    { record: records.behind, expr: behind() },
    { record: records.info, expr: info() },
  ];
  for (const { record, expr } of Object.values(gauges)) {
    rules.push({ record, expr: current(ours(expr), records.behind) });
  }
  for (const counter of ["deliveries", "failures", "events"] as const) {
    const { metric, details } = counters[counter];
    rules.push({ record: sum(counter), expr: ours(`sum without (${details}) (${metric})`) });
    for (const window of windowsOf[counter]) {
      const part = parts[window];
      rules.push({
        record: increase(counter, window),
        expr: part ? addUp(increase(counter, part.of), part.of, part.count) : maximum(growth(sum(counter), window)),
      });
    }
  }
  for (const window of windows) {
    rules.push({ record: ratio(window), expr: divide(increase("failures", window), increase("deliveries", window)) });
  }
  rules.push({
    record: records.partly,
    expr: `${gauge("inARow")} < ${thresholds.failuresInARow} and (\n${anyOf(burn.fast, false)}\n)`,
  });
  for (const window of burnWindows) rules.push(addedUp(increase("deliveries", window)), addedUp(increase("failures", window)));
  for (const { record, expr, from } of Object.values(owing)) rules.push({ record, expr: named(`${expr} > ${from}`) });
  return [...rules, ...Object.values(totalOf)];
}

/** The width of a bar of the dashboards, and the evaluation interval of the group that records them. */
export const barWidth = "5m" as const;

/** What happened within a bar at each endpoint, by every label that panels split by. */
const barOf = {
  deliveries: { record: "endpoint:webhook_deliveries:bar5m", metric: counters.deliveries.metric, details: counters.deliveries.details },
  failures: { record: "endpoint:webhook_delivery_failures:bar5m", metric: counters.failures.metric, details: counters.failures.details },
  events: { record: "endpoint:webhook_events:bar5m", metric: counters.events.metric, details: counters.events.details },
  noResponse: { record: "endpoint:webhook_delivery_no_response:bar5m", metric: "webhook_delivery_no_response_total", details: "reason" },
  recoveries: { record: "endpoint:webhook_delivery_recoveries:bar5m", metric: "webhook_delivery_recoveries_total", details: "event_type" },
  unresolved: { record: "endpoint:webhook_events_unresolved:bar5m", metric: "webhook_events_unresolved_total", details: "event_type" },
};
export const bar = (name: keyof typeof barOf) => barOf[name].record;
export const gaps = "endpoint:omegastream_exporter_list_gaps:bar5m";

/** The latency as classic buckets, and as native histograms, into which Prometheus can be set to convert them. */
export const latency = { buckets: "endpoint:webhook_delivery_latency_seconds_bucket:bar5m", native: "endpoint:webhook_delivery_latency_seconds:bar5m" };

/** The rules record only what is not 0, because most pairs of ten types and five codes never happen. */
export function barRules(): RecordingRule[] {
  const grew = (metric: string, details: string) => maximum(growth(metric, barWidth), details ? `${endpoint}, ${details}` : endpoint);
  return [
    ...Object.values(barOf).map(({ record, metric, details }) => ({ record, expr: ours(`${grew(metric, details)} > 0`) })),
    { record: gaps, expr: named(`${grew("omegastream_exporter_list_gaps_total", "")} > 0`) },
    { record: latency.buckets, expr: `${grew("webhook_delivery_latency_seconds_bucket", "le")}\nand on (${endpoint}) ${increase("deliveries", barWidth)} > 0` },
    // Native histograms have no maximum, but every instance shows the same one.
    { record: latency.native, expr: ours(`avg by (${endpoint}) (increase(webhook_delivery_latency_seconds[${barWidth}]))`) },
    addedUp(latency.buckets, ", le"),
    addedUp(latency.native),
    // Alerts look back at a day of it at each evaluation, which the samples of every scrape would make slow.
    { record: records.seen, expr: `time() * ${gauge("active")} * on (${endpoint}) group_left (host, description) ${records.info}` },
  ];
}

/** The evaluation interval of the group that records the hours of the 30-day budget. */
export const hourWidth = "1h" as const;
export const hour = (counter: "deliveries" | "failures") => `endpoint:${counters[counter].record}:hour`;

/** The rules do not record an hour without deliveries. */
export function hourRules(): RecordingRule[] {
  return (["deliveries", "failures"] as const).flatMap((counter) => [{ record: hour(counter), expr: `${increase(counter, hourWidth)} > 0` }, addedUp(hour(counter))]);
}
