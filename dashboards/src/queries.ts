// PromQL that rules, alerts and dashboards share.
//
// Every instance of the exporter shows the whole account. So each query takes the increase of each instance by itself,
// adds up what belongs to that instance, and only then takes the maximum over instances. A sum would count every
// replica again; an increase of the maximum would take a replica that leaves for a counter that was reset.

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

/** How rules say the numbers of endpoints: by the names of recorded series, or by what they are made from. */
export interface Numbers {
  increase(counter: Counter, window: Window, offset?: string): string;
  ratio(window: Window): string;
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
};

/** For those who evaluate alerts elsewhere: needs no recorded series. */
export const inline: Numbers = {
  increase: (counter, window, offset) => define(counter, window, increaseOf(counter, "1h"), offset),
  ratio: (window) => divide(inline.increase("failures", window), inline.increase("deliveries", window)),
};

export interface RecordingRule {
  record: string;
  expr: string;
}

/** All recording rules, those first that others need. */
export function recordingRules(): RecordingRule[] {
  const rules: RecordingRule[] = [];
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
