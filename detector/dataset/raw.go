package dataset

import (
	"cmp"
	"maps"
	"math"
	"slices"
	"sort"

	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/promql"

	"github.com/anomaly-exporter/anomaly-exporter/detector/join"
)

// rawSeries is the part of a series that a slice holds.
type rawSeries struct {
	labels    labels.Labels
	points    [][]promql.FPoint // by input
	histogram bool              // the newest step is a native histogram
	conflict  []join.Series     // steps at which an input had several values
	sources   [][]labels.Labels // of a joined series, by input: its series with a value at the newest step
}

func newRawSeries(s promql.Series) rawSeries {
	return rawSeries{labels: s.Metric, points: [][]promql.FPoint{s.Floats}, histogram: len(s.Histograms) > 0}
}

func newJoinedSeries(l labels.Labels, inputs int) *rawSeries {
	return &rawSeries{labels: l, points: make([][]promql.FPoint, inputs), sources: make([][]labels.Labels, inputs)}
}

// begin returns the first step by which every input has had a value; math.MaxInt64 if an input has none.
func (r *rawSeries) begin() int64 {
	ts := int64(math.MinInt64)
	for _, points := range r.points {
		if len(points) == 0 {
			return math.MaxInt64
		}
		ts = max(ts, points[0].T)
	}
	return ts
}

// span returns the time from which all inputs have had a value, and that of the last value of any. A series that
// lacks an input counts at its last value only. A native histogram is a value at the newest step.
func (r *rawSeries) span(newest int64) (first, last int64) {
	last = math.MinInt64
	if r.histogram {
		last = newest
	}
	for _, points := range r.points {
		if n := len(points); n > 0 {
			last = max(last, points[n-1].T)
		}
	}
	return min(r.begin(), last), last
}

// dropBefore drops the values before a time.
func (r *rawSeries) dropBefore(ts int64) {
	for i, points := range r.points {
		n := sort.Search(len(points), func(j int) bool { return points[j].T >= ts })
		r.points[i] = points[n:]
	}
}

// merge adds the points of a series of input i. A step at which another series of the input also has a value becomes
// NaN, because choosing one of them would be a guess.
func (r *rawSeries) merge(i int, s promql.Series, last int64) {
	r.histogram = r.histogram || len(s.Histograms) > 0
	if n := len(s.Floats); n > 0 && s.Floats[n-1].T == last || len(s.Histograms) > 0 {
		r.sources[i] = append(r.sources[i], s.Metric)
	}
	if len(r.points[i]) == 0 {
		r.points[i] = slices.Clone(s.Floats)
		return
	}
	var conflict []promql.FPoint
	merged := slices.Concat(r.points[i], s.Floats)
	slices.SortStableFunc(merged, func(a, b promql.FPoint) int { return cmp.Compare(a.T, b.T) })
	r.points[i] = slices.CompactFunc(merged, func(a, b promql.FPoint) bool {
		if a.T == b.T {
			conflict = append(conflict, promql.FPoint{T: a.T})
		}
		return a.T == b.T
	})
	for _, c := range conflict {
		byTime := func(p promql.FPoint, ts int64) int { return cmp.Compare(p.T, ts) }
		at, _ := slices.BinarySearchFunc(r.points[i], c.T, byTime)
		r.points[i][at].F = math.NaN()
	}
	if len(conflict) > 0 {
		r.conflict = append(r.conflict, join.Series{
			Points: slices.CompactFunc(conflict, func(a, b promql.FPoint) bool { return a.T == b.T }),
		})
	}
}

// A Join counts the series of one of several inputs at the newest step.
type Join struct {
	Input     string
	Matched   int             // part of a complete vector
	Unmatched int             // not part of one
	Lost      labels.Labels   // one that is unmatched
	Conflict  []labels.Labels // several that belong to the same vector; nil: none
}

// count counts the series of each input, by whether they are part of a complete vector at the newest step; s is nil if
// the vector was refused.
func (r *rawSeries) count(joins []Join, s *Series, last int64) {
	complete := s != nil && s.Complete(last) && !s.Conflict(last)
	for i, sources := range r.sources {
		j := &joins[i]
		if complete {
			j.Matched += len(sources)
			continue
		}
		j.Unmatched += len(sources)
		if len(sources) > 0 && j.Lost.IsEmpty() {
			j.Lost = sources[0]
		}
		if len(sources) > 1 && j.Conflict == nil {
			j.Conflict = sources
		}
	}
}

func sortedKeys(m map[string]*rawSeries) []string { return slices.Sorted(maps.Keys(m)) }
