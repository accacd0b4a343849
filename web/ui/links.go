package ui

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/anomaly-exporter/anomaly-exporter/web/view"
)

const (
	documents = "https://github.com/anomaly-exporter/anomaly-exporter/blob/main/docs/"
	// runbooks is where the shipped rules say that the runbooks of their alerts are.
	runbooks = documents + "alerting.md#"
)

// links are those of a page to elsewhere.
type links struct {
	Expressions []expression
	Dashboard   string // address; "": not known
	Runbooks    []link // of the alerts that the shipped rules may raise
}

// expression is PromQL, with the addresses of the servers that it can be looked at in; "": not known.
type expression struct{ Text, Prometheus, Explore string }

// links returns the links of the page of a series, to what Grafana shows over the last while.
func (u *UI) links(s *view.Series, over time.Duration) links {
	l := links{Dashboard: u.dashboard(s, over), Runbooks: u.runbooks(s)}
	for _, expr := range u.o.View.Expressions(s) {
		e := expression{Text: expr, Explore: u.explore(expr, over)}
		if u.o.Graph != "" {
			e.Prometheus = u.o.Graph + "/graph?" + url.Values{"g0.expr": {expr}, "g0.tab": {"0"}}.Encode()
		}
		l.Expressions = append(l.Expressions, e)
	}
	return l
}

// ago is a time before now as Grafana writes it.
func ago(d time.Duration) string { return fmt.Sprintf("now-%.0fm", d.Minutes()) }

// explore returns the address of an expression in Grafana's Explore, which takes the data source that was used last.
func (u *UI) explore(expr string, over time.Duration) string {
	if u.o.Grafana == "" {
		return ""
	}
	panes, err := json.Marshal(map[string]any{"one": map[string]any{
		"queries": []map[string]string{{"refId": "A", "expr": expr}},
		"range":   map[string]string{"from": ago(over), "to": "now"},
	}})
	if err != nil {
		return ""
	}
	return u.o.Grafana + "/explore?" + url.Values{"schemaVersion": {"1"}, "panes": {string(panes)}}.Encode()
}

// dashboard returns the address of the shipped dashboard that shows a series.
func (u *UI) dashboard(s *view.Series, over time.Duration) string {
	if u.o.Grafana == "" {
		return ""
	}
	uid, variables := "anomaly-exporter-anomalies", []string{"detector", "namespace", "pod"}
	if s.Kind == "scaler" {
		uid, variables = "anomaly-exporter-forecast", []string{"scaler", "namespace", "pod"}
	}
	query := url.Values{"from": {ago(over)}, "to": {"now"}}
	for _, name := range slices.Sorted(maps.Keys(s.Labels)) {
		value := s.Labels[name]
		if slices.Contains(variables, name) {
			query.Set("var-"+name, value)
		} else if !strings.ContainsAny(name+value, "|,#") { // Grafana would take it apart
			query.Add("var-filters", name+"|=|"+value)
		}
	}
	return u.o.Grafana + "/d/" + uid + "?" + query.Encode()
}

// runbooks returns links to the runbooks of the alerts that the shipped rules may raise on a series.
func (u *UI) runbooks(s *view.Series) (all []link) {
	add := func(alerts ...string) {
		for _, name := range alerts {
			all = append(all, link{Text: name, URL: runbooks + strings.ToLower(name)})
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
	if f := u.o.View.Forecast(s); f != nil && len(f.Breaches) > 0 {
		add("LimitBreachImminent", "TimeToLimit")
		upper := slices.ContainsFunc(f.Breaches, func(b view.Breach) bool { return b.Bound == "upper" })
		if upper && strings.Contains(s.Source, "memory") {
			add("MemoryExhaustionWithErrors")
		}
	}
	add("SlowDrift", "CorrelatedDrift")
	return all
}
