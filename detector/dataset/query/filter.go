package query

import (
	"context"
	"sync/atomic"

	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/storage"
)

// filtered is a source without the series that are not read, and without the alerts that this exporter's results have
// raised. Otherwise a mask over ALERTS would stop learning because of the exporter's own alerts, and a truth over
// ALERTS would grade them against themselves. It counts the memory that the other series take, and marks errors.
type filtered struct {
	storage.Queryable
	reads func(labels.Labels) bool // nil: all
	bytes *atomic.Int64
}

func newFiltered(q storage.Queryable, reads func(labels.Labels) bool) filtered {
	return filtered{q, reads, new(atomic.Int64)}
}

func (f filtered) Querier(mint, maxt int64) (storage.Querier, error) {
	q, err := f.Queryable.Querier(mint, maxt)
	if err != nil {
		return nil, SourceError{err}
	}
	return filteredQuerier{q, f}, nil
}

type filteredQuerier struct {
	storage.Querier
	filter filtered
}

func (q filteredQuerier) Select(
	ctx context.Context, sorted bool, hints *storage.SelectHints, matchers ...*labels.Matcher,
) storage.SeriesSet {
	return filteredSet{q.Querier.Select(ctx, sorted, hints, matchers...), q.filter}
}

type filteredSet struct {
	storage.SeriesSet
	filter filtered
}

// sized is a storage.Series that knows how much memory it takes.
type sized interface{ MemoryBytes() int64 }

func (s filteredSet) Next() bool {
	for s.SeriesSet.Next() {
		series := s.At()
		l := series.Labels()
		if ownAlert(l) || s.filter.reads != nil && !s.filter.reads(l) {
			continue
		}
		if sized, ok := series.(sized); ok {
			s.filter.bytes.Add(sized.MemoryBytes())
		}
		return true
	}
	return false
}

func (s filteredSet) Err() error {
	if err := s.SeriesSet.Err(); err != nil {
		return SourceError{err}
	}
	return nil
}

func ownAlert(l labels.Labels) bool {
	name := l.Get(labels.MetricName)
	return (name == "ALERTS" || name == "ALERTS_FOR_STATE") && l.Get("source") == "predictive_model"
}
