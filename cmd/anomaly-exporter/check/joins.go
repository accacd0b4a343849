package check

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/promql"
	"github.com/prometheus/prometheus/promql/parser"

	"github.com/anomaly-exporter/anomaly-exporter/detector/join"
)

// ownAlerts is the source that the alerts of our rules have: masks, mutes and the like never see them.
const ownAlerts = "predictive_model"

// checkBy warns of series that the labels in by do not tell apart, and of inputs that have no values in common.
func (c *checker) checkBy(e expression, found []promql.Vector) {
	if e.by == nil {
		return
	}
	var vectors map[string]labels.Labels // those that all inputs so far have
	for i, v := range found {
		first := map[string]labels.Labels{}
		for _, s := range v {
			key := join.Values(s.Metric, e.by)
			if other, twice := first[key]; twice {
				c.warn("by", e.at(e.keys[i]), fmt.Sprintf("%s: %s: two series have the same labels in by: %s and %s",
					e.title(), e.keys[i], other, s.Metric), fmt.Sprintf("aggregate it: sum by (%s) (...)", strings.Join(e.by, ", ")))
				return
			}
			first[key] = s.Metric
		}
		if i == 0 {
			vectors = first
			continue
		}
		common := map[string]labels.Labels{}
		for key := range vectors {
			if s, ok := first[key]; ok {
				common[key] = s
			}
		}
		if len(common) == 0 && len(vectors) > 0 && len(first) > 0 {
			c.warn("by", e.at("by"), fmt.Sprintf("%s: %s and %s have no values of by in common: %s and %s",
				e.title(), e.keys[0], e.keys[i], found[0][0].Metric, v[0].Metric), "")
			return
		}
		vectors = common
	}
}

// checkJoins warns of bounds, masks, mutes and weights that join no series.
func (c *checker) checkJoins(ctx context.Context, e expression, found []promql.Vector) {
	series := c.joinable(e, found)
	for _, j := range e.joins {
		expr := j.expr.String()
		if j.filters {
			expr = unfiltered(j.expr.Parsed()).String() // where it has no value now, its labels still tell
		}
		others, err := c.query(ctx, e, expr)
		if err != nil {
			continue
		}
		others = slices.DeleteFunc(others, func(o promql.Sample) bool { return o.Metric.Get("source") == ownAlerts })
		if len(others) == 0 {
			if !j.filters || !strings.Contains(expr, "ALERTS") { // which exist only while an alert is firing
				c.explainEmpty(ctx, e, j.key, j.expr, !j.filters)
			}
			continue
		}
		v := join.NewVector(j.on)
		if j.exact {
			v = join.NewExactVector(j.on)
		}
		for _, o := range others {
			v.Add(promql.Series{Metric: o.Metric, Floats: []promql.FPoint{{T: o.T, F: o.F}}})
		}
		joins := func(l labels.Labels) bool {
			matches, _ := v.Match(l)
			return len(matches) > 0
		}
		if len(series) == 0 || slices.ContainsFunc(series, joins) {
			continue
		}
		if j.filters && strings.Contains(expr, "ALERTS") && slices.ContainsFunc(others, j.labelled) {
			continue // an alert about something else
		}
		on := "the labels that both have"
		if len(j.on) > 0 {
			on = "[" + strings.Join(j.on, ", ") + "]"
		}
		c.warn("join", e.at(j.key), fmt.Sprintf("%s: %s joins none of the %d series on %s: it has %s, the series are like %s",
			e.title(), j.key, len(series), on, others[0].Metric, series[0]),
			"set on to labels that both have, or rename labels with label_replace()")
	}
}

// labelled reports whether a series has the labels on which it is joined.
func (j *joined) labelled(s promql.Sample) bool {
	return len(j.on) > 0 && !slices.ContainsFunc(j.on, func(name string) bool { return s.Metric.Get(name) == "" })
}

// joinable returns the labels to which others are joined: those of the series, or those in by.
func (c *checker) joinable(e expression, found []promql.Vector) []labels.Labels {
	var all []labels.Labels
	for _, s := range found[0] {
		l := s.Metric
		if e.by != nil {
			l = labels.NewBuilder(l).Keep(e.by...).Labels()
		}
		all = append(all, l)
	}
	return all
}

// unfiltered returns an expression without the comparisons that decide whether it has a value.
func unfiltered(expr parser.Expr) parser.Expr {
	switch e := expr.(type) {
	case *parser.ParenExpr:
		return unfiltered(e.Expr)
	case *parser.BinaryExpr:
		if e.Op.IsComparisonOperator() && !e.ReturnBool {
			if e.LHS.Type() == parser.ValueTypeVector {
				return unfiltered(e.LHS)
			}
			return unfiltered(e.RHS)
		}
	}
	return expr
}
