package detector_test

import (
	"bytes"
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/go-kit/log"
	"github.com/prometheus/client_golang/prometheus"
	promstorage "github.com/prometheus/prometheus/storage"
	"github.com/stretchr/testify/require"

	"github.com/anomaly-exporter/anomaly-exporter/detector"
	"github.com/anomaly-exporter/anomaly-exporter/detector/result"
)

// seen is what a snapshot says about the series of a detector.
type seen struct{ scored, notFitted, other int }

func (s *seen) add(state result.State) {
	switch state {
	case result.State{}:
		s.scored++
	case result.State{State: result.Learning, Reason: result.ReasonNotFitted}:
		s.notFitted++
	default:
		s.other++
	}
}

// A start with many series shows what it has fitted so far, and says what it is doing.
func TestManager_PublishesWhatIsFittedWhileItStarts(t *testing.T) {
	skipSlow(t)
	const n = 450 // in four parts; a publication after the third would show too little that is new
	db := newStorage(t, epoch, epoch.Add(36*time.Hour), 5*time.Minute, pods(n), daily)
	for name, poolBy := range map[string]string{"alone": "", "in pools": "pool_by: [tens]"} {
		t.Run(name, func(t *testing.T) {
			cfg := load(t, `
global: {history: 1d, min_history: 12h}
detectors:
  - name: load
    expr: label_replace(load, "tens", "$1", "pod", "pod-(.*).")
    step: 5m
    publish: [score, expected, state]
    `+poolBy)
			var all []seen
			early := map[string]float64{}
			var logged bytes.Buffer
			o := detector.Options{
				Logger: log.NewLogfmtLogger(&logged), Limits: detector.NewLimits(1),
				OnPublish: func(s *result.Snapshot) {
					var one seen
					for _, b := range s.Batches {
						for i := range b.Series {
							one.add(b.Series[i].State)
						}
					}
					all = append(all, one)
					for k, v := range results(s) {
						if strings.HasPrefix(k, "anomaly_score") {
							early[k] = v
						}
					}
				},
			}
			o.SetReportEvery(time.Millisecond)
			m := newManager(t, o)
			require.NoError(t, m.ApplyConfig(cfg, db))
			require.Equal(t, []string{`detector "load": waiting`}, m.Starting())
			require.False(t, m.Ready())
			at := epoch.Add(35 * time.Hour)
			cycle(t, m, at)
			require.True(t, m.Ready())
			require.Empty(t, m.Starting())

			require.Equal(t, seen{}, all[0], "of ApplyConfig")
			all = all[1:]
			require.Len(t, all, 3)
			require.Equal(t, seen{scored: n}, all[2])
			for i, s := range all[:2] {
				require.Equal(t, seen{scored: s.scored, notFitted: n - s.scored}, s)
				require.Greater(t, s.notFitted, all[i+1].notFitted)
			}
			require.Regexp(t, `msg=Starting doing="reading history, [0-9]+h of 1d6h, [0-9]+s left"`, logged.String())
			require.Regexp(t, `msg=Starting doing="fitting models, 1[0-9]+ of 450 series, [0-9]+s left"`, logged.String())

			plain := newManager(t, detector.Options{})
			require.NoError(t, plain.ApplyConfig(cfg, db))
			cycle(t, plain, at)
			require.Equal(t, results(plain.Snapshot()), results(m.Snapshot()))
			for k, v := range early {
				require.Equal(t, results(plain.Snapshot())[k], v, "%s was published early", k)
			}

			all = nil
			cfg.Detectors[0].Scorer.Direction = "above" // other models
			require.NoError(t, m.ApplyConfig(cfg, db))
			cycle(t, m, at.Add(5*time.Minute))
			for _, s := range all {
				require.Zero(t, s.notFitted, "results of all series are not replaced by those of some")
			}
		})
	}
}

// A start that cannot be done with the first part is over when its context ends.
func TestManager_StopsBetweenThePartsOfAStart(t *testing.T) {
	skipSlow(t)
	db := newStorage(t, epoch, epoch.Add(36*time.Hour), 5*time.Minute, pods(300), daily)
	ctx, cancel := context.WithCancel(context.Background())
	published := 0
	o := detector.Options{OnPublish: func(s *result.Snapshot) {
		if len(s.Batches) > 0 {
			published++
			cancel()
		}
	}}
	o.SetReportEvery(time.Millisecond)
	m := newManager(t, o)
	require.NoError(t, m.ApplyConfig(load(t, `
global: {history: 1d, min_history: 12h}
detectors: [{name: load, expr: load, step: 5m}]
`), db))
	require.ErrorIs(t, m.Cycle(ctx, epoch.Add(35*time.Hour)), context.Canceled)
	require.Equal(t, 1, published)
}

// Detectors share the workers series by series, so a small one does not wait for a large one.
func TestManager_PublishesSmallDetectorsFirst(t *testing.T) {
	skipSlow(t)
	db := newStorage(t, epoch, epoch.Add(36*time.Hour), 5*time.Minute, pods(400), daily)
	complete := make(chan string, 2)
	seen := map[string]bool{}
	m := newManager(t, detector.Options{
		Now:    func() time.Time { return epoch.Add(35 * time.Hour) },
		Limits: detector.NewLimits(2),
		OnPublish: func(s *result.Snapshot) {
			for _, b := range s.Batches {
				if !seen[b.Source.Name] {
					seen[b.Source.Name] = true
					complete <- b.Source.Name
				}
			}
		},
	})
	require.NoError(t, m.ApplyConfig(load(t, `
global: {history: 1d, min_history: 12h, step: 5m}
detectors:
  - {name: a_large, expr: load}
  - {name: b_small, expr: 'load{pod="pod-07"}'}
`), db))
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- m.Run(ctx) }()
	require.Equal(t, "b_small", <-complete)
	require.Equal(t, "a_large", <-complete)
	cancel()
	require.NoError(t, <-done)
}

// While the models of a changed detector are fitted, the exporter's own metrics are about what is published.
func TestManager_CountsThePublishedSeriesWhileADetectorIsReplaced(t *testing.T) {
	skipSlow(t)
	const n = 300
	db := newStorage(t, epoch, epoch.Add(36*time.Hour), 5*time.Minute, pods(n), daily)
	cfg := load(t, `
global: {history: 1d, min_history: 12h}
detectors: [{name: load, expr: load, step: 5m}]
`)
	reg, now, counted := prometheus.NewRegistry(), epoch.Add(35*time.Hour), map[float64]bool{}
	o := detector.Options{Registerer: reg, Now: func() time.Time {
		now = now.Add(time.Second)
		families, err := reg.Gather()
		require.NoError(t, err)
		for _, f := range families {
			if f.GetName() == "anomaly_exporter_series" {
				for _, one := range f.GetMetric() {
					counted[one.GetGauge().GetValue()] = true
				}
			}
		}
		return now
	}}
	o.SetReportEvery(time.Millisecond)
	m := newManager(t, o)
	require.NoError(t, m.ApplyConfig(cfg, db))
	cycle(t, m, epoch.Add(35*time.Hour))
	require.Greater(t, len(counted), 1, "of parts of the series")

	cfg.Detectors[0].Scorer.Direction = "above" // other models
	clear(counted)
	require.NoError(t, m.ApplyConfig(cfg, db))
	cycle(t, m, epoch.Add(35*time.Hour+5*time.Minute))
	require.Equal(t, map[float64]bool{n: true}, counted)
}

// Whoever looks at an exporter that does not become ready has to see why.
func TestManager_TellsWhyItDoesNotStart(t *testing.T) {
	db := newStorage(t, epoch, epoch.Add(time.Hour), time.Minute, pods(1), daily)
	answers := false
	source := promstorage.QueryableFunc(func(mint, maxt int64) (promstorage.Querier, error) {
		if !answers {
			return nil, errors.New("connection refused")
		}
		return db.Querier(mint, maxt)
	})
	m := newManager(t, detector.Options{})
	require.NoError(t, m.ApplyConfig(load(t, "detectors: [{name: load, expr: load}]\n"), source))
	require.Error(t, m.Cycle(t.Context(), epoch.Add(time.Hour)))
	require.Equal(t, []string{`detector "load": failed, trying again: query load: connection refused`}, m.Starting())
	answers = true
	cycle(t, m, epoch.Add(time.Hour))
	require.Empty(t, m.Starting())
}
