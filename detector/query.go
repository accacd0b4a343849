package detector

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/promql"
	"github.com/prometheus/prometheus/storage"
	"github.com/prometheus/prometheus/util/annotations"
)

const (
	firstSlice   = 2 * time.Hour // before it is known how much a slice reads
	sliceSamples = 24_000_000    // that a slice should read: they, compressed, are what is held in memory
	sliceGrowth  = 100           // times the slice before, at most
)

// evaluator runs PromQL here, over history read from Prometheus.
type evaluator struct {
	engine *promql.Engine
	source storage.Queryable
	warn   func(expr string, warning error)
}

// evaluate calls f for every series of expr over the steps from first to last, both included, and returns how many samples that took. The
// series' points are memory that is reused afterwards.
func (e evaluator) evaluate(ctx context.Context, expr string, first, last, step int64, f func(promql.Series)) (samples int64, err error) {
	query, err := e.engine.NewRangeQuery(ctx, e.source, nil, expr, time.UnixMilli(first), time.UnixMilli(last), time.Duration(step)*time.Millisecond)
	if err != nil {
		return 0, fmt.Errorf("query %s: %w", expr, err)
	}
	defer query.Close()
	result := query.Exec(ctx)
	if result.Err != nil {
		return 0, fmt.Errorf("query %s: %w", expr, result.Err)
	}
	for _, warning := range result.Warnings {
		if !errors.Is(warning, annotations.PromQLInfo) {
			e.warn(expr, warning)
		}
	}
	matrix, err := result.Matrix()
	if err != nil {
		return 0, fmt.Errorf("query %s: %w", expr, err)
	}
	for _, s := range matrix {
		f(s)
	}
	if s := query.Stats().Samples; s != nil {
		samples = s.TotalSamples
	}
	return samples, nil
}

// slicer cuts a long range into slices whose reads are bounded in samples.
type slicer struct {
	length int64 // ms of the next slice
	least  int64 // ms below which a slice would read more look-back than news
}

func newSlicer(lookBack time.Duration) slicer {
	least := max(2*lookBack, firstSlice)
	return slicer{length: least.Milliseconds(), least: least.Milliseconds()}
}

// next returns the end of the slice that begins after from, at most to, on the grid of step.
func (s *slicer) next(from, to, step int64) int64 {
	return min(to, from+max(step, s.length/step*step))
}

// done adjusts the length of the next slice to what this one has read.
func (s *slicer) done(length, samples int64) {
	want := float64(sliceGrowth * length)
	if samples > 0 {
		want = min(want, float64(length)*sliceSamples/float64(samples))
	}
	s.length = max(s.least, int64(want))
}

// failed halves the next slice if this one was too large for the engine, and says whether trying again makes sense.
func (s *slicer) failed(err error, step int64) bool {
	var tooMany promql.ErrTooManySamples
	if !errors.As(err, &tooMany) || s.length <= step {
		return false
	}
	s.length /= 2
	s.least = min(s.least, s.length)
	return true
}

// withoutOwnAlerts hides the alerts that this program's results raised, so that it neither stops learning from its own alarm nor grades itself
// by it.
type withoutOwnAlerts struct{ storage.Queryable }

func (w withoutOwnAlerts) Querier(mint, maxt int64) (storage.Querier, error) {
	q, err := w.Queryable.Querier(mint, maxt)
	if err != nil {
		return nil, err
	}
	return ownAlertsQuerier{q}, nil
}

type ownAlertsQuerier struct{ storage.Querier }

func (q ownAlertsQuerier) Select(ctx context.Context, sorted bool, hints *storage.SelectHints, matchers ...*labels.Matcher) storage.SeriesSet {
	return ownAlertsFilter{q.Querier.Select(ctx, sorted, hints, matchers...)}
}

type ownAlertsFilter struct{ storage.SeriesSet }

func (f ownAlertsFilter) Next() bool {
	for f.SeriesSet.Next() {
		l := f.At().Labels()
		name := l.Get(labels.MetricName)
		if name != "ALERTS" && name != "ALERTS_FOR_STATE" || l.Get("source") != "predictive_model" {
			return true
		}
	}
	return false
}
