// What a dashboard file is made of: Grafana's own types, put together for the kinds of
// panels that ours has. validate.mjs makes JSON Schemas of them, which know no other keys.
import type { Dashboard, FieldConfig, FieldConfigSource, Panel, RowPanel } from "@grafana/grafana-foundation-sdk/dashboard";
import type * as bargauge from "@grafana/grafana-foundation-sdk/bargauge";
import type * as prometheus from "@grafana/grafana-foundation-sdk/prometheus";
import type * as stat from "@grafana/grafana-foundation-sdk/stat";
import type * as table from "@grafana/grafana-foundation-sdk/table";
import type * as timeseries from "@grafana/grafana-foundation-sdk/timeseries";

type Query = Required<Pick<prometheus.Dataquery, "expr" | "refId" | "datasource">> &
  Omit<prometheus.Dataquery, "_implementsDataqueryVariant">;

type Fields<Custom> = Omit<FieldConfigSource, "defaults"> & {
  defaults: Omit<FieldConfig, "custom"> & { custom?: Custom };
};

type Of<Kind extends string, Options, Custom> = Omit<Panel, "type" | "targets" | "options" | "fieldConfig"> &
  Required<Pick<Panel, "id" | "title" | "description" | "gridPos" | "datasource">> & {
    type: Kind;
    targets: Query[];
    options: Options;
    fieldConfig: Fields<Custom>;
  };

export type File = Omit<Dashboard, "panels"> &
  Required<Pick<Dashboard, "uid" | "title" | "templating" | "time" | "tags">> & { panels: object[] };
export type Row = RowPanel;
export type Timeseries = Of<"timeseries", timeseries.Options, timeseries.FieldConfig>;
export type Stat = Of<"stat", stat.Options, Record<string, never>>;
export type Table = Of<"table", table.Options, table.FieldConfig>;
export type Bargauge = Of<"bargauge", bargauge.Options, Record<string, never>>;
