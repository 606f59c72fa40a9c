// Everything that differs from one installation to the next, and when to change it. After a change: `make dashboards`.
import { urlOption } from "./options.js";

/** Where links lead. Given by flags of `npm run generate`, so that nothing here has to be changed for them. */
export const links = {
  /** Your Grafana, as people reach it. */
  grafana: urlOption("grafana-url", "https://grafana.example.com"),
  /** docs/runbooks.md, where your people read it. */
  runbooks: urlOption("runbook-url", "https://git.example.com/omegastream_exporter/docs/runbooks.md"),
  /** The exporter's own pages, as browsers reach them. In a dashboard a variable holds it. */
  exporter: urlOption("exporter-url", "http://localhost:9877"),
};

/** The service level objective: the share of deliveries that are answered with 2xx. Change it with those who receive the webhooks. */
export const objective = 0.99;

/** How fast the error budget may burn. A rate of 1 spends it exactly within 30 days. */
export const burn = {
  fast: [
    // 2 % of the budget in an hour.
    { long: "1h", short: "5m", rate: 14.4 },
    // 5 % of the budget in six hours.
    { long: "6h", short: "30m", rate: 6 },
  ],
  slow: [
    // 10 % of the budget in a day.
    { long: "1d", short: "2h", rate: 3 },
    // 10 % of the budget in three days.
    { long: "3d", short: "6h", rate: 1 },
  ],
  /** Deliveries that the long window must have. Raise it where single failures page; EndpointFailing covers what is rare. */
  fastMinimum: 20,
  slowMinimum: 100,
} as const;

export const thresholds = {
  /** Window of "a delivery failed". At least three scrape intervals; longer if Prometheus may be away for longer. */
  failedWindow: "10m",
  /** Failures in a row that make an endpoint "failing". Raise it for an endpoint that is busy and known to stumble. */
  failuresInARow: 3,
  /** Failures in a row without any HTTP response. */
  unansweredInARow: 2,
  /** Failures in a row of which the last was refused for good. */
  rejectedInARow: 2,
  /** Status codes that do not heal by themselves. Add 400, 413, 415 or 422 if your receivers mean it. */
  rejections: [401, 403, 404, 405, 410],
  /** Pending deliveries of one endpoint that may wait for half an hour. Raise it for an account with many events. */
  pending: 10,
  /** Events that an endpoint had on the same weekday a week ago for their absence to be news. Raise it if traffic is uneven. */
  eventsLastWeek: 10,
  /** Silence of such an endpoint, in seconds. */
  silence: 86400,
  /** Age of the last complete sync, in seconds. More than ten scrape intervals, and more than a sync takes. */
  stale: 900,
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
