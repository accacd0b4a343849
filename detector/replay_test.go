package detector_test

import (
	"context"
	"fmt"
	"math"
	"testing"
	"time"

	"github.com/prometheus/prometheus/model/labels"
	"github.com/stretchr/testify/require"

	"github.com/anomaly-exporter/anomaly-exporter/detector"
	"github.com/anomaly-exporter/anomaly-exporter/detector/result"
	"github.com/anomaly-exporter/anomaly-exporter/replicas"
)

// bare leaves out what depends on when the process was started: the history that it still keeps, what it has added up,
// and since when it has seen a high score.
func bare(s *result.Series) result.Series {
	kept := *s
	kept.History, kept.Totals, kept.Since = nil, replicas.StrategyTotals{}, result.Since{}
	return kept
}

func TestManager_ReplaysASeriesAsItWasPublished(t *testing.T) {
	end := epoch.Add(5 * 24 * time.Hour)
	db := newStorage(t, epoch, end, 5*time.Minute, workload("api", 5), func(i int, at time.Time) float64 {
		v := serving(i, at)
		if i == 2 && at.After(end.Add(-time.Hour)) {
			v *= 3
		}
		return v
	})
	cfg := load(t, `
global: {history: 3d, step: 5m}
detectors:
  - {name: alone, expr: load, bounds: {upper: 500}, forecaster: {horizons: [15m, 1h]}}
  - {name: pooled, expr: load, pool_by: [container]}
scalers:
  - name: all
    load: load
    by: [pod]
    capacity_per_replica: 100
    max_replicas: 50
    running_replicas: ceil(load / 90)
`)
	m := newManager(t, detector.Options{})
	require.NoError(t, m.ApplyConfig(cfg, db))
	published := map[result.Source]map[int64]result.Series{}
	start := end.Add(-8 * time.Hour)
	for at := start; !at.After(end); at = at.Add(5 * time.Minute) {
		require.NoError(t, m.Cycle(context.Background(), at))
		for _, b := range m.Snapshot().Batches {
			if published[b.Source] == nil {
				published[b.Source] = map[int64]result.Series{}
			}
			for i := range b.Series {
				if s := &b.Series[i]; s.Input.Get("pod") == "api-02" {
					published[b.Source][b.Step] = bare(s)
				}
			}
		}
	}
	require.Len(t, published, 3)
	for source, want := range published {
		var id uint64
		batch := m.Snapshot().Batch(source)
		for i := range batch.Series {
			if batch.Series[i].Input.Get("pod") == "api-02" {
				id = batch.Series[i].ID
			}
		}
		steps, highest := 0, 0.0
		emit := func(b *result.Batch) {
			if s := b.Find(id); s != nil {
				steps++
				highest = math.Max(highest, s.Score.Value)
				requireEqualSeries(t, want[b.Step], bare(s), "%s at %d", source, b.Step)
			}
		}
		first := start.Add(-5 * time.Minute) // of the first cycle, because of query_offset
		inputs := []labels.Labels{batch.Find(id).Input}
		require.NoError(t, m.ReplaySeries(context.Background(), source, inputs, first, end.Add(-time.Minute), emit))
		require.Equal(t, len(want), steps)
		if !source.Scaler {
			require.Greater(t, highest, 0.8, source)
			continue
		}
		for step, s := range want {
			require.GreaterOrEqual(t, s.Scaling.Running, 1.0, step)
			require.Equal(t, s.Replicas.Replicas, s.Scaling.Requested[replicas.Recommended])
			require.NotNil(t, s.Forecast)
		}
	}
	some := newManager(t, detector.Options{})
	require.NoError(t, some.ApplyConfig(cfg, db))
	steps, input := map[result.Source]int{}, m.Snapshot().Batches[0].Series[2].Input
	require.Equal(t, "api-02", input.Get("pod"))
	from := start.Add(-5 * time.Minute)
	require.NoError(t, some.ReplaySome(t.Context(), []labels.Labels{input}, from, end, func(b *result.Batch) {
		switch b.Source.Name {
		case "pooled":
			require.Len(t, b.Series, 5, "with its pool")
		case "alone":
			require.Len(t, b.Series, 1)
		}
		for i := range b.Series {
			want, ok := published[b.Source][b.Step]
			if s := &b.Series[i]; ok && s.Input.Get("pod") == "api-02" {
				steps[b.Source]++
				requireEqualSeries(t, want, bare(s), "%s at %d", b.Source, b.Step)
			}
		}
	}))
	for source, want := range published {
		require.Equal(t, len(want), steps[source], source)
	}
	err := m.ReplaySeries(context.Background(), result.Source{Name: "none"}, nil, start, end, func(*result.Batch) {})
	require.ErrorIs(t, err, detector.ErrUnknownSource)
}

// A pod was replaced: what was published of it can be replayed, after a restart too.
func TestManager_ReplaysASeriesThatIsGone(t *testing.T) {
	end := epoch.Add(5 * 24 * time.Hour)
	last := end.Add(-3 * time.Hour)
	db := newStorage(t, epoch, end, 5*time.Minute, workload("api", 3), func(i int, at time.Time) float64 {
		switch {
		case i == 1 && at.After(last):
			return math.NaN()
		case i == 1 && at.After(last.Add(-time.Hour)):
			return 3 * serving(i, at)
		}
		return serving(i, at)
	})
	cfg := load(t, `
global: {history: 3d, step: 1m, query_offset: 0s}
detectors:
  - {name: alone, expr: load, labels: {team: core}}
  - {name: pooled, expr: load, pool_by: [container]}
scalers:
  - {name: each, load: load, by: [pod], capacity_per_replica: 100, max_replicas: 50}
`)
	m := newManager(t, detector.Options{})
	require.NoError(t, m.ApplyConfig(cfg, db))
	published := map[result.Source]map[int64]result.Series{}
	begin := last.Add(-30 * time.Minute)
	for at := begin; !at.After(last.Add(10 * time.Minute)); at = at.Add(time.Minute) {
		require.NoError(t, m.Cycle(t.Context(), at))
		for _, b := range m.Snapshot().Batches {
			if published[b.Source] == nil {
				published[b.Source] = map[int64]result.Series{}
			}
			for i := range b.Series {
				if s := &b.Series[i]; s.Input.Get("pod") == "api-01" {
					published[b.Source][b.Step] = bare(s)
				}
			}
		}
	}
	restarted := newManager(t, detector.Options{})
	require.NoError(t, restarted.ApplyConfig(cfg, db))
	require.NoError(t, restarted.Cycle(t.Context(), end))
	require.Len(t, published, 3)
	for source, want := range published {
		gone := restarted.Snapshot().Batch(source).Gone
		require.Len(t, gone, 1, source)
		require.Equal(t, m.Snapshot().Batch(source).Gone, gone, source)
		require.Equal(t, last.Add(4*time.Minute).UnixMilli(), gone[0].Last, "as long as PromQL looks back")
		of := restarted.Snapshot().Batch(source).LabelsOf(gone[0].Input)
		require.Equal(t, want[gone[0].Last].Labels, of)
		steps, highest := 0, 0.0
		inputs := []labels.Labels{gone[0].Input}
		require.NoError(t, restarted.ReplaySeries(t.Context(), source, inputs, begin, end, func(b *result.Batch) {
			if s := b.Find(gone[0].ID); s != nil {
				steps++
				highest = math.Max(highest, s.Score.Value)
				requireEqualSeries(t, want[b.Step], bare(s), "%s at %d", source, b.Step)
			}
		}))
		require.Equal(t, len(want), steps)
		require.True(t, source.Scaler || highest > 0.8, source)
	}
	// What is older than two days is kept at a coarser step.
	require.NoError(t, restarted.Cycle(t.Context(), last.Add(50*time.Hour)))
	for _, b := range restarted.Snapshot().Batches {
		require.Len(t, b.Gone, 3)
		require.Equal(t, workload("api", 3)[1], b.Gone[1].Input)
		require.InDelta(t, last.Add(6*time.Minute).UnixMilli(), b.Gone[1].Last, float64(2*time.Minute/time.Millisecond))
	}
}

func TestManager_FitsOnlyWhatIsWanted(t *testing.T) {
	end := epoch.Add(4 * 24 * time.Hour)
	db := newStorage(t, epoch, end, 5*time.Minute, workload("api", 5), serving)
	cfg := load(t, `
global: {history: 3d, step: 5m}
detectors:
  - {name: alone, expr: load, series_limit: 2}
  - {name: renamed, expr: 'label_replace(load, "detector", "$1", "pod", "(.*)")', series_limit: 2}
  - {name: pooled, expr: load, pool_by: [container]}
`)
	replay := func(o detector.Options) map[string][]result.Series {
		m := newManager(t, o)
		require.NoError(t, m.ApplyConfig(cfg, db))
		found := map[string][]result.Series{}
		require.NoError(t, m.Replay(t.Context(), end, end, func(b *result.Batch) {
			for i := range b.Series {
				found[b.Source.Name] = append(found[b.Source.Name], bare(&b.Series[i]))
			}
		}))
		return found
	}
	all := replay(detector.Options{})
	require.Len(t, all["alone"], 2)
	for pod, among := range map[string]bool{"api-01": true, "api-04": false} {
		some := replay(detector.Options{Wants: func(l result.Labels) bool {
			return l.Get("detector") != "renamed" && l.Get("pod") == pod || l.Get("exported_detector") == pod
		}})
		for _, name := range []string{"alone", "renamed"} {
			require.Len(t, some[name], 1, name)
			require.Equal(t, pod, some[name][0].Input.Get("pod"))
			require.Equal(t, result.State{}, some[name][0].State, "series_limit counts what is wanted")
			if among {
				requireEqualSeries(t, all[name][1], some[name][0])
			}
		}
		require.Len(t, some["pooled"], 5)
		for i := range some["pooled"] {
			requireEqualSeries(t, all["pooled"][i], some["pooled"][i])
		}
	}
}

func TestManager_StopsAReplayBetweenTwoSteps(t *testing.T) {
	end := epoch.Add(2 * 24 * time.Hour)
	db := newStorage(t, epoch, end, 5*time.Minute, workload("api", 1), serving)
	m := newManager(t, detector.Options{})
	require.NoError(t, m.ApplyConfig(load(t, "detectors: [{name: load, expr: load, history: 1d, step: 5m}]"), db))
	ctx, cancel := context.WithCancel(t.Context())
	steps := 0
	err := m.Replay(ctx, end.Add(-6*time.Hour), end, func(*result.Batch) {
		if steps++; steps == 3 {
			cancel()
		}
	})
	require.ErrorIs(t, err, context.Canceled)
	require.Equal(t, 3, steps)
}

// requireEqualSeries compares results to the bit; NaN equals NaN.
func requireEqualSeries(t *testing.T, want, got result.Series, msg ...any) {
	t.Helper()
	require.True(t, sameBits(want.Score.Value, got.Score.Value) && sameBits(want.Score.Expected, got.Score.Expected) &&
		sameBits(want.Score.Lower, got.Score.Lower) && sameBits(want.Score.Upper, got.Score.Upper) &&
		sameBits(want.Score.ReturnPeriod, got.Score.ReturnPeriod), msg...)
	require.Equal(t, want.State, got.State, msg...)
	require.Equal(t, want.Labels, got.Labels, msg...)
	require.Equal(t, want.Replicas, got.Replicas, msg...)
	require.Equal(t, fmt.Sprintf("%+v", want.Scaling), fmt.Sprintf("%+v", got.Scaling), msg...)
	require.Equal(t, want.Score.Contributions, got.Score.Contributions, msg...)
	require.Equal(t, want.Forecast == nil, got.Forecast == nil, msg...)
	if want.Forecast != nil {
		require.Equal(t, want.Forecast.Points, got.Forecast.Points, msg...)
		require.Equal(t, want.Forecast.Model, got.Forecast.Model, msg...)
	}
}

func sameBits(a, b float64) bool { return math.Float64bits(a) == math.Float64bits(b) }
