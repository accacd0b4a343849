package main

import (
	"strings"

	"github.com/grafana/grafana-foundation-sdk/go/cog"
	"github.com/grafana/grafana-foundation-sdk/go/dashboard"
)

// exporterURL is the address that the reader picks at the top of the page.
const exporterURL = "${exporter:raw}"

// identity are the labels by which results usually differ: those that the examples and the presets keep. The exporter's
// page ignores those that no series of a detector has.
func identity() []string {
	return strings.Fields(`cluster namespace deployment service job container pod instance node
		exported_namespace exported_service ingress destination_workload_namespace destination_workload envoy_cluster_name
		entrypoint handler code pool datname vhost queue topic consumergroup persistentvolumeclaim device mountpoint`)
}

// labelsOf says where Grafana finds a label: in the field of a graph, or in the row of a table.
type labelsOf string

const (
	ofSeries labelsOf = "${__field.labels.NAME:percentencode}"
	ofRow    labelsOf = "${__data.fields.NAME:percentencode}"
)

func (l labelsOf) label(name string) string { return strings.ReplaceAll(string(l), "NAME", name) }

// query is the part of an address that sets parameters to the values of labels.
func (l labelsOf) query(prefix string, names ...string) string {
	var b strings.Builder
	for _, name := range names {
		b.WriteString("&" + prefix + name + "=" + l.label(name))
	}
	return b.String()
}

// dataLink is a link of a value. It is complete, so that building it cannot fail.
type dataLink dashboard.DashboardLink

// Build makes it a builder, which is what builders of panels take.
func (l dataLink) Build() (dashboard.DashboardLink, error) { return dashboard.DashboardLink(l), nil }

func newLink(title, address string) dataLink {
	return dataLink{Title: title, Type: dashboard.DashboardLinkTypeLink, Url: &address, Tags: []string{}}
}

func (l dataLink) inNewTab() dataLink {
	l.TargetBlank = true
	return l
}

// to is a link to a dashboard, with the same data source, exporter and time range, and variables of these names set to
// the labels of the value.
func (l labelsOf) to(uid, title string, variables ...string) dataLink {
	return newLink(title, "/d/"+uid+"?${__url_time_range}&var-datasource=${datasource:percentencode}"+
		"&var-exporter=${exporter:percentencode}"+l.query("var-", variables...))
}

// page is a link to the exporter's page of the series of a detector.
func (l labelsOf) page() dataLink {
	return newLink("This series on the exporter's page",
		exporterURL+"/series?detector="+l.label("detector")+l.query("", identity()...)).inNewTab()
}

// scaler is a link to the exporter's page of the load of a scaler.
func (l labelsOf) scaler() dataLink {
	return newLink("This scaler on the exporter's page",
		exporterURL+"/scaler?scaler="+l.label("scaler")+l.query("", identity()...)).inNewTab()
}

// dataLinks are links of all values of a panel, linked is a property with those of the fields of an override.
func dataLinks(links ...dataLink) (all []cog.Builder[dashboard.DashboardLink]) {
	for _, l := range links {
		all = append(all, l)
	}
	return all
}

func linked(links ...dataLink) dashboard.DynamicConfigValue { return property("links", links) }
