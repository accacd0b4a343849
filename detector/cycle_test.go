package detector_test

import (
	"context"
	"fmt"
	"math"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/stretchr/testify/require"

	"github.com/anomaly-exporter/anomaly-exporter/detector"
	"github.com/anomaly-exporter/anomaly-exporter/detector/result"
	"github.com/anomaly-exporter/anomaly-exporter/test/storage"
)

func cycle(t *testing.T, m *detector.Manager, at time.Time) {
	t.Helper()
	require.NoError(t, m.Cycle(context.Background(), at))
}

// sample is one number as it is published.
type sample struct {
	Labels result.Labels
	Value  float64
}

// samples returns the samples of a family in a batch.
func samples(b *result.Batch, f result.Family) (all []sample) {
	b.Flatten(f, 0, func(s result.Sample) bool {
		all = append(all, sample{s.Labels.With(nil, s.Extra), s.Value})
		return true
	})
	return all
}

// published returns the samples of a family that a snapshot publishes.
func published(s *result.Snapshot, f result.Family) (all []sample) {
	for _, b := range s.Batches {
		b.Flatten(f, s.Dropped, func(s result.Sample) bool {
			all = append(all, sample{s.Labels.With(nil, s.Extra), s.Value})
			return true
		})
	}
	return all
}

// found returns the values of a family by the value of a label.
func found(s *result.Snapshot, f result.Family, label string) map[string]float64 {
	values := map[string]float64{}
	for _, r := range published(s, f) {
		values[r.Labels.Get(label)] = r.Value
	}
	return values
}

func TestManager_IsReproducibleWithGapsChurnAndMasks(t *testing.T) {
	skipSlow(t)
	for _, tc := range []struct{ step, missing string }{{"1m", "drop"}, {"2m", "zero"}, {"5m", "last"}} {
		t.Run(tc.step+" "+tc.missing, func(t *testing.T) {
			t.Parallel()
			start, end := epoch, epoch.Add(5*24*time.Hour)
			series := append(pods(4), labels.FromStrings("__name__", "incident", "pod", "pod-01"))
			db := newStorage(t, start, end, time.Minute, series, func(i int, at time.Time) float64 {
				r := rand.New(rand.NewPCG(uint64(i), uint64(at.Unix())))
				minute := int(at.Sub(start).Minutes())
				switch {
				case i == 4: // an incident of half an hour a day
					if minute%1440 < 30 {
						return 1
					}
					return math.NaN()
				case r.IntN(40) == 0, i == 1 && minute%500 < 20, i == 2 && minute > 5000 && minute < 6500:
					return math.NaN()
				case i == 3 && minute < 4*1440+600: // a pod that is younger than min_history at first
					return math.NaN()
				}
				return daily(i, at)
			})
			cfg := load(t, fmt.Sprintf(`
global: {history: 3d, min_history: 6h, refit_interval: 4h}
detectors:
  - name: load
    expr: last_over_time(load[1m])
    step: %s
    missing: %s
    forecaster: {horizons: [30m, 1h]}
    publish: [score, onset, contribution, expected, forecast, state, model]
    mask: {expr: incident, on: [pod]}
    scorer: {weight: 'last_over_time(load[1m])'}
    timezone: Asia/Tokyo
    holidays: [%s, %s]
    explain_threshold: 0
`, tc.step, tc.missing, end.AddDate(0, 0, -2).Format(time.DateOnly), end.Format(time.DateOnly)))
			early := newManager(t, detector.Options{Limits: detector.NewLimits(2)})
			require.NoError(t, early.ApplyConfig(cfg, db))
			begin := end.Add(-13 * time.Hour)
			for at := begin; at.Before(end); at = at.Add(10 * time.Minute) {
				cycle(t, early, at)
			}
			for _, before := range []time.Duration{0, 12 * time.Minute, 5 * time.Hour} {
				late := newManager(t, detector.Options{Limits: detector.NewLimits(1)})
				require.NoError(t, late.ApplyConfig(cfg, db))
				cycle(t, late, end.Add(-before-10*time.Minute))
				cycle(t, late, end)
				cycle(t, early, end)
				require.Equal(t, results(early.Snapshot()), results(late.Snapshot()))
			}
		})
	}
}

func TestManager_FollowsSeriesThatComeAndGo(t *testing.T) {
	end := epoch.Add(3 * 24 * time.Hour)
	vanishes, appears := end.Add(10*time.Minute), end.Add(20*time.Minute)
	db := newStorage(t, epoch, end.Add(2*time.Hour), time.Minute, pods(3), func(i int, at time.Time) float64 {
		if i == 1 && at.After(vanishes) || i == 2 && at.Before(appears) {
			return math.NaN()
		}
		return daily(i, at)
	})
	reg := prometheus.NewRegistry()
	m := newManager(t, detector.Options{Registerer: reg})
	require.NoError(t, m.ApplyConfig(load(t, `
global: {history: 2d, query_offset: 0s}
detectors: [{name: load, expr: 'last_over_time(load[1m])'}]
`), db))
	cycle(t, m, end)
	require.Len(t, found(m.Snapshot(), result.Score, "pod"), 2)

	cycle(t, m, vanishes.Add(2*time.Minute))
	require.Contains(t, found(m.Snapshot(), result.Score, "pod"), "pod-00")
	require.NotContains(t, found(m.Snapshot(), result.Score, "pod"), "pod-01")
	require.NotContains(t, found(m.Snapshot(), result.ModelState, "pod"), "pod-01", "a series that is gone has no state")

	cycle(t, m, appears.Add(time.Minute))
	require.Contains(t, found(m.Snapshot(), result.ModelState, "pod"), "pod-02")
	require.Equal(t, map[string]float64{"learning": 1}, found(m.Snapshot(), result.ModelState, "state"))
	require.Equal(t, map[string]float64{"short_history": 1}, found(m.Snapshot(), result.ModelState, "reason"))
	require.NoError(t, testutil.GatherAndCompare(reg, strings.NewReader(`
# HELP anomaly_exporter_cycles_missed_total Steps evaluated late because the previous cycle was still running.
# TYPE anomaly_exporter_cycles_missed_total counter
anomaly_exporter_cycles_missed_total{detector="load",scaler=""} 19
# HELP anomaly_exporter_series Series with a value now, by state and reason; state "scored" for those with a result.
# TYPE anomaly_exporter_series gauge
anomaly_exporter_series{detector="load",reason="",scaler="",state="scored"} 1
anomaly_exporter_series{detector="load",reason="short_history",scaler="",state="learning"} 1
`), "anomaly_exporter_cycles_missed_total", "anomaly_exporter_series"))
}

func TestManager_WithdrawsOldResultsAndRecovers(t *testing.T) {
	end := epoch.Add(3 * 24 * time.Hour)
	source := &storage.Flaky{Queryable: newStorage(t, epoch, end.Add(time.Hour), time.Minute, pods(2), daily)}
	m := newManager(t, detector.Options{})
	require.NoError(t, m.ApplyConfig(load(t, `
global: {history: 2d, query_offset: 0s}
detectors: [{name: load, expr: load}]
scalers: [{name: all, load: sum(load), capacity_per_replica: 10, max_replicas: 50}]
`), source))

	source.Down.Store(true)
	require.ErrorContains(t, m.Cycle(context.Background(), end), "connection refused")
	require.False(t, m.Ready(), "not ready before a first cycle was published")
	fault := m.Faults()[result.Source{Name: "load"}]
	require.Equal(t, end, fault.At)
	require.Contains(t, fault.Err, "connection refused")
	require.Empty(t, results(m.Snapshot()))

	source.Down.Store(false)
	cycle(t, m, end)
	require.True(t, m.Ready())
	want := results(m.Snapshot())
	require.Len(t, found(m.Snapshot(), result.Score, "pod"), 2)
	require.Len(t, found(m.Snapshot(), result.RecommendedReplicas, "scaler"), 1)

	source.Down.Store(true)
	require.Error(t, m.Cycle(context.Background(), end.Add(4*time.Minute)))
	require.Equal(t, want, results(m.Snapshot()), "results are kept while they are recent")
	require.Error(t, m.Cycle(context.Background(), end.Add(6*time.Minute)))
	require.Empty(t, found(m.Snapshot(), result.Score, "pod"))
	require.Empty(t, found(m.Snapshot(), result.RecommendedReplicas, "scaler"))
	require.Equal(t, map[string]float64{"stale": 1}, found(m.Snapshot(), result.ModelState, "state"))
	require.Len(t, found(m.Snapshot(), result.ModelState, "pod"), 2)

	source.Down.Store(false)
	cycle(t, m, end.Add(8*time.Minute))
	require.Len(t, found(m.Snapshot(), result.Score, "pod"), 2)
	require.Empty(t, found(m.Snapshot(), result.ModelState, "pod"))
}

func TestManager_KeepsTheOldestSeriesAtTheLimit(t *testing.T) {
	end := epoch.Add(2 * 24 * time.Hour)
	db := newStorage(t, epoch, end, 5*time.Minute, pods(4), func(i int, at time.Time) float64 {
		if i < 2 && at.Before(end.Add(-30*time.Hour)) {
			return math.NaN()
		}
		return daily(i, at)
	})
	reg := prometheus.NewRegistry()
	m := newManager(t, detector.Options{Registerer: reg})
	require.NoError(t, m.ApplyConfig(load(t, `
detectors: [{name: load, expr: load, step: 5m, history: 2d, series_limit: 3}]
`), db))
	cycle(t, m, end)
	scores := found(m.Snapshot(), result.Score, "pod")
	require.Len(t, scores, 3)
	require.NotContains(t, scores, "pod-01")
	require.Equal(t, 1, m.Snapshot().Batches[0].Refused)
	require.NoError(t, testutil.GatherAndCompare(reg, strings.NewReader(`
# HELP anomaly_exporter_series_refused Series over series_limit in the last cycle.
# TYPE anomaly_exporter_series_refused gauge
anomaly_exporter_series_refused{detector="load",scaler=""} 1
`), "anomaly_exporter_series_refused"))
}

func TestManager_JoinsBoundsAndMute(t *testing.T) {
	end := epoch.Add(2 * 24 * time.Hour)
	series := []labels.Labels{
		labels.FromStrings("__name__", "memory", "namespace", "shop", "pod", "a", "job", "cadvisor"),
		labels.FromStrings("__name__", "memory", "namespace", "shop", "pod", "b", "job", "cadvisor"),
		labels.FromStrings("__name__", "limit", "namespace", "shop", "pod", "a",
			"job", "kube-state-metrics", "resource", "memory"),
		labels.FromStrings("__name__", "limit", "namespace", "shop", "pod", "a",
			"job", "kube-state-metrics", "resource", "memory", "uid", "2"),
		labels.FromStrings("__name__", "rollout", "namespace", "shop", "pod", "b"),
		labels.FromStrings("__name__", "other", "job", "cadvisor"),
	}
	db := newStorage(t, epoch, end, time.Minute, series, func(i int, at time.Time) float64 {
		left := end.Sub(at).Hours()
		switch i {
		case 0: // grows for six hours and would reach 130 in an hour
			return 100 + max(0, 5*(6-left)) + 0.1*math.Sin(float64(at.Unix()))
		case 1:
			return 50 + math.Sin(float64(at.Unix()))
		case 2:
			return 999
		case 3:
			return 132
		case 4:
			if left > 0.5 {
				return math.NaN()
			}
		}
		return 1
	})
	m := newManager(t, detector.Options{})
	require.NoError(t, m.ApplyConfig(load(t, `
global: {query_offset: 0s, history: 2d}
detectors:
  - name: memory
    expr: memory
    bounds: {upper: {expr: limit}, lower: 0}
    mute: {expr: rollout > 0}
    forecaster: {horizons: [15m, 6h]}
  - name: unjoined
    expr: memory
    mask: {expr: other}
`), db))
	cycle(t, m, end)
	breach := map[string]float64{}
	for _, p := range m.Snapshot().Batches {
		for _, r := range samples(p, result.BreachProbability) {
			breach[r.Labels.Get("pod")+" "+r.Labels.Get("bound")+" "+r.Labels.Get("horizon")] = r.Value
		}
	}
	require.Len(t, breach, 6, "pod b has no known upper bound")
	require.Less(t, breach["a upper 15m"], 0.5)
	require.Greater(t, breach["a upper 6h"], 0.5)
	require.Less(t, breach["b lower 6h"], 0.2)
	states := map[string]bool{}
	for _, p := range m.Snapshot().Batches {
		for _, r := range samples(p, result.ModelState) {
			states[p.Source.Name+" "+r.Labels.Get("pod")+" "+r.Labels.Get("state")+" "+r.Labels.Get("reason")] = true
		}
		if p.Source.Name == "memory" {
			require.Len(t, samples(p, result.Score), 1)
		}
	}
	require.Equal(t, map[string]bool{
		"memory b muted mute": true, "unjoined a failed no_common_label": true, "unjoined b failed no_common_label": true,
	}, states)
}

func TestManager_IgnoresItsOwnAlerts(t *testing.T) {
	end := epoch.Add(2 * 24 * time.Hour)
	series := append(pods(2),
		labels.FromStrings("__name__", "ALERTS", "pod", "pod-00", "alertstate", "firing", "source", "predictive_model"),
		labels.FromStrings("__name__", "ALERTS", "pod", "pod-01", "alertstate", "firing"))
	db := newStorage(t, epoch, end, 5*time.Minute, series, daily)
	m := newManager(t, detector.Options{})
	require.NoError(t, m.ApplyConfig(load(t, `
detectors: [{name: load, expr: load, step: 5m, history: 2d, mute: {expr: ALERTS, on: [pod]}}]
`), db))
	cycle(t, m, end)
	require.Contains(t, found(m.Snapshot(), result.Score, "pod"), "pod-00")
	require.NotContains(t, found(m.Snapshot(), result.Score, "pod"), "pod-01")
}

func TestManager_PublishesTheUnitOfADetectorAndFollowsAReload(t *testing.T) {
	end := epoch.Add(2 * 24 * time.Hour)
	db := newStorage(t, epoch, end.Add(time.Hour), 5*time.Minute, pods(1), daily)
	reg := prometheus.NewRegistry()
	m := newManager(t, detector.Options{Registerer: reg})
	for i, unit := range []string{"requests", "orders"} {
		require.NoError(t, m.ApplyConfig(load(t, fmt.Sprintf(`
detectors: [{name: load, expr: load, step: 5m, history: 2d, unit: %s}]
`, unit)), db))
		cycle(t, m, end.Add(time.Duration(i)*5*time.Minute))
		require.NoError(t, testutil.GatherAndCompare(reg, strings.NewReader(fmt.Sprintf(`
# HELP anomaly_exporter_detector_info 1 for each detector, with the unit of its values.
# TYPE anomaly_exporter_detector_info gauge
anomaly_exporter_detector_info{detector="load",unit=%q} 1
`, unit)), "anomaly_exporter_detector_info"))
	}
}
