import { account, current, maximum, type Numbers } from "./queries.js";
import { burn, dashboards, links, objective, thresholds as t } from "./settings.js";

export interface Alert {
  name: string;
  severity: "critical" | "warning" | "info";
  /** When to change what, for those who read the rules. */
  comment: string;
  expr: string;
  for?: string;
  keepFiringFor?: string;
  summary: string;
  description: string;
  dashboard: string;
}

/** How texts name things: Prometheus and Grafana expand templates differently. */
export interface Words {
  /** A label of the alert. */
  label(name: string): string;
  /** A parameter of a link that says the value of a label; nothing where the alert does not have it. */
  parameter(variable: string, label: string): string;
  /** The endpoint's host and id; the id alone where no host is shown. */
  endpoint: string;
  /** The same of an endpoint that is not shown any more. */
  formerEndpoint: string;
  /** The exporter: its job. */
  exporter: string;
  /** The value of the expression in a format of Go's printf, as a share, or as a duration. */
  number: string;
  share: string;
  duration: string;
}

const percent = (share: number) => `${+(share * 100).toFixed(2)} %`;
const minutes = (seconds: number) => `${seconds / 60} minutes`;

const endpointPageOf = (w: Words) => `${links.grafana}/d/${dashboards.deliveries}${w.parameter("endpoint", "endpoint_id")}`;
const exporterPageOf = (w: Words) => `${links.grafana}/d/${dashboards.exporter}${w.parameter("job", "job")}`;

export function runbook(alert: string): string {
  return `${links.runbooks}#${alert.toLowerCase()}`;
}

/** One pair of windows of a burn alert. */
function burns(n: Numbers, pair: { long: string; short: string; rate: number }, minimum: number): string {
  const limit = `${+(pair.rate * (1 - objective)).toFixed(6)}`;
  type W = Parameters<Numbers["ratio"]>[0];
  const group = (expr: string) => (expr.includes(" ") ? `(${expr})` : expr);
  return [
    `  ${group(n.ratio(pair.long as W))} > ${limit}`,
    `  and ${group(n.ratio(pair.short as W))} > ${limit}`,
    `  and ${n.increase("deliveries", pair.long as W)} >= ${minimum}`,
  ].join("\n");
}

function budget(n: Numbers, pairs: readonly { long: string; short: string; rate: number }[], minimum: number): string {
  return pairs.map((pair) => `(\n${burns(n, pair, minimum)}\n)`).join("\nor\n");
}

export function deliveryAlerts(n: Numbers, w: Words): Alert[] {
  const endpointPage = endpointPageOf(w);
  const pending = (offset = "") => `sum without (event_type) (webhook_deliveries_pending${offset})`;
  const active = `${n.gauge("webhook_endpoint_active")} == 1`;
  const inARow = n.gauge("webhook_endpoint_consecutive_failures");
  const last = n.gauge("webhook_endpoint_last_status_code");
  return [
    {
      name: "OmegaStreamDeliveryFailed",
      severity: "info",
      comment: `Any new failure. The window (${t.failedWindow}) must span three scrapes.`,
      expr: `max by (endpoint_id, event_type, status_code) (increase(webhook_delivery_failures_total[${t.failedWindow}])) > 0`,
      summary: "A webhook delivery failed",
      description:
        `Deliveries of ${w.label("event_type")} to ${w.endpoint} that failed within ${t.failedWindow} ` +
        `with status code ${w.label("status_code")} (none: no HTTP response): ${w.number}.`,
      dashboard: endpointPage,
    },
    {
      name: "OmegaStreamErrorBudgetBurningFast",
      severity: "critical",
      comment:
        `The budget of ${percent(1 - objective)} goes at ${burn.fast.map((b) => `${b.rate} times the even rate over ${b.long} and ${b.short}`).join(", or at ")}; ` +
        `from ${burn.fastMinimum} deliveries on.`,
      expr: budget(n, burn.fast, burn.fastMinimum),
      keepFiringFor: "15m",
      summary: "Webhook deliveries fail so often that the error budget is spent within days",
      description: `${w.share} of the deliveries to ${w.endpoint} failed; ${percent(1 - objective)} may.`,
      dashboard: endpointPage,
    },
    {
      name: "OmegaStreamErrorBudgetBurningSlowly",
      severity: "warning",
      comment:
        `The budget of ${percent(1 - objective)} goes at ${burn.slow.map((b) => `${b.rate} times the even rate over ${b.long} and ${b.short}`).join(", or at ")}; ` +
        `from ${burn.slowMinimum} deliveries on.`,
      expr: budget(n, burn.slow, burn.slowMinimum),
      for: "15m",
      keepFiringFor: "1h",
      summary: "Webhook deliveries fail more often than the objective allows",
      description: `${w.share} of the deliveries to ${w.endpoint} failed; ${percent(1 - objective)} may.`,
      dashboard: endpointPage,
    },
    {
      name: "OmegaStreamEndpointFailing",
      severity: "critical",
      comment: `${t.failuresInARow} failures in a row, in order of creation: it works at one delivery a day.`,
      expr: `${inARow} >= ${t.failuresInARow}\nand ${active}`,
      for: "5m",
      summary: "A webhook endpoint fails every delivery",
      description: `Deliveries to ${w.endpoint} that failed in a row: ${w.number}.`,
      dashboard: endpointPage,
    },
    {
      name: "OmegaStreamEndpointNotAnswering",
      severity: "critical",
      comment: `No HTTP response (timeout, DNS, refused, TLS), with ${t.unansweredInARow} failures in a row.`,
      expr: `${inARow} >= ${t.unansweredInARow}\nand ${last} == 0\nand ${active}`,
      for: "5m",
      summary: "A webhook endpoint does not answer",
      description: `The last delivery to ${w.endpoint} got no HTTP response. Failures in a row: ${w.number}.`,
      dashboard: endpointPage,
    },
    {
      name: "OmegaStreamEndpointRejecting",
      severity: "critical",
      comment: `The last code is ${t.rejections.join(", ")}: will not heal by itself; with ${t.rejectedInARow} failures in a row.`,
      expr:
        `${inARow} >= ${t.rejectedInARow}\nand (\n` +
        t.rejections.map((code, i) => `  ${i ? "or " : ""}${last} == ${code}`).join("\n") +
        `\n)\nand ${active}`,
      for: "5m",
      summary: "A webhook endpoint rejects deliveries, which will not heal by itself",
      description:
        `The last delivery to ${w.endpoint} was rejected with one of ${t.rejections.join(", ")}: ` +
        `wrong credentials, wrong URL, or the receiver is gone. Failures in a row: ${w.number}.`,
      dashboard: endpointPage,
    },
    {
      name: "OmegaStreamDeliveriesPendingGrowing",
      severity: "warning",
      comment: `${t.pending} or more deliveries waiting for half an hour, and more of them than half an hour ago; only while syncs succeed.`,
      expr: `(
  ${current(`${pending()} and on (${account}, instance) omegastream_up == 1`, n.behind)}
  > ${maximum(pending(" offset 30m"))}
)
and min_over_time((${maximum(pending())})[30m:1m]) >= ${t.pending}`,
      for: "10m",
      summary: "Webhook deliveries pile up",
      description: `Deliveries to ${w.endpoint} without an outcome: ${w.number}, and they become more.`,
      dashboard: endpointPage,
    },
    {
      name: "OmegaStreamNoEvents",
      severity: "warning",
      comment: `No event of any type for ${t.silence / 3600} h, where the same weekday a week ago had ${t.eventsLastWeek} or more.`,
      expr: `time() - ${maximum("webhook_last_event_timestamp_seconds")} > ${t.silence}
and ${n.increase("events", "1d", "1w")} >= ${t.eventsLastWeek}
and ${active}
and time() - ${maximum("omegastream_exporter_endpoint_last_successful_sync_timestamp_seconds")} < ${t.stale}`,
      for: "30m",
      summary: "A webhook endpoint gets no events, although it had some a week ago",
      description: `The last event for ${w.endpoint} is ${w.duration} old. On the same day last week there were ${t.eventsLastWeek} or more.`,
      dashboard: endpointPage,
    },
    {
      name: "OmegaStreamEndpointSwitchedOff",
      severity: "warning",
      comment: "Fires for a day after an endpoint was switched off; one that is off for long is quiet.",
      expr: `${n.gauge("webhook_endpoint_active")} == 0\nand ${maximum("max_over_time(webhook_endpoint_active[1d])")} == 1`,
      for: "5m",
      summary: "A webhook endpoint was switched off",
      description: `${w.endpoint} is not active any more: OmegaStream sends nothing to it.`,
      dashboard: endpointPage,
    },
    {
      name: "OmegaStreamEndpointRemoved",
      severity: "warning",
      comment: "Fires for a day after an endpoint left the account, while its exporter is well.",
      expr: `max by (endpoint_id) (
  (
    max by (${account}, endpoint_id) (max_over_time(webhook_endpoint_active[1d]))
    unless on (endpoint_id) webhook_endpoint_active
  )
  and on (${account}) ${maximum("omegastream_up", account)} == 1
)`,
      for: "5m",
      summary: "A webhook endpoint was removed from the account",
      description: `${w.formerEndpoint} is not in the account any more: OmegaStream sends nothing to it.`,
      dashboard: endpointPage,
    },
  ];
}

export function exporterAlerts(n: Numbers, w: Words): Alert[] {
  const endpointPage = endpointPageOf(w);
  const exporterPage = exporterPageOf(w);
  const synced = maximum("omegastream_exporter_last_successful_sync_timestamp_seconds", account);
  const created = "omegastream_exporter_state_created_timestamp_seconds";
  const failed = 'omegastream_api_requests_total{code!~"2..|401|403|404|410|429"}';
  return [
    {
      name: "OmegaStreamExporterDown",
      severity: "critical",
      comment: "No instance is scraped any more, or none ever was. A pod that comes back under a new name is no gap. Take it out only with the exporter.",
      expr: `(
  max by (${account}) (max_over_time(omegastream_up[1d]))
  unless on (${account}) omegastream_up
)
or
absent(omegastream_up) unless on () max_over_time(omegastream_up[1d])`,
      for: "5m",
      summary: "omegastream_exporter is not scraped",
      description: `Prometheus has no data from ${w.exporter}: webhook deliveries are not watched.`,
      dashboard: exporterPage,
    },
    {
      name: "OmegaStreamExporterStale",
      severity: "warning",
      comment: `No complete sync for ${minutes(t.stale)}, or none since the state began.`,
      expr: `time() - ${synced} > ${t.stale}\nor\n(${maximum("omegastream_up", account)} unless on (${account}) ${synced})`,
      for: "10m",
      summary: "The webhook data is old",
      description:
        `${w.exporter} has not read all endpoints for more than ${minutes(t.stale)}, or never did. What dashboards and alerts say of deliveries may be old.`,
      dashboard: exporterPage,
    },
    {
      name: "OmegaStreamAPIKeyRejected",
      severity: "critical",
      comment: "At once: a key that was revoked does not come back.",
      expr: `sum by (${account}) (increase(omegastream_api_requests_total{code=~"401|403"}[5m])) > 0`,
      summary: "The OmegaStream API rejects the exporter's key",
      description: `The OmegaStream API answers ${w.exporter} with 401 or 403: the key was revoked, or may not read webhooks.`,
      dashboard: exporterPage,
    },
    {
      name: "OmegaStreamAPIFailing",
      severity: "warning",
      comment: `${percent(t.apiFailures)} of the calls fail. Not among them: the key, the rate limit, and events that are gone, which have alerts of their own.`,
      expr: `sum by (${account}) (increase(${failed}[10m]))
  / (sum by (${account}) (increase(omegastream_api_requests_total[10m])) > 0)
  > ${t.apiFailures}`,
      for: "5m",
      summary: "The OmegaStream API fails",
      description: `${w.share} of the calls of ${w.exporter} to the OmegaStream API fail.`,
      dashboard: exporterPage,
    },
    {
      name: "OmegaStreamDetailBacklog",
      severity: "warning",
      comment: `Outcomes are learned with more than ${minutes(t.backlog)} of delay, for a quarter of an hour, by every instance.`,
      expr: `time() - ${maximum("omegastream_exporter_oldest_unfetched_event_timestamp_seconds")} > ${t.backlog}
and ${current("omegastream_exporter_event_detail_backlog", n.behind, "min")} > 0`,
      for: "15m",
      summary: "The exporter learns the outcome of deliveries late",
      description: `The oldest event of ${w.endpoint} whose status code the exporter did not fetch yet is ${w.duration} old: the API limits it, or is slow.`,
      dashboard: endpointPage,
    },
    {
      name: "OmegaStreamEventsMissed",
      severity: "warning",
      comment: "Stays for an hour.",
      expr: "max by (endpoint_id) (increase(omegastream_exporter_list_gaps_total[1h])) > 0",
      summary: "Events were missed",
      description: `The list of ${w.endpoint} began after the newest known event: what was in between was dropped by the API before the exporter saw it, and is not counted.`,
      dashboard: endpointPage,
    },
    {
      name: "OmegaStreamStateReset",
      severity: "warning",
      comment: "The state was unreadable, or is not the one of before: a volume that was lost, or `memory:`. Stays for an hour. An added instance with its own state is quiet.",
      // Of one instance by itself, and of all where a pod came back under a new name. While they are new that says nothing:
      // the older of two may have gone.
      expr: `min by (${account}) (
  time() - ${created} < 3600
  and (omegastream_exporter_state_resets_total > 0 or ${created} > min_over_time(${created}[1d]))
)
or
(
  time() - min by (${account}) (${created}) < 3600
  and time() - min by (${account}) (min_over_time(${created}[1d])) > 7200
)`,
      summary: "The exporter's state was lost or set aside",
      description: `${w.exporter} began a new state ${w.duration} ago. Counters start at 0; what happened between the two states is not counted.`,
      dashboard: exporterPage,
    },
    {
      name: "OmegaStreamStateNotWritten",
      severity: "critical",
      comment: "While the state cannot be written, nothing is asked of the API and nothing new is shown. What succeeds at a second try is quiet: it leaves the window before the alert fires.",
      expr: `max by (${account}) (increase(omegastream_exporter_state_commit_failures_total[5m])) > 0`,
      for: "5m",
      summary: "The exporter cannot write its state",
      description: `Failed attempts of ${w.exporter} to write its state within 5 minutes: ${w.number}. Until it can, new deliveries are not shown.`,
      dashboard: exporterPage,
    },
  ];
}

/** Not about webhooks but about videos, and so an option. */
export function videoAlerts(w: Words): Alert[] {
  return [
    {
      name: "OmegaStreamVideosFailing",
      severity: "warning",
      comment: `${percent(t.videosFailed)} of at least ${t.videosMinimum} videos within an hour. Only endpoints that are subscribed to both types tell.`,
      expr: `max by (${account}) (
  sum without (event_type) (increase(webhook_events_total{event_type="video.process_failed"}[1h]))
  / (sum without (event_type) (increase(webhook_events_total{event_type=~"video.process_(failed|succeeded)"}[1h])) >= ${t.videosMinimum})
  and sum without (event_type) (webhook_endpoint_subscribed{event_type=~"video.process_(failed|succeeded)"}) == 2
) > ${t.videosFailed}`,
      for: "5m",
      summary: "The processing of videos fails",
      description: `${w.share} of the videos that were processed within an hour failed, as ${w.exporter} saw it.`,
      dashboard: `${links.grafana}/d/${dashboards.deliveries}${w.parameter("job", "job")}`,
    },
  ];
}
