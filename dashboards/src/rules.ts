// The rules as YAML: for Prometheus as they are, and for its operator.
import { deliveryAlerts, exporterAlerts, runbook, videoAlerts, type Alert, type Words } from "./alerts.js";
import { recorded, recordingRules } from "./queries.js";
import { dashboards, links } from "./settings.js";

/** Names an endpoint by the host that the exporter shows, without making it a part of the alert's identity. */
function endpoint(info: string, start: "endpoint" | "Endpoint"): string {
  const id = "{{ $labels.endpoint_id }}";
  return `{{ with printf \`${info}\` $labels.endpoint_id | query }}{{ . | first | label "url" }} (endpoint ${id}){{ else }}${start} ${id}{{ end }}`;
}

const shown = 'webhook_endpoint_info{endpoint_id=%q,url!=""}';

const words: Words = {
  label: (name) => `{{ $labels.${name} }}`,
  parameter: (variable, label) => `{{ with $labels.${label} }}?var-${variable}={{ . | urlquery }}{{ end }}`,
  endpoint: endpoint(shown, "endpoint"),
  formerEndpoint: endpoint(`last_over_time(${shown}[1d])`, "Endpoint"),
  exporter: 'omegastream_exporter{{ with $labels.job }} (job {{ . }}){{ end }}',
  number: '{{ $value | printf "%.0f" }}',
  share: "{{ $value | humanizePercentage }}",
  duration: "{{ $value | humanizeDuration }}",
};

const quote = (text: string) => `'${text.replaceAll("'", "''")}'`;

function indent(text: string, by: number): string {
  return text.replaceAll(/^(?=.)/gm, " ".repeat(by));
}

function expression(expr: string): string {
  return expr.includes("\n") || /: |#|^[{[|>]/.test(expr) ? `|-\n${indent(expr, 6)}` : expr;
}

function alertYAML(a: Alert): string {
  const lines = [`  # ${a.comment}`, `  - alert: ${a.name}`, `    expr: ${expression(a.expr)}`];
  if (a.for) lines.push(`    for: ${a.for}`);
  if (a.keepFiringFor) lines.push(`    keep_firing_for: ${a.keepFiringFor}`);
  lines.push(
    "    labels:",
    `      severity: ${a.severity}`,
    "    annotations:",
    `      summary: ${quote(a.summary)}`,
    `      description: ${quote(a.description)}`,
    `      dashboard_url: ${quote(a.dashboard)}`,
    `      runbook_url: ${quote(runbook(a.name))}`,
  );
  return lines.join("\n");
}

function group(name: string, comment: string, rules: string[]): string {
  return `# ${comment}\n- name: ${name}\n  rules:\n${rules.join("\n")}`;
}

const records = () => recordingRules().map((r) => `  - record: ${r.record}\n    expr: ${expression(r.expr)}`);

const head = `# Generated from dashboards/src by \`make dashboards\`.
#
# The thresholds stand in dashboards/src/settings.ts with when to change each; the comment on an alert repeats it.
# Where links lead is a flag of the generator: \`npm run generate -- --help\` in dashboards. Without Node:
#   sed -i 's|${links.grafana}|https://your.grafana|; s|${links.runbooks}|https://your/runbooks.md|' FILE
`;

function main(): string {
  return [
    group("omegastream-records", "What alerts need of each endpoint. No group has an interval of its own: that of the server holds.", records()),
    group("omegastream-deliveries", `Deliveries, one alert for each endpoint. Dashboard: /d/${dashboards.deliveries}.`, deliveryAlerts(recorded, words).map(alertYAML)),
    group("omegastream-exporter", `The exporter itself. Dashboard: /d/${dashboards.exporter}.`, exporterAlerts(recorded, words).map(alertYAML)),
  ].join("\n\n");
}

function videos(): string {
  return group("omegastream-videos", "An option: about videos, not about webhooks.", videoAlerts(words).map(alertYAML));
}

function operator(name: string, groups: string): string {
  return `${head}apiVersion: monitoring.coreos.com/v1
kind: PrometheusRule
metadata:
  name: ${name}
  labels:
    app.kubernetes.io/name: omegastream-exporter
spec:
  groups:
${indent(groups, 2)}
`;
}

/** The files by path from the root of the repository. */
export function ruleFiles(): Record<string, string> {
  return {
    "dashboards/rules/omegastream.rules.yaml": `${head}\ngroups:\n${main()}\n`,
    "dashboards/rules/omegastream-videos.rules.yaml": `${head}\ngroups:\n${videos()}\n`,
    "dashboards/rules/prometheusrule.yaml": operator("omegastream-exporter", main()),
    "dashboards/rules/prometheusrule-videos.yaml": operator("omegastream-exporter-videos", videos()),
  };
}
