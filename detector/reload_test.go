package detector_test

import (
	"context"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/prometheus/model/labels"
	"github.com/stretchr/testify/require"

	"github.com/anomaly-exporter/anomaly-exporter/detector"
	"github.com/anomaly-exporter/anomaly-exporter/detector/result"
)

// recorder keeps every snapshot.
type recorder struct {
	mu        sync.Mutex
	snapshots []*result.Snapshot
}

func (r *recorder) add(s *result.Snapshot) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.snapshots = append(r.snapshots, s)
}

func (r *recorder) last() *result.Snapshot {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.snapshots[len(r.snapshots)-1]
}

func TestManager_ReloadsWhileItRuns(t *testing.T) {
	skipSlow(t)
	now := time.Now()
	db := newStorage(t, now.Add(-50*time.Hour), now.Add(time.Minute), 15*time.Second, pods(2), daily)
	var published recorder
	m := newManager(t, detector.Options{OnPublish: published.add, Limits: detector.NewLimits(2)})
	const head = "global: {step: 1s, query_offset: 0s, history: 26h, min_history: 25h, refit_interval: 1h}\n"
	first := load(t, head+`
detectors:
  - {name: kept, expr: 'load{pod="pod-00"}'}
  - {name: changed, expr: load}
  - {name: removed, expr: load}
`)
	require.NoError(t, m.ApplyConfig(first, db))
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error)
	go func() { done <- m.Run(ctx) }()

	require.Eventually(t, m.Ready, 30*time.Second, 10*time.Millisecond)
	part := func(name string) *result.Batch {
		for _, p := range m.Snapshot().Batches {
			if p.Source.Name == name && !p.Source.Scaler {
				return p
			}
		}
		return nil
	}
	before := part("kept").Step
	require.Eventually(t, func() bool { return part("kept").Step > before }, 10*time.Second, 10*time.Millisecond)

	bad := load(t, head+`detectors: [{name: kept, expr: load}]`)
	bad.Detectors[0].Missing = "perhaps"
	require.ErrorContains(t, m.ApplyConfig(bad, db), `detector "kept": missing`)
	require.NotNil(t, part("removed"), "an error changes nothing")

	second := load(t, head+`
detectors:
  - {name: kept, expr: 'load{pod="pod-00"}', labels: {team: platform}, publish: [score]}
  - {name: changed, expr: 'load{pod="pod-01"}'}
`)
	require.NoError(t, m.ApplyConfig(second, db))
	require.Nil(t, part("removed"), "gone at once")
	require.NotNil(t, part("changed"), "goes on with its old results")
	require.Eventually(t, func() bool {
		scores := found(m.Snapshot(), result.Score, "team")
		return len(scores) > 0 && scores["platform"] >= 0 &&
			samples(part("kept"), result.Score)[0].Labels.Get("team") == "platform"
	}, 10*time.Second, 10*time.Millisecond)
	require.Empty(t, samples(part("kept"), result.Yhat))
	require.Eventually(t, func() bool {
		return len(samples(part("changed"), result.Score)) == 1
	}, 20*time.Second, 10*time.Millisecond)

	cancel()
	require.NoError(t, <-done)
	for i, s := range published.snapshots[1:] {
		for _, p := range s.Batches {
			for _, q := range published.snapshots[i].Batches {
				if p.Source.Name == q.Source.Name && p.Source.Scaler == q.Source.Scaler {
					require.GreaterOrEqual(t, p.Step, q.Step, "results never go back in time")
				}
			}
		}
	}
	require.Equal(t, published.last(), m.Snapshot())
}

func TestManager_DropsWholeKindsAtTheSampleLimit(t *testing.T) {
	end := epoch.Add(3 * 24 * time.Hour)
	db := newStorage(t, epoch, end, 5*time.Minute, pods(10), daily)
	text := func(limit string) string {
		return `global: {step: 5m, history: 2d, sample_limit: ` + limit + `}
detectors:
  - name: load
    expr: load
    forecaster: {horizons: [1h]}
    publish: [score, onset, contribution, expected, forecast, state]
    explain_threshold: 0
`
	}
	m := newManager(t, detector.Options{})
	require.NoError(t, m.ApplyConfig(load(t, text("100000")), db))
	cycle(t, m, end)
	count := func() map[string]int {
		n := map[string]int{}
		for f := range result.NumFamilies {
			for _, r := range published(m.Snapshot(), f) {
				n[f.Name()+r.Labels.Get("horizon")]++
			}
		}
		return n
	}
	all := count()
	require.Equal(t, 10, all["forecast_yhat1h"])
	require.NotZero(t, all["anomaly_score_contribution"])
	for _, tc := range []struct {
		limit   string
		with    []string
		without []string
	}{
		{"110", []string{"forecast_yhat1h", "anomaly_score_onset"}, []string{"anomaly_score_contribution"}},
		{"100", []string{"forecast_yhat1h", "forecast_max1h"}, []string{"anomaly_score_onset"}},
		{"60", []string{"forecast_yhat0s", "anomaly_observed"}, []string{"forecast_yhat1h", "forecast_max1h"}},
		{"20", []string{"anomaly_score", "anomaly_return_period_seconds"}, []string{"forecast_yhat0s", "anomaly_observed"}},
		{"1", []string{"anomaly_score"}, []string{"forecast_yhat0s"}},
	} {
		require.NoError(t, m.ApplyConfig(load(t, text(tc.limit)), db))
		got := count()
		for _, name := range tc.with {
			require.Equal(t, all[name], got[name], "limit %s: %s", tc.limit, name)
		}
		for _, name := range tc.without {
			require.Zero(t, got[name], "limit %s: %s", tc.limit, name)
		}
	}
}

func TestManager_LabelsResultsLikeTheirSeries(t *testing.T) {
	end := epoch.Add(2 * 24 * time.Hour)
	series := []labels.Labels{labels.FromStrings(
		"__name__", "up", "job", "api", "pod", "a", "source", "x", "exported_source", "y", "état", "ok",
	)}
	db := newStorage(t, epoch, end, 5*time.Minute, series, daily)
	m := newManager(t, detector.Options{})
	require.NoError(t, m.ApplyConfig(load(t, `
global: {step: 5m, history: 2d, empty_labels: [instance, job]}
detectors:
  - {name: kept, expr: up, labels: {pod: b, team: sre}, forecaster: {horizons: [60m]}}
  - {name: dropped, expr: 'rate(up[10m])'}
`), db))
	cycle(t, m, end)
	parts := m.Snapshot().Batches
	text := func(f result.Family, i int) string {
		s := ""
		for _, l := range samples(parts[i], f)[0].Labels {
			s += l.Name + "=" + l.Value + " "
		}
		return s
	}
	require.Equal(t, "detector=dropped exported_exported_source=x exported_source=y instance= job=api "+
		"metric_name=up pod=a état=ok ", text(result.Score, 0))
	require.Equal(t, "detector=kept exported_exported_source=x exported_source=y instance= job=api "+
		"metric_name=up pod=b team=sre état=ok ", text(result.Score, 1))
	require.Equal(t, "detector=kept exported_exported_source=x exported_source=y horizon=0s instance= job=api "+
		"metric_name=up pod=b team=sre état=ok ", text(result.Yhat, 1))
	require.Equal(t, "1h", samples(parts[1], result.Yhat)[1].Labels.Get("horizon"))
	require.Equal(t, "0.9", samples(parts[1], result.Max)[0].Labels.Get("probability"))
}
