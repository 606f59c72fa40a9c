import { account, anyOf, budget, current, endpoint, gauge, grown, increase, indent, maximum, ours, owed, records, type Window } from "./queries.js";
import { accountLabels, alerts, burn, dashboards, links, thresholds as t, type Burn, type Timing } from "./settings.js";

/** An alert without its timing. */
interface Text {
  name: keyof typeof alerts;
  /** What fires the alert and what to change, for people who read the rules. */
  comment: string;
  expr: string;
  /** The part of the expression that Helm values can replace. */
  threshold?: string;
  summary: string;
  description: string;
  dashboard: string;
  /** The dashboard and the title of its panel that shows what the alert looks at. */
  panel: [uid: string, title: string];
}

/** An alert with its timing and severity. */
export type Alert = Text & Timing;
const timed = (texts: Text[]): Alert[] => texts.map((text) => ({ ...text, ...alerts[text.name] }));

/** The parts of texts that Prometheus and Grafana write differently: only Prometheus can query within a text. */
export interface Words {
  /** A label of the alert. */
  label(name: string): string;
  /** `then` if the alert has the label, otherwise `otherwise`. */
  withLabel(name: string, then: string, otherwise?: string): string;
  /** The value of a label within a link. */
  escaped(name: string): string;
  /** The value of the expression as a whole number; then as a percentage, and as a duration. */
  number: string;
  percent: string;
  duration: string;
  /** The window in which the value of the expression is the share that failed. */
  within(windows: Window[]): string;
  /** The share of an endpoint's deliveries that failed in each window. */
  shares(windows: Window[]): string;
  /** How an endpoint's last delivery ended: the status code, or why there is none. */
  lastOutcome: string;
  /** A parameter of a link: since when all deliveries of an endpoint have failed. Can be empty. */
  failingSince: string;
  /** How the API answered the calls that failed. */
  answers: string;
}

const percent = (share: number) => `${+(share * 100).toFixed(2)} %`;
const minutes = (seconds: number) => `${seconds / 60} minutes`;

/** The end of every text about the objective. */
export const objectiveText = `the objective is at most ${percent(budget)}`;

const spoken: Record<Window, string> = {
  "5m": "5 minutes", "30m": "30 minutes", "1h": "hour", "2h": "2 hours", "6h": "6 hours", "1d": "day", "3d": "3 days", "7d": "7 days",
};
export const speak = (window: Window) => spoken[window];

/** The endpoint's host and id, or only the id if the host is hidden. */
const endpointOf = (w: Words, start: "endpoint" | "Endpoint" = "endpoint") =>
  w.withLabel("host", `${w.label("host")} (endpoint ${w.label("endpoint_id")})`, `${start} ${w.label("endpoint_id")}`);

/** The exporter with its job. */
const exporterOf = (w: Words) => `omegastream_exporter${w.withLabel("job", ` (job ${w.label("job")})`)}`;

/** The URL of a dashboard, with the alert's account chosen if it has one. */
function page(w: Words, uid: string, more = ""): string {
  const also = accountLabels.filter((label) => label !== "job").map((label) => w.withLabel(label, `&var-${label}=${w.escaped(label)}`)).join("");
  return `${links.grafana}/d/${uid}${w.withLabel("job", `?var-job=${w.escaped("job")}${also}${more}`)}`;
}
const endpointPage = (w: Words) => page(w, dashboards.deliveries, `&var-endpoint=${w.escaped("endpoint_id")}`);
const exporterPage = (w: Words) => page(w, dashboards.exporter);

/** The path of the exporter's page that lists the failures of an alert. */
export function failuresPath(a: Alert, w: Words): string {
  const filters =
    a.name === "OmegaStreamDeliveryFailed" ? `&type=${w.escaped("event_type")}&code=${w.label("status_code")}`
    : a.name === "OmegaStreamEndpointFailing" ? w.failingSince
    : "";
  return `/failures${a.dashboard.includes("&var-endpoint=") ? `?endpoint=${w.escaped("endpoint_id")}${filters}` : ""}`;
}

export function runbook(alert: string): string {
  return `${links.runbooks}#${alert.toLowerCase()}`;
}

/** Adds the labels that people route by to series of endpoints. */
function routed(expr: string): string {
  return `(\n${indent(expr)}\n)\n* on (${endpoint}) group_left (host, description) ${records.info}`;
}

const active = `${gauge("active")} == 1`;

/** The last deliveries all failed, over more than a moment, because a receiver that restarts must not fire the alert. */
const failing = `${gauge("inARow")} >= ${t.failuresInARow}
unless ${gauge("failingFor")} < ${t.failingFor}
and ${active}`;

/** Within the last hour. So an endpoint stays with the alerts about the budget through its next run of failures, and two alerts do not take turns. */
const partly = `present_over_time(${records.partly}[1h])`;

/** Leaves out endpoints at which every delivery fails, because EndpointFailing covers them, and those that are off or gone. */
function spent(pairs: readonly Burn[]): string {
  return routed(`100 * (\n${anyOf(pairs)}\n)\nand ${active}\nunless (${failing.replaceAll("\n", " ")} unless ${partly})`);
}

const longWindows = (pairs: readonly Burn[]) => [...new Set(pairs.map((pair) => pair.long))];
/** How to change the objective of both alerts without Helm. */
const ownObjective = `For another objective, replace each "* ${budget}".`;
/** The burn rates of the pairs; at 1x the budget lasts for exactly 30 days. */
const pace = (pairs: readonly Burn[]) => pairs.map((b) => `${b.rate}x over ${b.long} and ${b.short}`).join(", ");

/** Only while the exporter reads the endpoint, whatever becomes of others. */
const isRead = `unless on (${endpoint}) ${owed("age")} > ${t.stale}`;

/** How many seconds an endpoint has been silent, if it had events at the same time a week ago. */
function silent(seconds: number, window: Window): string {
  return `(
  time() - ${maximum(ours("webhook_last_event_timestamp_seconds"))} > ${seconds}
  and ${increase("events", window)} offset 1w >= ${t.eventsLastWeek}
)`;
}

export function deliveryAlerts(w: Words): Alert[] {
  const name = endpointOf(w);
  const pending = gauge("pending");
  return timed([
    {
      name: "OmegaStreamDeliveryFailed",
      comment: `Fires for each new failure, until half an hour after the last one. The window (${t.failedWindow}) must span three scrapes.`,
      expr: routed(ours(`${maximum(grown("webhook_delivery_failures_total", t.failedWindow), `${endpoint}, event_type, status_code`)} > 0`)),
      threshold: "> 0",
      summary: `Webhook delivery failed with status code ${w.label("status_code")}: ${w.label("event_type")} to ${name}`,
      description:
        `${w.number} of the deliveries of ${w.label("event_type")} to ${name} failed in the last 10 minutes ` +
        `with status code ${w.label("status_code")} (none: no HTTP response).`,
      dashboard: endpointPage(w),
      panel: [dashboards.deliveries, "Failures by status code"],
    },
    {
      name: "OmegaStreamErrorBudgetBurningFast",
      comment: `The budget of ${percent(budget)} burns too fast: ${pace(burn.fast)}, with at least ${burn.fast[0]!.deliveries} deliveries. ${ownObjective}`,
      expr: spent(burn.fast),
      summary: `${w.percent} of deliveries to ${name} failed ${w.within(longWindows(burn.fast))}; ${objectiveText}`,
      description: `Deliveries to ${name} that failed: ${w.shares(longWindows(burn.fast))}; ${objectiveText}. The last one: ${w.lastOutcome}.`,
      dashboard: endpointPage(w),
      panel: [dashboards.deliveries, "Burn rates"],
    },
    {
      name: "OmegaStreamErrorBudgetBurningSlowly",
      comment:
        `The budget of ${percent(budget)} burns too fast: ${pace(burn.slow)}, with at least ${t.failuresAtLeast} failures. ` +
        `With fewer than ${burn.few[0]!.fewerThan} deliveries: ${pace(burn.few)}. ${ownObjective}`,
      expr: spent([...burn.slow, ...burn.few]),
      summary: `${w.percent} of deliveries to ${name} failed ${w.within(longWindows([...burn.slow, ...burn.few]))}; ${objectiveText}`,
      description: `Deliveries to ${name} that failed: ${w.shares(longWindows([...burn.slow, ...burn.few]))}; ${objectiveText}. The last one: ${w.lastOutcome}.`,
      dashboard: endpointPage(w),
      panel: [dashboards.deliveries, "Burn rates"],
    },
    {
      name: "OmegaStreamEndpointFailing",
      comment: `Fires after ${t.failuresInARow} failures in a row, in order of creation, over at least ${minutes(t.failingFor)}. One delivery a day is enough, and a receiver that restarts does not fire it. If deliveries succeeded between earlier failures, OmegaStreamErrorBudgetBurningFast goes on instead.`,
      expr: routed(`${failing}\nunless (\n  ${partly}\n  and (\n${indent(anyOf(burn.fast))}\n  )\n)`),
      threshold: `>= ${t.failuresInARow}`,
      summary: `Every delivery to ${name} fails: ${w.lastOutcome}`,
      description: `The last ${w.number} deliveries to ${name} failed, and none has succeeded since. The last one: ${w.lastOutcome}.`,
      dashboard: endpointPage(w),
      panel: [dashboards.deliveries, "Endpoints"],
    },
    {
      name: "OmegaStreamDeliveriesPendingGrowing",
      comment: `Fires while ${t.pending} or more deliveries have no outcome for half an hour and their number grows. Only while the exporter reads the endpoint.`,
      expr: routed(`${pending} > ${pending} offset 30m
and min_over_time(${pending}[30m]) >= ${t.pending}
${isRead}`),
      threshold: `>= ${t.pending}`,
      summary: `${w.number} deliveries to ${name} wait for an outcome`,
      description: `${w.number} deliveries to ${name} have no outcome yet, and half an hour ago there were fewer: OmegaStream does not deliver them, or does not report how they ended.`,
      dashboard: endpointPage(w),
      panel: [dashboards.deliveries, "Pending"],
    },
    {
      name: "OmegaStreamNoEvents",
      comment: `Fires after 6 h or a day without an event of any type, if there were ${t.eventsLastWeek} or more at the same time a week ago. Needs eight days of data.`,
      expr: routed(`(
${indent([silent(6 * 3600, "6h"), silent(86400, "1d")].join("\nor\n"))}
)
and ${active}
${isRead}`),
      threshold: `>= ${t.eventsLastWeek}`,
      summary: `No events for ${name} in ${w.duration}`,
      description: `The last event for ${name} is ${w.duration} old. At the same time last week there were ${t.eventsLastWeek} or more.`,
      dashboard: endpointPage(w),
      panel: [dashboards.deliveries, "Events by type"],
    },
    {
      name: "OmegaStreamEndpointSwitchedOff",
      comment: "Fires for a day after an endpoint was switched off.",
      expr: routed(`${gauge("active")} == 0\nand on (${endpoint}) max_over_time(${records.seen}[1d]) > 0`),
      summary: `${name} was switched off`,
      description: `${endpointOf(w, "Endpoint")} was active within the last day and is now off: OmegaStream sends nothing to it.`,
      dashboard: endpointPage(w),
      panel: [dashboards.deliveries, "Endpoints"],
    },
    {
      name: "OmegaStreamEndpointRemoved",
      comment: "Fires for a day after an endpoint was removed from the account, while the exporter knows the others, or knows that there are none. It names the last host.",
      expr: `topk by (${endpoint}) (1, max_over_time(${records.seen}[1d]))
unless on (${endpoint}) webhook_endpoint_active
and on (${account}) (${gauge("active")} or on (${account}) ${maximum("omegastream_up", account)} == 1)`,
      summary: `${name} was removed from the account`,
      description: `${endpointOf(w, "Endpoint")} was in the account within the last day and is gone: OmegaStream sends nothing to it.`,
      dashboard: endpointPage(w),
      panel: [dashboards.deliveries, "Endpoints"],
    },
  ]);
}

/** The API rejected the key and has accepted no call since. A single endpoint or event that the key may not read does not count. */
const rejected = `${maximum(
  `sum by (${account}, instance) (increase(omegastream_api_requests_total{code=~"401|403"}[5m])) > 0
  unless on (${account}, instance) sum by (${account}, instance) (increase(omegastream_api_requests_total{code=~"2.."}[5m])) > 0`, account,
)}`;

export function exporterAlerts(w: Words): Alert[] {
  const exporter = exporterOf(w);
  const created = "omegastream_exporter_state_created_timestamp_seconds";
  const failed = 'omegastream_api_requests_total{code!~"2..|401|403|404|410|429"}';
  /** How long ago the exporter read all endpoints, or began its state if it never has. */
  const age = `${records.age} or on (${account}) time() - ${maximum(created, account)}`;
  /** The same for any of the endpoints. */
  const blind = `(time() - ${maximum("omegastream_exporter_endpoint_last_successful_sync_timestamp_seconds", account)} or on (${account}) ${age}) > ${t.blind}`;
  /** Leaves out what has an alert of its own: a rejected key and a failing state. */
  const explained = `unless on (${account}) (${rejected.replaceAll("\n", " ")})\nunless on (${account}) ${maximum("omegastream_exporter_state_failing", account)} == 1`;
  return timed([
    {
      name: "OmegaStreamExporterDown",
      comment: "Prometheus scrapes no instance, or never did. A pod that comes back under a new name does not fire it. It ends a day after you remove the target.",
      expr: `(
  ${records.known}
  unless on (${account}) omegastream_up
)
or
absent(omegastream_up) unless on () ${records.known}`,
      summary: `${exporter} is not scraped: webhook deliveries are not watched`,
      description: `Prometheus has had no data from ${exporter} for 5 minutes: webhook deliveries are not watched.`,
      dashboard: exporterPage(w),
      panel: [dashboards.exporter, "Last sync"],
    },
    {
      name: "OmegaStreamExporterBlind",
      comment: `The exporter has read no endpoint for ${minutes(t.blind)}. A rejected key and a failing state have alerts of their own.`,
      expr: `${blind}\n${explained}`,
      threshold: `> ${t.blind}`,
      summary: `${exporter} has read no endpoint for ${w.duration}`,
      description: `${exporter} has read no endpoint for ${w.duration}; ${w.answers}. Until it does, you see no new failures.`,
      dashboard: exporterPage(w),
      panel: [dashboards.exporter, "Age of the data"],
    },
    {
      name: "OmegaStreamExporterStale",
      comment: `The exporter has not read all endpoints for ${minutes(t.stale)}: some endpoints or all. If it reads none for ${minutes(t.blind)}, OmegaStreamExporterBlind takes over.`,
      expr: `(${age}) > ${t.stale}\nunless on (${account}) ${blind}\n${explained}`,
      threshold: `> ${t.stale}`,
      summary: `${exporter} cannot read all endpoints: its data is old`,
      description: `${exporter} has not read all endpoints for ${w.duration}; ${w.answers}. Dashboards and alerts can show old data.`,
      dashboard: exporterPage(w),
      panel: [dashboards.exporter, "Age of the data"],
    },
    {
      name: "OmegaStreamAPIKeyRejected",
      comment: "The API has rejected the key and accepted no call for five minutes. A revoked key does not recover.",
      expr: rejected,
      summary: `The OmegaStream API rejects the key of ${exporter}`,
      description: `The OmegaStream API has answered ${exporter} only with 401 or 403 for 5 minutes: the key was revoked, or it has no access to webhooks.`,
      dashboard: exporterPage(w),
      panel: [dashboards.exporter, "Calls by status code"],
    },
    {
      name: "OmegaStreamAPIFailing",
      comment: `${percent(t.apiFailures)} of the calls fail while syncs succeed. Rejected keys, rate limits and events that are gone do not count.`,
      expr: `100 * (
  sum by (${account}) (increase(${failed}[10m]))
  / (sum by (${account}) (increase(omegastream_api_requests_total[10m])) > 0)
  > ${t.apiFailures}
)
unless on (${account}) ${records.age} > ${t.stale - 60}`,
      threshold: `> ${t.apiFailures}`,
      summary: `${w.percent} of the calls of ${exporter} to the OmegaStream API fail`,
      description: `${w.percent} of the calls of ${exporter} to the OmegaStream API failed in the last 10 minutes; ${w.answers}.`,
      dashboard: exporterPage(w),
      panel: [dashboards.exporter, "Calls by status code"],
    },
    {
      name: "OmegaStreamDetailBacklog",
      comment: `Every instance has learned outcomes more than ${minutes(t.backlog)} late, for a quarter of an hour.`,
      expr: `${maximum(`time() - ${maximum("omegastream_exporter_oldest_unfetched_event_timestamp_seconds")} > ${t.backlog}
  and ${current("omegastream_exporter_event_detail_backlog", records.behind, "min")} > 0`, account)}`,
      threshold: `> ${t.backlog}`,
      summary: `${exporter} learns the outcomes of deliveries ${w.duration} late`,
      description: `The oldest event whose status code ${exporter} has not fetched is ${w.duration} old: the API is slow, or limits its calls.`,
      dashboard: exporterPage(w),
      panel: [dashboards.exporter, "Age of the oldest event without its detail"],
    },
    {
      name: "OmegaStreamEventsMissed",
      comment: "Fires for an hour, once for the account, because an API that drops events usually drops those of all endpoints.",
      expr: `count by (${account}) (${maximum(grown("omegastream_exporter_list_gaps_total", "1h"))} > 0)`,
      threshold: "> 0",
      summary: `${exporter} missed events of ${w.number} endpoints`,
      description: `In the last hour, the lists of ${w.number} endpoints began after the newest known event: the API dropped the events in between before ${exporter} saw them, so they are not counted.`,
      dashboard: exporterPage(w),
      panel: [dashboards.exporter, "List gaps"],
    },
    {
      name: "OmegaStreamStateReset",
      comment:
        "The exporter could not read its state, or started a new one: the volume was lost, or the state is `memory:`. Fires for an hour. Neither an added instance with its own state nor a rollout in which old and new pods overlap fires it.",
      // One instance started a new state, or a pod came back under a new name with no other beside it.
      expr: `min by (${account}) (
  time() - ${created} < 3600
  and (omegastream_exporter_state_resets_total > 0 or ${created} > min_over_time(${created}[1d]))
)
or
(
  time() - min by (${account}) (${created}) < 3600
  and time() - min by (${account}) (min_over_time(${created}[1d])) > 7200
  unless max_over_time((max by (${account}) (${created}) - min by (${account}) (${created}))[65m:15s]) > 5
)`,
      summary: `The state of ${exporter} was lost or set aside`,
      description: `${exporter} began a new state ${w.duration} ago. Its counters start at 0, and deliveries between the two states are not counted.`,
      dashboard: exporterPage(w),
      panel: [dashboards.exporter, "Age of the state"],
    },
    {
      name: "OmegaStreamStateFailing",
      comment: "While this fires, the exporter does not call the API and shows nothing new. The label `reason` says why.",
      expr: `${maximum("omegastream_exporter_state_failing", `${account}, reason`)} == 1`,
      summary: `${exporter} cannot read or write its state: ${w.label("reason")}`,
      description: `${exporter} has not been able to read or write its state for 5 minutes (${w.label("reason")}). Until it can, it shows no new deliveries.`,
      dashboard: exporterPage(w),
      panel: [dashboards.exporter, "Commit failures"],
    },
  ]);
}

/** Alerts about videos rather than webhooks, and therefore optional. */
export function videoAlerts(w: Words): Alert[] {
  return timed([
    {
      name: "OmegaStreamVideosFailing",
      comment: `More than ${percent(t.videosFailed)} of at least ${t.videosMinimum} videos failed within an hour. Only endpoints that are subscribed to both types count.`,
      expr: `100 * ${maximum(`
  sum without (event_type) (increase(webhook_events_total{event_type="video.process_failed"}[1h]))
  / (sum without (event_type) (increase(webhook_events_total{event_type=~"video.process_(failed|succeeded)"}[1h])) >= ${t.videosMinimum})
  and sum without (event_type) (webhook_endpoint_subscribed{event_type=~"video.process_(failed|succeeded)"}) == 2
  and on (${account}) omegastream_up
`, account)} > ${t.videosFailed * 100}`,
      threshold: `> ${t.videosFailed * 100}`,
      summary: `OmegaStream failed to process ${w.percent} of videos`,
      description: `OmegaStream failed to process ${w.percent} of the videos of the last hour, according to ${exporterOf(w)}.`,
      dashboard: page(w, dashboards.deliveries),
      panel: [dashboards.deliveries, "Events by type"],
    },
  ]);
}
