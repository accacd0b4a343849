// Package join matches the series of one expression to those of another by their labels, like PromQL's vector matching.
package join

import (
	"slices"
	"strings"

	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/promql"
)

// ignored are the labels that describe where a series was scraped rather than what it is about. Matching without `on`
// ignores them.
var ignored = []string{labels.MetricName, "job", "instance"}

// Series is one series of a Vector over a range of steps.
type Series struct {
	Labels labels.Labels
	Points []promql.FPoint // ascending in time
}

// At returns the value at a step (ms); ok is false if there is none.
func (s Series) At(ts int64) (v float64, ok bool) {
	i, found := slices.BinarySearchFunc(s.Points, ts, func(p promql.FPoint, ts int64) int {
		switch {
		case p.T < ts:
			return -1
		case p.T > ts:
			return 1
		}
		return 0
	})
	if !found || s.Points[i].F != s.Points[i].F {
		return 0, false
	}
	return s.Points[i].F, true
}

// Any reports whether one of the series has a value at a step (ms). The value itself does not matter: `up == 0` has a
// value where up is 0.
func Any(series []Series, ts int64) bool {
	for _, s := range series {
		if _, ok := s.At(ts); ok {
			return true
		}
	}
	return false
}

// Vector is the result of an expression over a range of steps, indexed by labels. It is not safe for concurrent use.
type Vector struct {
	on     []string // labels to match on; empty: those that both sides have
	exact  bool     // without on, no label is ignored, and series without labels match all
	groups map[string]*group
}

// group holds the series that have the same label names.
type group struct {
	names  []string
	series []Series
	index  map[string]map[string][]int // by common names, then by their values: indices in series
}

// NewVector returns an empty Vector that matches on the given labels. If on is empty, it matches on the labels that
// both sides have, except job and instance.
func NewVector(on []string) *Vector { return &Vector{on: on, groups: map[string]*group{}} }

// NewExactVector returns an empty Vector that matches on the given labels. If on is empty, it matches on all labels but
// the name that both sides have. A series without labels matches all.
func NewExactVector(on []string) *Vector {
	return &Vector{on: on, exact: true, groups: map[string]*group{}}
}

// Add adds a series. It copies the points.
func (v *Vector) Add(s promql.Series) {
	names := Names(s.Metric)
	key := strings.Join(names, "\xff")
	g := v.groups[key]
	if g == nil {
		g = &group{names: names, index: map[string]map[string][]int{}}
		v.groups[key] = g
	}
	g.series = append(g.series, Series{s.Metric, slices.Clone(s.Floats)})
}

// Match returns the series that match the given labels. joined is false if the Vector has series but none of them
// shares a label to match on.
func (v *Vector) Match(l labels.Labels) (found []Series, joined bool) {
	joined = len(v.groups) == 0
	for _, g := range v.groups {
		common := v.common(g.names, l)
		if len(common) == 0 && !(v.exact && len(g.names) == 0) {
			continue
		}
		joined = true
		key := strings.Join(common, "\xff")
		index := g.index[key]
		if index == nil {
			index = map[string][]int{}
			for i, series := range g.series {
				values := Values(series.Labels, common)
				index[values] = append(index[values], i)
			}
			g.index[key] = index
		}
		for _, i := range index[Values(l, common)] {
			found = append(found, g.series[i])
		}
	}
	return found, joined
}

// common returns the labels on which series with labels of these names are matched to another one.
func (v *Vector) common(names []string, other labels.Labels) []string {
	if !v.exact || len(v.on) > 0 {
		return Common(v.on, names, other)
	}
	return slices.DeleteFunc(slices.Clone(names), func(name string) bool {
		return name == labels.MetricName || !other.Has(name)
	})
}

// All returns all series.
func (v *Vector) All() []Series {
	var all []Series
	for _, g := range v.groups {
		all = append(all, g.series...)
	}
	return all
}

// At returns the labels of the series that have a value at a step (ms).
func (v *Vector) At(ts int64) []labels.Labels {
	var present []labels.Labels
	for _, g := range v.groups {
		for _, s := range g.series {
			if _, ok := s.At(ts); ok {
				present = append(present, s.Labels)
			}
		}
	}
	return present
}

// Names returns the names of the labels in ascending order.
func Names(l labels.Labels) []string {
	names := make([]string, 0, l.Len())
	l.Range(func(l labels.Label) { names = append(names, l.Name) })
	return names
}

// Common returns the labels on which a series with labels of these names is matched to another: those in on, or else
// those that both have.
func Common(on, names []string, other labels.Labels) []string {
	if len(on) > 0 {
		return on
	}
	var common []string
	for _, name := range names {
		if other.Has(name) && !slices.Contains(ignored, name) {
			common = append(common, name)
		}
	}
	return common
}

// Values joins the values of the named labels into one string, which is unique to these values.
func Values(l labels.Labels, names []string) string {
	var b strings.Builder
	for _, name := range names {
		b.WriteString(l.Get(name))
		b.WriteByte(0xff)
	}
	return b.String()
}
