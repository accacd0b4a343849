// Package query evaluates PromQL in this process, over what a source reads.
package query

import (
	"context"
	"errors"
	"fmt"
	"time"
	"unsafe"

	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/promql"
	"github.com/prometheus/prometheus/storage"
	"github.com/prometheus/prometheus/util/annotations"
)

// An Evaluator evaluates PromQL over history that it reads from Source. It is safe for concurrent use.
type Evaluator struct {
	Engine *promql.Engine
	Source storage.Queryable
	// Reads reports by its labels whether a series of the source is read; nil: all are. Samples of the others are not even
	// decoded.
	Reads func(labels.Labels) bool
}

// A Warning is a warning of a query that succeeded, for example because part of the data could not be read.
type Warning struct {
	Expr string
	Err  error
}

// A Result is the result of an expression over a range of steps. Its memory may be reused after Close.
type Result struct {
	Matrix   promql.Matrix
	Read     Size
	Warnings []Warning

	query promql.Query
}

// Close releases the memory of the result.
func (r Result) Close() { r.query.Close() }

// Size is how much was read. It is 0 if there was nothing to read.
type Size struct {
	Samples int64 // that the queries have read
	Bytes   int64 // of memory, of the answers of the source and of the results
	Series  int64 // of the results
}

// Add adds what else was read.
func (s *Size) Add(other Size) {
	s.Samples, s.Bytes, s.Series = s.Samples+other.Samples, s.Bytes+other.Bytes, s.Series+other.Series
}

// Evaluate evaluates expr at the steps (ms) from first to last, both included. An error of the source is an
// SourceError.
func (e Evaluator) Evaluate(ctx context.Context, expr string, first, last, step int64) (r Result, err error) {
	source := newFiltered(e.Source, e.Reads)
	r.query, err = e.Engine.NewRangeQuery(ctx, source, nil, expr,
		time.UnixMilli(first), time.UnixMilli(last), time.Duration(step)*time.Millisecond)
	if err != nil {
		return Result{}, fmt.Errorf("query %s: %w", expr, err)
	}
	defer func() {
		if err != nil {
			r.Close()
			r = Result{}
		}
	}()
	answer := r.query.Exec(ctx)
	if answer.Err != nil {
		return r, fmt.Errorf("query %s: %w", expr, answer.Err)
	}
	for _, warning := range answer.Warnings {
		if !errors.Is(warning, annotations.PromQLInfo) {
			r.Warnings = append(r.Warnings, Warning{expr, warning})
		}
	}
	if r.Matrix, err = answer.Matrix(); err != nil {
		return r, fmt.Errorf("query %s: %w", expr, err)
	}
	if s := r.query.Stats().Samples; s != nil {
		r.Read.Samples = s.TotalSamples
	}
	r.Read.Bytes, r.Read.Series = source.bytes.Load(), int64(len(r.Matrix))
	for _, s := range r.Matrix {
		r.Read.Bytes += int64(len(s.Floats)) * int64(unsafe.Sizeof(promql.FPoint{}))
	}
	return r, nil
}

// SourceError marks an error of the source. The engine passes errors of the source on as they are, so nothing else
// distinguishes them from errors of the expression.
type SourceError struct{ Err error }

func (e SourceError) Error() string { return e.Err.Error() }

func (e SourceError) Unwrap() error { return e.Err }

// TooLarge reports whether the query may succeed over a shorter range: it had too many samples for the engine, or the
// source says so of its answer.
func TooLarge(err error) bool {
	var tooMany promql.ErrTooManySamples
	var answer interface{ TooLarge() bool }
	return errors.As(err, &tooMany) || errors.As(err, &answer) && answer.TooLarge()
}

// Unevaluable reports whether err is due to the expression, not to the source, the length of the range or ctx.
func Unevaluable(ctx context.Context, err error) bool {
	var unread SourceError
	var tooMany promql.ErrTooManySamples
	return ctx.Err() == nil && !errors.As(err, &unread) && !errors.As(err, &tooMany)
}
