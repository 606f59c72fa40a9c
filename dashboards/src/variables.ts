// Variables, links and annotations that the dashboards share.
import * as dashboard from "@grafana/grafana-foundation-sdk/dashboard";
import * as prometheus from "@grafana/grafana-foundation-sdk/prometheus";
import { datasource } from "./panels.js";
import { accountLabels, links, mark } from "./settings.js";

function datasourceVariable(): dashboard.DatasourceVariableBuilder {
  return new dashboard.DatasourceVariableBuilder("datasource").label("Data source").type("prometheus");
}

/** Selects the series of the exporters that are chosen at the top. */
export const selected = accountLabels.map((label) => `${label}=~"$${label}"`).join(", ");

/**
 * The variables that choose exporters: data source, cluster, namespace and job. If targets lack a label, its variable has
 * nothing to choose, and its "All" matches any value. "All" jobs means those of exporters, so that no other job gets in.
 */
export function accountVariables(d: dashboard.DashboardBuilder): dashboard.DashboardBuilder {
  return d
    .withVariable(datasourceVariable())
    .withVariable(query("cluster", "Cluster", `label_values(${mark}, cluster)`).multi(true).includeAll(true).allValue(".*").current(all()))
    .withVariable(query("namespace", "Namespace", `label_values(${mark}{cluster=~"$cluster"}, namespace)`).multi(true).includeAll(true).allValue(".*").current(all()))
    .withVariable(query("job", "Job", `label_values(${mark}{cluster=~"$cluster", namespace=~"$namespace"}, job)`).multi(true).includeAll(true).current(all()));
}

export function query(name: string, label: string, expr: string): dashboard.QueryVariableBuilder {
  return new dashboard.QueryVariableBuilder(name)
    .label(label)
    .datasource(datasource)
    .query({ query: expr, refId: name })
    .refresh(dashboard.VariableRefresh.OnTimeRangeChanged)
    .sort(dashboard.VariableSort.AlphabeticalAsc);
}

export function all(): dashboard.VariableOption {
  return { selected: true, text: ["All"], value: ["$__all"] };
}

export function exporterVariable(): dashboard.TextBoxVariableBuilder {
  return new dashboard.TextBoxVariableBuilder("exporter")
    .label("Exporter's page")
    .description("URL of the exporter's own pages, for links")
    .defaultValue(links.exporter);
}

/** A hidden variable: people can correct the link in the dashboard's settings. */
export function runbooksVariable(): dashboard.ConstantVariableBuilder {
  return new dashboard.ConstantVariableBuilder("runbooks").label("Runbooks").description("URL of docs/runbooks.md, for links").value(links.runbooks);
}

export function link(title: string, url: string, tooltip: string, keep: boolean): dashboard.DashboardLinkBuilder {
  return new dashboard.DashboardLinkBuilder(title)
    .type(dashboard.DashboardLinkType.Link)
    .icon("external link")
    .url(url)
    .tooltip(tooltip)
    .includeVars(keep)
    .keepTime(keep)
    .targetBlank(!keep);
}

export function outside(): dashboard.DashboardLinkBuilder[] {
  return [
    link("Runbooks", "${runbooks}", "What each alert means and what to do", false),
    link("Exporter's page", "${exporter}", "What the exporter knows, with the provider's messages", false),
  ];
}

/** An annotation at the time that is the value of a series, in milliseconds. */
export function at(name: string, expr: string, title: string, text: string, colour: string, interval?: string): dashboard.AnnotationQueryBuilder {
  return annotation(name, expr, title, text, colour, interval).useValueForTime(true);
}

export function annotation(name: string, expr: string, title: string, text: string, colour: string, interval = "60s"): dashboard.AnnotationQueryBuilder {
  return new dashboard.AnnotationQueryBuilder()
    .name(name)
    .datasource(datasource)
    .enable(true)
    .hide(false)
    .iconColor(colour)
    .target(new prometheus.DataqueryBuilder().refId("Anno").expr(expr).interval(interval).range())
    .titleFormat(title)
    .textFormat(text)
    .tagKeys("alertname,severity");
}

export const restarts = () =>
  at("Exporter restarts", `process_start_time_seconds{${selected}} * 1000`, "Exporter started", "{{instance}}", "blue");
/** What fires for the exporters that are chosen, and for the endpoints where a dashboard has them. Single failures are bars already. */
export const firing = (selector: string) =>
  annotation("Alerts", `ALERTS{alertname=~"OmegaStream.*", alertname!="OmegaStreamDeliveryFailed", alertstate="firing", severity!="info", ${selector}}`, "{{alertname}}", "{{host}} {{endpoint_id}}", "red");

/** Says in the description of each panel which filters its queries have, and in that of each filter which panels it applies to. */
export function sayFilters(model: dashboard.Dashboard): dashboard.Dashboard {
  const panels = (model.panels ?? []).flatMap((panel) => ("targets" in panel && panel.targets ? [panel] : []));
  const has = (panel: dashboard.Panel, filter: string) => JSON.stringify(panel.targets).includes(`$${filter}`);
  for (const panel of panels) {
    const said = !has(panel, "endpoint") ? "Not filtered by endpoint, type or code."
      : !has(panel, "event_type") ? "Filtered by endpoint, not by type or code."
      : !has(panel, "status_code") ? "Filtered by endpoint and type, not by code."
      : "All filters apply.";
    panel.description += ` ${said}`;
  }
  for (const filter of model.templating?.list ?? []) {
    if (!["endpoint", "event_type", "status_code"].includes(filter.name)) continue;
    const titles = (some: dashboard.Panel[]) => some.map((panel) => `"${panel.title}"`).join(", ");
    const [some, others] = [panels.filter((panel) => has(panel, filter.name)), panels.filter((panel) => !has(panel, filter.name))];
    filter.description = some.length > others.length ? `Applies to all panels but ${titles(others)}.` : `Applies to ${titles(some)}.`;
  }
  return model;
}

/**
 * Numbers the panels, so that links to a panel stay valid, and removes two defaults of the SDK: members of interval
 * variables, which the schema does not allow on other variables, and the placement of links and annotations, which hides
 * them in a menu since Grafana 12.3.
 */
export function tidy(model: dashboard.Dashboard): dashboard.Dashboard {
  model.panels?.forEach((panel, i) => {
    panel.id = i + 1;
  });
  for (const variable of (model.templating?.list ?? []) as unknown as Record<string, unknown>[]) {
    if (variable.type !== "interval") {
      for (const key of ["auto", "auto_min", "auto_count"]) delete variable[key];
    }
  }
  for (const shown of [...(model.links ?? []), ...(model.annotations?.list ?? [])]) delete shown.placement;
  return model;
}
