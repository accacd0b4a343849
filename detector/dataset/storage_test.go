package dataset_test

import (
	"bytes"
	"context"
	"math"
	"testing"
	"time"

	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/promql"
	"github.com/prometheus/prometheus/tsdb"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/anomaly-exporter/anomaly-exporter/detector/dataset"
	"github.com/anomaly-exporter/anomaly-exporter/detector/dataset/query"
	"github.com/anomaly-exporter/anomaly-exporter/history"
	"github.com/anomaly-exporter/anomaly-exporter/test/storage"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const (
	minute = int64(60_000)
	hour   = 60 * minute
	day    = 24 * hour
	epoch  = 20_000 * day // ms
)

// values returns the value of a series at a time (ms); NaN: there is none.
type values func(series int, ts int64) float64

// sine tells series and times apart. It is as precise as histories are.
func sine(series int, ts int64) float64 {
	return float64(float32(100*float64(series+1) + 10*math.Sin(float64(ts%(7*day))/float64(hour))))
}

// between is f from one time to another, both included, and nothing else.
func between(from, to int64, f values) values {
	return func(series int, ts int64) float64 {
		if ts < from || ts > to {
			return math.NaN()
		}
		return f(series, ts)
	}
}

func constant(v float64) values { return func(int, int64) float64 { return v } }

// newEngine returns an engine that sees a sample for less than a minute, so that a gap is one.
func newEngine(maxSamples int) *promql.Engine { return storage.NewEngine(time.Minute, maxSamples) }

func newEvaluator(db *tsdb.DB) query.Evaluator {
	return query.Evaluator{Engine: newEngine(50e6), Source: db}
}

func newLayout(t *testing.T, step, length, overhang int64) history.Layout {
	t.Helper()
	const ms = time.Millisecond
	l, err := history.NewLayout(time.Duration(step)*ms, time.Duration(length)*ms, time.Duration(overhang)*ms, history.Drop)
	require.NoError(t, err)
	return l
}

// newOptions are those of the expression "load" at steps of a minute, kept for six hours.
func newOptions(t *testing.T) dataset.Options {
	t.Helper()
	return dataset.Options{
		Inputs: []dataset.Input{{Expr: "load"}}, Layout: newLayout(t, minute, 6*hour, 10*minute), Limit: 100,
	}
}

func load(pairs ...string) labels.Labels {
	return labels.FromStrings(append([]string{"__name__", "load"}, pairs...)...)
}

func metric(name string, pairs ...string) labels.Labels {
	return labels.FromStrings(append([]string{"__name__", name}, pairs...)...)
}

// fill reads everything up to a step, as the owner of a Dataset does, and returns the slices. It fails if that does
// not come to an end.
func fill(t *testing.T, d *dataset.Dataset, e query.Evaluator, to int64) []*dataset.Slice {
	t.Helper()
	return fillRequest(t, d, e, dataset.Request{To: to})
}

func fillRequest(t *testing.T, d *dataset.Dataset, e query.Evaluator, r dataset.Request) (slices []*dataset.Slice) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	for {
		require.NoError(t, ctx.Err(), "it does not end")
		p, ok := d.Next(r)
		if !ok {
			return slices
		}
		s, err := p.Read(ctx, e)
		if err != nil && d.Retry(p, err) {
			continue
		}
		require.NoError(t, err)
		d.Apply(s)
		s.Close()
		d.Trim()
		slices = append(slices, s)
	}
}

// save returns all that a Dataset knows of the past.
func save(t *testing.T, d *dataset.Dataset) []byte {
	t.Helper()
	var b bytes.Buffer
	require.NoError(t, d.Save(&b))
	return b.Bytes()
}

// series returns the series of a Dataset by the value of a label.
func series(d *dataset.Dataset, label string) map[string]*dataset.Series {
	found := map[string]*dataset.Series{}
	for _, s := range d.All() {
		found[s.Labels.Get(label)] = s
	}
	return found
}

// known returns the values of a label over the series of a Dataset, in their order.
func known(d *dataset.Dataset, label string) []string {
	found := []string{}
	for _, s := range d.All() {
		found = append(found, s.Labels.Get(label))
	}
	return found
}
