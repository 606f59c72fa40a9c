// Draws one dashboard with Grafana's own components, from the answers of a real Prometheus.
import {
  createDataFrame, createTheme, dateTime, FieldType, getDisplayProcessor, getFieldDisplayName, reduceField,
  standardTransformers, standardTransformersRegistry, transformDataFrame,
} from "@grafana/data";
import "@fontsource/inter/400.css";
import "@fontsource/inter/500.css";
import { BigValue, PanelChrome, Table, ThemeContext, TimeSeries, GlobalStyles } from "@grafana/ui";
import React, { useState, useEffect } from "react";
import { createRoot } from "react-dom/client";
import { firstValueFrom } from "rxjs";
import { HeatMap, cells } from "./heatmap.jsx";

const args = new URLSearchParams(location.search);
const theme = createTheme({ colors: { mode: args.get("theme") } });
const end = Math.floor(Date.now() / 1000);
const seconds = Number(args.get("seconds"));
const start = end - seconds;
const step = Number(args.get("step"));
const scrape = Number(args.get("scrape"));
const timeRange = { from: dateTime(start * 1000), to: dateTime(end * 1000), raw: { from: "now-1h", to: "now" } };
const width = Number(args.get("width"));
const CELL = 38;
/** Below this Grafana puts each panel into a row of its own. */
const narrow = width < 769;

standardTransformersRegistry.setInit(() =>
  [standardTransformers.mergeTransformer, standardTransformers.organizeFieldsTransformer].map((t) => ({
    id: t.id, transformation: async () => t, aliasIds: t.aliasIds, name: t.name, editor: () => null,
  })),
);

function fill(expr, stepSeconds) {
  const rate = Math.max(stepSeconds + scrape, 4 * scrape);
  const values = {
    $__rate_interval_ms: rate * 1000, $__interval_ms: stepSeconds * 1000, $__range_s: seconds, $__rate_interval: `${rate}s`, $__interval: `${stepSeconds}s`,
    $__range: `${seconds}s`, $cluster: ".*", $namespace: ".*", $job: args.get("job"), $endpoint: ".*", $event_type: ".*", $status_code: ".*",
  };
  return Object.entries(values).reduce((e, [k, v]) => e.replaceAll(k, v), expr);
}

async function ask(path, params) {
  const answer = await (await fetch(`/prom/api/v1/${path}`, { method: "POST", body: new URLSearchParams(params) })).json();
  if (answer.status !== "success") throw new Error(JSON.stringify(answer));
  return answer.data.result;
}

const legendOf = (format, labels) => (format ?? "").replaceAll(/\{\{(.+?)\}\}/g, (_, k) => labels[k] ?? "");

/** The step of a panel's queries, which is never shorter than its "Min interval". */
function stepOf(panel) {
  const [, number, unit] = /^(\d+)([smh])$/.exec(panel.interval ?? "") ?? [0, 0, "s"];
  return Math.max(step, number * { s: 1, m: 60, h: 3600 }[unit]);
}

async function range(target, step) {
  const aligned = Math.floor(end / step) * step;
  return ask("query_range", { query: fill(target.expr, step), start: String(Math.floor((aligned - seconds) / step) * step), end: String(aligned), step: String(step) });
}

async function rangeFrames(target, step) {
  return (await range(target, step)).map((r) =>
    createDataFrame({
      refId: target.refId,
      fields: [
        { name: "Time", type: FieldType.time, values: r.values.map((v) => v[0] * 1000) },
        { name: "Value", type: FieldType.number, labels: r.metric, values: r.values.map((v) => (v[1] === "NaN" ? null : Number(v[1]))), config: { displayNameFromDS: legendOf(target.legendFormat, r.metric) || JSON.stringify(r.metric) } },
      ],
    }),
  );
}

const instant = (target, panel) => ask("query", { query: fill(target.expr, stepOf(panel)), time: String(end) });

/** A frame for each series, as a stat shows them side by side. */
async function statFrames(target, panel) {
  return (await instant(target, panel)).map((r) =>
    createDataFrame({ refId: target.refId, fields: [{ name: legendOf(target.legendFormat, r.metric) || "Value", type: FieldType.number, values: [Number(r.value[1])] }] }),
  );
}

async function tableFrame(target, panel) {
  const result = await instant(target, panel);
  const labels = [...new Set(result.flatMap((r) => Object.keys(r.metric)))];
  return createDataFrame({
    refId: target.refId,
    fields: [
      { name: "Time", type: FieldType.time, values: result.map(() => end * 1000) },
      ...labels.map((l) => ({ name: l, type: FieldType.string, values: result.map((r) => r.metric[l] ?? "") })),
      { name: `Value #${target.refId}`, type: FieldType.number, values: result.map((r) => Number(r.value[1])) },
    ],
  });
}

function configure(frames, panel) {
  let seriesIndex = 0;
  for (const frame of frames) {
    for (const field of frame.fields) {
      const config = structuredClone(panel.fieldConfig.defaults ?? {});
      config.displayNameFromDS = field.config.displayNameFromDS;
      config.displayName = field.config.displayName;
      config.custom ??= {};
      if (panel.type === "table") config.custom.cellOptions = { type: "auto" };
      const name = field.config.displayName ?? field.config.displayNameFromDS ?? getFieldDisplayName(field, frame, frames);
      for (const o of panel.fieldConfig.overrides ?? []) {
        const regexp = o.matcher.options.match?.(/^\/(.*)\/$/);
        if (o.matcher.id === "byRegexp" ? !new RegExp(regexp[1]).test(name) : o.matcher.options !== name) continue;
        for (const p of o.properties) {
          if (p.id.startsWith("custom.")) config.custom[p.id.slice(7)] = p.value;
          else if (p.id !== "links") config[p.id] = p.value;
        }
      }
      field.config = config;
      if (field.type === FieldType.number) field.state = { ...field.state, seriesIndex: seriesIndex++ };
      if (field.type !== FieldType.time || panel.type === "table") field.display = getDisplayProcessor({ field, theme, timeZone: "utc" });
    }
  }
  return frames;
}

async function load(panel) {
  if (panel.type === "row") return [];
  if (panel.type === "timeseries") return configure((await Promise.all(panel.targets.map((t) => rangeFrames(t, stepOf(panel))))).flat(), panel);
  if (panel.type === "stat" && panel.options.reduceOptions.calcs[0] === "sum") return configure(await rangeFrames(panel.targets[0], stepOf(panel)), panel);
  if (panel.type === "stat") return configure((await Promise.all(panel.targets.map((t) => statFrames(t, panel)))).flat(), panel);
  if (panel.type === "table") {
    const frames = await Promise.all(panel.targets.map((t) => tableFrame(t, panel)));
    const result = await firstValueFrom(transformDataFrame(panel.transformations, frames));
    for (const field of result[0].fields) field.config = { ...field.config, displayName: field.config.displayName ?? field.name };
    return configure(result, panel);
  }
  if (panel.type === "heatmap") {
    // One target reads classic buckets and the other native histograms, so one of them is always empty.
    const series = (await Promise.all(panel.targets.map((t) => range(t, stepOf(panel))))).flat().filter((s) => s.values);
    return series.length ? [cells(series)] : [];
  }
  throw new Error(`no way to draw a ${panel.type}`);
}

function Empty({ panel, width, height }) {
  return <div style={{ width, height, display: "flex", alignItems: "center", justifyContent: "center", color: theme.colors.text.secondary }}>{panel.fieldConfig.defaults.noValue}</div>;
}

function Stat({ panel, frames, width, height }) {
  const values = frames.map((frame) => {
    const field = frame.fields.find((f) => f.type === FieldType.number);
    if (!field || field.values.length === 0) return null;
    const calc = panel.options.reduceOptions.calcs[0];
    const v = field.display(reduceField({ field, reducers: [calc] })[calc]);
    if (frames.length > 1 || panel.options.textMode === "value_and_name") v.title = field.name;
    return v;
  });
  if (values.length === 0 || values.every((v) => v === null)) return <Empty {...{ panel, width, height }} />;
  const each = width / values.length;
  return (
    <div style={{ display: "flex" }}>
      {values.map((value, i) => (
        <BigValue key={i} value={value} width={each} height={height} theme={theme} colorMode={panel.options.colorMode} graphMode="none" textMode={panel.options.textMode} justifyMode="auto" />
      ))}
    </div>
  );
}

function Body({ panel, frames, width, height }) {
  if (panel.type === "stat") return <Stat {...{ panel, frames, width, height }} />;
  if (frames.length === 0) return <Empty {...{ panel, width, height }} />;
  if (panel.type === "heatmap") return <HeatMap {...{ panel, theme, width, height }} frame={frames[0]} />;
  if (panel.type === "table") return <Table data={frames[0]} width={width} height={height} initialSortBy={panel.options.sortBy} />;
  return <TimeSeries frames={frames} timeRange={timeRange} timeZone="utc" width={width} height={height} legend={panel.options.legend} options={{ legend: panel.options.legend }} />;
}

function Panel({ panel }) {
  const [frames, set] = useState(null);
  const [failure, fail] = useState("");
  useEffect(() => {
    load(panel).then(set, (e) => { console.error(panel.title, e); fail(String(e)); set([]); });
  }, []);
  const { x, y, w, h } = panel.gridPos;
  const box = { position: "absolute", left: (x * width) / 24 + 4, top: y * CELL, width: (w * width) / 24 - 8, height: h * CELL - 8 };
  if (panel.type === "row") return <div style={{ ...box, fontSize: 18, fontWeight: 500, paddingTop: 4 }}>{panel.title}</div>;
  return (
    <div style={box} data-panel={panel.title} data-ready={frames !== null}>
      <PanelChrome title={panel.title} description={panel.description} width={box.width} height={box.height}>
        {(width, height) => (frames === null ? null : failure ? <pre>{failure}</pre> : <Body {...{ panel, frames, width, height }} />)}
      </PanelChrome>
    </div>
  );
}

const model = await (await fetch(`/dashboards/${args.get("dashboard")}.json`)).json();
if (narrow) {
  let y = 0;
  for (const { gridPos } of model.panels) {
    Object.assign(gridPos, { x: 0, y, w: 24 });
    y += gridPos.h;
  }
}
const bottom = Math.max(...model.panels.map((p) => p.gridPos.y + p.gridPos.h)) * CELL;
document.body.style.cssText = `margin:0;background:${theme.colors.background.canvas};color:${theme.colors.text.primary};font-family:${theme.typography.fontFamily};font-size:14px`;
createRoot(document.getElementById("root")).render(
  <ThemeContext.Provider value={theme}>
    <GlobalStyles />
    <div style={{ position: "relative", width, height: bottom + 8 }}>{model.panels.map((p) => <Panel key={p.id} panel={p} />)}</div>
  </ThemeContext.Provider>,
);
