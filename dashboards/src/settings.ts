// Everything that differs from one installation to the next, and when to change it. After a change: `make dashboards`.
import { urlOption } from "./options.js";
import type { Window } from "./queries.js";

/** Where links lead. Flags of `npm run generate` set them, so you need not edit this file for your own addresses. */
export const links = {
  /** Your Grafana, as people reach it. */
  grafana: urlOption("grafana-url", "https://grafana.example.com"),
  /** The URL at which people read docs/runbooks.md. */
  runbooks: urlOption("runbook-url", "https://git.example.com/omegastream_exporter/docs/runbooks.md"),
  /** The exporter's own pages, as browsers reach them. A dashboard has it as a variable. */
  exporter: urlOption("exporter-url", "http://localhost:9877"),
};

/**
 * The labels that tell the exporters of several accounts, clusters or environments apart. Every record and alert has them.
 * It does not matter if a target lacks one of them. If you add a label, also add a variable in src/variables.ts, and the
 * label to `equal` in Alertmanager's inhibitions.
 */
export const accountLabels = ["cluster", "namespace", "job"];

/** A metric that only this exporter shows. The rules and variables ignore jobs without it. */
export const mark = "omegastream_up";

export interface Timing {
  severity: "critical" | "warning";
  for?: string;
  keepFiringFor?: string;
}

/**
 * How long a condition must last before its alert fires, and the severity: critical pages somebody, warning can wait until
 * morning. In Helm, set prometheusRule.alerts.NAME.for and .severity; in a rules file, the alert's `for` and `severity`.
 */
export const alerts = {
  OmegaStreamDeliveryFailed: { severity: "warning", keepFiringFor: "20m" },
  OmegaStreamErrorBudgetBurningFast: { severity: "critical", for: "5m" },
  OmegaStreamErrorBudgetBurningSlowly: { severity: "warning", for: "15m" },
  OmegaStreamEndpointFailing: { severity: "critical", for: "2m" },
  OmegaStreamDeliveriesPendingGrowing: { severity: "warning", for: "10m" },
  OmegaStreamNoEvents: { severity: "warning", for: "30m" },
  OmegaStreamEndpointSwitchedOff: { severity: "warning", for: "5m" },
  OmegaStreamEndpointRemoved: { severity: "warning", for: "5m" },
  OmegaStreamExporterDown: { severity: "critical", for: "5m" },
  OmegaStreamExporterBlind: { severity: "critical", for: "1m" },
  OmegaStreamExporterStale: { severity: "warning", for: "1m" },
  OmegaStreamAPIKeyRejected: { severity: "critical", for: "1m" },
  OmegaStreamAPIFailing: { severity: "warning", for: "5m" },
  OmegaStreamDetailBacklog: { severity: "warning", for: "15m" },
  OmegaStreamEventsMissed: { severity: "warning" },
  OmegaStreamStateReset: { severity: "warning" },
  OmegaStreamStateFailing: { severity: "critical", for: "5m" },
  OmegaStreamVideosFailing: { severity: "warning", for: "5m" },
} satisfies Record<string, Timing>;

/**
 * The service level objective: the share of deliveries that are answered with 2xx. Agree on it with those who receive the
 * webhooks. In Helm, set prometheusRule.objective; in a rules file, replace each `* 0.01`.
 */
export const objective = 0.99;

/** A pair of windows over which the error budget burns. */
export interface Burn {
  long: Window;
  short: Window;
  /** How fast the budget burns: at 1 it lasts for exactly 30 days. */
  rate: number;
  /** How long the alert remembers the short window: it goes on for this long after the last failure has left that window. */
  remember: string;
  /** The fewest deliveries or failures in the long window for which the alert fires. */
  deliveries?: number;
  failures?: number;
  /** Only endpoints with fewer deliveries in the long window. */
  fewerThan?: number;
}

/** The fewest failures for which a share of them matters. Raise it if OmegaStreamDeliveryFailed tells you enough about single failures. */
const failuresAtLeast = 5;

/** How fast the error budget can burn before an alert fires. */
export const burn: Record<"fast" | "slow" | "few", Burn[]> = {
  /** These page. Raise `deliveries` if a few failures page you; `slow` and `few` still catch rare failures. */
  fast: [
    // 2 % of the budget in an hour.
    { long: "1h", short: "5m", rate: 14.4, remember: "15m", deliveries: 20 },
    // 5 % of the budget in six hours.
    { long: "6h", short: "30m", rate: 6, remember: "15m", deliveries: 20 },
  ],
  /** These warn. If a tenth of the deliveries fail, the windows of hours catch it within two hours of the fifth failure. */
  slow: [
    { long: "2h", short: "30m", rate: 5, remember: "1h", failures: failuresAtLeast },
    { long: "6h", short: "2h", rate: 5, remember: "1h", failures: failuresAtLeast },
    // 10 % of the budget in a day.
    { long: "1d", short: "2h", rate: 3, remember: "1h", failures: failuresAtLeast },
    // 10 % of the budget in three days.
    { long: "3d", short: "6h", rate: 1, remember: "1h", failures: failuresAtLeast },
  ],
  /** These warn about endpoints with few deliveries, whose failures are hours apart. */
  few: [
    { long: "1d", short: "6h", rate: 3, remember: "1h", failures: failuresAtLeast, fewerThan: 100 },
    { long: "3d", short: "1d", rate: 3, remember: "1h", failures: failuresAtLeast, fewerThan: 100 },
    { long: "7d", short: "3d", rate: 3, remember: "1h", failures: failuresAtLeast, fewerThan: 100 },
  ],
};

export const thresholds = {
  failuresAtLeast,
  /** Window of OmegaStreamDeliveryFailed. At least three scrape intervals, and longer than Prometheus is ever away. */
  failedWindow: "10m",
  /** Failures in a row that make an endpoint "failing". Raise it for a busy endpoint that fails now and then. */
  failuresInARow: 3,
  /** The fewest seconds between the first and the last of them. Longer than a receiver takes to restart. */
  failingFor: 180,
  /** Deliveries of one endpoint that are pending for half an hour. Raise it for an account with many events. */
  pending: 10,
  /** Seconds that the oldest pending delivery may wait for before a panel is orange, and before it is red. */
  pendingLong: 600,
  pendingTooLong: 3600,
  /** By how much a share of deliveries may miss the objective before a panel is red. */
  objectiveMissed: 0.04,
  /** Events that an endpoint had at the same time a week ago for their absence to be news. Raise it if traffic is uneven. */
  eventsLastWeek: 10,
  /** Age of the last complete sync, in seconds, that warns. More than ten scrape intervals, and more than a sync takes. */
  stale: 300,
  /** Age of the newest data of any endpoint, in seconds, that pages. */
  blind: 1800,
  /** Age of an endpoint's last complete read, in seconds, above which a panel names the endpoint. More than a sync takes. */
  lagging: 120,
  /** If an instance is more seconds behind another one than this, the rules ignore its gauges. */
  behind: 900,
  /** Share of calls to the API that fail. */
  apiFailures: 0.5,
  /** Age of an event whose outcome the exporter does not know yet, in seconds. Raise it if your API key allows few calls. */
  backlog: 600,
  /** For the optional alert: the share of videos whose processing failed within an hour, and the fewest videos for which it fires. */
  videosFailed: 0.1,
  videosMinimum: 10,
};

/** Limits that panels about the exporter draw as a line, in seconds. */
export const slow = {
  /** A sync that takes longer than this outlasts scrape_timeout. */
  sync: 10,
  /** A call that takes longer than this exceeds --api.timeout. */
  call: 10,
  /** A commit that takes longer than this delays metrics. A disk needs a few milliseconds, a distant PostgreSQL somewhat more. */
  commit: 1,
};

export const dashboards = { deliveries: "omegastream-deliveries", exporter: "omegastream-exporter" };
