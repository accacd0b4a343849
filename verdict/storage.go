package verdict

import (
	"context"
	"math"
	"slices"
	"time"

	"github.com/prometheus/prometheus/model/histogram"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/model/value"
	"github.com/prometheus/prometheus/storage"
	"github.com/prometheus/prometheus/tsdb/chunkenc"
	"github.com/prometheus/prometheus/tsdb/chunks"
	"github.com/prometheus/prometheus/util/annotations"
)

// MetricName is the name of the series that a Set makes. Their labels are those of the series that a verdict is about,
// and verdict.
const MetricName = "anomaly_feedback"

// kindLabel is the label that says what the verdict is.
const kindLabel = "verdict"

// interval is the time between two samples. Chosen, not tuned: the usual scrape interval. The first and the last moment
// of a period have a sample too, and a stale marker follows.
const interval = int64(time.Minute / time.Millisecond)

// Over returns a Queryable that answers selectors for anomaly_feedback from the Set, and all others from q. Over of nil
// is q itself.
func (s *Set) Over(q storage.Queryable) storage.Queryable {
	if s == nil {
		return q
	}
	made := s.series()
	return storage.QueryableFunc(func(mint, maxt int64) (storage.Querier, error) {
		below, err := q.Querier(mint, maxt)
		if err != nil {
			return nil, err
		}
		return &querier{Querier: below, series: made, mint: mint, maxt: maxt}, nil
	})
}

// Selected reports whether a selector can select anomaly_feedback.
func Selected(matchers []*labels.Matcher) bool {
	return !slices.ContainsFunc(matchers, func(m *labels.Matcher) bool {
		return m.Name == labels.MetricName && !m.Matches(MetricName)
	})
}

// madeSeries is a series of anomaly_feedback.
type madeSeries struct {
	labels  labels.Labels
	periods []Period
}

// series returns the series of a Set, sorted by labels.
func (s *Set) series() []madeSeries {
	of := map[string][]Verdict{}
	byLabels := map[string]labels.Labels{}
	for _, v := range s.All() {
		b := labels.NewBuilder(v.Series)
		if other := v.Series.Get(kindLabel); other != "" {
			b.Set("exported_"+kindLabel, other)
		}
		l := b.Set(labels.MetricName, MetricName).Set(kindLabel, string(v.Kind)).Labels()
		of[l.String()], byLabels[l.String()] = append(of[l.String()], v), l
	}
	var made []madeSeries
	for key, verdicts := range of {
		made = append(made, madeSeries{byLabels[key], Periods(verdicts)})
	}
	slices.SortFunc(made, func(a, b madeSeries) int { return labels.Compare(a.labels, b.labels) })
	return made
}

// querier adds series to those of another one.
type querier struct {
	storage.Querier
	series     []madeSeries
	mint, maxt int64
}

func (q *querier) Select(
	ctx context.Context, sorted bool, hints *storage.SelectHints, matchers ...*labels.Matcher,
) storage.SeriesSet {
	if !Selected(matchers) {
		return q.Querier.Select(ctx, sorted, hints, matchers...)
	}
	if slices.ContainsFunc(matchers, func(m *labels.Matcher) bool {
		return m.Name == labels.MetricName && m.Type == labels.MatchEqual
	}) {
		return q.selected(matchers)
	}
	return storage.NewMergeSeriesSet([]storage.SeriesSet{
		q.selected(matchers), q.Querier.Select(ctx, true, hints, matchers...),
	}, 0, storage.ChainedSeriesMerge)
}

// selected returns the series of the Set that have a sample in the time of the querier.
func (q *querier) selected(matchers []*labels.Matcher) storage.SeriesSet {
	var found []storage.Series
	for _, s := range q.series {
		differs := func(m *labels.Matcher) bool { return !m.Matches(s.labels.Get(m.Name)) }
		if slices.ContainsFunc(matchers, differs) {
			continue
		}
		if samples := s.samples(q.mint, q.maxt); len(samples) > 0 {
			found = append(found, storage.NewListSeries(s.labels, samples))
		}
	}
	return &listed{found: found, at: -1}
}

// sample is a point in time of a series.
type sample struct {
	t int64
	v float64
}

// samples returns those from mint to maxt.
func (s *madeSeries) samples(mint, maxt int64) []chunks.Sample {
	var all []chunks.Sample
	add := func(t int64, v float64) {
		if t >= mint && t <= maxt {
			all = append(all, sample{t, v})
		}
	}
	for _, p := range s.periods {
		if p.To+1 < mint || p.From > maxt {
			continue
		}
		first := p.From
		if first < mint {
			first += (mint - first) / interval * interval
		}
		for t := first; t < p.To && t <= maxt; t += interval {
			add(t, 1)
		}
		add(p.To, 1)
		add(p.To+1, math.Float64frombits(value.StaleNaN))
	}
	return all
}

func (s sample) T() int64                      { return s.t }
func (s sample) ST() int64                     { return 0 }
func (s sample) F() float64                    { return s.v }
func (s sample) H() *histogram.Histogram       { return nil }
func (s sample) FH() *histogram.FloatHistogram { return nil }
func (s sample) Type() chunkenc.ValueType      { return chunkenc.ValFloat }
func (s sample) Copy() chunks.Sample           { return s }

// listed is a SeriesSet of series that are known.
type listed struct {
	found []storage.Series
	at    int
}

func (l *listed) Next() bool                      { l.at++; return l.at < len(l.found) }
func (l *listed) At() storage.Series              { return l.found[l.at] }
func (*listed) Err() error                        { return nil }
func (*listed) Warnings() annotations.Annotations { return nil }
