package main

import (
	"errors"
	"fmt"

	"github.com/grafana/grafana-foundation-sdk/go/cog"
	"github.com/grafana/grafana-foundation-sdk/go/common"
	"github.com/grafana/grafana-foundation-sdk/go/dashboard"
)

const (
	tag       = "anomaly-exporter"
	pageWidth = 24
	runbooks  = "https://github.com/anomaly-exporter/anomaly-exporter/blob/main/docs/alerting.md#runbooks"
)

// The addresses of the dashboards. They outlive a re-import, and the exporter's own pages link to them.
const (
	uidAnomalies = "anomaly-exporter-anomalies"
	uidForecast  = "anomaly-exporter-forecast"
	uidQuality   = "anomaly-exporter-quality"
	uidExporter  = "anomaly-exporter-exporter"
)

// model is Grafana's classic model of a dashboard. Sidecars and older Grafanas read no other.
type model = dashboard.Dashboard //nolint:staticcheck // the SDK prefers the second one

// page is a dashboard that is being laid out.
type page struct {
	model
	y    uint32 // below the panels so far
	errs []error
}

// newPage returns a dashboard without panels. Its variables come between the data source and the exporter's address.
func newPage(uid, title, description string, variables ...cog.Builder[dashboard.VariableModel]) *page {
	p := &page{model: *dashboard.NewDashboard()}
	p.Uid, p.Title, p.Description, p.Tags = &uid, &title, &description, []string{tag}
	p.GraphTooltip = new(dashboard.DashboardCursorSyncCrosshair)
	p.Refresh = new("1m")
	p.lookBack("now-6h")
	others := dashboard.DashboardLink{
		Title: "anomaly-exporter", Type: dashboard.DashboardLinkTypeDashboards, Tags: []string{tag},
		IncludeVars: true, KeepTime: true,
	}
	itself, help := newLink("Exporter's page", exporterURL+"/").inNewTab(), newLink("Runbooks", runbooks).inNewTab()
	itself.Icon, help.Icon = "external link", "doc"
	p.Links = []dashboard.DashboardLink{others, dashboard.DashboardLink(itself), dashboard.DashboardLink(help)}
	all := []cog.Builder[dashboard.VariableModel]{
		dashboard.NewDatasourceVariableBuilder("datasource").Label("Data source").Type("prometheus"),
	}
	for _, v := range append(append(all, variables...), exporterAddress()) {
		built, err := v.Build()
		p.errs = append(p.errs, err)
		p.Templating.List = append(p.Templating.List, built)
	}
	return p
}

// lookBack sets how far the dashboard looks back when it is opened.
func (p *page) lookBack(from string) {
	p.Time = &dashboard.DashboardDashboardTime{From: from, To: "now"}
}

// row adds a heading and below it panels of the given height, from left to right, wrapped at the edge of the page.
func (p *page) row(title string, height uint32, panels ...cog.Builder[dashboard.Panel]) {
	heading := dashboard.NewRowPanel()
	heading.Title, heading.Id = &title, p.nextID()
	heading.GridPos = &dashboard.GridPos{H: 1, W: pageWidth, Y: p.y}
	p.Panels = append(p.Panels, dashboard.PanelOrRowPanel{RowPanel: heading})
	p.y++
	x := uint32(0)
	for _, b := range panels {
		panel, err := b.Build()
		if err != nil {
			p.errs = append(p.errs, fmt.Errorf("%s: %w", title, err))
			continue
		}
		if x+panel.GridPos.W > pageWidth {
			x, p.y = 0, p.y+height
		}
		panel.Id = new(p.nextID())
		panel.GridPos.X, panel.GridPos.Y, panel.GridPos.H = x, p.y, height
		x += panel.GridPos.W
		p.Panels = append(p.Panels, dashboard.PanelOrRowPanel{Panel: &panel})
	}
	p.y += height
}

// nextID numbers panels in their order, so that the address of one is the same in every Grafana.
func (p *page) nextID() uint32 { return uint32(len(p.Panels)) + 1 }

func (p *page) build() (*model, error) {
	return &p.model, errors.Join(append(p.errs, p.Validate())...)
}

// source is the data source that the reader picks at the top of the page.
func source() common.DataSourceRef {
	return common.DataSourceRef{Type: new("prometheus"), Uid: new("${datasource}")}
}

func text(s string) dashboard.StringOrArrayOfString {
	return dashboard.StringOrArrayOfString{String: &s}
}

// queried is a variable of what a query of the data source finds, as Grafana's editor would write it down.
func queried(name, label, query string, kind int) *dashboard.QueryVariableBuilder {
	return dashboard.NewQueryVariableBuilder(name).Label(label).Datasource(source()).
		Query(dashboard.StringOrMap{Map: map[string]any{"query": query, "refId": name, "qryType": kind}}).
		Definition(query).Refresh(dashboard.VariableRefreshOnTimeRangeChanged).Sort(dashboard.VariableSortAlphabeticalAsc)
}

// oneOf is a variable over the values of a label. One value can be picked.
func oneOf(name, label, selector string) *dashboard.QueryVariableBuilder {
	const labelValues = 1
	return queried(name, label, "label_values("+selector+", "+name+")", labelValues)
}

// someOf is a variable like oneOf from which several values can be picked. At first all are.
func someOf(name, label, selector string) *dashboard.QueryVariableBuilder {
	return oneOf(name, label, selector).Multi(true).IncludeAll(true).AllValue(".*").
		Current(dashboard.VariableOption{Text: text("All"), Value: text("$__all")})
}

// Names of variables of filters. Links pass variables on: what is picked among the labels of results would leave
// nothing of the metrics about the exporter.
const (
	ofResults = "filters"
	ofMetrics = "exporter_filters"
)

// filters is a variable of label filters that Grafana adds to every query.
func filters(name string) cog.Builder[dashboard.VariableModel] {
	return dashboard.NewAdHocVariableBuilder(name).Label("Filters").Datasource(source())
}

// exporterAddress is a variable of where people reach the exporter: what --web.external-url says, otherwise where
// Prometheus scrapes it. Another address may be typed in.
func exporterAddress() cog.Builder[dashboard.VariableModel] {
	const queryResult = 3
	return queried("exporter", "Exporter", `query_result(anomaly_exporter_web_info or label_replace(`+
		`anomaly_exporter_build_info unless on () anomaly_exporter_web_info, `+
		`"external_url", "http://$1", "instance", "(.+)"))`, queryResult).
		Regex(`/external_url="([^"]+)"/`).
		Description("Address of the exporter's pages, for links to them. You may type in another one.")
}

// event is an annotation: it marks the times at which a query has a value above zero.
func event(name, color, expr, title, words, tags string) dashboard.AnnotationQuery {
	const step = "60s"
	target, _ := series("", expr).RefId("Anno").Datasource(source()).Interval(step).Build()
	return dashboard.AnnotationQuery{
		Name: name, Datasource: new(source()), Enable: true, IconColor: color,
		// Grafana reads the target; before it did, it read the expression.
		Target: target, Expr: &expr, Step: new(step),
		TitleFormat: &title, TextFormat: &words, TagKeys: &tags,
	}
}

// alerts are the alerts of rules/ while they fire.
func alerts(selector string) dashboard.AnnotationQuery {
	return event("Alerts", "red",
		`max by (alertname, severity, detector, scaler, namespace, container, job) `+
			`(ALERTS{source="predictive_model",alertstate="firing"`+selector+`})`,
		"{{alertname}}", "{{detector}}{{scaler}} {{namespace}} {{container}} {{job}}", "severity")
}

// rollOuts are changes of Deployments. A change of nothing but the number of replicas is none: autoscalers make those.
func rollOuts(selector string) dashboard.AnnotationQuery {
	changed := func(metric string) string {
		return `max by (namespace, deployment) (changes(` + metric + selector + `[5m])) > 0`
	}
	return event("Roll-outs", "blue",
		changed("kube_deployment_status_observed_generation")+
			` unless on (namespace, deployment) `+changed("kube_deployment_spec_replicas"),
		"Roll-out", "{{namespace}}/{{deployment}}", "namespace,deployment")
}
