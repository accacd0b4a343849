package detector

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"math"
	"slices"
	"time"

	"github.com/go-kit/log/level"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/promql"

	"github.com/anomaly-exporter/anomaly-exporter/config"
)

// input is an expression whose values are kept with each series.
type input struct {
	name   string // empty if it is the only one
	expr   config.Expr
	counts time.Duration // over how long a value counts; 0: it is no count
}

// by says how the series of several inputs become one: those with the same values of the labels do.
type by struct {
	labels []string
	joins  []join // by input, of the slice read last
}

// inputsOf are the inputs of a detector.
func inputsOf(d *config.Detector) []input {
	if !d.Multivariate() {
		return []input{{expr: d.Expr, counts: d.Expr.CountsOver()}}
	}
	var inputs []input
	for _, name := range d.InputNames() {
		expr := d.Inputs[name]
		inputs = append(inputs, input{name, expr, expr.CountsOver()})
	}
	return inputs
}

// newBy is nil for a detector of one input.
func newBy(d *config.Detector) *by {
	if !d.Multivariate() {
		return nil
	}
	return &by{labels: d.By}
}

// join counts the series of an input at the newest step.
type join struct {
	matched, unmatched int             // with all other inputs, or not
	lost               labels.Labels   // one that is not
	conflict           []labels.Labels // several that belong to one vector
}

// reading is what a slice holds of a series.
type reading struct {
	labels    labels.Labels
	points    [][]promql.FPoint // by input
	histogram bool              // the newest step is a native histogram
	conflict  []sideSeries      // where an input had several values
	sources   [][]labels.Labels // by input, of a joint reading: those with a value at the newest step
}

// begin is the first step with a value of every input.
func (r reading) begin() int64 {
	ts := int64(math.MinInt64)
	for _, points := range r.points {
		if len(points) == 0 {
			return math.MaxInt64
		}
		ts = max(ts, points[0].T)
	}
	return ts
}

// longestLookBack is that of the inputs.
func (t task) longestLookBack() (d time.Duration) {
	for _, in := range t.inputs {
		d = max(d, in.expr.LookBack())
	}
	return d
}

// readInputs evaluates the inputs over a slice. It calls known for each series, and returns those that known does not know, in the order of their age.
func (g *group) readInputs(ctx context.Context, first, last, step int64, known func(reading) bool) (fresh []reading, samples int64, err error) {
	if g.joint != nil {
		fresh, samples, err = g.readJoint(ctx, first, last, step, known)
	} else {
		samples, err = g.evaluator.evaluate(ctx, g.inputs[0].expr.String(), first, last, step, func(p promql.Series) {
			r := reading{labels: p.Metric, points: [][]promql.FPoint{p.Floats}, histogram: len(p.Histograms) > 0}
			if !known(r) {
				r.points[0] = slices.Clone(p.Floats)
				fresh = append(fresh, r)
			}
		})
	}
	slices.SortFunc(fresh, func(a, b reading) int {
		return cmp.Or(cmp.Compare(a.begin(), b.begin()), labels.Compare(a.labels, b.labels))
	})
	return fresh, samples, err
}

// readJoint evaluates the inputs of a detector of several signals, and joins them.
func (g *group) readJoint(ctx context.Context, first, last, step int64, known func(reading) bool) (fresh []reading, samples int64, err error) {
	g.joint.joins = make([]join, len(g.inputs))
	found := map[string]*reading{}
	for i, in := range g.inputs {
		n, err := g.evaluator.evaluate(ctx, in.expr.String(), first, last, step, func(p promql.Series) {
			l := labels.NewBuilder(p.Metric).Keep(g.joint.labels...).Labels()
			key := l.String()
			r := found[key]
			if r == nil {
				r = &reading{labels: l, points: make([][]promql.FPoint, len(g.inputs)), sources: make([][]labels.Labels, len(g.inputs))}
				found[key] = r
			}
			r.merge(i, p, last)
		})
		if err != nil {
			return nil, 0, fmt.Errorf("inputs.%s: %w", in.name, err)
		}
		samples += n
	}
	for _, key := range slices.Sorted(maps.Keys(found)) {
		r := found[key]
		if !known(*r) {
			fresh = append(fresh, *r)
		}
	}
	return fresh, samples, nil
}

// merge takes the points of a series of an input over. Steps at which another series of the input has a value, too, are left without one: which of them is
// meant would be a guess.
func (r *reading) merge(i int, p promql.Series, last int64) {
	r.histogram = r.histogram || len(p.Histograms) > 0
	if n := len(p.Floats); n > 0 && p.Floats[n-1].T == last || len(p.Histograms) > 0 {
		r.sources[i] = append(r.sources[i], p.Metric)
	}
	if len(r.points[i]) == 0 {
		r.points[i] = slices.Clone(p.Floats)
		return
	}
	var conflict []promql.FPoint
	merged := slices.Concat(r.points[i], p.Floats)
	slices.SortStableFunc(merged, func(a, b promql.FPoint) int { return cmp.Compare(a.T, b.T) })
	r.points[i] = slices.CompactFunc(merged, func(a, b promql.FPoint) bool {
		if a.T == b.T {
			conflict = append(conflict, promql.FPoint{T: a.T})
		}
		return a.T == b.T
	})
	for _, c := range conflict {
		at, _ := slices.BinarySearchFunc(r.points[i], c.T, func(p promql.FPoint, ts int64) int { return cmp.Compare(p.T, ts) })
		r.points[i][at].F = math.NaN()
	}
	if len(conflict) > 0 {
		r.conflict = append(r.conflict, sideSeries{points: slices.CompactFunc(conflict, func(a, b promql.FPoint) bool { return a.T == b.T })})
	}
}

// count notes which series of the inputs have found their place in the vector of a series at the newest step; s is nil if it was refused.
func (b *by) count(r reading, s *series, last int64) {
	whole := s != nil && s.whole(last) && !holds(s.conflict, last)
	for i, sources := range r.sources {
		j := &b.joins[i]
		if whole {
			j.matched += len(sources)
			continue
		}
		j.unmatched += len(sources)
		if len(sources) > 0 && j.lost.IsEmpty() {
			j.lost = sources[0]
		}
		if len(sources) > 1 && j.conflict == nil {
			j.conflict = sources
		}
	}
}

// see is what has been read of the live series at a step.
func (g *group) see(live []*series, at int64) []Seen {
	var names []string
	if g.joint != nil {
		for _, in := range g.inputs {
			names = append(names, in.name)
		}
	}
	seen := make([]Seen, len(live))
	values := make([]float64, len(live)*len(g.inputs))
	for i, s := range live {
		seen[i] = Seen{Labels: s.base, Inputs: names, Values: values[:len(g.inputs)], group: g, series: s, at: at}
		values = values[len(g.inputs):]
		for k, h := range s.inputs {
			seen[i].Values[k], _ = h.Value(at)
		}
	}
	return seen
}

// whole says whether all inputs have a value at a step.
func (s *series) whole(at int64) bool {
	for _, h := range s.inputs {
		if v, _ := h.Value(at); v != v {
			return false
		}
	}
	return true
}

// countJoins shows how many series of each input were joined, and logs once what was not.
func (g *group) countJoins() {
	if g.joint == nil {
		return
	}
	for i, j := range g.joint.joins {
		name := g.inputs[i].name
		g.metrics.joins.WithLabelValues(g.name, name, "true").Set(float64(j.matched))
		g.metrics.joins.WithLabelValues(g.name, name, "false").Set(float64(j.unmatched))
		if lost := "lost " + name; j.unmatched == 0 {
			delete(g.noted, lost)
		} else {
			g.noteOf(lost, "Series of an input lack another input, or were refused", "input", name, "series", j.unmatched, "such_as", j.lost)
		}
		if conflict := "conflict " + name; j.conflict == nil {
			delete(g.noted, conflict)
		} else if !g.noted[conflict] {
			g.noted[conflict] = true
			level.Error(g.logger).Log("msg", "Several series of an input have the same labels in by: their vector has no score",
				"input", name, "series", j.conflict[0], "and", j.conflict[1])
		}
	}
}
