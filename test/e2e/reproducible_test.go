package e2e_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/promql"
	"github.com/prometheus/prometheus/promql/parser"
	"github.com/stretchr/testify/require"

	"github.com/anomaly-exporter/anomaly-exporter/config"
	"github.com/anomaly-exporter/anomaly-exporter/detector"
	"github.com/anomaly-exporter/anomaly-exporter/detector/result"
	"github.com/anomaly-exporter/anomaly-exporter/remoteread"
	"github.com/anomaly-exporter/anomaly-exporter/test/servers"
)

// Started at T or three days before T, the numbers at T plus an hour are the same, to the bit.
func TestResults_DoNotDependOnTheStart(t *testing.T) {
	t.Parallel()
	end := time.Now().Truncate(time.Hour)
	begin := end.Add(-13 * 24 * time.Hour)
	var series []servers.Series
	for i := range 4 {
		l := labels.FromStrings("__name__", "load", "namespace", "shop", "pod", fmt.Sprintf("api-%d", i))
		from := begin
		if i == 3 {
			from = end.Add(-40 * time.Hour) // a pod that is younger than one of the starts
		}
		series = append(series, gauge(l, uint64(i), from, end, 30*time.Second))
	}
	p := startPrometheus(t, servers.PrometheusOptions{Dir: blocks(t, series...)})
	cfg, err := config.Load(fmt.Appendf(nil, `
global: {history: 7d}
remote_read: [{url: %s/api/v1/read}]
detectors:
  - name: load
    expr: avg_over_time(load[2m])
    forecaster: {horizons: [15m, 6h]}
    bounds: {upper: 150}
    publish: [score, onset, contribution, expected, forecast, state, model]
  - name: joint
    inputs: {load: 'avg_over_time(load[2m])', most: 'max_over_time(load[10m])'}
    by: [pod]
    publish: [score, onset, contribution, state]
    explain_threshold: 0
  - name: siblings
    expr: avg_over_time(load[2m])
    pool_by: [namespace]
    publish: [score, onset, contribution, expected, state]
    explain_threshold: 0
scalers:
  - {name: load, load: sum(load), capacity_per_replica: 50, max_replicas: 50}
`, p.URL()), "test.yml")
	require.NoError(t, err)

	run := func(start time.Time, every time.Duration) map[string]float64 {
		client, err := remoteread.New(remoteread.Options{URL: p.URL() + "/api/v1/read"})
		require.NoError(t, err)
		m, err := detector.New(detector.Options{Limits: detector.NewLimits(2), Engine: promql.NewEngine(promql.EngineOpts{
			MaxSamples: 50_000_000, Timeout: time.Minute,
			LookbackDelta: 5 * time.Minute, Parser: parser.NewParser(parser.Options{}),
		})})
		require.NoError(t, err)
		require.NoError(t, m.ApplyConfig(cfg, client))
		for at := start; at.Before(end); at = at.Add(every) {
			require.NoError(t, m.Cycle(t.Context(), at))
		}
		require.NoError(t, m.Cycle(t.Context(), end))
		found := map[string]float64{}
		for _, b := range m.Snapshot().Batches {
			for f := range result.NumFamilies {
				b.Flatten(f, 0, func(s result.Sample) bool {
					found[fmt.Sprint(f.Name(), s.Labels.With(nil, s.Extra))] = s.Value
					return true
				})
			}
		}
		return found
	}
	late := run(end.Add(-time.Hour), time.Minute)
	require.Greater(t, len(late), 4*14)
	require.Equal(t, run(end.Add(-73*time.Hour), 10*time.Minute), late)
}
