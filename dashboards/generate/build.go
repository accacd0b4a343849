package main

import "slices"

const tag = "anomaly-exporter"

// source is the data source that the reader picks at the top of the page.
func source() datasource { return datasource{Type: "prometheus", UID: "${datasource}"} }

// newDashboard returns a dashboard without panels. Its variables come after the data source.
func newDashboard(uid, title, description string, variables ...variable) *dashboard {
	return &dashboard{
		UID: uid, Title: title, Description: description,
		Tags: []string{tag}, SchemaVersion: schemaVersion, Editable: true, GraphTooltip: 1, Refresh: "1m",
		Time:  timeRange{From: "now-6h", To: "now"},
		Links: []link{{Title: "anomaly-exporter", Type: "dashboards", Tags: []string{tag}, KeepTime: true}},
		Templating: templating{List: append([]variable{
			{Name: "datasource", Label: "Data source", Type: "datasource", Query: "prometheus", Refresh: 1},
		}, variables...)},
		Annotations: annotations{List: []annotation{}},
	}
}

// row adds a heading and below it panels of the given height, from left to right, wrapped at the edge of the page.
func (d *dashboard) row(title string, height int, panels ...panel) {
	const width = 24
	y := 0
	for _, p := range d.Panels {
		y = max(y, p.GridPos.Y+p.GridPos.H)
	}
	d.Panels = append(d.Panels, panel{Type: "row", Title: title, GridPos: gridPos{H: 1, W: width, Y: y}})
	x := 0
	y++
	for _, p := range panels {
		if x+p.GridPos.W > width {
			x, y = 0, y+height
		}
		p.GridPos.X, p.GridPos.Y, p.GridPos.H = x, y, height
		x += p.GridPos.W
		d.Panels = append(d.Panels, p)
	}
}

// labelValues is a variable of the values of a label; several may be picked, and at first all are.
func labelValues(name, label, selector string) variable {
	query := "label_values(" + selector + ", " + name + ")"
	return variable{
		Name: name, Label: label, Type: "query", Datasource: new(source()),
		Query:      variableQuery{Query: query, RefID: name, Type: 1},
		Definition: query, Current: choice{Text: "All", Value: "$__all"},
		Refresh: 2, Sort: 1, Multi: true, IncludeAll: true, AllValue: ".*",
	}
}

// oneOf is a variable of the values of a label of which one is picked.
func oneOf(name, label, selector string) variable {
	v := labelValues(name, label, selector)
	v.Current, v.Multi, v.IncludeAll, v.AllValue = nil, false, false, ""
	return v
}

// filters is a variable of label filters that Grafana adds to every query.
func filters() variable {
	return variable{Name: "filters", Label: "Filters", Type: "adhoc", Datasource: new(source())}
}

// series is a query over the time range, instant one of now for a table.
func series(legend, expr string) target {
	return target{Expr: expr, LegendFormat: legend, Range: true}
}

func instant(expr string) target {
	return target{Expr: expr, Format: "table", Instant: true}
}

func newPanel(kind, title, description string, width int, unit string, targets []target) panel {
	targets = slices.Clone(targets)
	for i := range targets {
		targets[i].RefID = string(rune('A' + i))
		targets[i].Datasource = source()
	}
	return panel{
		Type: kind, Title: title, Description: description, GridPos: gridPos{W: width}, Datasource: new(source()),
		Targets:     targets,
		FieldConfig: &fieldConfig{Defaults: field{Unit: unit}, Overrides: []override{}},
	}
}

// graph shows series over time.
func graph(title, description string, width int, unit string, targets ...target) panel {
	p := newPanel("timeseries", title, description, width, unit, targets)
	p.FieldConfig.Defaults.Custom = map[string]any{"showPoints": "never", "fillOpacity": 0, "lineWidth": 1}
	p.Options = map[string]any{
		"legend":  map[string]any{"displayMode": "list", "placement": "bottom", "showLegend": true, "calcs": []string{}},
		"tooltip": map[string]any{"mode": "multi", "sort": "desc"},
	}
	return p
}

// stat shows one number and its recent past.
func stat(title, description string, width int, unit string, t target) panel {
	p := newPanel("stat", title, description, width, unit, []target{t})
	p.Options = map[string]any{
		"reduceOptions": map[string]any{"calcs": []string{"lastNotNull"}, "fields": "", "values": false},
		"colorMode":     "value", "graphMode": "area", "textMode": "auto",
	}
	return p
}

// table shows the labels and values of now; columns that say nothing are left out.
func table(title, description string, width int, unit string, targets ...target) panel {
	p := newPanel("table", title, description, width, unit, targets)
	p.Options = map[string]any{"showHeader": true, "cellHeight": "sm"}
	return p
}

// columns renames and hides columns of a table, in one step.
func (p panel) columns(rename map[string]string, hide ...string) panel {
	hidden := map[string]bool{"Time": true, "__name__": true}
	for _, name := range hide {
		hidden[name] = true
	}
	p.Transformations = append(p.Transformations, transformation{
		ID:      "organize",
		Options: map[string]any{"excludeByName": hidden, "renameByName": rename, "indexByName": map[string]int{}},
	})
	return p
}

// sorted sorts a table by a column.
func (p panel) sorted(column string, descending bool) panel {
	p.Options["sortBy"] = []map[string]any{{"displayName": column, "desc": descending}}
	return p
}

// between fixes the ends of the scale.
func (p panel) between(lower, upper float64) panel {
	p.FieldConfig.Defaults.Min, p.FieldConfig.Defaults.Max = &lower, &upper
	return p
}

// fromZero fixes the lower end of the scale.
func (p panel) fromZero() panel {
	zero := 0.0
	p.FieldConfig.Defaults.Min = &zero
	return p
}

// stacked stacks the series of a graph.
func (p panel) stacked() panel {
	p.FieldConfig.Defaults.Custom["stacking"] = map[string]any{"mode": "normal", "group": "A"}
	p.FieldConfig.Defaults.Custom["fillOpacity"] = 60
	return p
}

// steps colours values from thresholds on; base is the colour below the first.
func (p panel) steps(base string, steps ...threshold) panel {
	p.FieldConfig.Defaults.Thresholds = &thresholds{Mode: "absolute", Steps: append([]threshold{{Color: base}}, steps...)}
	p.FieldConfig.Defaults.Color = map[string]any{"mode": "thresholds"}
	return p
}

func from(value float64, color string) threshold { return threshold{Color: color, Value: &value} }

// severities are the colours of scores.
func (p panel) severities() panel {
	return p.steps("green", from(0.6, "yellow"), from(0.8, "orange"), from(0.9, "red"))
}

// override changes the field of a name.
func (p panel) override(name string, properties ...property) panel {
	o := override{Matcher: matcher{ID: "byName", Options: name}, Properties: properties}
	p.FieldConfig.Overrides = append(p.FieldConfig.Overrides, o)
	return p
}

func fixed(color string) property {
	return property{ID: "color", Value: map[string]any{"mode": "fixed", "fixedColor": color}}
}

// band draws the series "lower" and "upper" as an area with "expected" in it.
func (p panel) band() panel {
	width := property{ID: "custom.lineWidth", Value: 0}
	below := property{ID: "custom.fillBelowTo", Value: "lower"}
	return p.
		override("upper", width, fixed("blue"), below, property{ID: "custom.fillOpacity", Value: 20}).
		override("lower", width, fixed("blue")).
		override("expected", fixed("blue")).
		override("observed", fixed("text"), property{ID: "custom.lineWidth", Value: 2})
}
