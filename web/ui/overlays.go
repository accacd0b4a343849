package ui

import (
	"cmp"
	"context"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/prometheus/prometheus/model/labels"

	"github.com/anomaly-exporter/anomaly-exporter/config"
	"github.com/anomaly-exporter/anomaly-exporter/web/view"
)

// shownMarks is how many roll-outs and alerts are listed. Guard: nobody reads more.
const shownMarks = 50

// overlay is what can be laid over the chart of a series.
type overlay struct{ Name, Text string }

// overlays are named in the address: overlay=1d,alerts. Those with a duration for a name are earlier values.
var overlays = []overlay{
	{"1d", "yesterday"},
	{"7d", "last week"},
	{"alerts", "alerts"},
	{"rollouts", "roll-outs"},
}

// chosenOverlays returns a link to add or remove each overlay, and the names of those that a query has.
func chosenOverlays(query url.Values) (links []link, chosen []string) {
	given := strings.Split(query.Get("overlay"), ",")
	for _, o := range overlays {
		if slices.Contains(given, o.Name) {
			chosen = append(chosen, o.Name)
		}
	}
	for _, o := range overlays {
		other := slices.Clone(chosen)
		current := slices.Contains(chosen, o.Name)
		if current {
			other = slices.DeleteFunc(other, func(name string) bool { return name == o.Name })
		} else {
			other = append(other, o.Name)
		}
		address := with(query, "overlay", strings.Join(other, ","))
		if len(other) == 0 {
			address = "?" + without(query, "overlay").Encode()
		}
		links = append(links, link{Text: o.Text, URL: address, Current: current})
	}
	return links, chosen
}

// earlier returns those of the chosen overlays that are earlier values, as the API takes them.
func earlier(chosen []string) string {
	return strings.Join(slices.DeleteFunc(slices.Clone(chosen), func(name string) bool {
		return name == "alerts" || name == "rollouts"
	}), ",")
}

// happened is what else happened to the workload of a series: roll-outs and alerts.
type happened struct {
	Marks    []happening // the newest first
	Total    int
	Problems []string
}

type happening struct {
	Kind     string // "alerts" or "rollouts"
	From, To time.Time
	Lasts    bool   // at the end of the range
	Name     string // of an alert
	What     string // its other labels
	Same     bool   // it is about the workload of the series
}

// happened finds what the chosen overlays mark; nil if they mark nothing.
func (u *UI) happened(ctx context.Context, s *view.Series, chosen []string, from, to time.Time) *happened {
	if u.o.Marks == nil || u.o.Config == nil {
		return nil
	}
	cfg, h := u.o.Config(), &happened{}
	if cfg == nil {
		return nil
	}
	asked := false
	for _, kind := range []struct {
		name string
		expr config.Expr
	}{{"alerts", cfg.Context.Alerts}, {"rollouts", cfg.Context.Changes}} {
		if !slices.Contains(chosen, kind.name) || kind.expr.IsZero() {
			continue
		}
		asked = true
		// What a detector or its metric is called says nothing of the workload.
		of := map[string]string{}
		for name, value := range s.Labels {
			if name != "detector" && name != "metric_name" {
				of[name] = value
			}
		}
		found, total, err := u.o.Marks.Find(ctx, kind.expr.String(), from, to, s.StepLength(), of, shownMarks)
		if err != nil {
			h.Problems = append(h.Problems, fmt.Sprintf("%s: %v", kind.expr, err))
		}
		h.Total += total
		for _, m := range found {
			what := labels.NewBuilder(m.Labels).Del(labels.MetricName, labels.AlertName, "alertstate").Labels()
			h.Marks = append(h.Marks, happening{
				kind.name, m.From, m.To, m.Lasts, m.Labels.Get(labels.AlertName), what.String(), m.Same,
			})
		}
	}
	if !asked {
		return nil
	}
	slices.SortStableFunc(h.Marks, func(a, b happening) int { return cmp.Compare(b.From.Unix(), a.From.Unix()) })
	h.Marks = h.Marks[:min(len(h.Marks), shownMarks)]
	return h
}
