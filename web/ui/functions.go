package ui

import (
	"fmt"
	"html/template"
	"math"
	"net/url"
	"strings"
	"time"

	"github.com/anomaly-exporter/anomaly-exporter/detector/result/humanize"
	"github.com/anomaly-exporter/anomaly-exporter/verdict"
	"github.com/anomaly-exporter/anomaly-exporter/web/ui/spark"
	"github.com/anomaly-exporter/anomaly-exporter/web/view"
	"github.com/anomaly-exporter/anomaly-exporter/web/view/naming"
)

// functions are those that the templates call.
func (u *UI) functions() template.FuncMap {
	return template.FuncMap{
		"quantity": func(v view.Number, unit string) string { return humanize.Quantity(float64(v), unit) },
		"between": func(low, high view.Number, unit string) string {
			return humanize.Range(float64(low), float64(high), unit)
		},
		"seen": func(s view.Series) string {
			seen, _ := humanize.Beside(float64(s.Value), float64(s.Lower), float64(s.Upper), s.Unit)
			if s.Stuck() {
				return "stuck at " + seen
			}
			return seen
		},
		"usual": func(s view.Series) string {
			_, usual := humanize.Beside(float64(s.Value), float64(s.Lower), float64(s.Upper), s.Unit)
			return usual
		},
		"percent":  func(v view.Number) string { return percent(float64(v)) },
		"score":    func(v view.Number) string { return decimals(float64(v)) },
		"known":    func(v view.Number) bool { return !math.IsNaN(float64(v)) },
		"clock":    func(t time.Time) string { return humanize.Clock(t, u.o.Now()) },
		"date":     func(t time.Time) string { return t.Format("2 Jan 15:04") },
		"since":    func(t time.Time) string { return humanize.Age(u.o.Now().Sub(t)) },
		"until":    func(t time.Time) string { return humanize.Age(t.Sub(u.o.Now())) },
		"ahead":    func(from, to time.Time) string { return humanize.Age(to.Sub(from)) },
		"spark":    func(s view.Series) template.HTML { return spark.Line(s.Recent(spark.While, spark.Points)) },
		"member":   func(prefix string, s view.Series) []any { return []any{prefix, &s} }, // a template takes one value
		"labels":   Selector,
		"context":  u.context,
		"decider":  naming.Decider,
		"round":    func(v view.Number) string { return humanize.Quantity(float64(v), "") },
		"duration": func(v view.Number) string { return humanize.Duration(time.Duration(float64(v) * 1e9)) },
		"moment":   func(t time.Time) string { return t.UTC().Format("2006-01-02 15:04") },
		"gaps":     gaps,
		"exact":    func(t time.Time) string { return t.UTC().Format(time.RFC3339Nano) },
		"verdict":  said,
		"listed":   listed,
		"marks":    func() []mark { return chartMarks },
	}
}

// mark is what the chart of a series marks, and its key below. Charts show the keys of what they mark.
type mark struct{ Name, Text string }

var chartMarks = []mark{
	{"alert", "alert"},
	{"confirmed", said(verdict.Confirmed)},
	{"rejected", said(verdict.Rejected)},
	{"masked", "masked"},
	{"muted", "muted"},
	{"gap", "no value"},
	{"refit", "fitted anew"},
	{"firing", "alert that fired"},
	{"rollout", "roll-out"},
	{"straight", "straight line"},
	{"bound", "bound"},
	{"limits", "least and most replicas"},
}

// said is a verdict for people.
func said(k verdict.Kind) string {
	if k == verdict.Rejected {
		return "not an anomaly"
	}
	return string(k)
}

func percent(v float64) string {
	if math.IsNaN(v) {
		return "unknown"
	}
	return fmt.Sprintf("%.0f %%", 100*v)
}

// gaps says how much of what a series is learned from is missing; "": that is not known.
func gaps(s *view.Series) string {
	switch v := s.Missing(); {
	case math.IsNaN(v):
		return ""
	case v == 0:
		return "no gaps"
	case v < 0.01:
		return "gaps of less than 1 %"
	default:
		return fmt.Sprintf("gaps of %.0f %%", 100*v)
	}
}

func decimals(v float64) string {
	if math.IsNaN(v) {
		return "none"
	}
	return fmt.Sprintf("%.2f", v)
}

// context returns the address of the context of an incident of a workload: of all in its namespace, where its cause may
// be, too.
func (u *UI) context(workload map[string]string) string {
	query, place := url.Values{"format": {"markdown"}}, place(workload)
	if len(place) > 0 {
		query.Set("match[]", Selector(place))
	}
	return u.o.Prefix + "/api/v1/context?" + query.Encode()
}

// listed returns the query of the API for all series of a detector, as CSV.
func listed(d view.Detector) template.URL {
	query := url.Values{"format": {"csv"}, "limit": {"10000"}}
	query.Set(d.Kind, strings.SplitN(d.Name, "/", 2)[0])
	return template.URL(query.Encode())
}

// place returns the labels that tell where something runs.
func place(of map[string]string) map[string]string {
	found := map[string]string{}
	for _, name := range []string{"cluster", "namespace"} {
		if value := of[name]; value != "" {
			found[name] = value
		}
	}
	return found
}

// Selector shows labels as PromQL writes them.
func Selector(l map[string]string) string {
	s := view.Series{Labels: l}
	return s.Selector()
}
