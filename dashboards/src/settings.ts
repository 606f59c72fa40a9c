// Everything that differs from one installation to the next, and when to change it. After a change: `make dashboards`.
import { urlOption } from "./options.js";
import type { Window } from "./queries.js";

/** Where links lead. Given by flags of `npm run generate`, so that nothing here has to be changed for them. */
export const links = {
  /** Your Grafana, as people reach it. */
  grafana: urlOption("grafana-url", "https://grafana.example.com"),
  /** docs/runbooks.md, where your people read it. */
  runbooks: urlOption("runbook-url", "https://git.example.com/omegastream_exporter/docs/runbooks.md"),
  /** The exporter's own pages, as browsers reach them. In a dashboard a variable holds it. */
  exporter: urlOption("exporter-url", "http://localhost:9877"),
};

/**
 * The labels by which the exporters of several accounts, clusters or environments are told apart: every record and alert
 * has them. Labels that a target does not have do no harm. A new one needs a variable in src/variables.ts, and a place in
 * `equal` of Alertmanager's inhibitions.
 */
export const accountLabels = ["cluster", "namespace", "job"];

/** What only an exporter of ours shows: the rules and variables see no job without it. */
export const mark = "omegastream_up";

export interface Timing {
  severity: "critical" | "warning";
  for?: string;
  keepFiringFor?: string;
}

/**
 * How long what an alert looks at must last, and whom it tells: critical pages, warning waits for the morning. In Helm:
 * prometheusRule.alerts.NAME.for and .severity. In a file of rules: `for` and `severity` of the alert.
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
  OmegaStreamAPIKeyRejected: { severity: "critical" },
  OmegaStreamAPIFailing: { severity: "warning", for: "5m" },
  OmegaStreamDetailBacklog: { severity: "warning", for: "15m" },
  OmegaStreamEventsMissed: { severity: "warning" },
  OmegaStreamStateReset: { severity: "warning" },
  OmegaStreamStateFailing: { severity: "critical", for: "5m" },
  OmegaStreamVideosFailing: { severity: "warning", for: "5m" },
} satisfies Record<string, Timing>;

/**
 * The service level objective: the share of deliveries that are answered with 2xx. Change it with those who receive the
 * webhooks. In Helm: prometheusRule.objective. In a file of rules: the `0.01` of the alerts about the error budget.
 */
export const objective = 0.99;

/** A pair of windows over which the error budget burns. */
export interface Burn {
  long: Window;
  short: Window;
  /** How fast: at 1 the budget is spent exactly within 30 days. */
  rate: number;
  /** For how long the short window is remembered: how long an alert goes on after the last failure, beyond that window. */
  remember: string;
  /** Deliveries or failures that the long window must have. */
  deliveries?: number;
  failures?: number;
  /** Only endpoints with fewer deliveries in the long window. */
  fewerThan?: number;
}

/** Failures from which on a share of them is news. Raise it where single failures are told often enough by DeliveryFailed. */
const failuresAtLeast = 5;

/** How fast the error budget may burn. */
export const burn: Record<"fast" | "slow" | "few", Burn[]> = {
  /** A page. Raise `deliveries` where few failures page; what is rare is told by `slow` and `few`. */
  fast: [
    // 2 % of the budget in an hour.
    { long: "1h", short: "5m", rate: 14.4, remember: "15m", deliveries: 20 },
    // 5 % of the budget in six hours.
    { long: "6h", short: "30m", rate: 6, remember: "15m", deliveries: 20 },
  ],
  /** A warning. The windows of hours tell a tenth that fails within two hours of the fifth failure. */
  slow: [
    { long: "2h", short: "30m", rate: 5, remember: "1h", failures: failuresAtLeast },
    { long: "6h", short: "2h", rate: 5, remember: "1h", failures: failuresAtLeast },
    // 10 % of the budget in a day.
    { long: "1d", short: "2h", rate: 3, remember: "1h", failures: failuresAtLeast },
    // 10 % of the budget in three days.
    { long: "3d", short: "6h", rate: 1, remember: "1h", failures: failuresAtLeast },
  ],
  /** The same for endpoints with few deliveries, whose failures are hours apart. */
  few: [
    { long: "1d", short: "6h", rate: 3, remember: "1h", failures: failuresAtLeast, fewerThan: 100 },
    { long: "3d", short: "1d", rate: 3, remember: "1h", failures: failuresAtLeast, fewerThan: 100 },
    { long: "7d", short: "3d", rate: 3, remember: "1h", failures: failuresAtLeast, fewerThan: 100 },
  ],
};

export const thresholds = {
  failuresAtLeast,
  /** Window of "a delivery failed". At least three scrape intervals; longer if Prometheus may be away for longer. */
  failedWindow: "10m",
  /** Failures in a row that make an endpoint "failing". Raise it for an endpoint that is busy and known to stumble. */
  failuresInARow: 3,
  /** Seconds between the first and the last of them. Longer than a receiver takes to restart. */
  failingFor: 180,
  /** Pending deliveries of one endpoint that may wait for half an hour. Raise it for an account with many events. */
  pending: 10,
  /** Seconds that the oldest pending delivery may wait for before a panel is orange, and before it is red. */
  pendingLong: 600,
  pendingTooLong: 3600,
  /** By how much a share of deliveries may miss the objective before a panel is red. */
  objectiveMissed: 0.04,
  /** Events that an endpoint had at the same time a week ago for their absence to be news. Raise it if traffic is uneven. */
  eventsLastWeek: 10,
  /** Age of the last complete sync, in seconds: a warning. More than ten scrape intervals, and more than a sync takes. */
  stale: 300,
  /** The same: a page. */
  blind: 1800,
  /** Age of an endpoint's last complete read, in seconds, from which on a panel names it. More than a sync takes. */
  lagging: 120,
  /** Seconds that an instance may be behind another one before its gauges have no say. */
  behind: 900,
  /** Share of failed calls to the API. */
  apiFailures: 0.5,
  /** Age of an event whose outcome is still unknown to the exporter, in seconds. Raise it if your API key allows few calls. */
  backlog: 600,
  /** Optional rule: share of videos whose processing failed within an hour, and how many videos that takes. */
  videosFailed: 0.1,
  videosMinimum: 10,
};

/** Lines in the panels of the exporter's own work, in seconds. */
export const slow = {
  /** A sync that takes longer than a scrape may: scrape_timeout. */
  sync: 10,
  /** A call that takes longer than --api.timeout. */
  call: 10,
  /** A commit that delays what is shown. A disk needs a few milliseconds, PostgreSQL far away some more. */
  commit: 1,
};

export const dashboards = { deliveries: "omegastream-deliveries", exporter: "omegastream-exporter" };
