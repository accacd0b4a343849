package detector_test

import (
	"context"
	"errors"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/storage"
	"github.com/stretchr/testify/require"

	"github.com/anomaly-exporter/anomaly-exporter/detector"
	"github.com/anomaly-exporter/anomaly-exporter/detector/result"
	"github.com/anomaly-exporter/anomaly-exporter/history"
)

// meeting is a storage whose first reads wait for each other for a moment. It counts how many there are at the same
// time, and fails the one that reads ahead, which is that of later times.
type meeting struct {
	storage.Queryable
	first     atomic.Int64 // where the first read begins (ms); 0: not known yet
	now, most atomic.Int64
	fails     atomic.Bool
}

func (m *meeting) Querier(mint, maxt int64) (storage.Querier, error) {
	q, err := m.Queryable.Querier(mint, maxt)
	return meetingQuerier{q, m, mint}, err
}

type meetingQuerier struct {
	storage.Querier
	*meeting
	mint int64
}

func (m meetingQuerier) Select(
	ctx context.Context, sorted bool, hints *storage.SelectHints, matchers ...*labels.Matcher,
) storage.SeriesSet {
	m.first.CompareAndSwap(0, m.mint)
	now := m.now.Add(1)
	m.most.Store(max(m.most.Load(), now))
	for range 30 {
		if m.most.Load() < 2 {
			time.Sleep(10 * time.Millisecond)
		}
	}
	if m.most.Load() > 1 && m.mint > m.first.Load() && m.fails.Swap(false) {
		return storage.ErrSeriesSet(errors.New("the one ahead fails"))
	}
	return m.Querier.Select(ctx, sorted, hints, matchers...)
}

func (m meetingQuerier) Close() error {
	m.now.Add(-1)
	return m.Querier.Close()
}

// While the engine evaluates a slice of many series, the server answers the next one. What comes out is the same.
func TestManager_ReadsTwoSlicesOfManySeriesAtTheSameTime(t *testing.T) {
	skipSlow(t)
	const series = 8200 // a few more than take the least memory
	end := epoch.Add(72 * time.Hour)
	db := newStorage(t, epoch, end, time.Hour, pods(series), func(i int, _ time.Time) float64 { return float64(i) })
	cfg := load(t, `
global: {step: 1h, query_offset: 0s, history: 2d, min_history: 46h, series_limit: 10000}
detectors: [{name: load, expr: load}]
`)
	first := int64(0)
	read := func(limit int, fails bool) (histories [][]history.Point, most int64) {
		source := &meeting{Queryable: db}
		source.first.Store(first)
		source.fails.Store(fails)
		m := newManager(t, detector.Options{Limits: detector.NewLimits(limit)})
		require.NoError(t, m.ApplyConfig(cfg, source))
		cycle(t, m, end)
		for _, s := range m.Snapshot().Batch(result.Source{Name: "load"}).Series {
			histories = append(histories, slices.Collect(s.History[0].Points(0, end.UnixMilli())))
		}
		require.Zero(t, source.now.Load())
		require.False(t, source.fails.Load() && limit > 1)
		first = source.first.Load() // of the reads one by one
		return histories, source.most.Load()
	}
	want, most := read(1, false)
	require.Equal(t, int64(1), most, "the limit holds")
	require.Len(t, want, series)
	require.Len(t, want[series-1], 48)
	for _, fails := range []bool{false, true} {
		got, most := read(2, fails)
		require.Equal(t, int64(2), most)
		require.Equal(t, want, got)
	}
}
