package detector

import (
	"math"
	"slices"
	"strings"

	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/promql"

	"github.com/anomaly-exporter/anomaly-exporter/config"
)

// neverCommon are the labels that tell where a series was scraped rather than what it is about: sides join without them unless told otherwise.
var neverCommon = []string{labels.MetricName, "job", "instance"}

// side is what an expression beside the main one (a bound, a mask, a mute) gave over some steps, ready to be joined to series.
type side struct {
	on     []string // labels to join on; empty: those that both sides have
	last   int64    // step
	groups map[string]*sideGroup
}

// sideGroup holds the side's series that have the same label names.
type sideGroup struct {
	names  []string
	series []sideSeries
	index  map[string]map[string][]int // by common names, then by their values: positions in series
}

type sideSeries struct {
	labels labels.Labels
	points []promql.FPoint // ascending
}

func newSide(on []string) *side { return &side{on: on, groups: map[string]*sideGroup{}} }

// add takes a series over; its points are copied.
func (s *side) add(series promql.Series) {
	var names []string
	series.Metric.Range(func(l labels.Label) { names = append(names, l.Name) })
	key := strings.Join(names, "\xff")
	g := s.groups[key]
	if g == nil {
		g = &sideGroup{names: names, index: map[string]map[string][]int{}}
		s.groups[key] = g
	}
	g.series = append(g.series, sideSeries{series.Metric, slices.Clone(series.Floats)})
}

// match returns the side's series that belong to a series with these labels. joined is false if the side has series, but not one that shares
// a label to join on.
func (s *side) match(l labels.Labels) (found []sideSeries, joined bool) {
	joined = len(s.groups) == 0
	for _, g := range s.groups {
		common := commonNames(s.on, g.names, l)
		if len(common) == 0 {
			continue
		}
		joined = true
		key := strings.Join(common, "\xff")
		index := g.index[key]
		if index == nil {
			index = map[string][]int{}
			for i, series := range g.series {
				v := values(series.labels, common)
				index[v] = append(index[v], i)
			}
			g.index[key] = index
		}
		for _, i := range index[values(l, common)] {
			found = append(found, g.series[i])
		}
	}
	return found, joined
}

// commonNames are the labels that a series of a side that has labels of these names is joined to another on: those in on, else those that both have.
func commonNames(on, names []string, other labels.Labels) []string {
	if len(on) > 0 {
		return on
	}
	var common []string
	for _, name := range names {
		if other.Has(name) && !slices.Contains(neverCommon, name) {
			common = append(common, name)
		}
	}
	return common
}

func values(l labels.Labels, names []string) string {
	var b strings.Builder
	for _, name := range names {
		b.WriteString(l.Get(name))
		b.WriteByte(0xff)
	}
	return b.String()
}

// holds says whether one of the series has a value at a step, whatever it is: `up == 0` holds where it is 0.
func holds(series []sideSeries, ts int64) bool {
	for _, s := range series {
		if _, ok := s.at(ts); ok {
			return true
		}
	}
	return false
}

// at returns the value at a step; ok is false if there is none.
func (s sideSeries) at(ts int64) (v float64, ok bool) {
	i, found := slices.BinarySearchFunc(s.points, ts, func(p promql.FPoint, ts int64) int {
		switch {
		case p.T < ts:
			return -1
		case p.T > ts:
			return 1
		}
		return 0
	})
	if !found || s.points[i].F != s.points[i].F {
		return 0, false
	}
	return s.points[i].F, true
}

// bound is a limit that a series should not cross: a number, or an expression.
type bound struct {
	upper  bool
	config *config.Bound // nil: there is none
}

// side is the expression of the bound, nil if it has none.
func (b bound) side() *config.Selector {
	if b.config == nil || b.config.Expr == nil {
		return nil
	}
	return &config.Selector{Expr: *b.config.Expr, On: b.config.On}
}

// at returns the bound at a step, NaN if there is none; of several matches the tighter one.
func (b bound) at(matches []sideSeries, ts int64) float64 {
	switch {
	case b.config == nil:
		return math.NaN()
	case b.config.Expr == nil:
		return b.config.Value
	}
	tightest := math.NaN()
	for _, match := range matches {
		v, ok := match.at(ts)
		if ok && (tightest != tightest || b.upper == (v < tightest)) {
			tightest = v
		}
	}
	return tightest
}
