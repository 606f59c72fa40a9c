// The kinds of panels. Every panel has a title, a description, a unit, and a text for when it has no data.
import { barWidth, records } from "./queries.js";
import { thresholds as limits } from "./settings.js";
import * as common from "@grafana/grafana-foundation-sdk/common";
import * as dashboard from "@grafana/grafana-foundation-sdk/dashboard";
import * as heatmap from "@grafana/grafana-foundation-sdk/heatmap";
import * as prometheus from "@grafana/grafana-foundation-sdk/prometheus";
import * as stat from "@grafana/grafana-foundation-sdk/stat";
import * as table from "@grafana/grafana-foundation-sdk/table";
import * as timeseries from "@grafana/grafana-foundation-sdk/timeseries";

export const datasource: common.DataSourceRef = { type: "prometheus", uid: "${datasource}" };

/** The sum of recorded bars within one bar of the panel, which is wider if the panel shows many days. */
export const withinBar = (series: string) => `sum_over_time(${series}[$__interval])`;
export const inBar = (record: string, selector: string) => withinBar(`${record}{${selector}}`);

/**
 * The increase of a counter within one bar. The range goes one scrape further back than the bar, so that no increment
 * falls between two bars; the factor removes what increase() adds for that.
 */
export function bar(by: string, metric: string, selector: string): string {
  return `max by (${by}) (increase(${metric}{${selector}}[$__rate_interval])) * $__interval_ms / $__rate_interval_ms`;
}

/** The name of a series that is 0 while nothing happens, so that the panel shows an empty bar in place of "No data". */
const placeholder = "nothing";

/** A query for rare events. It draws no empty bar while the data is old or missing, because nobody knows what happened. */
export function seldom(label: string, happened: string, selector: string, legend = `{{${label}}}`): Query {
  const fresh = `0 * (max(${records.age}{${selector}}) < ${limits.stale})`;
  return { expr: `${happened} or on () label_replace(${fresh}, "${label}", "${placeholder}", "", "")`, legend };
}

export interface Query {
  expr: string;
  legend?: string;
  exemplar?: boolean;
}

interface Common {
  title: string;
  description: string;
  unit: string;
  width: number;
  height?: number;
  empty?: string;
  decimals?: number;
}

/** Thresholds as [from, colour]; the first one has no lower limit. */
export type Steps = [number | null, string][];

function thresholds(steps: Steps): dashboard.ThresholdsConfigBuilder {
  return new dashboard.ThresholdsConfigBuilder()
    .mode(dashboard.ThresholdsMode.Absolute)
    .steps(steps.map(([value, color]) => ({ value, color })));
}

function target(q: Query, refId: string): prometheus.DataqueryBuilder {
  const t = new prometheus.DataqueryBuilder().refId(refId).datasource(datasource).expr(q.expr).editorMode(prometheus.QueryEditorMode.Code);
  if (q.legend !== undefined) t.legendFormat(q.legend);
  if (q.exemplar) t.exemplar(true);
  return t;
}

const letter = (i: number) => String.fromCharCode("A".charCodeAt(0) + i);

/**
 * Colours by the class of a status code. A later match wins, so that common codes of one class differ a little. Good is
 * blue and bad is orange to red, so that people who cannot tell red from green see two colours.
 */
const classes: [string, string][] = [
  ["/^[1-2]\\d\\d$/", "blue"],
  ["/^3\\d\\d$/", "light-blue"],
  ["/^4\\d\\d$/", "yellow"],
  ["/^40[13]$/", "dark-yellow"],
  ["/^429$/", "light-yellow"],
  ["/^5\\d\\d$/", "red"],
  ["/^500$/", "dark-red"],
  ["/^503$/", "light-red"],
  ["/^none$/", "dark-purple"],
];

function classColours(panel: timeseries.PanelBuilder): void {
  for (const [regexp, fixedColor] of classes) {
    panel.overrideByRegexp(regexp, [{ id: "color", value: { mode: "fixed", fixedColor } }]);
  }
}

export interface Series extends Common {
  queries: Query[];
  kind: "bars" | "lines";
  legend?: "bottom" | "right" | "hidden";
  calcs?: string[];
  steps?: Steps;
  byClass?: boolean;
  min?: number;
  max?: number;
}

export function series(o: Series): timeseries.PanelBuilder {
  const legend = new common.VizLegendOptionsBuilder()
    .showLegend(o.legend !== "hidden")
    .placement(o.legend === "right" ? common.LegendPlacement.Right : common.LegendPlacement.Bottom)
    .displayMode(o.legend === "right" ? common.LegendDisplayMode.Table : common.LegendDisplayMode.List)
    .calcs(o.calcs ?? []);
  const panel = new timeseries.PanelBuilder()
    .title(o.title)
    .description(o.description)
    .datasource(datasource)
    .unit(o.unit)
    .span(o.width)
    .height(o.height ?? 8)
    .min(o.min ?? 0)
    .noValue(o.empty ?? "No data")
    .legend(legend)
    .tooltip(new common.VizTooltipOptionsBuilder().mode(common.TooltipDisplayMode.Multi).sort(common.SortOrder.Descending))
    .colorScheme(new dashboard.FieldColorBuilder().mode(dashboard.FieldColorModeId.PaletteClassic));
  if (o.decimals !== undefined) panel.decimals(o.decimals);
  if (o.max !== undefined) panel.max(o.max);
  if (o.kind === "bars") {
    panel
      .drawStyle(common.GraphDrawStyle.Bars)
      .fillOpacity(80)
      .lineWidth(0)
      .barAlignment(common.BarAlignment.Before)
      .axisSoftMax(1)
      .stacking(new common.StackingConfigBuilder().mode(common.StackingMode.Normal).group("A"))
      .interval(barWidth);
  } else {
    panel
      .drawStyle(common.GraphDrawStyle.Line)
      .lineWidth(2)
      .fillOpacity(0)
      .showPoints(common.VisibilityMode.Auto)
      .spanNulls(false)
      // A rate needs several scrapes, even if they are a minute apart and Grafana does not know that.
      .interval(o.queries.some((q) => q.expr.includes("$__rate_interval")) ? barWidth : "1m");
  }
  panel.thresholds(thresholds(o.steps ?? [[null, "green"]]));
  if (o.steps) {
    panel
      .thresholdsStyle(new common.GraphThresholdsStyleConfigBuilder().mode(common.GraphThresholdsStyleMode.Dashed));
  }
  if (o.byClass) classColours(panel);
  if (o.queries.some((q) => q.expr.includes(`"${placeholder}"`))) {
    panel.overrideByRegexp(`/^( …)?${placeholder}$/`, [{ id: "custom.hideFrom", value: { legend: true, tooltip: true, viz: false } }]);
  }
  o.queries.forEach((q, i) => panel.withTarget(target(q, letter(i)).range()));
  return panel;
}

export interface Stat extends Common {
  query: Query;
  /** A second number beside it. */
  beside?: Query;
  steps: Steps;
  /** Several numbers, each with its name. */
  names?: boolean;
  colour?: "value" | "background";
}

export function number(o: Stat): stat.PanelBuilder {
  const panel = new stat.PanelBuilder()
    .title(o.title)
    .description(o.description)
    .datasource(datasource)
    .unit(o.unit)
    .span(o.width)
    .height(o.height ?? 4)
    .noValue(o.empty ?? "No data")
    .thresholds(thresholds(o.steps))
    .colorScheme(new dashboard.FieldColorBuilder().mode(dashboard.FieldColorModeId.Thresholds))
    .colorMode(o.colour === "background" ? common.BigValueColorMode.Background : common.BigValueColorMode.Value)
    .graphMode(common.BigValueGraphMode.None)
    .reduceOptions(new common.ReduceDataOptionsBuilder().calcs(["lastNotNull"]).fields("").values(false));
  if (o.decimals !== undefined) panel.decimals(o.decimals);
  panel.interval(barWidth);
  // One query at the end of the time range, so that the width of the panel does not change the number.
  panel.withTarget(target(o.query, "A").instant());
  if (o.names) panel.textMode(common.BigValueTextMode.ValueAndName);
  if (o.beside) panel.textMode(common.BigValueTextMode.ValueAndName).withTarget(target(o.beside, "B").instant());
  return panel;
}

export function heat(o: Common & { queries: Query[] }): heatmap.PanelBuilder {
  const panel = new heatmap.PanelBuilder()
    .title(o.title)
    .description(o.description)
    .datasource(datasource)
    .unit(o.unit)
    .span(o.width)
    .height(o.height ?? 8)
    .noValue(o.empty ?? "No data")
    .interval(barWidth)
    .thresholds(thresholds([[null, "green"]]))
    .calculate(false)
    .color(new heatmap.HeatmapColorOptionsBuilder().mode(heatmap.HeatmapColorMode.Scheme).scheme("Blues").steps(32).exponent(0.5).fill("dark-blue").reverse(false))
    .exemplarsColor("rgba(255,0,255,0.7)")
    .filterValues(new heatmap.FilterValueRangeBuilder().le(1e-9))
    .yAxis(new heatmap.YAxisConfigBuilder().unit("s").axisPlacement(common.AxisPlacement.Left))
    .tooltip(new heatmap.HeatmapTooltipBuilder().mode(common.TooltipDisplayMode.Single).yHistogram(true));
  o.queries.forEach((q, i) => panel.withTarget(target(q, letter(i)).format(prometheus.PromQueryFormat.Heatmap).range()));
  return panel;
}

export interface Column {
  /** The title of the column. */
  name: string;
  /** The query of the column, or the label that it shows. */
  expr?: string;
  label?: string;
  unit?: string;
  decimals?: number;
  steps?: Steps;
  mappings?: dashboard.ValueMapping[];
  width?: number;
  links?: { title: string; url: string; targetBlank?: boolean }[];
}

/** A table with one row for each value of a label. Its first query must have every label that a column shows. */
export function rows(o: Common & { columns: Column[]; sortBy: string; hide: string[] }): table.PanelBuilder {
  const panel = new table.PanelBuilder()
    .title(o.title)
    .description(o.description)
    .datasource(datasource)
    .unit(o.unit)
    .span(o.width)
    .height(o.height ?? 10)
    .noValue(o.empty ?? "No data")
    .interval(barWidth)
    .sortBy([new common.TableSortByFieldStateBuilder().displayName(o.sortBy).desc(true)])
    .thresholds(thresholds([[null, "text"]]))
    .colorScheme(new dashboard.FieldColorBuilder().mode(dashboard.FieldColorModeId.Thresholds));
  const renameByName: Record<string, string> = {};
  const indexByName: Record<string, number> = {};
  const excludeByName: Record<string, boolean> = { Time: true };
  for (const name of o.hide) excludeByName[name] = true;
  let queries = 0;
  o.columns.forEach((c, index) => {
    let field = c.label ?? "";
    if (c.expr !== undefined) {
      const refId = letter(queries++);
      panel.withTarget(target({ expr: c.expr }, refId).instant().format(prometheus.PromQueryFormat.Table));
      field = `Value #${refId}`;
    }
    renameByName[field] = c.name;
    indexByName[field] = index;
    const properties: dashboard.DynamicConfigValue[] = [];
    // A filter needs an icon beside the title, for which columns of numbers have no room.
    if (c.label !== undefined) properties.push({ id: "custom.filterable", value: true });
    if (c.unit !== undefined) properties.push({ id: "unit", value: c.unit });
    if (c.decimals !== undefined) properties.push({ id: "decimals", value: c.decimals });
    if (c.width !== undefined) properties.push({ id: "custom.width", value: c.width });
    if (c.links !== undefined) properties.push({ id: "links", value: c.links });
    if (c.mappings !== undefined) properties.push({ id: "mappings", value: c.mappings });
    if (c.steps !== undefined) {
      properties.push({ id: "thresholds", value: { mode: "absolute", steps: c.steps.map(([value, color]) => ({ value, color })) } });
    }
    if (c.steps !== undefined || c.mappings !== undefined) properties.push({ id: "custom.cellOptions", value: { type: "color-text" } });
    if (properties.length > 0) panel.overrideByName(c.name, properties);
  });
  return panel
    .withTransformation({ id: "merge", options: {} })
    .withTransformation({ id: "organize", options: { excludeByName, indexByName, renameByName } });
}
