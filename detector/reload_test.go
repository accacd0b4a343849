package detector_test

import (
	"context"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/prometheus/model/labels"
	"github.com/stretchr/testify/require"

	"github.com/anomaly-exporter/anomaly-exporter/detector"
)

// recorder keeps every snapshot.
type recorder struct {
	mu        sync.Mutex
	snapshots []*detector.Snapshot
}

func (r *recorder) add(s *detector.Snapshot) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.snapshots = append(r.snapshots, s)
}

func (r *recorder) last() *detector.Snapshot {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.snapshots[len(r.snapshots)-1]
}

func TestRunAndReload(t *testing.T) {
	now := time.Now()
	db := newStorage(t, now.Add(-50*time.Hour), now.Add(time.Minute), 15*time.Second, pods(2), daily)
	var published recorder
	m := newManager(t, detector.Options{OnPublish: published.add, Concurrency: 2})
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
	part := func(name string) *detector.Part {
		for _, p := range m.Snapshot().Parts {
			if p.Detector == name && !p.Scaler {
				return p
			}
		}
		return nil
	}
	before := part("kept").Time
	require.Eventually(t, func() bool { return part("kept").Time > before }, 10*time.Second, 10*time.Millisecond)

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
		return len(found(m.Snapshot(), detector.Score, "team")) > 0 && found(m.Snapshot(), detector.Score, "team")["platform"] >= 0 &&
			part("kept").Results[detector.Score][0].Labels.Get("team") == "platform"
	}, 10*time.Second, 10*time.Millisecond)
	require.Empty(t, part("kept").Results[detector.Yhat])
	require.Eventually(t, func() bool { return len(part("changed").Results[detector.Score]) == 1 }, 20*time.Second, 10*time.Millisecond)

	cancel()
	require.NoError(t, <-done)
	for i, s := range published.snapshots[1:] {
		for _, p := range s.Parts {
			for _, q := range published.snapshots[i].Parts {
				if p.Detector == q.Detector && p.Scaler == q.Scaler {
					require.GreaterOrEqual(t, p.Time, q.Time, "results never go back in time")
				}
			}
		}
	}
	require.Equal(t, published.last(), m.Snapshot())
}

func TestSampleLimitTakesWholeKinds(t *testing.T) {
	end := epoch.Add(3 * 24 * time.Hour)
	db := newStorage(t, epoch, end, 5*time.Minute, pods(10), daily)
	text := func(limit string) string {
		return `global: {step: 5m, history: 2d, sample_limit: ` + limit + `}
detectors: [{name: load, expr: load, forecaster: {horizons: [1h]}, publish: [score, onset, contribution, expected, forecast, state], explain_threshold: 0}]`
	}
	m := newManager(t, detector.Options{})
	require.NoError(t, m.ApplyConfig(load(t, text("100000")), db))
	cycle(t, m, end)
	count := func() map[string]int {
		n := map[string]int{}
		for _, p := range m.Snapshot().Parts {
			for f := range detector.NumFamilies {
				for _, r := range p.Results[f] {
					n[f.Name()+r.Labels.Get("horizon")]++
				}
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
		{"90", []string{"forecast_yhat1h", "anomaly_score_onset"}, []string{"anomaly_score_contribution"}},
		{"80", []string{"forecast_yhat1h", "forecast_max1h"}, []string{"anomaly_score_onset"}},
		{"50", []string{"forecast_yhat0s"}, []string{"forecast_yhat1h", "forecast_max1h"}},
		{"20", []string{"anomaly_score"}, []string{"forecast_yhat0s"}},
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

func TestLabelsOfResults(t *testing.T) {
	end := epoch.Add(2 * 24 * time.Hour)
	series := []labels.Labels{labels.FromStrings("__name__", "up", "job", "api", "pod", "a", "source", "x", "exported_source", "y", "état", "ok")}
	db := newStorage(t, epoch, end, 5*time.Minute, series, daily)
	m := newManager(t, detector.Options{})
	require.NoError(t, m.ApplyConfig(load(t, `
global: {step: 5m, history: 2d, empty_labels: [instance, job]}
detectors:
  - {name: kept, expr: up, labels: {pod: b, team: sre}, forecaster: {horizons: [60m]}}
  - {name: dropped, expr: 'rate(up[10m])'}
`), db))
	cycle(t, m, end)
	parts := m.Snapshot().Parts
	text := func(f detector.Family, i int) string {
		s := ""
		for _, l := range parts[i].Results[f][0].Labels {
			s += l.Name + "=" + l.Value + " "
		}
		return s
	}
	require.Equal(t, "detector=dropped exported_exported_source=x exported_source=y instance= job=api metric_name=up pod=a état=ok ", text(detector.Score, 0))
	require.Equal(t, "detector=kept exported_exported_source=x exported_source=y instance= job=api metric_name=up pod=b team=sre état=ok ", text(detector.Score, 1))
	require.Equal(t, "detector=kept exported_exported_source=x exported_source=y horizon=0s instance= job=api metric_name=up pod=b team=sre état=ok ", text(detector.Yhat, 1))
	require.Equal(t, "1h", parts[1].Results[detector.Yhat][1].Labels.Get("horizon"))
	require.Equal(t, "0.9", parts[1].Results[detector.Max][0].Labels.Get("probability"))
}
