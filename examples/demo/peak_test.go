package main

import (
	"testing"
	"time"

	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/promql"
	"github.com/prometheus/prometheus/promql/parser"
	"github.com/prometheus/prometheus/tsdb"
	"github.com/stretchr/testify/require"

	"github.com/anomaly-exporter/anomaly-exporter/backtest"
	"github.com/anomaly-exporter/anomaly-exporter/config"
	"github.com/anomaly-exporter/anomaly-exporter/detector"
	"github.com/anomaly-exporter/anomaly-exporter/examples/demo/shop"
	"github.com/anomaly-exporter/anomaly-exporter/replicas"
	"github.com/anomaly-exporter/anomaly-exporter/test/servers"
)

// The replicas for the evening peak are ready before it. The test follows the story to its end; a replica serves once
// it has been recommended for the whole horizon. The target probability is 0.9. A reactive scaler has too few
// replicas for an hour.
func TestScaler_HasReplicasReadyBeforeThePeak(t *testing.T) {
	if testing.Short() {
		t.Skip("generates two weeks of data")
	}
	s := shop.New(time.Date(2026, 3, 18, 18, 20, 0, 0, time.UTC))
	end := s.Anchor().Add(3 * time.Hour)
	dir := t.TempDir()
	require.NoError(t, servers.WriteBlocks(dir, func(yield func(servers.Series) bool) {
		for _, one := range s.Series() {
			if one.Labels.Get(labels.MetricName) == "http_requests_total" && one.Labels.Get("job") == "frontend" &&
				!yield(servers.Series{Labels: one.Labels, Samples: one.Samples(s.Anchor().Add(-history), end, historyStep)}) {
				return
			}
		}
	}))
	options := tsdb.DefaultOptions()
	options.RetentionDuration = 0
	db, err := tsdb.Open(dir, nil, nil, options, nil)
	require.NoError(t, err)
	defer func() { require.NoError(t, db.Close()) }()
	cfg, err := config.Load([]byte(exporterConfig), "anomaly-exporter.yml")
	require.NoError(t, err)

	engine := promql.NewEngine(promql.EngineOpts{
		MaxSamples: 50e6, Timeout: time.Minute, LookbackDelta: 5 * time.Minute, Parser: parser.NewParser(parser.Options{}),
	})
	report, err := backtest.Run(t.Context(), backtest.Options{
		Config: cfg, Names: []string{"frontend"}, Start: s.Anchor(), End: end, Now: end.Add(time.Hour),
		NewReplayer: func(cfg *config.Config) (backtest.Replayer, error) {
			m, err := detector.New(detector.Options{Engine: engine})
			if err != nil {
				return nil, err
			}
			return m, m.ApplyConfig(cfg, db)
		},
	})
	require.NoError(t, err)
	strategies := report.Scalers[0].Strategies
	recommended, reactive := strategies[replicas.Recommended], strategies[replicas.Reactive]
	t.Logf("too few replicas: %s as recommended, %s reactive; mean replicas: %.1f and %.1f",
		recommended.Under, reactive.Under, recommended.Replicas, reactive.Replicas)
	require.Less(t, recommended.UnderShare, 0.1)
	require.Greater(t, reactive.Under, 4*recommended.Under)
	require.Less(t, recommended.Replicas, strategies[replicas.Static].Replicas)
}
