package remoteread

import (
	"context"
	"errors"
	"slices"
	"sync"

	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/storage"
	"github.com/prometheus/prometheus/util/annotations"

	"github.com/anomaly-exporter/anomaly-exporter/remoteread/query"
)

// querier is a storage.Querier. At most one of its answers is being read at any time.
type querier struct {
	client     *Client
	mint, maxt int64

	mu     sync.Mutex // held while a series set reads; guards what follows
	active *stream    // the last one opened; all earlier ones have been read completely
	closed bool
}

var (
	errLabels = errors.New("remote read does not support queries for label names or values")
	errClosed = errors.New("querier is closed")
)

// LabelValues implements storage.LabelQuerier. The protocol has no such query, so it fails.
func (*querier) LabelValues(
	context.Context, string, *storage.LabelHints, ...*labels.Matcher,
) ([]string, annotations.Annotations, error) {
	return nil, nil, errLabels
}

// LabelNames implements storage.LabelQuerier. The protocol has no such query, so it fails.
func (*querier) LabelNames(
	context.Context, *storage.LabelHints, ...*labels.Matcher,
) ([]string, annotations.Annotations, error) {
	return nil, nil, errLabels
}

// Close implements storage.Querier. It gives up an answer that has not been read completely.
func (q *querier) Close() error {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.closed = true
	if q.active != nil && q.active.frames != nil {
		q.active.close(&Error{Reason: reasonCanceled, Err: errClosed})
	}
	return nil
}

// Select implements storage.Querier. It reads the range of the hints, as far as it lies within that of the querier.
func (q *querier) Select(
	ctx context.Context, sortSeries bool, hints *storage.SelectHints, matchers ...*labels.Matcher,
) storage.SeriesSet {
	mint, maxt := q.mint, q.maxt
	if hints != nil {
		mint, maxt = max(mint, hints.Start), min(maxt, hints.End)
	}
	if mint > maxt {
		return storage.EmptySeriesSet()
	}
	return &seriesSet{
		querier: q, ctx: ctx, sorted: sortSeries,
		query: query.New(matchers, q.client.options.ExternalLabels, mint, maxt, hints),
	}
}

// seriesSet is a storage.SeriesSet that sends its query at the first call of Next.
type seriesSet struct {
	querier *querier
	ctx     context.Context
	query   *query.Query
	sorted  bool

	stream  *stream // nil before the first Next
	current *series
	err     error
}

// Next implements storage.SeriesSet.
func (s *seriesSet) Next() bool {
	s.querier.mu.Lock()
	defer s.querier.mu.Unlock()
	s.current = nil
	if s.stream == nil && s.err == nil {
		s.err = s.begin()
	}
	if s.err != nil {
		return false
	}
	if s.current = s.stream.next(); s.current == nil {
		s.err = s.stream.err
	}
	return s.current != nil
}

// At implements storage.SeriesSet.
func (s *seriesSet) At() storage.Series { return s.current }

// Err implements storage.SeriesSet.
func (s *seriesSet) Err() error { return s.err }

// Warnings implements storage.SeriesSet.
func (s *seriesSet) Warnings() annotations.Annotations {
	if s.stream == nil {
		return nil
	}
	return s.stream.warnings
}

// begin sends the query. It first reads the rest of another answer of this querier into memory.
func (s *seriesSet) begin() error {
	q := s.querier
	if q.closed {
		return q.client.fail(&Error{Reason: reasonCanceled, Err: errClosed})
	}
	if q.active != nil {
		q.active.drain()
	}
	stream, err := q.client.open(s.ctx, s.query)
	if err != nil {
		return err
	}
	if s.sorted {
		stream.drain()
		var merger seriesMerger
		merger.add(stream.buffered)
		stream.buffered = merger.finish()
		slices.SortFunc(stream.buffered, func(a, b *series) int { return labels.Compare(a.labels, b.labels) })
	}
	s.stream, q.active = stream, stream
	return nil
}
