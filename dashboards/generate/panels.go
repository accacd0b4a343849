package main

import (
	"github.com/grafana/grafana-foundation-sdk/go/cog"
	"github.com/grafana/grafana-foundation-sdk/go/cog/variants"
	"github.com/grafana/grafana-foundation-sdk/go/common"
	"github.com/grafana/grafana-foundation-sdk/go/dashboard"
	"github.com/grafana/grafana-foundation-sdk/go/prometheus"
	"github.com/grafana/grafana-foundation-sdk/go/stat"
	"github.com/grafana/grafana-foundation-sdk/go/statetimeline"
	"github.com/grafana/grafana-foundation-sdk/go/table"
	"github.com/grafana/grafana-foundation-sdk/go/timeseries"
	"github.com/grafana/grafana-foundation-sdk/go/units"
)

// target is a query of a panel.
type target = *prometheus.DataqueryBuilder

// series is a query over the time range, instant one of its end for a table.
func series(legend, expr string) target {
	t := prometheus.NewDataqueryBuilder().Expr(expr).Range()
	if legend != "" {
		t.LegendFormat(legend)
	}
	return t
}

func instant(expr string) target {
	return prometheus.NewDataqueryBuilder().Expr(expr).Format(prometheus.PromQueryFormatTable).Instant()
}

// panelBuilder is what builders of panels have in common.
type panelBuilder[B any] interface {
	Title(title string) B
	Description(description string) B
	Datasource(source common.DataSourceRef) B
	Span(width uint32) B
	Unit(unit string) B
	WithTarget(target cog.Builder[variants.Dataquery]) B
}

func described[B panelBuilder[B]](b B, title, description string, width uint32, unit string, targets []target) B {
	b.Title(title).Datasource(source()).Span(width).Unit(unit)
	if description != "" {
		b.Description(description)
	}
	for i, t := range targets {
		b.WithTarget(t.RefId(string(rune('A' + i))).Datasource(source()))
	}
	return b
}

// graph shows series over time.
func graph(title, description string, width uint32, unit string, targets ...target) *timeseries.PanelBuilder {
	return described(timeseries.NewPanelBuilder(), title, description, width, unit, targets).
		ShowPoints(common.VisibilityModeNever).FillOpacity(0).LineWidth(1).
		Legend(common.NewVizLegendOptionsBuilder().ShowLegend(true).
			DisplayMode(common.LegendDisplayModeList).Placement(common.LegendPlacementBottom)).
		Tooltip(common.NewVizTooltipOptionsBuilder().Mode(common.TooltipDisplayModeMulti).Sort(common.SortOrderDescending))
}

// stacked stacks the series of a graph.
func stacked(b *timeseries.PanelBuilder) *timeseries.PanelBuilder {
	return b.FillOpacity(60).
		Stacking(common.NewStackingConfigBuilder().Mode(common.StackingModeNormal).Group("A"))
}

// band draws the series "lower" and "upper" of a graph as an area, with "expected" and "observed" in it.
func band(b *timeseries.PanelBuilder) *timeseries.PanelBuilder {
	noLine := property("custom.lineWidth", 0)
	return b.
		OverrideByName("upper", properties{
			noLine, fixed("blue"), property("custom.fillBelowTo", "lower"), property("custom.fillOpacity", 20),
		}).
		OverrideByName("lower", properties{noLine, fixed("blue")}).
		OverrideByName("expected", properties{fixed("blue")}).
		OverrideByName("observed", properties{fixed("text"), property("custom.lineWidth", 2)})
}

// number shows one number and its recent past.
func number(title, description string, width uint32, unit string, t target) *stat.PanelBuilder {
	return described(stat.NewPanelBuilder(), title, description, width, unit, []target{t}).
		Orientation(common.VizOrientationAuto).
		ReduceOptions(common.NewReduceDataOptionsBuilder().Calcs([]string{"lastNotNull"}))
}

// list shows the labels and values of now. Columns that say nothing are left out.
func list(title, description string, width uint32, unit string, targets ...target) *table.PanelBuilder {
	return described(table.NewPanelBuilder(), title, description, width, unit, targets).
		Footer(common.NewTableFooterOptionsBuilder().Show(false).Reducer([]string{"sum"}))
}

// timeline shows during which times something was true.
func timeline(title, description string, width uint32, t target) *statetimeline.PanelBuilder {
	return described(statetimeline.NewPanelBuilder(), title, description, width, "short", []target{t}).
		MergeValues(true).ShowValue(common.VisibilityModeNever).RowHeight(0.8).
		ColorScheme(dashboard.NewFieldColorBuilder().Mode(dashboard.FieldColorModeIdFixed).FixedColor("blue")).
		Legend(common.NewVizLegendOptionsBuilder().ShowLegend(false).
			DisplayMode(common.LegendDisplayModeList).Placement(common.LegendPlacementBottom)).
		Tooltip(common.NewVizTooltipOptionsBuilder().Mode(common.TooltipDisplayModeSingle).Sort(common.SortOrderNone))
}

// Transformations of the results of queries.

// joined makes one row of all rows that agree in a column, merged one of all that agree in their labels.
func joined(column string) dashboard.DataTransformerConfig {
	return dashboard.DataTransformerConfig{
		Id: "joinByField", Options: map[string]any{"byField": column, "mode": "outer"},
	}
}

func merged() dashboard.DataTransformerConfig {
	return dashboard.DataTransformerConfig{Id: "merge", Options: map[string]any{}}
}

// columns renames and hides columns of a table. First come those that say what a row is about.
func columns(rename map[string]string, hide ...string) dashboard.DataTransformerConfig {
	hidden, first := map[string]bool{"Time": true, "__name__": true}, map[string]int{}
	for _, name := range hide {
		hidden[name] = true
	}
	for i, name := range []string{"alertname", "severity", "detector", "scaler", "namespace", "horizon"} {
		first[name] = i
	}
	return dashboard.DataTransformerConfig{Id: "organize", Options: map[string]any{
		"excludeByName": hidden, "renameByName": rename, "indexByName": first,
	}}
}

// sortedBy sorts a table by a column.
func sortedBy(column string, descending bool) []cog.Builder[common.TableSortByFieldState] {
	return []cog.Builder[common.TableSortByFieldState]{
		common.NewTableSortByFieldStateBuilder().DisplayName(column).Desc(descending),
	}
}

// properties of the fields that an override matches.
type properties = []dashboard.DynamicConfigValue

func property(id string, value any) dashboard.DynamicConfigValue {
	return dashboard.DynamicConfigValue{Id: id, Value: value}
}

func fixed(color string) dashboard.DynamicConfigValue {
	return property("color", dashboard.FieldColor{Mode: dashboard.FieldColorModeIdFixed, FixedColor: &color})
}

// bar draws a value from 0 to 1 as a bar.
func bar() properties {
	return properties{
		property("custom.cellOptions", common.TableBarGaugeCellOptions{
			Type:             common.TableCellDisplayModeGauge,
			Mode:             new(common.BarGaugeDisplayModeBasic),
			ValueDisplayMode: new(common.BarGaugeValueModeText),
		}),
		property("unit", "short"), property("decimals", 2), property("min", 0), property("max", 1),
		property("color", dashboard.FieldColor{Mode: dashboard.FieldColorModeIdThresholds}),
	}
}

// steps colours values from thresholds on; base is the colour below the first.
func steps(base string, above ...dashboard.Threshold) cog.Builder[dashboard.ThresholdsConfig] {
	return dashboard.NewThresholdsConfigBuilder().Mode(dashboard.ThresholdsModeAbsolute).
		Steps(append([]dashboard.Threshold{{Color: base}}, above...))
}

func from(value float64, color string) dashboard.Threshold {
	return dashboard.Threshold{Color: color, Value: &value}
}

// severities are the colours of scores.
func severities() cog.Builder[dashboard.ThresholdsConfig] {
	return steps("green", from(0.6, "yellow"), from(0.8, "orange"), from(0.9, "red"))
}

// inUnitOf shows the values of a graph or table in the unit of the detector of one series: Grafana has a transformation
// that takes a unit from the result of a query.
func inUnitOf[B interface {
	panelBuilder[B]
	WithTransformation(transformation dashboard.DataTransformerConfig) B
}](selected string, b B,
) B {
	const config = "unit"
	grafana := `anomaly_exporter_detector_info{detector=~"$detector"} and on (detector) (` + selected + `)`
	for _, unit := range [][2]string{
		{"(.+)", "count:$1"},
		{"count:bytes", units.BytesIEC},
		{"count:bytes/s", units.BytesPerSecondIEC},
		{"count:seconds", units.Seconds},
		{"count:ratio", units.PercentUnit},
	} {
		grafana = `label_replace(` + grafana + `, "unit", "` + unit[1] + `", "unit", "` + unit[0] + `")`
	}
	return b.WithTarget(instant(`max by (unit) (` + grafana + `)`).RefId(config).Datasource(source())).
		WithTransformation(dashboard.DataTransformerConfig{Id: "configFromData", Options: map[string]any{
			"configRefId": config,
			"mappings":    []map[string]string{{"fieldName": "unit", "handlerKey": "unit"}},
			"applyTo":     dashboard.MatcherConfig{Id: "byType", Options: new("number")},
		}})
}
