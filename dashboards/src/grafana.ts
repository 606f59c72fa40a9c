// The same alerts for those who alert from Grafana: they need neither Prometheus' rules nor Alertmanager.
import { deliveryAlerts, exporterAlerts, runbook, videoAlerts, type Alert, type Words } from "./alerts.js";
import { inline } from "./queries.js";
import { links } from "./settings.js";

/** The uid that deploy/grafana/provisioning/datasources gives to Prometheus. */
const prometheus = "prometheus";

/** The data source itself. */
const datasource = `# Generated from dashboards/src by \`make dashboards\`: Grafana's data source for the dashboards and alerts.
# Not tried on a running Grafana.
apiVersion: 1
datasources:
  - name: Prometheus
    uid: ${prometheus} # the alerts ask for it by this uid
    type: prometheus
    access: proxy
    url: http://prometheus:9090
    jsonData:
      httpMethod: POST
      prometheusType: Prometheus
      prometheusVersion: 3.0.0
      # The scrape interval: bars and rates depend on it.
      timeInterval: 15s
      # An exemplar is the newest failed event of its series, and leads to the exporter's page about it. Needs
      # Prometheus with --enable-feature=exemplar-storage. A dollar is written twice here.
      exemplarTraceIdDestinations:
        - name: event_id
          url: ${links.exporter}/events/$$\{__value.raw}
          urlDisplayLabel: The exporter's page of this event
`;

function endpoint(start: "endpoint" | "Endpoint"): string {
  return `{{ if .Labels.url }}{{ .Labels.url }} (endpoint {{ .Labels.endpoint_id }}){{ else }}${start} {{ .Labels.endpoint_id }}{{ end }}`;
}

/** Without dollars: provisioning takes some of them for the environment's, and not in every version the same. */
const words: Words = {
  label: (name) => `{{ .Labels.${name} }}`,
  parameter: (variable, label) => `{{ with .Labels.${label} }}?var-${variable}={{ . | urlquery }}{{ end }}`,
  endpoint: endpoint("endpoint"),
  formerEndpoint: endpoint("Endpoint"),
  exporter: "omegastream_exporter{{ with .Labels.job }} (job {{ . }}){{ end }}",
  number: '{{ .Values.A.Value | printf "%.0f" }}',
  share: "{{ .Values.A.Value | humanizePercentage }}",
  duration: "{{ .Values.A.Value | humanizeDuration }}",
};

/** Grafana cannot look a host up in a text, so the query has to bring it along, from one series for each endpoint. */
function withHost(a: Alert): string {
  if (!a.description.includes(".Labels.url")) return a.expr;
  const host = "topk by (endpoint_id) (1, max by (endpoint_id, url) (last_over_time(webhook_endpoint_info[1d])))";
  return `(\n${a.expr}\n)\n* on (endpoint_id) group_left (url) ${host}`;
}

function rule(a: Alert): object {
  return {
    uid: a.name.replace("OmegaStream", "omegastream-").toLowerCase(),
    title: a.name,
    condition: "C",
    for: a.for ?? "0s",
    ...(a.keepFiringFor ? { keepFiringFor: a.keepFiringFor } : {}),
    // What is absent does not fire: the rules that mean absence say so themselves.
    noDataState: "OK",
    execErrState: "Error",
    labels: { severity: a.severity },
    annotations: {
      summary: a.summary,
      description: a.description,
      runbook_url: runbook(a.name),
      dashboard_url: a.dashboard,
    },
    data: [
      {
        refId: "A",
        relativeTimeRange: { from: 600, to: 0 },
        datasourceUid: prometheus,
        model: { refId: "A", editorMode: "code", expr: withHost(a), instant: true, range: false },
      },
      {
        // The query has the threshold: every series that it returns is a firing alert. No value is below 0.
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

export function grafanaFiles(): Record<string, string> {
  const group = (name: string, alerts: Alert[]) => ({ orgId: 1, name, folder: "OmegaStream", interval: "1m", rules: alerts.map(rule) });
  const file = (groups: object[]) =>
    `# Generated from dashboards/src by \`make dashboards\`: the alerts of dashboards/rules for Grafana's own alerting.\n` +
    `# Not tried on a running Grafana.\napiVersion: 1\ngroups:${yaml(groups)}\n`;
  const dir = "deploy/grafana";
  return {
    [`${dir}/provisioning/alerting/omegastream.yaml`]: file([group("omegastream-deliveries", deliveryAlerts(inline, words)), group("omegastream-exporter", exporterAlerts(inline, words))]),
    // An option: to be copied there.
    [`${dir}/optional/omegastream-videos.yaml`]: file([group("omegastream-videos", videoAlerts(words))]),
    [`${dir}/provisioning/datasources/prometheus.yaml`]: datasource,
  };
}
