import { account, current, endpoint, gauge, grown, increase, maximum, ours, ratio, records, type Window } from "./queries.js";
import { accountLabels, alerts, burn, dashboards, links, objective, thresholds as t, type Burn, type Timing } from "./settings.js";

/** An alert as it is written here. */
interface Text {
  name: keyof typeof alerts;
  /** When to change what, for those who read the rules. */
  comment: string;
  expr: string;
  /** The part of the expression that people change most: Helm values replace it. */
  threshold?: string;
  summary: string;
  description: string;
  dashboard: string;
  /** The dashboard and the title of its panel that shows what the alert looks at. */
  panel: [uid: string, title: string];
}

/** The same with its timing and its severity. */
export type Alert = Text & Timing;
const timed = (texts: Text[]): Alert[] => texts.map((text) => ({ ...text, ...alerts[text.name] }));

/** How texts name things: Prometheus can ask for more within a text, Grafana cannot. */
export interface Words {
  /** A label of the alert. */
  label(name: string): string;
  /** Something where the alert has the label, and something else where it has not. */
  withLabel(name: string, then: string, otherwise?: string): string;
  /** The value of a label within a link. */
  escaped(name: string): string;
  /** The value of the expression in a format of Go's printf, or as a duration. */
  number: string;
  percent: string;
  duration: string;
  /** Within which of some windows the value of the expression is the share that failed. */
  within(windows: Window[]): string;
  /** What share of an endpoint's deliveries failed in some windows. */
  shares(windows: Window[]): string;
  /** How an endpoint's last delivery ended: its status code, or why there is none. */
  lastOutcome: string;
  /** Within a link: since when all deliveries of an endpoint failed, as a parameter, or nothing. */
  failingSince: string;
  /** How the API answered calls that failed. */
  answers: string;
}

const percent = (share: number) => `${+(share * 100).toFixed(2)} %`;
const minutes = (seconds: number) => `${seconds / 60} minutes`;
const budget = +(1 - objective).toFixed(6);

/** What every text about the objective ends with. */
export const objectiveText = `the objective is at most ${percent(budget)}`;

const spoken: Record<Window, string> = {
  "5m": "5 minutes", "30m": "30 minutes", "1h": "hour", "2h": "2 hours", "6h": "6 hours", "1d": "day", "3d": "3 days", "7d": "7 days",
};
export const speak = (window: Window) => spoken[window];

/** The endpoint's host and id; the id alone where no host is shown. */
const endpointOf = (w: Words, start: "endpoint" | "Endpoint" = "endpoint") =>
  w.withLabel("host", `${w.label("host")} (endpoint ${w.label("endpoint_id")})`, `${start} ${w.label("endpoint_id")}`);

/** The exporter: its job. */
const exporterOf = (w: Words) => `omegastream_exporter${w.withLabel("job", ` (job ${w.label("job")})`)}`;

/** A dashboard with the account chosen, where the alert has one. */
function page(w: Words, uid: string, more = ""): string {
  const also = accountLabels.filter((label) => label !== "job").map((label) => w.withLabel(label, `&var-${label}=${w.escaped(label)}`)).join("");
  return `${links.grafana}/d/${uid}${w.withLabel("job", `?var-job=${w.escaped("job")}${also}${more}`)}`;
}
const endpointPage = (w: Words) => page(w, dashboards.deliveries, `&var-endpoint=${w.escaped("endpoint_id")}`);
const exporterPage = (w: Words) => page(w, dashboards.exporter);

/** Where the failures that an alert counts are listed one by one, below the exporter's address. */
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

/** Series of endpoints with the labels that people route by. */
function routed(expr: string): string {
  return `(\n${expr.replaceAll(/^(?=.)/gm, "  ")}\n)\n* on (${endpoint}) group_left (host, description) ${records.info}`;
}

const active = `${gauge("active")} == 1`;

/** The last deliveries all failed, and not in one moment only: that may have been a restart of the receiver. */
const failing = `${gauge("inARow")} >= ${t.failuresInARow}
unless ${gauge("failingFor")} < ${t.failingFor}
and ${active}`;

/** One pair of windows: it failed too often for long, and lately still. The short window is remembered a little, so that few deliveries do not flap. */
function burns(pair: Burn): string {
  const limit = `${pair.rate} * ${budget}`;
  return [
    `  ${ratio(pair.long)} > ${limit}`,
    `  and max_over_time(${ratio(pair.short)}[${pair.remember}]) > ${limit}`,
    ...(pair.deliveries ? [`  and ${increase("deliveries", pair.long)} >= ${pair.deliveries}`] : []),
    ...(pair.failures ? [`  and ${increase("failures", pair.long)} >= ${pair.failures}`] : []),
    ...(pair.fewerThan ? [`  and ${increase("deliveries", pair.long)} < ${pair.fewerThan}`] : []),
  ].join("\n");
}

/** EndpointFailing covers endpoints where every delivery fails; one that is off or gone needs no page. */
function spent(pairs: readonly Burn[]): string {
  return routed(`100 * (\n${pairs.map((pair) => burns(pair)).join("\n  or\n")}\n)\nand ${active}\nunless (${failing.replaceAll("\n", " ")})`);
}

const longWindows = (pairs: readonly Burn[]) => [...new Set(pairs.map((pair) => pair.long))];
/** How the number of both alerts is changed where there is no Helm. */
const ownObjective = `Another objective: replace each "* ${budget}".`;
/** How fast the budget burns: 1x spends it evenly. */
const pace = (pairs: readonly Burn[]) => pairs.map((b) => `${b.rate}x over ${b.long} and ${b.short}`).join(", ");

/** Seconds of silence of an endpoint, where a week ago there was no such silence. */
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
      comment: `The budget of ${percent(budget)} burns too fast: ${pace(burn.fast)}, from ${burn.fast[0]!.deliveries} deliveries on. ${ownObjective}`,
      expr: spent(burn.fast),
      summary: `${w.percent} of deliveries to ${name} failed ${w.within(longWindows(burn.fast))}; ${objectiveText}`,
      description: `Deliveries to ${name} that failed: ${w.shares(longWindows(burn.fast))}; ${objectiveText}. The last one: ${w.lastOutcome}.`,
      dashboard: endpointPage(w),
      panel: [dashboards.deliveries, "Burn rates"],
    },
    {
      name: "OmegaStreamErrorBudgetBurningSlowly",
      comment:
        `The budget of ${percent(budget)} burns too fast: ${pace(burn.slow)}, from ${t.failuresAtLeast} failures on. ` +
        `With fewer than ${burn.few[0]!.fewerThan} deliveries: ${pace(burn.few)}. ${ownObjective}`,
      expr: spent([...burn.slow, ...burn.few]),
      summary: `${w.percent} of deliveries to ${name} failed ${w.within(longWindows([...burn.slow, ...burn.few]))}; ${objectiveText}`,
      description: `Deliveries to ${name} that failed: ${w.shares(longWindows([...burn.slow, ...burn.few]))}; ${objectiveText}. The last one: ${w.lastOutcome}.`,
      dashboard: endpointPage(w),
      panel: [dashboards.deliveries, "Burn rates"],
    },
    {
      name: "OmegaStreamEndpointFailing",
      comment: `${t.failuresInARow} failures in a row, in order of creation, over at least ${minutes(t.failingFor)}: one delivery a day is enough, and a restart of the receiver does not fire it.`,
      expr: routed(failing),
      threshold: `>= ${t.failuresInARow}`,
      summary: `Every delivery to ${name} fails: ${w.lastOutcome}`,
      description: `The last ${w.number} deliveries to ${name} failed, and none has succeeded since. The last one: ${w.lastOutcome}.`,
      dashboard: endpointPage(w),
      panel: [dashboards.deliveries, "Endpoints"],
    },
    {
      name: "OmegaStreamDeliveriesPendingGrowing",
      comment: `${t.pending} or more deliveries have waited for half an hour, and they grow in number. Fires only while syncs succeed.`,
      expr: routed(`${pending} > ${pending} offset 30m
and min_over_time(${pending}[30m]) >= ${t.pending}
and on (${account}) ${maximum("omegastream_up", account)} == 1`),
      threshold: `>= ${t.pending}`,
      summary: `${w.number} deliveries to ${name} wait for an outcome`,
      description: `${w.number} deliveries to ${name} have no outcome yet, and half an hour ago there were fewer: OmegaStream does not deliver them, or does not report it.`,
      dashboard: endpointPage(w),
      panel: [dashboards.deliveries, "Pending"],
    },
    {
      name: "OmegaStreamNoEvents",
      comment: `No event of any type for 6 h or a day, and ${t.eventsLastWeek} or more in the same time a week ago. Needs eight days of data.`,
      expr: routed(`(
${[silent(6 * 3600, "6h"), silent(86400, "1d")].join("\nor\n").replaceAll(/^(?=.)/gm, "  ")}
)
and ${active}
and on (${account}) ${records.age} < ${t.stale}`),
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
      comment: "Fires for a day after an endpoint left the account, while the exporter reads the account. Names its last host.",
      expr: `topk by (${endpoint}) (1, max_over_time(${records.seen}[1d]))
unless on (${endpoint}) webhook_endpoint_active
and on (${account}) ${maximum("omegastream_up", account)} == 1`,
      summary: `${name} was removed from the account`,
      description: `${endpointOf(w, "Endpoint")} was in the account within the last day and is gone: OmegaStream sends nothing to it.`,
      dashboard: endpointPage(w),
      panel: [dashboards.deliveries, "Endpoints"],
    },
  ]);
}

/** The API refused a key and accepted nothing since. One endpoint or event that may not be read is no key that is refused. */
const rejected = `${maximum(
  `sum by (${account}, instance) (increase(omegastream_api_requests_total{code=~"401|403"}[5m])) > 0
  unless on (${account}, instance) sum by (${account}, instance) (increase(omegastream_api_requests_total{code=~"2.."}[2m])) > 0`, account,
)}`;

export function exporterAlerts(w: Words): Alert[] {
  const exporter = exporterOf(w);
  const created = "omegastream_exporter_state_created_timestamp_seconds";
  const failed = 'omegastream_api_requests_total{code!~"2..|401|403|404|410|429"}';
  const never = `(${maximum("omegastream_up offset 5m", account)} unless on (${account}) ${records.age})`;
  /** What explains by itself that nothing was read, and has an alert of its own. */
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
      comment: `The exporter has not read all endpoints for ${minutes(t.blind)}. A rejected key and a failing state have alerts of their own.`,
      expr: `${records.age} > ${t.blind}\n${explained}`,
      threshold: `> ${t.blind}`,
      summary: `${exporter} has not read all endpoints for ${w.duration}`,
      description: `${exporter} has not read all endpoints for ${w.duration}; ${w.answers}. Until it does, you see no new failures.`,
      dashboard: exporterPage(w),
      panel: [dashboards.exporter, "Age of the data"],
    },
    {
      name: "OmegaStreamExporterStale",
      comment: `The exporter has not read all endpoints for ${minutes(t.stale)}, or never since its state began. After ${minutes(t.blind)}, OmegaStreamExporterBlind takes over.`,
      expr: `(\n  ${records.age} > ${t.stale} <= ${t.blind}\n  or\n  ${never}\n)\n${explained}`,
      threshold: `> ${t.stale} `,
      summary: `${exporter} cannot read all endpoints: its data is old`,
      description: `${exporter} has not read all endpoints for more than ${minutes(t.stale)}, or never did; ${w.answers}. Dashboards and alerts can show old data.`,
      dashboard: exporterPage(w),
      panel: [dashboards.exporter, "Age of the data"],
    },
    {
      name: "OmegaStreamAPIKeyRejected",
      comment: "The API refused the key and accepted no call for two minutes. A revoked key does not recover.",
      expr: rejected,
      summary: `The OmegaStream API rejects the key of ${exporter}`,
      description: `The OmegaStream API has answered ${exporter} only with 401 or 403 for 2 minutes: the key was revoked, or it has no access to webhooks.`,
      dashboard: exporterPage(w),
      panel: [dashboards.exporter, "Calls by status code"],
    },
    {
      name: "OmegaStreamAPIFailing",
      comment: `${percent(t.apiFailures)} of the calls fail while syncs succeed. Refused keys, rate limits and events that are gone do not count.`,
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
      comment: "Fires for an hour, once for the account: an API that forgot its history forgot it for all endpoints.",
      expr: `count by (${account}) (${maximum(grown("omegastream_exporter_list_gaps_total", "1h"))} > 0)`,
      threshold: "> 0",
      summary: `${exporter} missed events of ${w.number} endpoints`,
      description: `The lists of ${w.number} endpoints began after the newest known event in the last hour: the API dropped the events in between before ${exporter} saw them, so they are not counted.`,
      dashboard: exporterPage(w),
      panel: [dashboards.exporter, "List gaps"],
    },
    {
      name: "OmegaStreamStateReset",
      comment:
        "The state was unreadable, or is not the one of before: a volume that was lost, or `memory:`. Stays for an hour. An added instance with its own state is quiet, and so is a rollout, in which old and new pods overlap.",
      // Of one instance by itself, and of all where a pod came back under a new name with no other beside it.
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
      comment: "While this fires, the exporter does not call the API and shows nothing new. The reason is a label.",
      expr: `${maximum("omegastream_exporter_state_failing", `${account}, reason`)} == 1`,
      summary: `${exporter} cannot work on its state: ${w.label("reason")}`,
      description: `${exporter} has not been able to work on its state for 5 minutes (${w.label("reason")}). Until it can, new deliveries are not shown.`,
      dashboard: exporterPage(w),
      panel: [dashboards.exporter, "Commit failures"],
    },
  ]);
}

/** Not about webhooks but about videos, and so an option. */
export function videoAlerts(w: Words): Alert[] {
  return timed([
    {
      name: "OmegaStreamVideosFailing",
      comment: `${percent(t.videosFailed)} of at least ${t.videosMinimum} videos failed within an hour. Only endpoints that subscribe to both types count.`,
      expr: `100 * ${maximum(`
  sum without (event_type) (increase(webhook_events_total{event_type="video.process_failed"}[1h]))
  / (sum without (event_type) (increase(webhook_events_total{event_type=~"video.process_(failed|succeeded)"}[1h])) >= ${t.videosMinimum})
  and sum without (event_type) (webhook_endpoint_subscribed{event_type=~"video.process_(failed|succeeded)"}) == 2
  and on (${account}) omegastream_up
`, account)} > ${t.videosFailed * 100}`,
      threshold: `> ${t.videosFailed * 100}`,
      summary: `The processing of ${w.percent} of videos failed`,
      description: `${w.percent} of the videos that were processed in the last hour failed, as ${exporterOf(w)} saw it.`,
      dashboard: page(w, dashboards.deliveries),
      panel: [dashboards.deliveries, "Events by type"],
    },
  ]);
}
