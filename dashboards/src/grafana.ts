// Writes the same alerts for Grafana's own alerting. They need the series that Prometheus' rules record, but no Alertmanager.
import type { Dashboard } from "@grafana/grafana-foundation-sdk/dashboard";
import { deliveryAlerts, exporterAlerts, failuresPath, runbook, speak, videoAlerts, type Alert, type Words } from "./alerts.js";
import { endpoint } from "./queries.js";
import { links } from "./settings.js";

/** The uid of Prometheus in deploy/grafana/provisioning/datasources. */
const prometheus = "prometheus";

/** The file of the data source. */
const datasource = `# Generated from dashboards/src by \`make dashboards\`: Grafana's data source for the dashboards and alerts.
# Not tested on a running Grafana.
apiVersion: 1
datasources:
  - name: Prometheus
    uid: ${prometheus} # the alerts refer to it by this uid
    type: prometheus
    access: proxy
    url: http://prometheus:9090
    jsonData:
      httpMethod: POST
      prometheusType: Prometheus
      prometheusVersion: 3.0.0
      # The scrape interval, for panels of your own. The dashboards need no other one where scrapes are up to 60 s apart.
      timeInterval: 15s
      # An exemplar is the newest failed event of its series, and links to the exporter's page about that event. It needs
      # Prometheus with --enable-feature=exemplar-storage. Provisioning files escape a dollar by doubling it.
      exemplarTraceIdDestinations:
        - name: event_id
          url: ${links.exporter}/events/$$\{__value.raw}
          urlDisplayLabel: The exporter's page of this event
`;

/** Without dollars, because provisioning expands some of them as environment variables, and versions differ in which. */
const words: Words = {
  label: (name) => `{{ .Labels.${name} }}`,
  withLabel: (name, then, otherwise) => `{{ if .Labels.${name} }}${then}${otherwise === undefined ? "" : `{{ else }}${otherwise}`}{{ end }}`,
  escaped: (name) => `{{ .Labels.${name} | urlquery }}`,
  number: '{{ .Values.A.Value | printf "%.0f" }}',
  percent: '{{ .Values.A.Value | printf "%.3g" }} %',
  duration: "{{ .Values.A.Value | humanizeDuration }}",
  // Grafana cannot query within a text, so the text refers to the dashboard.
  within: (windows) => `in one of these windows: the last ${windows.map(speak).join(", ")}`,
  shares: (windows) => `{{ .Values.A.Value | printf "%.3g" }} % in one of these windows: the last ${windows.map(speak).join(", ")}`,
  lastOutcome: "see the column Last of the dashboard",
  failingSince: "",
  answers: "the dashboard says what the API answered",
};

function rule(a: Alert, models: Dashboard[]): object {
  const [uid, title] = a.panel;
  const panel = models.find((model) => model.uid === uid)?.panels?.find((p) => p.type !== "row" && p.title === title);
  if (panel?.id === undefined) throw new Error(`${a.name}: no panel ${title} in ${uid}`);
  return {
    uid: a.name.replace("OmegaStream", "omegastream-").toLowerCase(),
    title: a.name,
    condition: "C",
    for: a.for ?? "0s",
    ...(a.keepFiringFor ? { keepFiringFor: a.keepFiringFor } : {}),
    // Missing data does not fire: the alerts about absence test for it in their expressions.
    noDataState: "OK",
    // A Prometheus that restarts does not fire either: if it stays away from the exporter, OmegaStreamExporterDown fires.
    execErrState: "KeepLast",
    dashboardUid: uid,
    panelId: panel.id,
    labels: { severity: a.severity },
    annotations: {
      summary: a.summary,
      description: a.description,
      dashboard_url: a.dashboard,
      failures_url: links.exporter + failuresPath(a, words),
      runbook_url: runbook(a.name),
    },
    data: [
      {
        refId: "A",
        relativeTimeRange: { from: 600, to: 0 },
        datasourceUid: prometheus,
        model: { refId: "A", editorMode: "code", expr: a.expr, instant: true, range: false },
      },
      {
        // The query contains the threshold, so every series that it returns is a firing alert. No value is below 0.
        refId: "C",
        relativeTimeRange: { from: 600, to: 0 },
        datasourceUid: "__expr__",
        model: {
          refId: "C",
          type: "threshold",
          expression: "A",
          conditions: [{ type: "query", evaluator: { type: "gt", params: [-1] }, operator: { type: "and" }, query: { params: ["C"] }, reducer: { type: "last", params: [] } }],
        },
      },
    ],
  };
}

function scalar(value: unknown, indent: string): string {
  if (typeof value !== "string") return JSON.stringify(value);
  if (value.includes("$")) throw new Error(`a dollar in ${value}`);
  if (value.includes("\n")) return `|-\n${value.replaceAll(/^/gm, indent)}`;
  return `'${value.replaceAll("'", "''")}'`;
}

function yaml(value: unknown, indent = ""): string {
  if (Array.isArray(value)) {
    if (value.every((v) => typeof v !== "object")) return ` [${value.map((v) => scalar(v, "")).join(", ")}]`;
    return value.map((v) => `\n${indent}- ${yaml(v, `${indent}  `).trimStart()}`).join("");
  }
  if (typeof value === "object" && value !== null) {
    return Object.entries(value).map(([k, v]) => `\n${indent}${k}:${yaml(v, `${indent}  `)}`).join("");
  }
  return ` ${scalar(value, indent)}`;
}

/** An example that replaces Alertmanager's grouping and inhibitions. Copy it to provisioning/alerting. */
const policies = `# Generated from dashboards/src by \`make dashboards\`: an example of notification policies. Enter your own addresses.
# Not tested on a running Grafana. Grafana has no inhibitions. Instead, the grouping here makes one message of one cause,
# and an alert stays quiet if another one explains it (a rejected key, an endpoint at which every delivery fails).
apiVersion: 1
contactPoints:
  - orgId: 1
    name: omegastream-people
    receivers:
      - {uid: omegastream-people, type: webhook, settings: {url: 'http://localhost:9099/people'}}
  - orgId: 1
    name: omegastream-pager
    receivers:
      - {uid: omegastream-pager, type: webhook, settings: {url: 'http://localhost:9099/pager'}}
# This replaces the whole policy tree. If you have one already, add the two routes to it instead.
policies:
  - orgId: 1
    receiver: omegastream-people
    group_by: [${endpoint}]
    group_wait: 30s
    group_interval: 5m
    repeat_interval: 12h
    routes:
      - receiver: omegastream-pager
        object_matchers: [[severity, '=', critical]]
      - receiver: omegastream-people
        object_matchers: [[alertname, '=', OmegaStreamDeliveryFailed]]
        repeat_interval: 4d
`;

export function grafanaFiles(models: Dashboard[]): Record<string, string> {
  const group = (name: string, alerts: Alert[]) => ({ orgId: 1, name, folder: "OmegaStream", interval: "1m", rules: alerts.map((a) => rule(a, models)) });
  const file = (groups: object[]) =>
    `# Generated from dashboards/src by \`make dashboards\`: the alerts of dashboards/rules for Grafana's own alerting.\n` +
    `# They read series that Prometheus records by omegastream-records.rules.yaml. Not tested on a running Grafana.\napiVersion: 1\ngroups:${yaml(groups)}\n`;
  const dir = "deploy/grafana";
  return {
    [`${dir}/provisioning/alerting/omegastream.yaml`]: file([group("omegastream-deliveries", deliveryAlerts(words)), group("omegastream-exporter", exporterAlerts(words))]),
    // Optional: copy them to provisioning/alerting.
    [`${dir}/optional/omegastream-videos.yaml`]: file([group("omegastream-videos", videoAlerts(words))]),
    [`${dir}/optional/notification-policies.yaml`]: policies,
    [`${dir}/provisioning/datasources/prometheus.yaml`]: datasource,
  };
}
