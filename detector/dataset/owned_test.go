package dataset_test

import (
	"context"
	"math"
	"testing"

	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/promql/parser"
	promstorage "github.com/prometheus/prometheus/storage"
	"github.com/prometheus/prometheus/tsdb/chunkenc"
	"github.com/stretchr/testify/require"

	"github.com/anomaly-exporter/anomaly-exporter/config/promql"
	"github.com/anomaly-exporter/anomaly-exporter/detector/dataset"
	"github.com/anomaly-exporter/anomaly-exporter/test/storage"
)

// kept returns what each of some inputs keeps.
func kept(t *testing.T, inputs ...dataset.Input) (all []promql.Kept) {
	t.Helper()
	for _, in := range inputs {
		parsed, err := parser.NewParser(parser.Options{}).ParseExpr(in.Expr)
		require.NoError(t, err)
		all = append(all, promql.KeptOf(parsed))
	}
	return all
}

// iterated counts the series whose samples are looked at.
type iterated struct {
	promstorage.Queryable
	series *int
}

func (q iterated) Querier(mint, maxt int64) (promstorage.Querier, error) {
	inner, err := q.Queryable.Querier(mint, maxt)
	return iteratedQuerier{inner, q.series}, err
}

type iteratedQuerier struct {
	promstorage.Querier
	series *int
}

func (q iteratedQuerier) Select(
	ctx context.Context, sorted bool, hints *promstorage.SelectHints, matchers ...*labels.Matcher,
) promstorage.SeriesSet {
	return iteratedSet{q.Querier.Select(ctx, sorted, hints, matchers...), q.series}
}

type iteratedSet struct {
	promstorage.SeriesSet
	series *int
}

func (s iteratedSet) At() promstorage.Series {
	return iteratedSeries{s.SeriesSet.At(), s.series}
}

type iteratedSeries struct {
	promstorage.Series
	series *int
}

func (s iteratedSeries) Iterator(it chunkenc.Iterator) chunkenc.Iterator {
	*s.series++
	return s.Series.Iterator(it)
}

// Whatever an expression does with labels, three processes have the series of one, with the same values. Where it is
// known which labels it keeps, none of them evaluates the series of another one.
func TestDataset_ProcessesShareTheSeries(t *testing.T) {
	db := storage.New(t)
	end := epoch + 2*hour
	var all []labels.Labels
	for _, ns := range []string{"a", "b", "c"} {
		for _, pod := range []string{"0", "1", "2", "3"} {
			for _, name := range []string{"load", "quota"} {
				all = append(all, metric(name, "ns", ns, "pod", pod))
			}
		}
	}
	storage.Write(t, db, epoch, end, minute, sine, all...)
	for _, tc := range []struct {
		inputs   []string
		by       []string
		evaluate int // series, by all processes together, as a multiple of those of one process
	}{
		{[]string{`load`}, nil, 1},
		{[]string{`rate(load[5m])`}, nil, 1},
		{[]string{`{__name__=~"load|quota"} > 5`}, nil, 1},
		{[]string{`sum by (ns) (load)`}, nil, 1},
		{[]string{`sum without (pod) (load) / sum by (ns) (quota)`}, nil, 3},
		{[]string{`sum by (ns) (load) / sum by (ns) (quota)`}, nil, 1},
		{[]string{`sum by (ns) (load) and sum by (ns) (quota > 700)`}, nil, 1},
		{[]string{`sum by (pod) (load) or sum by (pod) (quota)`}, nil, 1},
		{[]string{`load / on (ns, pod) quota`}, nil, 3},
		{[]string{`sum(load) / sum(quota)`}, nil, 1},
		{[]string{`topk by (ns) (1, load)`}, nil, 3},
		{[]string{`load * on (ns) group_left () sum by (ns) (quota)`}, nil, 3},
		{[]string{`label_replace(load, "pod", "x", "pod", "0")`}, nil, 3},
		{[]string{`load`, `quota`}, []string{"ns", "pod"}, 1},
		{[]string{`sum by (ns) (load)`, `max by (ns, pod) (quota{pod="0"})`}, []string{"ns"}, 1},
	} {
		o := newOptions(t)
		o.Inputs, o.By = nil, tc.by
		for _, expr := range tc.inputs {
			o.Inputs = append(o.Inputs, dataset.Input{Name: expr, Expr: expr})
		}
		o.Kept = kept(t, o.Inputs...)
		fillCounted := func(owns func(labels.Labels) bool) (found map[string][]float64, evaluated int) {
			o.Owns = owns
			d, e := dataset.New(o), newEvaluator(db)
			e.Source = iterated{db, &evaluated}
			fill(t, d, e, end)
			found = map[string][]float64{}
			for _, s := range d.All() {
				for i := range o.Inputs {
					for ts := end - hour; ts <= end; ts += minute {
						if v := s.At(i, ts); !math.IsNaN(v) {
							found[s.Labels.String()] = append(found[s.Labels.String()], v)
						}
					}
				}
			}
			return found, evaluated
		}
		whole, evaluated := fillCounted(nil)
		require.NotEmpty(t, whole, "%s", tc.inputs)
		union, shared := map[string][]float64{}, 0
		for shard := range uint64(3) {
			part, n := fillCounted(func(l labels.Labels) bool { return dataset.ID(l)%3 == shard })
			for l, values := range part {
				require.NotContains(t, union, l, "%s", tc.inputs)
				union[l] = values
			}
			shared += n
		}
		require.Equal(t, whole, union, "%s", tc.inputs)
		require.Equal(t, tc.evaluate*evaluated, shared, "%s", tc.inputs)
	}
}

func TestDataset_ReadsNothingForASingleSeriesOfAnotherProcess(t *testing.T) {
	db := storage.New(t)
	end := epoch + hour
	storage.Write(t, db, epoch, end, minute, sine, load("pod", "a"))
	o := newOptions(t)
	o.Inputs = []dataset.Input{{Expr: "sum(load)"}}
	o.Kept = kept(t, o.Inputs...)
	o.Mask = &dataset.Selector{Key: "mask", Expr: "load > 5"}
	source := &storage.Flaky{Queryable: db}
	source.Down.Store(true)
	e := newEvaluator(db)
	e.Source = source
	o.Owns = func(labels.Labels) bool { return false }
	d := dataset.New(o)
	fill(t, d, e, end)
	require.Equal(t, end, d.At())
	require.Empty(t, d.All())

	source.Down.Store(false)
	o.Owns = func(labels.Labels) bool { return true }
	d = dataset.New(o)
	fill(t, d, e, end)
	require.Len(t, d.All(), 1)
}
