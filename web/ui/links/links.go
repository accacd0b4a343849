// Package links makes the links of the page of a series to other servers.
package links

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/anomaly-exporter/anomaly-exporter/web/view"
)

const (
	// Documents is where the documentation is.
	Documents = "https://github.com/anomaly-exporter/anomaly-exporter/blob/main/docs/"
	// Runbooks is where the shipped rules say that the runbooks of their alerts are.
	Runbooks = Documents + "alerting.md#"
)

// Servers are the addresses that links lead to; "": not known.
type Servers struct {
	Graph   string // of the server that PromQL is looked at in, such as http://prometheus:9090
	Grafana string
}

// A Range is what Grafana shows: the last while, or a while before a time in the past.
type Range struct {
	Of    time.Duration
	Until time.Time // zero: now
}

// Links are those of a page to elsewhere.
type Links struct {
	Expressions []Expression
	Dashboard   string // address; "": not known
	Runbooks    []Link // of the alerts that the shipped rules may raise
}

// A Link has a text and an address.
type Link struct{ Text, URL string }

// An Expression is PromQL, with the addresses of the servers that it can be looked at in; "": not known.
type Expression struct{ Text, Prometheus, Explore string }

// New returns the links of the page of a series, which has expressions and may have a forecast (nil: none).
func New(to Servers, s *view.Series, expressions []string, f *view.Forecast, over Range) Links {
	l := Links{Dashboard: to.dashboard(s, over), Runbooks: forAlerts(s, f)}
	for _, expr := range expressions {
		e := Expression{Text: expr, Explore: to.explore(expr, over)}
		if to.Graph != "" {
			query := url.Values{"g0.expr": {expr}, "g0.tab": {"0"}}
			if !over.Until.IsZero() {
				query.Set("g0.end_input", over.Until.UTC().Format("2006-01-02 15:04:05"))
				query.Set("g0.range_input", over.Of.String())
			}
			e.Prometheus = to.Graph + "/graph?" + query.Encode()
		}
		l.Expressions = append(l.Expressions, e)
	}
	return l
}

// grafana returns a range as Grafana writes it.
func (r Range) grafana() (from, to string) {
	if r.Until.IsZero() {
		return fmt.Sprintf("now-%.0fm", r.Of.Minutes()), "now"
	}
	return strconv.FormatInt(r.Until.Add(-r.Of).UnixMilli(), 10), strconv.FormatInt(r.Until.UnixMilli(), 10)
}

// explore returns the address of an expression in Grafana's Explore, which takes the data source that was used last.
func (to *Servers) explore(expr string, over Range) string {
	if to.Grafana == "" {
		return ""
	}
	from, until := over.grafana()
	panes, err := json.Marshal(map[string]any{"one": map[string]any{
		"queries": []map[string]string{{"refId": "A", "expr": expr}},
		"range":   map[string]string{"from": from, "to": until},
	}})
	if err != nil {
		return ""
	}
	return to.Grafana + "/explore?" + url.Values{"schemaVersion": {"1"}, "panes": {string(panes)}}.Encode()
}

// dashboard returns the address of the shipped dashboard that shows a series.
func (to *Servers) dashboard(s *view.Series, over Range) string {
	if to.Grafana == "" {
		return ""
	}
	from, until := over.grafana()
	uid, variables := "anomaly-exporter-anomalies", []string{"detector", "namespace", "pod"}
	if s.Kind == "scaler" {
		uid, variables = "anomaly-exporter-forecast", []string{"scaler", "namespace", "pod"}
	}
	query := url.Values{"from": {from}, "to": {until}}
	for _, name := range slices.Sorted(maps.Keys(s.Labels)) {
		value := s.Labels[name]
		if slices.Contains(variables, name) {
			query.Set("var-"+name, value)
		} else if !strings.ContainsAny(name+value, "|,#") { // Grafana would take it apart
			query.Add("var-filters", name+"|=|"+value)
		}
	}
	return to.Grafana + "/d/" + uid + "?" + query.Encode()
}

// forAlerts returns links to the runbooks of the alerts that the shipped rules may raise on a series.
func forAlerts(s *view.Series, f *view.Forecast) (all []Link) {
	add := func(alerts ...string) {
		for _, name := range alerts {
			all = append(all, Link{Text: name, URL: Runbooks + strings.ToLower(name)})
		}
	}
	if s.Kind == "scaler" {
		if s.OfLoad() {
			add("RecommendationAtMaximum", "ReplicasFarFromRecommended")
		}
		return all
	}
	add("AnomalyDetectedHighScore")
	if strings.Contains(s.Source, "restart") {
		add("PredictivePodInstability")
	}
	if f != nil && len(f.Breaches) > 0 {
		add("LimitBreachImminent", "TimeToLimit")
		upper := slices.ContainsFunc(f.Breaches, func(b view.Breach) bool { return b.Bound == "upper" })
		if upper && strings.Contains(s.Source, "memory") {
			add("MemoryExhaustionWithErrors")
		}
	}
	add("SlowDrift", "CorrelatedDrift")
	return all
}
