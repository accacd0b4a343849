package dataset

import (
	"context"
	"slices"

	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/storage"

	"github.com/anomaly-exporter/anomaly-exporter/config/promql"
)

// ownsNone reports whether it is known without reading that no series belongs to this process: the inputs are single
// series without labels.
func (o *Options) ownsNone() bool {
	return o.Owns != nil && o.Kept != nil && !o.Owns(labels.EmptyLabels()) &&
		!slices.ContainsFunc(o.Kept, func(k promql.Kept) bool { return !k.None() })
}

// owned returns an Evaluator of an input that leaves out what belongs to other processes, as soon as it comes from the
// source, if it is known which labels the input keeps.
func (e Evaluator) owned(input int, o *Options) Evaluator {
	if o.Owns == nil || o.Kept == nil {
		return e
	}
	kept := o.Kept[input]
	if _, known := kept.Labels(labels.EmptyLabels()); !known {
		return e
	}
	e.Source = ownedSource{e.Source, func(l labels.Labels) bool {
		result, _ := kept.Labels(l)
		if o.joined() {
			result = labels.NewBuilder(result).Keep(o.By...).Labels()
		}
		return o.Owns(result)
	}}
	return e
}

type ownedSource struct {
	storage.Queryable
	owns func(labels.Labels) bool // by the labels that are read
}

func (s ownedSource) Querier(mint, maxt int64) (storage.Querier, error) {
	q, err := s.Queryable.Querier(mint, maxt)
	if err != nil {
		return nil, err
	}
	return ownedQuerier{q, s.owns}, nil
}

type ownedQuerier struct {
	storage.Querier
	owns func(labels.Labels) bool
}

func (q ownedQuerier) Select(
	ctx context.Context, sorted bool, hints *storage.SelectHints, matchers ...*labels.Matcher,
) storage.SeriesSet {
	return ownedSet{q.Querier.Select(ctx, sorted, hints, matchers...), q.owns}
}

type ownedSet struct {
	storage.SeriesSet
	owns func(labels.Labels) bool
}

func (s ownedSet) Next() bool {
	for s.SeriesSet.Next() {
		if s.owns(s.At().Labels()) {
			return true
		}
	}
	return false
}
