import type { AnnotationQuery, Dashboard, DataQuery } from "@grafana/schema";

/** A type as JSON has it: where the schema has an enum, its values. */
type Plain<T> = T extends string ? `${T}` : T extends number | boolean ? T : T extends object ? { [K in keyof T]: Plain<T[K]> } : T;

/** What the Prometheus data source reads of an annotation besides what the schema knows. */
interface PrometheusQuery extends DataQuery {
  expr: string;
  interval?: string;
  range?: boolean;
  instant?: boolean;
}
interface PrometheusAnnotation extends AnnotationQuery<PrometheusQuery> {
  titleFormat?: string;
  textFormat?: string;
  tagKeys?: string;
  useValueForTime?: boolean;
}

export type Model = Plain<Omit<Dashboard, "annotations"> & { annotations?: { list?: PrometheusAnnotation[] } }>;
