package detector_test

import (
	"context"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"
	"github.com/prometheus/prometheus/storage"
	"github.com/stretchr/testify/require"

	"github.com/anomaly-exporter/anomaly-exporter/detector"
	"github.com/anomaly-exporter/anomaly-exporter/detector/result"
)

// gate is a storage whose reads can be blocked.
type gate struct {
	storage.Queryable
	closed  atomic.Pointer[chan struct{}] // nil: open
	waiting chan struct{}                 // receives a value for each read that begins to wait
}

func newGate(q storage.Queryable) *gate {
	return &gate{Queryable: q, waiting: make(chan struct{}, 1000)}
}

// shut blocks reads until the function that it returns is called.
func (g *gate) shut() (open func()) {
	c := make(chan struct{})
	g.closed.Store(&c)
	return func() {
		g.closed.Store(nil)
		close(c)
	}
}

func (g *gate) Querier(mint, maxt int64) (storage.Querier, error) {
	if c := g.closed.Load(); c != nil {
		g.waiting <- struct{}{}
		<-*c
	}
	return g.Queryable.Querier(mint, maxt)
}

// runManager runs m until the test ends.
func runManager(t *testing.T, m *detector.Manager) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- m.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		require.NoError(t, <-done)
	})
	require.Eventually(t, m.Ready, 30*time.Second, 10*time.Millisecond)
}

const everySecond = "global: {step: 1s, query_offset: 0s, history: 26h, min_history: 25h, refit_interval: 1h}\n"

func teams(s *result.Snapshot) map[string]float64 { return found(s, result.Score, "team") }

func TestManager_KeepsNewestConfigOnConcurrentReloads(t *testing.T) {
	now := time.Now()
	source := newGate(newStorage(t, now.Add(-50*time.Hour), now.Add(2*time.Minute), 15*time.Second, pods(1), daily))
	m := newManager(t, detector.Options{})
	text := everySecond + "detectors: [{name: load, expr: load, labels: {team: %s}}]"
	require.NoError(t, m.ApplyConfig(load(t, fmt.Sprintf(text, "first")), source))
	runManager(t, m)
	older, newer := load(t, fmt.Sprintf(text, "older")), load(t, fmt.Sprintf(text, "newer"))
	for range 100 {
		require.NoError(t, m.ApplyConfig(older, source))
		require.NoError(t, m.ApplyConfig(newer, source))
		require.Eventually(t, func() bool {
			_, ok := teams(m.Snapshot())["newer"]
			return ok
		}, 10*time.Second, time.Millisecond)
	}

	open := source.shut() // the same while a cycle runs
	<-source.waiting
	require.NoError(t, m.ApplyConfig(older, source))
	require.NoError(t, m.ApplyConfig(newer, source))
	open()
	step := m.Snapshot().Batches[0].Step
	require.Eventually(t, func() bool { return m.Snapshot().Batches[0].Step > step }, 10*time.Second, time.Millisecond)
	require.Contains(t, teams(m.Snapshot()), "newer")
}

func TestManager_AnswersAndReloadsWhileAReadHangs(t *testing.T) {
	now := time.Now()
	source := newGate(newStorage(t, now.Add(-50*time.Hour), now.Add(2*time.Minute), 15*time.Second, pods(2), daily))
	m := newManager(t, detector.Options{})
	text := everySecond + "detectors: [{name: load, expr: load, labels: {team: %s}}]"
	require.NoError(t, m.ApplyConfig(load(t, fmt.Sprintf(text, "a")), source))
	runManager(t, m)
	open := source.shut()
	defer open()
	<-source.waiting
	before := m.Snapshot().Batches[0].Step
	require.NoError(t, m.ApplyConfig(load(t, fmt.Sprintf(text, "b")), source))
	require.Eventually(t, func() bool {
		_, ok := teams(m.Snapshot())["b"]
		return ok
	}, 10*time.Second, time.Millisecond, "the earlier results have the new labels")
	b := m.Snapshot().Batches[0]
	require.Equal(t, before, b.Step)
	require.Len(t, b.Series, 2)
	require.Positive(t, b.Value(&b.Series[0], 0), "histories can still be read")
}

func TestManager_KeepsMetricsOfAScalerAndADetectorOfTheSameNameApart(t *testing.T) {
	end := epoch.Add(2 * 24 * time.Hour)
	db := newStorage(t, epoch, end, time.Minute, pods(3), daily)
	reg := prometheus.NewRegistry()
	m := newManager(t, detector.Options{Registerer: reg})
	const detectors = `
global: {query_offset: 0s, history: 2d}
detectors: [{name: checkout, expr: load}]
`
	const scalers = `scalers: [{name: checkout, load: sum(load), capacity_per_replica: 10, max_replicas: 9}]`
	require.NoError(t, m.ApplyConfig(load(t, detectors+scalers), db))
	cycle(t, m, end)
	names := []string{"anomaly_exporter_cycles_total", "anomaly_exporter_series"}
	detectorOnly := `
# HELP anomaly_exporter_cycles_total Cycles started.
# TYPE anomaly_exporter_cycles_total counter
anomaly_exporter_cycles_total{detector="checkout",scaler=""} 1
# HELP anomaly_exporter_series Series with a value now, by state and reason; state "scored" for those with a result.
# TYPE anomaly_exporter_series gauge
anomaly_exporter_series{detector="checkout",reason="",scaler="",state="scored"} 3
`
	require.NoError(t, testutil.GatherAndCompare(reg, strings.NewReader(detectorOnly+`
anomaly_exporter_cycles_total{detector="",scaler="checkout"} 1
anomaly_exporter_series{detector="",reason="",scaler="checkout",state="scored"} 1
`), names...))
	require.NoError(t, m.ApplyConfig(load(t, detectors), db))
	require.NoError(t, testutil.GatherAndCompare(reg, strings.NewReader(detectorOnly), names...))
}

func TestManager_KeepsAPendingAlertWhenOutcomesChange(t *testing.T) {
	outage := epoch.Add(4 * 24 * time.Hour)
	db := newStorage(t, epoch, outage.Add(time.Hour), time.Minute, pods(2), func(i int, at time.Time) float64 {
		if i == 0 && !at.Before(outage) {
			return 5 * daily(i, at)
		}
		return daily(i, at)
	})
	text := `
global: {query_offset: 0s, history: 4d}
outcomes: {truth: {expr: 'load > 300'}, lead_window: %s}
detectors: [{name: load, expr: load}]
`
	fires := func(reload time.Duration) (at time.Time) {
		var alerts []result.Alert
		m := newManager(t, detector.Options{OnPublish: func(s *result.Snapshot) {
			for _, b := range s.Batches {
				alerts = append(alerts, b.Alerts...)
			}
		}})
		require.NoError(t, m.ApplyConfig(load(t, fmt.Sprintf(text, "30m")), db))
		for after := -10 * time.Minute; after < 15*time.Minute; after += time.Minute {
			cycle(t, m, outage.Add(after))
			if after == reload {
				require.NoError(t, m.ApplyConfig(load(t, fmt.Sprintf(text, "20m")), db))
			}
		}
		require.Len(t, alerts, 1)
		return time.UnixMilli(alerts[0].At).UTC()
	}
	want := fires(-time.Hour)
	require.WithinRange(t, want, outage.Add(4*time.Minute), outage.Add(8*time.Minute))
	for _, reload := range []time.Duration{0, 2 * time.Minute, 4 * time.Minute, 10 * time.Minute} {
		require.Equal(t, want, fires(reload), "reload %s after the outage began", reload)
	}
}

func TestManager_ScoresItsFirstStepLikeOneThatHasRunForLong(t *testing.T) {
	end := epoch.Add(3 * 24 * time.Hour)
	db := newStorage(t, epoch, end.Add(time.Hour), 5*time.Minute, pods(4), daily)
	for _, detectors := range []string{"[{name: load, expr: load}]", "[{name: load, expr: load, pool_by: [job]}]"} {
		cfg := load(t, "global: {query_offset: 0s, history: 2d, step: 5m, refit_interval: 30m}\ndetectors: "+detectors)
		long := newManager(t, detector.Options{})
		require.NoError(t, long.ApplyConfig(cfg, db))
		for at := end; at.Before(end.Add(30 * time.Minute)); at = at.Add(5 * time.Minute) {
			cycle(t, long, at)
			started := newManager(t, detector.Options{})
			require.NoError(t, started.ApplyConfig(cfg, db))
			cycle(t, started, at)
			require.Len(t, found(long.Snapshot(), result.Score, "pod"), 4)
			require.Equal(t, results(long.Snapshot()), results(started.Snapshot()), "started at %s", at)
		}
	}
}

func TestManager_SharesSeriesBetweenProcesses(t *testing.T) {
	end := epoch.Add(2 * 24 * time.Hour)
	db := newStorage(t, epoch, end, 5*time.Minute, append(workload("api", 4), workload("worker", 3)...), serving)
	cfg := load(t, `
global: {query_offset: 0s, history: 2d, step: 5m}
detectors:
  - {name: alone, expr: load}
  - {name: pooled, expr: load, pool_by: [container]}
`)
	whole := newManager(t, detector.Options{})
	require.NoError(t, whole.ApplyConfig(cfg, db))
	cycle(t, whole, end)
	union := map[string]float64{}
	for shard := range uint64(3) {
		m := newManager(t, detector.Options{Owns: func(key uint64) bool { return key%3 == shard }})
		require.NoError(t, m.ApplyConfig(cfg, db))
		cycle(t, m, end)
		for name, v := range results(m.Snapshot()) {
			require.NotContains(t, union, name)
			union[name] = v
		}
	}
	require.Equal(t, results(whole.Snapshot()), union)
	require.Greater(t, len(union), 2*7)
}
