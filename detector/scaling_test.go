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
	"github.com/anomaly-exporter/anomaly-exporter/replicas"
	"github.com/anomaly-exporter/anomaly-exporter/test/storage"
)

// shop is a storage with what scalers read. For two services: the load, the CPU utilization and the number of replicas,
// and the startup times of pods. For two containers: what they use, and when they ran out of memory. It has gaps.
func shop(t *testing.T, start, end time.Time) *storage.Flaky {
	t.Helper()
	var series []labels.Labels
	for _, service := range []string{"cart", "search"} {
		for _, name := range []string{"requests", "utilization", "replicas"} {
			series = append(series, labels.FromStrings("__name__", name, "service", service))
		}
		for i := range 5 {
			series = append(series, labels.FromStrings("__name__", "startup", "service", service, "pod", fmt.Sprint(service, i)))
		}
	}
	for _, container := range []string{"app", "proxy"} {
		for _, name := range []string{"cpu", "memory", "oom"} {
			series = append(series, labels.FromStrings("__name__", name, "container", container, "pod", "x"))
		}
	}
	return &storage.Flaky{Queryable: newStorage(t, start, end, time.Minute, series, func(i int, at time.Time) float64 {
		l := series[i]
		minute := at.Unix() / 60
		r := rand.New(rand.NewPCG(uint64(i), uint64(minute)))
		scale := 1.0
		if l.Get("service") == "search" {
			scale = 3
		}
		load := scale * (1000 + 600*math.Sin(2*math.Pi*float64(minute)/1440))
		n := math.Ceil(load / 80)
		switch name := l.Get("__name__"); {
		case name != "oom" && r.IntN(60) == 0, minute%3000 < 30 && name == "requests":
			return math.NaN()
		case name == "requests":
			return load * (1 + 0.05*r.NormFloat64())
		case name == "utilization":
			return 0.7 * load / n / 100 * (1 + 0.03*r.NormFloat64())
		case name == "replicas":
			return n
		case name == "startup":
			return 200 + float64(i)
		case name == "cpu":
			return 0.5 + 0.1*r.Float64()
		case name == "memory":
			return float64(500<<20) * (1 + 0.1*r.Float64())
		case l.Get("container") == "app" &&
			at.After(end.Add(-30*time.Hour)) && at.Before(end.Add(-30*time.Hour+5*time.Minute)):
			return 1 // out of memory
		}
		return 0
	})}
}

const shopConfig = `
global: {history: 4d, refit_interval: 4h, query_offset: 0s}
scalers:
  - name: fixed
    load: sum(requests)
    capacity_per_replica: 100
    max_replicas: 100
    cost_per_replica_hour: 0.05
  - name: learned
    load: requests
    by: [service]
    capacity_per_replica: {utilization: utilization, target: 0.7, replicas: replicas}
    horizon: {startup: startup}
    max_replicas: 100
    labels: {namespace: shop}
  - name: sizes
    resources: {cpu: cpu, memory: memory, oom: oom}
`

func apply(t *testing.T, o detector.Options, text string, source *storage.Flaky) *detector.Manager {
	t.Helper()
	m := newManager(t, o)
	require.NoError(t, m.ApplyConfig(load(t, text), source))
	return m
}

// Two exporters side by side recommend the same. So does one that was restarted, from its first recommendation on.
func TestScaler_IsReproducibleAfterARestart(t *testing.T) {
	skipSlow(t)
	end := epoch.Add(9 * 24 * time.Hour)
	source := shop(t, epoch, end)
	always := apply(t, detector.Options{Limits: detector.NewLimits(2)}, shopConfig, source)
	seen := map[time.Time]map[string]float64{}
	for at := end.Add(-30 * time.Hour); !at.After(end); at = at.Add(time.Minute) {
		cycle(t, always, at)
		if at.Minute() == 17 || at.Equal(end) {
			seen[at] = results(always.Snapshot())
		}
	}
	require.Len(t, found(always.Snapshot(), result.RecommendedReplicas, "service"), 3)
	for _, before := range []time.Duration{0, 5*time.Hour - 17*time.Minute, 27*time.Hour - 17*time.Minute} {
		at := end.Add(-before)
		if before > 0 {
			at = at.Truncate(time.Hour).Add(17 * time.Minute)
		}
		restarted := apply(t, detector.Options{}, shopConfig, source)
		require.Empty(t, results(restarted.Snapshot()), "nothing until history has been read")
		cycle(t, restarted, at)
		require.Contains(t, seen, at)
		require.Equal(t, seen[at], results(restarted.Snapshot()), "%s before the end", before)
	}
}

func TestScaler_LearnsCapacityAndHorizon(t *testing.T) {
	end := epoch.Add(5*24*time.Hour + 8*time.Hour)
	reg := prometheus.NewRegistry()
	m := apply(t, detector.Options{Registerer: reg}, shopConfig, shop(t, epoch, end))
	cycle(t, m, end)
	replicas := found(m.Snapshot(), result.RecommendedReplicas, "service")
	load := 1000 + 600*math.Sin(2*math.Pi*8/24)
	require.InDelta(t, load/100, replicas["cart"], 0.3*load/100, "as if 100 had been given")
	require.GreaterOrEqual(t, replicas["cart"], load/100)
	require.InDelta(t, 3*replicas["cart"], replicas["search"], 6)

	metrics := func(name string) map[string]float64 {
		families, err := reg.Gather()
		require.NoError(t, err)
		values := map[string]float64{}
		for _, f := range families {
			for _, metric := range f.GetMetric() {
				if f.GetName() == name {
					values[metric.GetLabel()[0].GetValue()] = metric.GetGauge().GetValue()
				}
			}
		}
		return values
	}
	capacity := metrics("anomaly_exporter_scaler_capacity_per_replica")
	horizon := metrics("anomaly_exporter_scaler_horizon_seconds")
	require.Equal(t, 100.0, capacity["fixed"])
	require.InDelta(t, 100, capacity["learned"], 2)
	require.Equal(t, map[string]float64{"fixed": 900, "learned": 240}, horizon, "pods take 200 s to 217 s")
}

func TestScaler_RecommendsNothingWithoutACapacity(t *testing.T) {
	end := epoch.Add(3 * 24 * time.Hour)
	text := strings.ReplaceAll(shopConfig, "utilization: utilization", "utilization: nothing")
	m := apply(t, detector.Options{}, text, shop(t, epoch, end))
	cycle(t, m, end)
	require.NotContains(t, found(m.Snapshot(), result.RecommendedReplicas, "scaler"), "learned")
	var states []string
	for _, p := range m.Snapshot().Batches {
		for _, r := range samples(p, result.ModelState) {
			states = append(states, r.Labels.Get("scaler")+" "+r.Labels.Get("service")+" "+
				r.Labels.Get("state")+" "+r.Labels.Get("reason"))
		}
	}
	require.Equal(t, []string{"learned cart learning no_capacity", "learned search learning no_capacity"}, states)
}

func TestScaler_RecommendsNothingForAmbiguousLoads(t *testing.T) {
	end := epoch.Add(2 * 24 * time.Hour)
	source := &storage.Flaky{Queryable: newStorage(t, epoch, end, 5*time.Minute, pods(3), daily)}
	m := apply(t, detector.Options{}, `
scalers: [{name: shop, load: load, step: 5m, history: 2d, capacity_per_replica: 10, max_replicas: 50}]
`, source)
	cycle(t, m, end)
	require.Empty(t, found(m.Snapshot(), result.RecommendedReplicas, "scaler"))
	require.Equal(t, map[string]float64{"several_series": 1}, found(m.Snapshot(), result.ModelState, "reason"))
	require.Len(t, results(m.Snapshot()), 1, "reported once")
}

// recommended returns what a scaler without labels recommends and why; ok is false if it recommends nothing.
func recommended(m *detector.Manager) (n float64, source string, ok bool) {
	for _, p := range m.Snapshot().Batches {
		for _, r := range samples(p, result.RecommendedReplicas) {
			n, ok = r.Value, true
		}
		for _, r := range samples(p, result.RecommendedReplicasSource) {
			source = r.Labels.Get("source")
		}
	}
	return n, source, ok
}

func TestScaler_FailsSafe(t *testing.T) {
	const text = `
global: {history: 3d, query_offset: 0s}
scalers: [{name: shop, load: 'sum(load)', capacity_per_replica: 10, max_replicas: 50%s}]
`
	end := epoch.Add(4*24*time.Hour + 8*time.Hour)
	now := func(_ int, at time.Time) float64 { return 100 + 60*math.Sin(2*math.Pi*at.Sub(epoch).Hours()/24) }
	newSource := func(t *testing.T, value func(i int, at time.Time) float64) *storage.Flaky {
		t.Helper()
		return &storage.Flaky{Queryable: newStorage(t, epoch, end.Add(3*time.Hour), time.Minute, pods(1), value)}
	}
	reactive := math.Ceil(now(0, end) / 10)

	t.Run("with a model", func(t *testing.T) {
		m := apply(t, detector.Options{}, fmt.Sprintf(text, ""), newSource(t, now))
		cycle(t, m, end.Add(-6*time.Hour)) // in the morning
		n, source, ok := recommended(m)
		require.True(t, ok)
		require.Equal(t, "forecast", source)
		require.Greater(t, n, math.Ceil(now(0, end.Add(-6*time.Hour))/10))
	})
	t.Run("no model yet", func(t *testing.T) {
		young := newSource(t, func(i int, at time.Time) float64 {
			if at.Before(end.Add(-5 * time.Hour)) {
				return math.NaN()
			}
			return now(i, at)
		})
		m := apply(t, detector.Options{}, fmt.Sprintf(text, ", scale_down_stabilization: 0s"), young)
		cycle(t, m, end)
		n, source, _ := recommended(m)
		require.Equal(t, reactive, n)
		require.Equal(t, "current", source)
	})
	t.Run("forecasts are inaccurate", func(t *testing.T) {
		strict := fmt.Sprintf(text, ", max_error: 0.01, scale_down_stabilization: 0s")
		m := apply(t, detector.Options{}, strict, newSource(t, now))
		cycle(t, m, end)
		n, source, _ := recommended(m)
		require.Equal(t, reactive, n)
		require.Equal(t, "current", source)
	})
	t.Run("the load is unknown", func(t *testing.T) {
		gone := end.Add(time.Minute)
		back := end.Add(2 * time.Hour)
		db := newSource(t, func(i int, at time.Time) float64 {
			switch {
			case at.After(gone) && at.Before(back):
				return math.NaN()
			case !at.Before(back):
				return 1
			}
			return now(i, at)
		})
		recent := strings.ReplaceAll(text, "sum(load)", "sum(last_over_time(load[1m]))")
		m := apply(t, detector.Options{}, fmt.Sprintf(recent, ""), db)
		cycle(t, m, gone)
		n, _, ok := recommended(m)
		require.True(t, ok)
		cycle(t, m, gone.Add(time.Minute))
		_, _, ok = recommended(m)
		require.False(t, ok, "gone within one cycle")
		for i := range 10 {
			cycle(t, m, back.Add(time.Duration(i)*time.Minute))
			held, _, ok := recommended(m)
			require.True(t, ok)
			require.GreaterOrEqual(t, held, n, "two hours without data are no reason to scale down")
		}
	})
	t.Run("prometheus restarts", func(t *testing.T) {
		db := newSource(t, now)
		m := apply(t, detector.Options{}, fmt.Sprintf(text, ""), db)
		cycle(t, m, end)
		n, _, _ := recommended(m)
		db.Down.Store(true)
		for i := range 4 {
			require.Error(t, m.Cycle(context.Background(), end.Add(time.Duration(i+1)*time.Minute)))
			held, _, ok := recommended(m)
			require.True(t, ok)
			require.Equal(t, n, held)
		}
		require.Error(t, m.Cycle(context.Background(), end.Add(6*time.Minute)))
		_, _, ok := recommended(m)
		require.False(t, ok, "too old")
		db.Down.Store(false)
		cycle(t, m, end.Add(7*time.Minute))
		after, _, _ := recommended(m)
		require.InDelta(t, n, after, 1)
	})
}

func TestScaler_RecommendsResourceRequests(t *testing.T) {
	end := epoch.Add(5 * 24 * time.Hour)
	m := apply(t, detector.Options{}, shopConfig, shop(t, epoch, end))
	cycle(t, m, end)
	cpu := found(m.Snapshot(), result.RecommendedCPUCores, "container")
	require.Len(t, cpu, 2)
	require.InDelta(t, 0.6*1.15, cpu["app"], 0.02, "the maximum that is forecast for a day, plus 15 %")
	memory := found(m.Snapshot(), result.RecommendedMemoryBytes, "container")
	require.InDelta(t, 550*1.15, memory["proxy"]/(1<<20), 5)
	require.InDelta(t, 550*1.2*1.15, memory["app"]/(1<<20), 5, "it ran out of memory yesterday")
	for _, p := range m.Snapshot().Batches {
		for _, r := range samples(p, result.RecommendedMemoryBytes) {
			require.Equal(t, "sizes/memory", p.Source.ID())
			require.True(t, p.Source.Scaler)
			require.Equal(t, "sizes", r.Labels.Get("scaler"))
			require.Equal(t, "x", r.Labels.Get("pod"))
			require.Zero(t, math.Mod(r.Value, 1<<20))
		}
	}

	text := strings.ReplaceAll(shopConfig, "refit_interval", "min_history: 4d, refit_interval")
	young := apply(t, detector.Options{}, text, shop(t, end.Add(-2*24*time.Hour), end))
	cycle(t, young, end)
	require.Empty(t, found(young.Snapshot(), result.RecommendedCPUCores, "container"))
	require.Contains(t, found(young.Snapshot(), result.ModelState, "reason"), "short_history")
}

// The counters of a manager that catches up on steps agree with a replay of every step.
func TestScaler_ComparesStrategiesLiveAsInAReplay(t *testing.T) {
	skipSlow(t)
	end := epoch.Add(5 * 24 * time.Hour)
	source := shop(t, epoch, end)
	reg := prometheus.NewRegistry()
	live := apply(t, detector.Options{Registerer: reg}, shopConfig, source)
	var steps int
	for at := end.Add(-2 * time.Hour); !at.After(end); at = at.Add(3 * time.Minute) { // two of three steps are caught up
		cycle(t, live, at)
	}
	var total replicas.StrategyTotals
	replay := apply(t, detector.Options{}, shopConfig, source)
	require.NoError(t, replay.Replay(context.Background(), end.Add(-2*time.Hour), end, func(p *result.Batch) {
		for _, s := range p.Series {
			if p.Source.Name == "fixed" && s.Totals.Seconds > 0 {
				total.Add(s.Totals)
				steps++
			}
		}
	}))
	require.Equal(t, 120, steps, "the first step has no step before it")
	require.Equal(t, 7200.0, total.Seconds)
	for s := range replicas.NumStrategies {
		require.Positive(t, total.ReplicaSeconds[s])
	}
	require.Greater(t, total.ReplicaSeconds[replicas.Static], 1.5*total.ReplicaSeconds[replicas.Recommended],
		"the load is low late in the evening")
	for s := range replicas.NumStrategies {
		require.InEpsilon(t, total.ReplicaSeconds[s]/3600*0.05, cost(t, reg, s.String()), 1e-9)
	}
	require.NoError(t, live.ApplyConfig(load(t, "detectors: [{name: x, expr: up}]"), source))
	left, err := testutil.GatherAndCount(reg, "anomaly_exporter_scaler_cost_total",
		"anomaly_exporter_scaling_decisions_total", "anomaly_exporter_scaler_horizon_seconds")
	require.NoError(t, err)
	require.Zero(t, left, "metrics of a removed scaler are deleted")
}

// cost returns the cost counter of the scaler "fixed" for a strategy.
func cost(t *testing.T, reg *prometheus.Registry, strategy string) float64 {
	t.Helper()
	families, err := reg.Gather()
	require.NoError(t, err)
	for _, f := range families {
		for _, metric := range f.GetMetric() {
			if f.GetName() == "anomaly_exporter_scaler_cost_total" && metric.GetLabel()[1].GetValue() == strategy {
				return metric.GetCounter().GetValue()
			}
		}
	}
	return math.NaN()
}

// A change that affects only results keeps all models. A change to one task keeps the models of the other tasks.
func TestScaler_KeepsModelsOnAReload(t *testing.T) {
	end := epoch.Add(3 * 24 * time.Hour)
	source := shop(t, epoch, end.Add(time.Hour))
	m := apply(t, detector.Options{}, shopConfig, source)
	cycle(t, m, end)
	before := results(m.Snapshot())
	text := strings.ReplaceAll(shopConfig, "labels: {namespace: shop}", "labels: {namespace: prod}")
	text = strings.ReplaceAll(text, "cpu: cpu, ", "")
	require.NoError(t, m.ApplyConfig(load(t, text), source))
	require.Eventually(t, func() bool {
		return len(found(m.Snapshot(), result.RecommendedCPUCores, "container")) == 0 &&
			found(m.Snapshot(), result.RecommendedReplicas, "namespace")["prod"] > 0
	}, 10*time.Second, 10*time.Millisecond)
	after := results(m.Snapshot())
	for key, value := range before {
		if strings.Contains(key, "sizes") && strings.Contains(key, "memory") || strings.Contains(key, "fixed") {
			require.Equal(t, value, after[key], key)
		}
	}
}

// A corrupt sample costs the recommendation of its step, and nothing afterwards.
func TestScaler_IgnoresLoadsOutsideOfItsRange(t *testing.T) {
	end := epoch.Add(4 * 24 * time.Hour)
	corrupt := end.Add(-90 * time.Minute)
	db := newStorage(t, epoch, end, time.Minute, pods(2), func(i int, at time.Time) float64 {
		if i == 1 && at.Equal(corrupt) {
			return 18446744073709551615
		}
		return daily(0, at)
	})
	m := apply(t, detector.Options{}, `
global: {history: 3d, query_offset: 0s}
scalers:
  - {name: s, load: load, by: [pod], data_range: [0, 1e6], capacity_per_replica: 10, max_replicas: 50, horizon: 15m}
`, &storage.Flaky{Queryable: db})
	other := 0
	for at := corrupt.Add(-time.Minute); !at.After(end); at = at.Add(time.Minute) {
		cycle(t, m, at)
		n := found(m.Snapshot(), result.RecommendedReplicas, "pod")
		if at.Equal(corrupt) {
			require.NotContains(t, n, "pod-01", "its load is unknown")
			require.Equal(t, map[string]float64{"no_data": 1}, found(m.Snapshot(), result.ModelState, "reason"))
			continue
		}
		require.InDelta(t, n["pod-00"], n["pod-01"], 1, at)
		if at.After(corrupt.Add(time.Hour)) && n["pod-00"] != n["pod-01"] {
			other++
		}
	}
	require.LessOrEqual(t, other, 2, "a number may change a minute or two earlier or later")
}
