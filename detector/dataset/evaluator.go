package dataset

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
	samples  int64 // that the query has read
	warnings []Warning
}

func (e evaluation) close() { e.query.Close() }

// evaluate evaluates expr at the steps (ms) from first to last, both included.
func (e Evaluator) evaluate(ctx context.Context, expr string, first, last, step int64) (result evaluation, err error) {
	query, err := e.Engine.NewRangeQuery(ctx, withoutOwnAlerts{e.Source}, nil, expr,
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
		result.samples = s.TotalSamples
	}
	return result, nil
}

// readError marks an error of the source. The engine passes errors of the source on as they are, so nothing else
// distinguishes them from errors of the expression.
type readError struct{ error }

func (e readError) Unwrap() error { return e.error }

// withoutOwnAlerts hides the alerts that this exporter's results have raised. Otherwise a mask over ALERTS would stop
// learning because of the exporter's own alerts, and a truth over ALERTS would grade them against themselves.
type withoutOwnAlerts struct{ storage.Queryable }

func (w withoutOwnAlerts) Querier(mint, maxt int64) (storage.Querier, error) {
	q, err := w.Queryable.Querier(mint, maxt)
	if err != nil {
		return nil, readError{err}
	}
	return ownAlertsQuerier{q}, nil
}

type ownAlertsQuerier struct{ storage.Querier }

func (q ownAlertsQuerier) Select(
	ctx context.Context, sorted bool, hints *storage.SelectHints, matchers ...*labels.Matcher,
) storage.SeriesSet {
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

func (f ownAlertsFilter) Err() error {
	if err := f.SeriesSet.Err(); err != nil {
		return readError{err}
	}
	return nil
}
