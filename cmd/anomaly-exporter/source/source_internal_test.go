package source

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/prometheus/prometheus/promql"
	"github.com/prometheus/prometheus/storage"
	"github.com/prometheus/prometheus/util/teststorage"
	"github.com/stretchr/testify/require"

	"github.com/prometheus/prometheus/model/labels"
)

// store returns a storage with one sample of each series, at 1000 s.
func store(t *testing.T, values map[string]float64) storage.Queryable {
	t.Helper()
	s := teststorage.New(t)
	a := s.Appender(t.Context())
	for name, v := range values {
		_, err := a.Append(0, labels.FromStrings("__name__", name), 1_000_000, v)
		require.NoError(t, err)
	}
	require.NoError(t, a.Commit())
	return s
}

func sum(q storage.Queryable) (promql.Vector, error) {
	engine := promql.NewEngine(promql.EngineOpts{MaxSamples: 100, Timeout: time.Minute})
	query, err := engine.NewInstantQuery(
		context.Background(), q, nil, `sum({__name__=~".+"})`, time.Unix(1000, 0),
	)
	if err != nil {
		return nil, err
	}
	defer query.Close()
	return query.Exec(context.Background()).Vector()
}

func TestMerged_FailsIfOneServerFails(t *testing.T) {
	one, two := store(t, map[string]float64{"a": 1, "b": 2}), store(t, map[string]float64{"b": 2, "c": 4})
	v, err := sum(merged([]storage.Queryable{one, two}))
	require.NoError(t, err)
	require.Equal(t, 7.0, v[0].F, "a series of both servers counts once")

	broken := errors.New("broken")
	failing := storage.QueryableFunc(func(int64, int64) (storage.Querier, error) { return nil, broken })
	_, err = sum(merged([]storage.Queryable{one, failing}))
	require.ErrorIs(t, err, broken)
	silent := storage.QueryableFunc(func(int64, int64) (storage.Querier, error) {
		return failingQuerier{err: broken}, nil
	})
	_, err = sum(merged([]storage.Queryable{one, silent}))
	require.ErrorIs(t, err, broken, "incomplete data is an error")
}

// failingQuerier fails when it is read.
type failingQuerier struct {
	storage.LabelQuerier
	err error
}

func (q failingQuerier) Select(context.Context, bool, *storage.SelectHints, ...*labels.Matcher) storage.SeriesSet {
	return storage.ErrSeriesSet(q.err)
}

func (failingQuerier) Close() error { return nil }
