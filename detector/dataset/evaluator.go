package dataset

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"time"
	"unsafe"

	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/promql"
	"github.com/prometheus/prometheus/storage"
	"github.com/prometheus/prometheus/util/annotations"
)

// An Evaluator evaluates PromQL in this process, over history that it reads from Source. It is safe for concurrent use.
type Evaluator struct {
	Engine *promql.Engine
	Source storage.Queryable
}

// A Warning is a warning of a query that succeeded, for example because part of the data could not be read.
type Warning struct {
	Expr string
	Err  error
}

// evaluation is the result of an expression over a range of steps. Its memory may be reused after close.
type evaluation struct {
	query    promql.Query
	matrix   promql.Matrix
	read     size
	warnings []Warning
}

func (e evaluation) close() { e.query.Close() }

// evaluate evaluates expr at the steps (ms) from first to last, both included.
func (e Evaluator) evaluate(ctx context.Context, expr string, first, last, step int64) (result evaluation, err error) {
	source := withoutOwnAlerts{e.Source, new(atomic.Int64)}
	query, err := e.Engine.NewRangeQuery(ctx, source, nil, expr,
		time.UnixMilli(first), time.UnixMilli(last), time.Duration(step)*time.Millisecond)
	if err != nil {
		return result, fmt.Errorf("query %s: %w", expr, err)
	}
	defer func() {
		if err != nil {
			query.Close()
		}
	}()
	answer := query.Exec(ctx)
	if answer.Err != nil {
		return result, fmt.Errorf("query %s: %w", expr, answer.Err)
	}
	result.query = query
	for _, warning := range answer.Warnings {
		if !errors.Is(warning, annotations.PromQLInfo) {
			result.warnings = append(result.warnings, Warning{expr, warning})
		}
	}
	if result.matrix, err = answer.Matrix(); err != nil {
		return result, fmt.Errorf("query %s: %w", expr, err)
	}
	if s := query.Stats().Samples; s != nil {
		result.read.samples = s.TotalSamples
	}
	result.read.bytes, result.read.series = source.bytes.Load(), int64(len(result.matrix))
	for _, s := range result.matrix {
		result.read.bytes += int64(len(s.Floats)) * int64(unsafe.Sizeof(promql.FPoint{}))
	}
	return result, nil
}

// readError marks an error of the source. The engine passes errors of the source on as they are, so nothing else
// distinguishes them from errors of the expression.
type readError struct{ error }

func (e readError) Unwrap() error { return e.error }

// withoutOwnAlerts hides the alerts that this exporter's results have raised. Otherwise a mask over ALERTS would stop
// learning because of the exporter's own alerts, and a truth over ALERTS would grade them against themselves.
// It also counts the memory that the other series take.
type withoutOwnAlerts struct {
	storage.Queryable
	bytes *atomic.Int64
}

func (w withoutOwnAlerts) Querier(mint, maxt int64) (storage.Querier, error) {
	q, err := w.Queryable.Querier(mint, maxt)
	if err != nil {
		return nil, readError{err}
	}
	return ownAlertsQuerier{q, w.bytes}, nil
}

type ownAlertsQuerier struct {
	storage.Querier
	bytes *atomic.Int64
}

func (q ownAlertsQuerier) Select(
	ctx context.Context, sorted bool, hints *storage.SelectHints, matchers ...*labels.Matcher,
) storage.SeriesSet {
	return ownAlertsFilter{q.Querier.Select(ctx, sorted, hints, matchers...), q.bytes}
}

type ownAlertsFilter struct {
	storage.SeriesSet
	bytes *atomic.Int64
}

// sized is a storage.Series that knows how much memory it takes.
type sized interface{ MemoryBytes() int64 }

func (f ownAlertsFilter) Next() bool {
	for f.SeriesSet.Next() {
		series := f.At()
		l := series.Labels()
		name := l.Get(labels.MetricName)
		if name != "ALERTS" && name != "ALERTS_FOR_STATE" || l.Get("source") != "predictive_model" {
			if s, ok := series.(sized); ok {
				f.bytes.Add(s.MemoryBytes())
			}
			return true
		}
	}
	return false
}

func (f ownAlertsFilter) Err() error {
	if err := f.SeriesSet.Err(); err != nil {
		return readError{err}
	}
	return nil
}
