package remoteread

import (
	"context"
	"errors"
	"slices"
	"sync"

	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/prompb"
	"github.com/prometheus/prometheus/storage"
	"github.com/prometheus/prometheus/util/annotations"
)

// querier is a storage.Querier. Its lock makes the sets of one querier take turns.
type querier struct {
	client     *Client
	mint, maxt int64

	mu     sync.Mutex
	active *stream // the last one begun: no other is open
	closed bool
}

var (
	errLabels = errors.New("remote read knows neither label names nor label values")
	errClosed = errors.New("querier is closed")
)

// LabelValues implements storage.LabelQuerier. The protocol has no such question.
func (*querier) LabelValues(context.Context, string, *storage.LabelHints, ...*labels.Matcher) ([]string, annotations.Annotations, error) {
	return nil, nil, errLabels
}

// LabelNames implements storage.LabelQuerier. The protocol has no such question.
func (*querier) LabelNames(context.Context, *storage.LabelHints, ...*labels.Matcher) ([]string, annotations.Annotations, error) {
	return nil, nil, errLabels
}

// Close implements storage.Querier. It gives up a stream that has not been read to its end.
func (q *querier) Close() error {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.closed = true
	if q.active != nil && q.active.frames != nil {
		q.active.close(&Error{Reason: reasonCanceled, Err: errClosed})
	}
	return nil
}

// Select implements storage.Querier. The range read is that of the hints, within that of the querier.
func (q *querier) Select(ctx context.Context, sortSeries bool, hints *storage.SelectHints, matchers ...*labels.Matcher) storage.SeriesSet {
	mint, maxt := q.mint, q.maxt
	if hints != nil {
		mint, maxt = max(mint, hints.Start), min(maxt, hints.End)
	}
	if mint > maxt {
		return storage.EmptySeriesSet()
	}
	all, strip := q.client.withExternalLabels(matchers)
	return &seriesSet{
		querier: q, ctx: ctx, strip: strip, sorted: sortSeries,
		query: newQuery(mint, maxt, hints, all),
	}
}

func newQuery(mint, maxt int64, hints *storage.SelectHints, matchers []*labels.Matcher) *prompb.Query {
	query := &prompb.Query{StartTimestampMs: mint, EndTimestampMs: maxt}
	for _, m := range matchers { // both kinds of types are =, !=, =~, !~, from 0
		query.Matchers = append(query.Matchers, &prompb.LabelMatcher{Type: prompb.LabelMatcher_Type(m.Type), Name: m.Name, Value: m.Value})
	}
	if hints != nil {
		query.Hints = &prompb.ReadHints{
			StartMs: mint, EndMs: maxt, StepMs: hints.Step, RangeMs: hints.Range,
			Func: hints.Func, Grouping: hints.Grouping, By: hints.By,
		}
	}
	return query
}

// seriesSet is a storage.SeriesSet that reads when it is first asked for a series.
type seriesSet struct {
	querier *querier
	ctx     context.Context
	query   *prompb.Query
	strip   []string
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

// begin sends the query. What is left of another stream of this querier is read into memory first.
func (s *seriesSet) begin() error {
	q := s.querier
	if q.closed {
		return q.client.fail(&Error{Reason: reasonCanceled, Err: errClosed})
	}
	if q.active != nil {
		q.active.drain()
	}
	stream, err := q.client.open(s.ctx, s.query, s.strip)
	if err != nil {
		return err
	}
	if s.sorted {
		stream.drain()
		var all joiner
		all.add(stream.ahead)
		stream.ahead = all.finish()
		slices.SortFunc(stream.ahead, func(a, b *series) int { return labels.Compare(a.labels, b.labels) })
	}
	s.stream, q.active = stream, stream
	return nil
}
