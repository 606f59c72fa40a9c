// Writes the rules as YAML, for Prometheus and for its operator.
import { deliveryAlerts, exporterAlerts, failuresPath, runbook, speak, videoAlerts, type Alert, type Words } from "./alerts.js";
import { barRules, barWidth, gauge, hourRules, hourWidth, indent, ratio, recordingRules, type RecordingRule } from "./queries.js";
import { accountLabels, dashboards, links } from "./settings.js";

/** A query within a text for series of the alert's account, and what the text says about the first one. */
function ask(query: string, labels: string[], then: string, otherwise = ""): string {
  const matchers = [...accountLabels, ...labels];
  const selector = matchers.map((label) => `${label}=%q`).join(",");
  const full = query.includes(",{}") ? query.replace("{}", selector) : query.replace("{}", `{${selector}}`);
  return `{{ with printf \`${full}\` ${matchers.map((label) => `$labels.${label}`).join(" ")} | query }}${then}${otherwise && `{{ else }}${otherwise}`}{{ end }}`;
}

const value = (format: string) => `{{ . | first | value | printf "${format}" }}`;

/** Each query in a text is cheap: it reads one endpoint, and only while the alert fires. */
const reason = ask("topk(1, max by (reason) (increase(webhook_delivery_no_response_total{}[1h])) > 0)", ["endpoint_id"], ' ({{ . | first | label "reason" }})');

const words: Words = {
  label: (name) => `{{ $labels.${name} }}`,
  withLabel: (name, then, otherwise) => `{{ if $labels.${name} }}${then}${otherwise === undefined ? "" : `{{ else }}${otherwise}`}{{ end }}`,
  escaped: (name) => `{{ $labels.${name} | urlquery }}`,
  number: '{{ $value | printf "%.0f" }}',
  percent: '{{ $value | printf "%.3g" }} %',
  duration: "{{ $value | humanizeDuration }}",
  // The shortest window, if several have the same share.
  within: (windows) => {
    const look = [...windows].reverse().map((window) => ask(`100 * ${ratio(window)}{}`, ["endpoint_id"], `{{ if eq (. | first | value) $value }}{{ $window = "${speak(window)}" }}{{ end }}`));
    return `{{ $window := "days" }}${look.join("")}in the last {{ $window }}`;
  },
  shares: (windows) => windows.map((window) => `${ask(`100 * ${ratio(window)}{}`, ["endpoint_id"], `${value("%.3g")} %`, "none")} in the last ${speak(window)}`).join(", "),
  lastOutcome: ask(
    `${gauge("lastCode")}{}`, ["endpoint_id"],
    `{{ if eq (. | first | value) 0.0 }}no HTTP response${reason}{{ else }}status code ${value("%.0f")}{{ end }}`, "not known",
  ),
  failingSince: ask("max(webhook_endpoint_failing_since_timestamp_seconds{})", ["endpoint_id"], `&since=${value("%.0f")}`),
  answers: ask(
    'topk(1, sum by (code) (increase(omegastream_api_requests_total{code!~"2..",{}}[10m])) > 0)', [],
    'most failed calls got {{ with . | first | label "code" }}{{ if eq . "none" }}no answer{{ else }}status code {{ . }}{{ end }}{{ end }}', "no call to the API failed",
  ),
};

/** A page of the exporter: at the address that it has shown within a day, otherwise at the address given to the generator. */
function exporterPage(path: string, otherwise: string): string {
  return ask("topk(1, last_over_time(omegastream_exporter_web_info{}[1d]))", [], `{{ . | first | label "external_url" }}${path}`, otherwise);
}

const quote = (text: string) => `'${text.replaceAll("'", "''")}'`;

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
    `      failures_url: ${quote(exporterPage(failuresPath(a, words), links.exporter + failuresPath(a, words)))}`,
    `      runbook_url: ${quote(exporterPage(`/runbooks#${a.name}`, runbook(a.name)))}`,
  );
  return lines.join("\n");
}

function group(name: string, comment: string, rules: string[], interval?: string): string {
  return `# ${comment}\n- name: ${name}\n${interval ? `  interval: ${interval}\n` : ""}  rules:\n${rules.join("\n")}`;
}

const records = (rules: RecordingRule[]) => rules.map((r) => `  - record: ${r.record}\n    expr: ${expression(r.expr)}`);

function recordGroups(): string[] {
  return [
    group("omegastream-records", "Records for alerts and panels. The group has no interval of its own, so the server's evaluation interval applies.", records(recordingRules())),
    group("omegastream-bars", "Records for the bars of the dashboards. The interval is the width of a bar: each evaluation is one bar.", records(barRules()), barWidth),
    group("omegastream-hours", "Records for the 30-day error budget, which is their sum. Each evaluation is one hour.", records(hourRules()), hourWidth),
  ];
}

const head = `# Generated from dashboards/src by \`make dashboards\`.
#
# To change an alert, edit its \`for\`, its severity, or the number in its expression; the comment above the alert explains
# the number. dashboards/src/settings.ts has all settings, with advice on each. In Helm, use prometheusRule.alerts.
# \`unless\` leaves out what another alert covers: if you remove that one or change its number, change it there too.
# Links to the exporter use its --web.external-url. Flags of the generator set the other links (\`npm run generate --
# --help\` in dashboards). Without Node:
#   sed -i 's|${links.grafana}|https://your.grafana|; s|${links.runbooks}|https://your/runbooks.md|; s|${links.exporter}|https://your.exporter|' FILE
`;

function main(): string {
  return [
    ...recordGroups(),
    group("omegastream-deliveries", `Alerts about deliveries, one for each endpoint. Dashboard: /d/${dashboards.deliveries}.`, deliveryAlerts(words).map(alertYAML)),
    group("omegastream-exporter", `Alerts about the exporter itself. Dashboard: /d/${dashboards.exporter}.`, exporterAlerts(words).map(alertYAML)),
  ].join("\n\n");
}

function videos(): string {
  return group("omegastream-videos", "An optional alert about videos, not about webhooks.", videoAlerts(words).map(alertYAML));
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

/** The part of each alert's expression that the chart's values replace. */
function thresholds(): string {
  const all = [...deliveryAlerts(words), ...exporterAlerts(words), ...videoAlerts(words)];
  for (const { name, expr, threshold } of all) {
    if (threshold !== undefined && !expr.includes(threshold)) throw new Error(`${name}: ${threshold} is not in its expression`);
  }
  return `# Generated from dashboards/src by \`make dashboards\`: what prometheusRule.alerts.NAME.threshold replaces in an expression.\n${all.flatMap((a) => (a.threshold === undefined ? [] : [`${a.name}: '${a.threshold}'\n`])).join("")}`;
}

/** The files, by their path from the root of the repository. */
export function ruleFiles(): Record<string, string> {
  return {
    "dashboards/rules/omegastream.rules.yaml": `${head}\ngroups:\n${main()}\n`,
    "dashboards/rules/omegastream-videos.rules.yaml": `${head}\ngroups:\n${videos()}\n`,
    // For Grafana's own alerting: its alerts and the dashboards read these records.
    "deploy/grafana/omegastream-records.rules.yaml": `${head}\ngroups:\n${recordGroups().join("\n\n")}\n`,
    "deploy/helm/omegastream-exporter/files/thresholds.yaml": thresholds(),
    "dashboards/rules/prometheusrule.yaml": operator("omegastream-exporter", main()),
    "dashboards/rules/prometheusrule-videos.yaml": operator("omegastream-exporter-videos", videos()),
  };
}
