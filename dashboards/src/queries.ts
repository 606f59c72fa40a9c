// PromQL that rules, alerts and dashboards share.
//
// Every instance of the exporter shows the whole account. So each query takes the increase of each instance by itself,
// adds up what belongs to that instance, and only then takes the maximum over instances. A sum would count every
// replica again; an increase of the maximum would take a replica that leaves for a counter that was reset.

import { thresholds } from "./settings.js";

/** What identifies an account's exporter, whatever instances it has. Labels that a target does not have do no harm. */
export const account = "cluster, namespace, job";

export const windows = ["5m", "30m", "1h", "2h", "6h", "1d", "3d"] as const;
export type Window = (typeof windows)[number];

const counters = {
  deliveries: { metric: "webhook_deliveries_total", record: "webhook_deliveries", details: "event_type, status_code" },
  failures: { metric: "webhook_delivery_failures_total", record: "webhook_delivery_failures", details: "event_type, status_code" },
  events: { metric: "webhook_events_total", record: "webhook_events", details: "event_type" },
};
export type Counter = keyof typeof counters;

/** Selectors within braces, or nothing. */
function braces(selector: string): string {
  return selector === "" ? "" : `{${selector}}`;
}

/** The increase of a counter for each endpoint. */
export function increaseOf(counter: Counter, range: string, selector = ""): string {
  const { metric, details } = counters[counter];
  return `max by (endpoint_id) (sum without (${details}) (increase(${metric}${braces(selector)}[${range}])))`;
}

/** The same over days: pods come and go, so an hour's maxima are added up. */
export function increaseOverDays(hour: string, range: string, offset = ""): string {
  return `sum_over_time(${hour.startsWith("endpoint:") ? hour : `(${hour})`}[${range}:1h]${offset && ` offset ${offset}`})`;
}

/** The largest value over the instances. */
export function maximum(expr: string, by = "endpoint_id"): string {
  return `max by (${by}) (${expr})`;
}

/**
 * Seconds that an instance is behind the one that read an endpoint last, where they are many. Gauges do not only grow, so
 * an instance that cannot read the API any more must not outvote those that can. Where all are equally old, none is behind.
 */
export function behind(selector = ""): string {
  const synced = `omegastream_exporter_endpoint_last_successful_sync_timestamp_seconds${braces(selector)}`;
  return `${maximum(synced)} - on (endpoint_id) group_right () ${synced} > ${thresholds.stale}`;
}

/** A gauge of endpoints, taken over the instances that are not behind. */
export function current(gauge: string, late = `(${behind()})`, aggregation: "max" | "min" = "max"): string {
  return `${aggregation} by (endpoint_id) (${gauge} unless ${late})`;
}

/** The gauges of endpoints that alerts compare again and again. */
const gauges = ["webhook_endpoint_active", "webhook_endpoint_consecutive_failures", "webhook_endpoint_last_status_code"] as const;
type Gauge = (typeof gauges)[number];

/** How a legend names an endpoint, given series from named(): many endpoints may have one host, or none that is shown. */
export const endpointLegend = "{{url}} …{{id}}";

/** Gives series of endpoints their host and the end of their id, from one series for each endpoint whatever instances say. */
export function named(expr: string, selector: string): string {
  const info = `topk by (endpoint_id) (1, max by (endpoint_id, url) (webhook_endpoint_info{${selector}}))`;
  return `(${expr}) * on (endpoint_id) group_left (url, id) label_replace(${info}, "id", "$1", "endpoint_id", ".*?(.{1,6})")`;
}

/** How rules say the numbers of endpoints: by the names of recorded series, or by what they are made from. */
export interface Numbers {
  increase(counter: Counter, window: Window, offset?: string): string;
  ratio(window: Window): string;
  /** What current() says. */
  gauge(name: Gauge): string;
  /** What behind() says. */
  behind: string;
}

/** The definition of an increase, given a way to say the increase of an hour. */
function define(counter: Counter, window: Window, hour: string, offset = ""): string {
  if (window === "1d" || window === "3d") {
    return increaseOverDays(hour, window, offset);
  }
  if (offset !== "") {
    throw new Error(`increase over ${window} with an offset`);
  }
  return increaseOf(counter, window);
}

/** The definition of a ratio: a delivery without a failure is 0, no delivery is nothing. */
function divide(failures: string, deliveries: string): string {
  return `(${failures} or 0 * ${deliveries}) / (${deliveries} > 0)`;
}

export function recordOf(counter: Counter, window: Window): string {
  return `endpoint:${counters[counter].record}:increase${window}`;
}

export function ratioRecordOf(window: Window): string {
  return `endpoint:webhook_delivery_failures:ratio${window}`;
}

/** For Prometheus' own rules. */
export const recorded: Numbers = {
  increase: (counter, window, offset = "") => recordOf(counter, window) + (offset && ` offset ${offset}`),
  ratio: ratioRecordOf,
  gauge: (name) => `endpoint:${name}:max`,
  behind: "endpoint_instance:omegastream_exporter_behind:seconds",
};

/** For those who evaluate alerts elsewhere: needs no recorded series. */
export const inline: Numbers = {
  increase: (counter, window, offset) => define(counter, window, increaseOf(counter, "1h"), offset),
  ratio: (window) => divide(inline.increase("failures", window), inline.increase("deliveries", window)),
  gauge: (name) => current(name),
  behind: `(${behind()})`,
};

export interface RecordingRule {
  record: string;
  expr: string;
}

/** All recording rules, those first that others need. */
export function recordingRules(): RecordingRule[] {
  const rules: RecordingRule[] = [{ record: recorded.behind, expr: behind() }];
  for (const name of gauges) {
    rules.push({ record: recorded.gauge(name), expr: current(name, recorded.behind) });
  }
  for (const counter of ["deliveries", "failures", "events"] as const) {
    for (const window of windows) {
      rules.push({ record: recordOf(counter, window), expr: define(counter, window, recordOf(counter, "1h")) });
    }
  }
  for (const window of windows) {
    rules.push({ record: ratioRecordOf(window), expr: divide(recordOf("failures", window), recordOf("deliveries", window)) });
  }
  return rules;
}
