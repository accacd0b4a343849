package detector_test

import (
	"context"
	"errors"
	"slices"
	"sync"
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

// meeting is a storage whose reads wait until two have met, unless they come alone. It counts how many there are at the
// same time, and fails the first that is read ahead: together with one of earlier times.
type meeting struct {
	storage.Queryable
	alone bool
	fails atomic.Bool

	mu   sync.Mutex
	now  []int64 // where the reads in progress begin (ms)
	most int
}

func (m *meeting) Querier(mint, maxt int64) (storage.Querier, error) {
	q, err := m.Queryable.Querier(mint, maxt)
	return meetingQuerier{q, m, mint}, err
}

// begin takes down a read, and reports whether two have met and whether one of earlier times is in progress.
func (m *meeting) begin(mint int64) (met, ahead bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if !slices.Contains(m.now, mint) {
		m.now = append(m.now, mint)
	}
	m.most = max(m.most, len(m.now))
	return m.most > 1, mint > slices.Min(m.now)
}

func (m *meeting) end(mint int64) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.now = slices.DeleteFunc(m.now, func(at int64) bool { return at == mint })
}

type meetingQuerier struct {
	storage.Querier
	*meeting
	mint int64
}

func (m meetingQuerier) Select(
	ctx context.Context, sorted bool, hints *storage.SelectHints, matchers ...*labels.Matcher,
) storage.SeriesSet {
	met, ahead := m.begin(m.mint)
	for range 100 {
		if met || m.alone {
			break
		}
		time.Sleep(10 * time.Millisecond)
		met, ahead = m.begin(m.mint)
	}
	if met && ahead && m.fails.Swap(false) {
		return storage.ErrSeriesSet(errors.New("the one ahead fails"))
	}
	return m.Querier.Select(ctx, sorted, hints, matchers...)
}

func (m meetingQuerier) Close() error {
	m.end(m.mint)
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
	read := func(limit int, fails bool) (histories [][]history.Point, most int) {
		source := &meeting{Queryable: db, alone: limit == 1}
		source.fails.Store(fails)
		m := newManager(t, detector.Options{Limits: detector.NewLimits(limit)})
		require.NoError(t, m.ApplyConfig(cfg, source))
		cycle(t, m, end)
		for _, s := range m.Snapshot().Batch(result.Source{Name: "load"}).Series {
			histories = append(histories, slices.Collect(s.History[0].Points(0, end.UnixMilli())))
		}
		require.Empty(t, source.now)
		require.False(t, source.fails.Load())
		return histories, source.most
	}
	want, most := read(1, false)
	require.Equal(t, 1, most, "the limit holds")
	require.Len(t, want, series)
	require.Len(t, want[series-1], 48)
	for _, fails := range []bool{false, true} {
		got, most := read(2, fails)
		require.Equal(t, 2, most)
		require.Equal(t, want, got)
	}
}
