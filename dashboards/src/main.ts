// Writes every generated file. Run it in dashboards/.
import { mkdirSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { deliveriesDashboard } from "./deliveries.js";
import { exporterDashboard } from "./exporter.js";
import { grafanaFiles } from "./grafana.js";
import { here, out } from "./options.js";
import { ruleFiles } from "./rules.js";

const models = { "webhook-deliveries": deliveriesDashboard(), "omegastream-exporter": exporterDashboard() };
const files: Record<string, string> = { ...ruleFiles(), ...grafanaFiles(Object.values(models)) };

// Helm packs only files inside the chart.
const chart = "deploy/helm/omegastream-exporter/files";
for (const name of ["prometheusrule.yaml", "prometheusrule-videos.yaml"]) files[`${chart}/${name}`] = files[`dashboards/rules/${name}`]!;

for (const [path, model] of Object.entries(models)) {
  const json = JSON.stringify(model, null, 2);
  files[`dashboards/${path}.json`] = `${json}\n`;
  files[`${chart}/${path}.json`] = `${json}\n`;
  // The same for `tsc -p schema`, which checks it against Grafana's own types.
  if (here) files[`dashboards/build/schema/${path}.ts`] = `import type { Model } from "../../schema/model.js";\n\nexport const model: Model = ${json};\n`;
}

for (const [path, text] of Object.entries(files)) {
  const file = join(out, path);
  mkdirSync(dirname(file), { recursive: true });
  writeFileSync(file, text);
}
