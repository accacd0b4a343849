package backtest_test

import (
	"context"
	"fmt"
	"iter"
	"math"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/prometheus/model/labels"
	"github.com/stretchr/testify/require"

	"github.com/anomaly-exporter/anomaly-exporter/backtest"
	"github.com/anomaly-exporter/anomaly-exporter/config"
	"github.com/anomaly-exporter/anomaly-exporter/detector"
	"github.com/anomaly-exporter/anomaly-exporter/detector/result"
	"github.com/anomaly-exporter/anomaly-exporter/remoteread"
	"github.com/anomaly-exporter/anomaly-exporter/replicas"
	"github.com/anomaly-exporter/anomaly-exporter/test/servers"
	"github.com/anomaly-exporter/anomaly-exporter/test/storage"
)

// writeBlocks writes the series every minute from start to end into a data directory for a Prometheus.
func writeBlocks(t *testing.T, start, end time.Time, all ...series) string {
	t.Helper()
	dir := t.TempDir()
	samples := func(s series) iter.Seq2[int64, float64] {
		return func(yield func(int64, float64) bool) {
			for at := start; !at.After(end); at = at.Add(time.Minute) {
				if v := s.value(at); !math.IsNaN(v) && !yield(at.UnixMilli(), v) {
					return
				}
			}
		}
	}
	require.NoError(t, servers.WriteBlocks(dir, func(yield func(servers.Series) bool) {
		for _, s := range all {
			if !yield(servers.Series{Labels: s.labels, Samples: samples(s)}) {
				return
			}
		}
	}))
	return dir
}

func startPrometheus(t *testing.T, dir string) *servers.Prometheus {
	t.Helper()
	p, err := servers.StartPrometheus(t.Context(), servers.PrometheusOptions{Dir: dir})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, p.Stop()) })
	return p
}

// It replays what a real Prometheus holds, compares that with what a program that runs published, and loads it into the
// Prometheus beside the original series.
func TestRun_PublishesWhatALiveProgramDoes(t *testing.T) {
	if testing.Short() {
		t.Skip("starts Prometheus twice")
	}
	end := epoch.Add(5 * day)
	dir := writeBlocks(t, epoch, end, pods(3, end.Add(-2*hour))...)
	prometheus := startPrometheus(t, dir)
	client, err := remoteread.New(remoteread.Options{URL: prometheus.URL() + "/api/v1/read"})
	require.NoError(t, err)
	cfg := load(t, `
global: {history: 4d, step: 1m, refit_interval: 3h, query_offset: 0s}
detectors:
  - name: load
    expr: load
    forecaster: {horizons: [15m]}
    publish: [score, contribution, expected, forecast, state]
    holidays: [2026-03-04, 2026-03-06]
  - {name: smooth, expr: 'avg_over_time(load[10m])', step: 10m}
  - {name: joint, inputs: {all: sum by (job) (load), most: max by (job) (load)}, by: [job]}
  - {name: siblings, expr: load, pool_by: [job]}
scalers:
  - {name: all, load: sum(load), capacity_per_replica: 100, max_replicas: 50, step: 5m}
`)
	begin := end.Add(-4 * hour)
	output := filepath.Join(t.TempDir(), "results.om")
	report := run(t, client, backtest.Options{Config: cfg, Start: begin, End: end, Output: output})
	replayed := readOpenMetrics(t, output)

	live := runLive(t, client, cfg, begin, end)
	require.NotEmpty(t, live)
	for key, samples := range live {
		require.Equal(t, samples, replayed[key], key)
	}
	const first = `{__name__="anomaly_score", detector="load", job="shop", metric_name="load", pod="pod-00"}`
	require.Len(t, live[first], 4*60+1)
	require.Len(t, live[`{__name__="anomaly_score", detector="joint", job="shop"}`], 4*60+1)
	for key := range replayed {
		if live[key] == nil {
			const added = `__name__="(anomaly_score_onset|anomaly_model_info|anomaly_score_contribution|anomaly_exporter_.*)"`
			require.Regexp(t, added, key, "no result that is published live")
		}
	}

	promtool, err := servers.Tool("promtool")
	require.NoError(t, err)
	require.NoError(t, prometheus.Stop())
	load := []string{"tsdb", "create-blocks-from", "--max-block-duration=24h", "openmetrics", output, dir}
	out, err := exec.Command(promtool, load...).CombinedOutput()
	require.NoError(t, err, string(out))
	prometheus = startPrometheus(t, dir)
	const join = `anomaly_score{detector="load"} * on (pod, job) group_left () load`
	joined, err := prometheus.Query(t.Context(), join, begin.Add(hour))
	require.NoError(t, err)
	require.Len(t, joined, 3)
	const replicaSeconds = `increase(anomaly_exporter_scaler_replica_seconds_total{strategy="recommended"}[3h])`
	counted, err := prometheus.Query(t.Context(), replicaSeconds, end)
	require.NoError(t, err)
	require.Len(t, counted, 1)
	mean := report.Scalers[0].Strategies[replicas.Recommended].Replicas
	require.InEpsilon(t, 3*3600*mean, float64(counted[0].Value), 0.2)
	for f := range result.NumFamilies {
		stored, err := prometheus.Query(t.Context(), fmt.Sprintf("sum(count_over_time(%s[5h]))", f.Name()), end)
		require.NoError(t, err)
		if n := replayed.samplesOf(f.Name()); n > 0 {
			require.Len(t, stored, 1, f.Name())
			require.InDelta(t, n, float64(stored[0].Value), 0, f.Name())
		}
	}
}

// samplesOf counts the samples of a metric.
func (p published) samplesOf(name string) int {
	n := 0
	for key, samples := range p {
		if strings.HasPrefix(key, `{__name__="`+name+`"`) {
			n += len(samples)
		}
	}
	return n
}

// runLive is what a program that runs from begin to end publishes, as a Prometheus would store it.
func runLive(t *testing.T, client *remoteread.Client, cfg *config.Config, begin, end time.Time) published {
	t.Helper()
	found := published{}
	taken := map[result.Source]int64{}
	m, err := detector.New(detector.Options{Engine: storage.NewEngine(5*time.Minute, 50e6), Limits: detector.NewLimits(2)})
	require.NoError(t, err)
	require.NoError(t, m.ApplyConfig(cfg, client))
	for at := begin; !at.After(end); at = at.Add(time.Minute) {
		require.NoError(t, m.Cycle(context.Background(), at))
		for _, b := range m.Snapshot().Batches {
			if taken[b.Source] != b.Step {
				taken[b.Source] = b.Step
				found.add(b)
			}
		}
	}
	return found
}

func (p published) add(b *result.Batch) {
	for f := range result.NumFamilies {
		b.Flatten(f, 0, func(s result.Sample) bool {
			l := labels.NewBuilder(s.Labels.With(nil, s.Extra).Without())
			key := l.Set(labels.MetricName, f.Name()).Labels().String()
			if p[key] == nil {
				p[key] = map[int64]float64{}
			}
			p[key][b.Step] = s.Value
			return true
		})
	}
}

// BenchmarkRun replays a week of a hundred series at 5m, scraped every 30 seconds for three weeks, out of a real
// Prometheus.
func BenchmarkRun(b *testing.B) {
	end := epoch.Add(21 * day)
	dir := b.TempDir()
	require.NoError(b, servers.WriteBlocks(dir, func(yield func(servers.Series) bool) {
		for _, s := range pods(100, end.Add(-9*hour)) {
			samples := func(yield func(int64, float64) bool) {
				for at := epoch; !at.After(end); at = at.Add(30 * time.Second) {
					if v := s.value(at); !math.IsNaN(v) && !yield(at.UnixMilli(), v) {
						return
					}
				}
			}
			if !yield(servers.Series{Labels: s.labels, Samples: samples}) {
				return
			}
		}
	}))
	prometheus, err := servers.StartPrometheus(b.Context(), servers.PrometheusOptions{Dir: dir})
	require.NoError(b, err)
	defer func() { require.NoError(b, prometheus.Stop()) }()
	client, err := remoteread.New(remoteread.Options{URL: prometheus.URL() + "/api/v1/read"})
	require.NoError(b, err)
	const forecasts = "{name: load, expr: load, step: 5m, forecaster: {horizons: [15m, 1h, 6h]}, bounds: {upper: 2000}}"
	for _, bc := range []struct{ name, detector, output string }{
		{"scores", "{name: load, expr: load, step: 5m}", ""},
		{"forecasts", forecasts, ""},
		{"forecasts, written", forecasts, filepath.Join(dir, "results.om")},
	} {
		b.Run(bc.name, func(b *testing.B) {
			cfg, err := config.Load([]byte("remote_read: [{url: http://unused}]\ndetectors: ["+bc.detector+"]\n"), "")
			require.NoError(b, err)
			for b.Loop() {
				_, err := backtest.Run(b.Context(), backtest.Options{
					Config: cfg, NewReplayer: over(client, detector.NewLimits(runtime.GOMAXPROCS(0))),
					Start: end.Add(-7 * day), End: end, Now: end, Output: bc.output,
				})
				require.NoError(b, err)
			}
		})
	}
}
