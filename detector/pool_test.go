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
)

// workload returns the series of a workload with n pods.
func workload(name string, n int) []labels.Labels {
	var series []labels.Labels
	for i := range n {
		series = append(series, labels.FromStrings("__name__", "load", "namespace", "shop", "container", name,
			"pod", fmt.Sprintf("%s-%02d", name, i)))
	}
	return series
}

// serving is the load of a member of a pool. It depends on the time of day and on the member's own share.
func serving(i int, at time.Time) float64 {
	r := rand.New(rand.NewPCG(uint64(i), uint64(at.Unix())))
	share := 1 + 0.1*math.Sin(float64(i))
	return share * (100 + 60*math.Sin(2*math.Pi*at.Sub(epoch).Hours()/24)) * (1 + 0.03*r.NormFloat64())
}

// Results are the same to the bit, live or replayed, started now or long ago, with one worker or two. Pods come and
// go, and sometimes too few are left for a pool.
func TestManager_IsReproducibleWithPools(t *testing.T) {
	skipSlow(t)
	for _, tc := range []struct{ step, missing, model, horizons string }{
		{"1m", "drop", "auto", ""}, {"2m", "drop", "isolation_forest", ""}, {"5m", "last", "auto", "30m, 1h"},
	} {
		t.Run(tc.step+" "+tc.missing+" "+tc.model, func(t *testing.T) {
			t.Parallel()
			start, end := epoch, epoch.Add(5*24*time.Hour)
			series := append(workload("api", 7), workload("worker", 4)...)
			series = append(series, labels.FromStrings("__name__", "incident", "pod", "api-01"))
			db := newStorage(t, start, end, time.Minute, series, func(i int, at time.Time) float64 {
				r := rand.New(rand.NewPCG(uint64(i), uint64(at.Unix())))
				minute := int(at.Sub(start).Minutes())
				switch {
				case i == 11: // an incident of half an hour a day
					if minute%1440 < 30 {
						return 1
					}
					return math.NaN()
				case r.IntN(40) == 0, i == 1 && minute%500 < 20, i == 2 && minute > 5000 && minute < 6500:
					return math.NaN()
				case i == 3 && minute < 4*1440+600, i == 4 && minute > 4*1440+700,
					i == 5 && (minute < 3*1440 || minute > 4*1440+1000): // pods that begin or end in the meantime
					return math.NaN()
				case i == 6 && minute/45%3 != 0: // lives for 45 minutes at a time
					return math.NaN()
				case i == 8 && minute%900 > 700, i == 9 && minute%800 > 500: // three workers or fewer are left
					return math.NaN()
				case i == 10 && minute > 4*1440+900:
					return 3 * serving(i, at)
				}
				return serving(i, at)
			})
			cfg := load(t, fmt.Sprintf(`
global: {history: 3d, min_history: 6h, refit_interval: 4h}
detectors:
  - name: load
    expr: last_over_time(load[1m])
    step: %s
    missing: %s
    pool_by: [namespace, container]
    scorer: {model: %s}
    forecaster: {horizons: [%s]}
    publish: [score, onset, contribution, expected, state%s]
    mask: {expr: incident, on: [pod]}
    explain_threshold: 0
`, tc.step, tc.missing, tc.model, tc.horizons, map[bool]string{true: ", forecast, model"}[tc.horizons != ""]))
			early := newManager(t, detector.Options{Limits: detector.NewLimits(2)})
			require.NoError(t, early.ApplyConfig(cfg, db))
			for at := end.Add(-13 * time.Hour); at.Before(end); at = at.Add(10 * time.Minute) {
				cycle(t, early, at)
			}
			cycle(t, early, end)
			want := results(early.Snapshot())
			require.Greater(t, len(found(early.Snapshot(), result.Score, "pod")), 5)
			for _, before := range []time.Duration{10 * time.Minute, 22 * time.Minute, 5 * time.Hour} {
				late := newManager(t, detector.Options{Limits: detector.NewLimits(1)})
				require.NoError(t, late.ApplyConfig(cfg, db))
				cycle(t, late, end.Add(-before))
				cycle(t, late, end)
				require.Equal(t, want, results(late.Snapshot()))
			}
			replayed := newManager(t, detector.Options{})
			require.NoError(t, replayed.ApplyConfig(cfg, db))
			var last *result.Batch
			require.NoError(t, replayed.Replay(context.Background(), end.Add(-90*time.Minute), end.Add(-30*time.Second),
				func(p *result.Batch) { last = p }))
			require.Equal(t, want, results(&result.Snapshot{Batches: []*result.Batch{last}}))
		})
	}
}

const poolConfig = `
global: {history: 4d, query_offset: 0s}
detectors:
  - name: load
    expr: last_over_time(load[1m])
    pool_by: [namespace, container]
    publish: [score, contribution, expected, state]
    explain_threshold: 0.6
`

func TestPool_ScoresANewPodAtOnce(t *testing.T) {
	end := epoch.Add(4*24*time.Hour + 6*time.Hour)
	db := newStorage(t, epoch, end, time.Minute, workload("api", 7), func(i int, at time.Time) float64 {
		born := at.After(end.Add(-5 * time.Minute))
		switch {
		case i >= 5 && !born:
			return math.NaN()
		case i == 6: // serves as little as at 18:00
			return serving(i, epoch.Add(18*time.Hour))
		}
		return serving(i, at)
	})
	m := newManager(t, detector.Options{})
	require.NoError(t, m.ApplyConfig(load(t, poolConfig), db))
	cycle(t, m, end)
	scores := found(m.Snapshot(), result.Score, "pod")
	require.Len(t, scores, 7)
	require.Less(t, scores["api-05"], 0.5, "five minutes old")
	require.Greater(t, scores["api-06"], 0.8, "five minutes old, and unlike the other members of the pool")
	require.Equal(t, 1.0, sum(found(m.Snapshot(), result.Contribution, "feature")))
	require.Contains(t, found(m.Snapshot(), result.Contribution, "feature"), "peers")
	expected := found(m.Snapshot(), result.Yhat, "pod")
	require.InDelta(t, 160, expected["api-06"], 20, "what the other members of the pool serve")
}

func sum(values map[string]float64) (total float64) {
	for _, v := range values {
		total += v
	}
	return math.Round(1e9*total) / 1e9
}

// A pool of two has no majority to compare with. Each of its members is scored by its own past, or is learning if it is
// too young.
func TestPool_ScoresMembersAloneIfThereAreTooFew(t *testing.T) {
	end := epoch.Add(4*24*time.Hour + 6*time.Hour)
	series := append(workload("api", 5), workload("worker", 2)...)
	left := end.Add(-90 * time.Minute) // from here on two pods of the first workload are left
	db := newStorage(t, epoch, end, time.Minute, series, func(i int, at time.Time) float64 {
		switch {
		case i >= 2 && i < 5 && at.After(left), i == 1 && at.Before(left.Add(-time.Hour)),
			i == 6 && at.Before(end.Add(-3*time.Hour)):
			return math.NaN()
		case i == 5 && at.After(end.Add(-10*time.Minute)):
			return 3 * serving(i, at)
		}
		return serving(i, at)
	})
	m := newManager(t, detector.Options{})
	require.NoError(t, m.ApplyConfig(load(t, poolConfig), db))
	cycle(t, m, left)
	require.Len(t, found(m.Snapshot(), result.Score, "pod"), 6, "young or old")
	cycle(t, m, end)
	scores := found(m.Snapshot(), result.Score, "pod")
	require.Len(t, scores, 2)
	require.Less(t, scores["api-00"], 0.8)
	require.Greater(t, scores["worker-00"], 0.8, "by its own past")
	require.Equal(t, map[string]float64{"api-01": 1, "worker-01": 1}, found(m.Snapshot(), result.ModelState, "pod"))
	require.Equal(t, map[string]float64{"few_siblings": 1}, found(m.Snapshot(), result.ModelState, "reason"))
	require.Equal(t, map[string]float64{"learning": 1}, found(m.Snapshot(), result.ModelState, "state"))
}

func TestPool_LearnsUntilItsOldestMemberIsOldEnough(t *testing.T) {
	end := epoch.Add(30 * time.Hour)
	db := newStorage(t, epoch, end, time.Minute, workload("api", 4), serving)
	m := newManager(t, detector.Options{})
	require.NoError(t, m.ApplyConfig(load(t, poolConfig), db))
	cycle(t, m, epoch.Add(23*time.Hour))
	require.Empty(t, found(m.Snapshot(), result.Score, "pod"))
	require.Equal(t, map[string]float64{"short_history": 1}, found(m.Snapshot(), result.ModelState, "reason"))
	cycle(t, m, epoch.Add(24*time.Hour+2*time.Minute))
	require.Len(t, found(m.Snapshot(), result.Score, "pod"), 4, "a day old")
}

func TestPool_DoesNotScoreMutedMembers(t *testing.T) {
	end := epoch.Add(4 * 24 * time.Hour)
	series := append(workload("api", 5), labels.FromStrings("__name__", "rollout", "pod", "api-01"))
	db := newStorage(t, epoch, end, time.Minute, series, func(i int, at time.Time) float64 {
		if i == 5 && at.Before(end.Add(-time.Hour)) {
			return math.NaN()
		}
		return serving(i, at)
	})
	m := newManager(t, detector.Options{})
	require.NoError(t, m.ApplyConfig(load(t, poolConfig+"    mute: {expr: rollout, on: [pod]}\n"), db))
	cycle(t, m, end)
	require.Len(t, found(m.Snapshot(), result.Score, "pod"), 4)
	require.Equal(t, map[string]float64{"api-01": 1}, found(m.Snapshot(), result.ModelState, "pod"))
	require.Equal(t, map[string]float64{"mute": 1}, found(m.Snapshot(), result.ModelState, "reason"))
}

// Pods are replaced all the time. Models are kept only for those that exist.
func TestPool_FollowsPodsThatComeAndGo(t *testing.T) {
	const generations = 12
	end := epoch.Add(6 * 24 * time.Hour)
	life := 12 * time.Hour
	db := newStorage(t, epoch, end, 5*time.Minute, workload("api", 4*generations), func(i int, at time.Time) float64 {
		if born := epoch.Add(time.Duration(i/4) * life); at.Before(born) || at.After(born.Add(life)) {
			return math.NaN()
		}
		return serving(i, at)
	})
	reg := prometheus.NewRegistry()
	m := newManager(t, detector.Options{Registerer: reg})
	require.NoError(t, m.ApplyConfig(load(t, `
global: {step: 5m, history: 2d, query_offset: 0s, refit_interval: 3h}
detectors: [{name: load, expr: load, pool_by: [namespace, container]}]
`), db))
	for at := epoch.Add(36 * time.Hour); at.Before(end.Add(-30 * time.Minute)); at = at.Add(time.Hour) {
		cycle(t, m, at)
		require.GreaterOrEqual(t, len(found(m.Snapshot(), result.Score, "pod")), 4, at)
	}
	require.NoError(t, testutil.GatherAndCompare(reg, strings.NewReader(`
# HELP anomaly_exporter_models Models in service by name; a combination counts under its leading member, a pool under peers.
# TYPE anomaly_exporter_models gauge
anomaly_exporter_models{detector="load",model="peers",scaler=""} 1
`), "anomaly_exporter_models"))
	cycle(t, m, end.Add(4*time.Hour))
	require.Empty(t, results(m.Snapshot()))
	require.NoError(t, testutil.GatherAndCompare(reg, strings.NewReader(""), "anomaly_exporter_models"))
}
