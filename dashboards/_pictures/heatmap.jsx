// Grafana's heat map is a plugin rather than a component of @grafana/ui, so this draws its frames as that plugin does:
// cells in the colours of the panel's scheme, which is reversed in the dark theme, and no cell for filtered values.
import { dateTimeFormat, formattedValueToString, getValueFormat } from "@grafana/data";
import * as schemes from "d3-scale-chromatic";
import React from "react";

const AXIS = { left: 62, bottom: 44, top: 6, right: 8 };

/** Counts of each bucket by itself, from series that count everything up to their bound. */
export function cells(series) {
  const bounds = series
    .map((s) => ({ le: s.metric.le, bound: s.metric.le === "+Inf" ? Infinity : Number(s.metric.le), at: new Map(s.values.map(([t, v]) => [t, Number(v)])) }))
    .sort((a, b) => a.bound - b.bound);
  const times = [...new Set(series.flatMap((s) => s.values.map(([t]) => t)))].sort((a, b) => a - b);
  const counts = bounds.map((b, i) => times.map((t) => Math.max(0, (b.at.get(t) ?? 0) - (bounds[i - 1]?.at.get(t) ?? 0))));
  return { times, bounds: bounds.map((b) => b.bound), counts };
}

export function HeatMap({ panel, frame, theme, width, height }) {
  const { times, bounds, counts } = frame;
  const { color, filterValues, yAxis } = panel.options;
  const shown = counts.flat().filter((v) => v > (filterValues?.le ?? -Infinity));
  const [least, most] = [Math.min(...shown), Math.max(...shown)];
  const interpolate = schemes[`interpolate${color.scheme}`];
  const palette = Array.from({ length: color.steps }, (_, i) => interpolate(theme.isDark ? 1 - i / (color.steps - 1) : i / (color.steps - 1)));
  const fill = (v) => palette[most > least ? Math.round(((v - least) / (most - least)) * (palette.length - 1)) : palette.length - 1];

  const inner = { width: width - AXIS.left - AXIS.right, height: height - AXIS.top - AXIS.bottom };
  const [w, h] = [inner.width / times.length, inner.height / bounds.length];
  const unit = getValueFormat(yAxis.unit);
  const text = { fill: theme.colors.text.primary, fontSize: 12, fontFamily: theme.typography.fontFamily };
  const every = Math.ceil(bounds.length / (inner.height / 18));
  const ticks = [0.15, 0.5, 0.85].map((share) => Math.floor(share * times.length));
  const number = (v) => formattedValueToString(getValueFormat("short")(v, 0));
  return (
    <svg width={width} height={height}>
      {bounds.map((bound, row) => (
        <g key={row} transform={`translate(${AXIS.left}, ${AXIS.top + inner.height - (row + 1) * h})`}>
          <line x2={inner.width} y1={h} y2={h} stroke={theme.colors.border.weak} />
          {row % every === 0 && (
            <text x={-6} y={4} textAnchor="end" dominantBaseline="middle" {...text}>{bound === Infinity ? "+Inf" : formattedValueToString(unit(bound))}</text>
          )}
          {counts[row].map((v, i) => v > (filterValues?.le ?? -Infinity) && <rect key={i} x={i * w + 0.5} y={0.5} width={w - 1} height={h - 1} fill={fill(v)} />)}
        </g>
      ))}
      {ticks.map((i) => (
        <text key={i} x={AXIS.left + (i + 0.5) * w} y={height - AXIS.bottom + 14} textAnchor="middle" {...text}>{dateTimeFormat(times[i] * 1000, { timeZone: "utc", format: "HH:mm" })}</text>
      ))}
      {palette.map((c, i) => <rect key={i} x={AXIS.left + i * 6} y={height - 16} width={6.5} height={10} fill={c} />)}
      <text x={AXIS.left - 6} y={height - 7} textAnchor="end" {...text}>{number(least)}</text>
      <text x={AXIS.left + palette.length * 6 + 6} y={height - 7} {...text}>{number(most)}</text>
    </svg>
  );
}
