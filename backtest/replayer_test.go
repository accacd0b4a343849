package backtest_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/go-kit/log"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/stretchr/testify/require"

	"github.com/anomaly-exporter/anomaly-exporter/backtest"
	"github.com/anomaly-exporter/anomaly-exporter/config"
	"github.com/anomaly-exporter/anomaly-exporter/detector/result"
	"github.com/anomaly-exporter/anomaly-exporter/history"
	"github.com/anomaly-exporter/anomaly-exporter/replicas"
)

// recorded emits results that are ready.
type recorded func(start, end time.Time, emit func(*result.Batch)) error

func (r recorded) Replay(_ context.Context, start, end time.Time, emit func(*result.Batch)) error {
	return r(start, end, emit)
}

func (r recorded) ReplaySome(
	_ context.Context, _ []labels.Labels, start, end time.Time, emit func(*result.Batch),
) error {
	return r(start, end, emit)
}

// always replays the same for every configuration.
func always(r recorded) func(*config.Config) (backtest.Replayer, error) {
	return func(*config.Config) (backtest.Replayer, error) { return r, nil }
}

func TestRun_ReplaysEachByItsOwnConfiguration(t *testing.T) {
	var seen []*config.Config
	var starts, ends []time.Time
	o := backtest.Options{
		Config: load(t, shop),
		Start:  epoch.Add(7 * time.Minute), End: epoch.Add(hour), Now: epoch.Add(hour),
		NewReplayer: func(cfg *config.Config) (backtest.Replayer, error) {
			seen = append(seen, cfg)
			return recorded(func(start, end time.Time, _ func(*result.Batch)) error {
				starts, ends = append(starts, start.UTC()), append(ends, end.UTC())
				return nil
			}), nil
		},
	}
	o.Config.Scalers[0].Resources = &config.Resources{}
	_, err := backtest.Run(t.Context(), o)
	require.NoError(t, err)
	require.Len(t, seen, 4)
	for i, name := range []string{"load", "total", "joint"} {
		require.Len(t, seen[i].Detectors, 1)
		require.Empty(t, seen[i].Scalers)
		d := seen[i].Detectors[0]
		require.Equal(t, name, d.Name)
		require.Equal(t, []string{"score", "onset", "contribution", "expected", "forecast", "state", "model"}, d.Publish)
		require.Equal(t, o.Config.Outcomes, seen[i].Outcomes)
		require.Equal(t, o.Config.Global, seen[i].Global)
	}
	require.Empty(t, seen[3].Detectors)
	require.Len(t, seen[3].Scalers, 1)
	require.Nil(t, seen[3].Outcomes)
	require.Nil(t, seen[3].Scalers[0].Resources)
	require.NotNil(t, o.Config.Scalers[0].Resources)
	// Steps of 5m, but of total of 10m; they are due 30s later.
	first, last := epoch.Add(5*time.Minute), epoch.Add(55*time.Minute)
	require.Equal(t, []time.Time{first, epoch, first, first}, starts)
	require.Equal(t, []time.Time{last, epoch.Add(50 * time.Minute), last, last}, ends)
	require.Equal(t, []string{"score", "state"}, o.Config.Detectors[0].Publish, "that of the caller stays")
}

func TestRun_TellsTheProgressOfAllTogether(t *testing.T) {
	var told []string
	_, err := backtest.Run(t.Context(), backtest.Options{
		Config: load(t, shop), Start: epoch, End: epoch.Add(10 * time.Minute), Now: epoch.Add(hour),
		NewReplayer: always(func(start, end time.Time, emit func(*result.Batch)) error {
			emit(&result.Batch{Step: start.UnixMilli()})
			emit(&result.Batch{Step: end.UnixMilli()})
			return nil
		}),
		Progress: func(doing string, done, total int) {
			told = append(told, fmt.Sprintf("%s: %d of %d", doing, done, total))
		},
	})
	require.NoError(t, err)
	require.Equal(t, []string{
		`reading load: 0 of 11`,
		`replaying load: 1 of 11`,
		`replaying load: 2 of 11`,
		`reading total: 3 of 11`,
		`replaying total: 4 of 11`,
		`replaying total: 5 of 11`,
		`reading joint: 5 of 11`,
		`replaying joint: 6 of 11`,
		`replaying joint: 7 of 11`,
		`reading all: 8 of 11`,
		`replaying all: 9 of 11`,
		`replaying all: 10 of 11`,
	}, told, "3 steps of each, 2 of total")
}

func TestRun_ReturnsErrorsOfTheReplayer(t *testing.T) {
	broken := errors.New("broken")
	dir := t.TempDir()
	o := backtest.Options{
		Config: load(t, shop), Start: epoch, End: epoch.Add(hour), Now: epoch.Add(hour),
		Output: filepath.Join(dir, "results.om"),
	}
	o.NewReplayer = func(*config.Config) (backtest.Replayer, error) { return nil, broken }
	_, err := backtest.Run(t.Context(), o)
	require.ErrorIs(t, err, broken)
	o.NewReplayer = always(func(time.Time, time.Time, func(*result.Batch)) error { return broken })
	_, err = backtest.Run(t.Context(), o)
	require.ErrorIs(t, err, broken)
	entries, err := os.ReadDir(dir)
	require.NoError(t, err)
	require.Empty(t, entries)
}

// Results of two series have the same labels where a label of the configuration hides what tells them apart.
func TestRun_KeepsFirstOfDuplicateResults(t *testing.T) {
	end := epoch.Add(2 * day)
	db := newStorage(t, epoch, end, 5*time.Minute, pods(2, end.Add(day))[0], series{
		labels.FromStrings("__name__", "load", "job", "shop", "pod", "pod-01"),
		func(at time.Time) float64 {
			if at.Before(end.Add(-30 * time.Minute)) {
				return daily(1, at)
			}
			return math.NaN()
		},
	})
	var logs bytes.Buffer
	o := backtest.Options{
		Config: load(t, "detectors: [{name: load, expr: load, step: 5m, labels: {pod: all}}]"),
		Start:  end.Add(-hour), End: end,
		Output: filepath.Join(t.TempDir(), "results.om"), Logger: log.NewLogfmtLogger(&logs),
	}
	report := run(t, db, o)
	require.Equal(t, 2, report.Detectors[0].Series)
	require.Equal(t, 13+6, report.Detectors[0].Steps)
	written := readOpenMetrics(t, o.Output)
	const score = `{__name__="anomaly_score", detector="load", job="shop", metric_name="load", pod="all"}`
	require.Len(t, written[score], 13)
	require.Contains(t, logs.String(), `msg="Dropped results with duplicate or invalid labels" detector=load results=`)

	alone := o
	alone.Output = filepath.Join(t.TempDir(), "alone.om")
	run(t, newStorage(t, epoch, end, 5*time.Minute, pods(2, end.Add(day))[0]), alone)
	require.Equal(t, readOpenMetrics(t, alone.Output), written, "the first is that of pod-00")
}

func TestRun_CountsWhatAScalerRecommends(t *testing.T) {
	source := result.Source{Scaler: true, Name: "all"}
	format := result.NewFormat(result.Format{Publish: result.States | result.Recommendations, CostPerHour: 2})
	several := result.State{State: result.Failed, Reason: result.ReasonSeveral}
	totals := replicas.StrategyTotals{Seconds: 300, Raised: 1}
	totals.ReplicaSeconds[replicas.Recommended] = 1800
	totals.UnderSeconds[replicas.Reactive] = 60
	step := 5 * time.Minute
	o := backtest.Options{
		Config: load(t, `
scalers:
  - {name: all, load: load, capacity_per_replica: 1, max_replicas: 9, step: 5m, cost_per_replica_hour: 2}
`),
		Start: epoch, End: epoch.Add(step), Now: epoch.Add(hour), Output: filepath.Join(t.TempDir(), "results.om"),
		NewReplayer: always(func(start, _ time.Time, emit func(*result.Batch)) error {
			at := func(at time.Time, series ...result.Series) {
				emit(&result.Batch{Source: source, Step: at.UnixMilli(), Format: format, Series: series})
			}
			at(start, result.Series{ID: 1, State: several}, result.Series{ID: 2, State: several, Duplicate: true})
			recommendation := replicas.Recommendation{Replicas: 6, Source: "forecast"}
			at(start.Add(step), result.Series{ID: 1, Replicas: recommendation, Totals: totals})
			return nil
		}),
	}
	report, err := backtest.Run(t.Context(), o)
	require.NoError(t, err)
	s := report.Scalers[0]
	require.Equal(t, []int{1, 1, 1, 0}, []int{s.Series, s.Steps, s.Up, s.Down})
	require.Equal(t, backtest.Strategy{Replicas: 6, ReplicaHours: 0.5, Cost: 1}, s.Strategies[replicas.Recommended])
	require.Equal(t, time.Minute, s.Strategies[replicas.Reactive].Under)
	written := readOpenMetrics(t, o.Output)
	first, second := epoch.UnixMilli(), epoch.Add(step).UnixMilli()
	for series, want := range map[string]map[int64]float64{
		`{__name__="anomaly_model_state", reason="several_series", state="failed"}`:             {first: 1},
		`{__name__="recommended_replicas"}`:                                                     {second: 6},
		`{__name__="anomaly_exporter_scaler_cost_total", scaler="all", strategy="recommended"}`: {first: 0, second: 1},
	} {
		require.Equal(t, want, written[series], series)
	}
}

func TestRun_CountsStepsByStateAndReason(t *testing.T) {
	format := result.NewFormat(result.Format{Step: 5 * time.Minute, Fine: 2 * day, Inputs: []result.Input{{}}})
	learning := result.State{State: result.Learning, Reason: result.ReasonShortHistory}
	series := func(id uint64, state result.State, score float64) result.Series {
		s := result.Series{ID: id, State: state, Score: result.NoScore(), History: []history.View{{}}}
		s.Score.Value = score
		return s
	}
	unjoined := series(2, result.State{}, 0.5)
	unjoined.Unjoined = true
	o := backtest.Options{
		Config: load(t, "detectors: [{name: load, expr: load, step: 5m}]"),
		Start:  epoch, End: epoch, Now: epoch.Add(hour),
		NewReplayer: always(func(start, _ time.Time, emit func(*result.Batch)) error {
			for i := range 3 {
				emit(&result.Batch{
					Source: result.Source{Name: "load"}, Step: start.Add(time.Duration(i) * 5 * time.Minute).UnixMilli(),
					Format: format, Series: []result.Series{series(1, learning, math.NaN()), unjoined, series(3, result.State{}, 0.9)},
				})
				unjoined.Unjoined = false
			}
			return nil
		}),
	}
	report, err := backtest.Run(t.Context(), o)
	require.NoError(t, err)
	d := report.Detectors[0]
	require.Equal(t, 3, d.Series)
	require.Equal(t, 6, d.Steps)
	require.InDelta(t, 0.5, d.Over, 0)
	require.Equal(t, 3+1, d.Unscored, "one of them has a score, but an expression beside it was not joined")
	require.Equal(t, "learning (short_history)", d.Reason)
}

// scored emits a score of one series at each step from the start on.
func scored(labels result.Labels, scores ...float64) recorded {
	format := result.NewFormat(result.Format{
		Publish: result.Scores, Step: 5 * time.Minute, Fine: 2 * day, Inputs: []result.Input{{}},
	})
	return func(start, _ time.Time, emit func(*result.Batch)) error {
		for i, score := range scores {
			s := result.Series{ID: 1, Labels: labels, Score: result.NoScore(), History: []history.View{{}}}
			s.Score.Value = score
			step := start.Add(time.Duration(i) * 5 * time.Minute).UnixMilli()
			emit(&result.Batch{Source: result.Source{Name: "load"}, Step: step, Format: format, Series: []result.Series{s}})
		}
		return nil
	}
}

func TestRun_EndsFindingsAfterAPauseOfFifteenMinutes(t *testing.T) {
	o := backtest.Options{
		Config: load(t, "detectors: [{name: load, expr: load, step: 5m}]"),
		Start:  epoch, End: epoch.Add(hour), Now: epoch.Add(2 * hour),
		NewReplayer: always(scored(nil, 0.6, 0, 0, 0, 0.7, 0.65, 0, 0, 0, 0, 0.61, 0.59)),
	}
	report, err := backtest.Run(t.Context(), o)
	require.NoError(t, err)
	require.Len(t, report.Findings, 2)
	first, second := report.Findings[0], report.Findings[1]
	require.Equal(t, []time.Time{epoch, epoch.Add(20 * time.Minute)}, []time.Time{first.Start, first.Time})
	require.Equal(t, 30*time.Minute, first.Duration)
	require.InDelta(t, 0.7, first.Score, 0)
	require.Equal(t, epoch.Add(50*time.Minute), second.Start)
	require.Equal(t, 5*time.Minute, second.Duration)
}

func TestRun_DropsResultsWithLabelsThatNoServerTakes(t *testing.T) {
	var logs bytes.Buffer
	o := backtest.Options{
		Config: load(t, "detectors: [{name: load, expr: load, step: 5m}]"), Logger: log.NewLogfmtLogger(&logs),
		Start: epoch, End: epoch.Add(hour), Now: epoch.Add(2 * hour), Output: filepath.Join(t.TempDir(), "results.om"),
		NewReplayer: always(scored(result.Labels{{Name: "\xff", Value: "x"}}, 0.1, 0.2)),
	}
	report, err := backtest.Run(t.Context(), o)
	require.NoError(t, err)
	require.Equal(t, 2, report.Detectors[0].Steps)
	require.Contains(t, logs.String(), `msg="Dropped results with duplicate or invalid labels" detector=load results=2`)
	written, err := os.ReadFile(o.Output)
	require.NoError(t, err)
	require.Equal(t, "# EOF\n", string(written))
}

// What is not published alerts nobody: the report of a detector for forecasts has no alerts and no findings.
func TestRun_CountsNoAlertsOnScoresThatAreNotPublished(t *testing.T) {
	end := epoch.Add(7 * day)
	db := newStorage(t, epoch, end, 5*time.Minute, pods(2, end.Add(-4*hour))...)
	cfg := load(t, `
global: {step: 5m, query_offset: 0s}
detectors:
  - {name: scored, expr: load, publish: [score, state]}
  - {name: forecast, expr: load, publish: [forecast, state], forecaster: {horizons: [1h]}}
  - {name: young, expr: load, min_history: 30d, history: 40d, publish: [score]}
outcomes: {truth: {expr: load > 150, on: [pod]}}
`)
	report := run(t, db, backtest.Options{Config: cfg, Start: end.Add(-8 * hour), End: end})
	scored, forecast, young := &report.Detectors[0], &report.Detectors[1], &report.Detectors[2]
	require.Positive(t, scored.Alerts)
	require.False(t, scored.Unknown())
	require.NotNil(t, scored.Truth)
	require.Zero(t, forecast.Alerts+forecast.WorkloadAlerts+forecast.Steps)
	require.Empty(t, forecast.Fired)
	require.Nil(t, forecast.Truth)
	require.True(t, forecast.Unknown())
	require.Positive(t, forecast.Horizons[0].Forecasts)
	for _, f := range report.Findings {
		require.Equal(t, "scored", f.Detector)
	}
	require.Zero(t, young.Steps)
	require.True(t, young.Unknown(), young.Reason)
	require.Empty(t, young.Problems())
	require.Regexp(t, `^history: .* of 30 d; first score \d+ \w+ \d\d:\d\d UTC$`, young.Why)
	require.Empty(t, scored.Why)
	require.Empty(t, forecast.Why)
}

// An expression that fails is said to, and hides no other. Alone, or where results are written, it is an error.
func TestRun_ReportsADetectorThatFails(t *testing.T) {
	end := epoch.Add(2 * day)
	db := newStorage(t, epoch, end, 5*time.Minute, series{
		labels.FromStrings("__name__", "load", "pod", "a"), func(now time.Time) float64 { return daily(1, now) },
	}, series{
		labels.FromStrings("__name__", "load", "pod", "b"), func(now time.Time) float64 { return daily(2, now) },
	})
	cfg := load(t, `
global: {step: 5m, query_offset: 0s}
detectors:
  - {name: fails, expr: load + on () load}
  - {name: works, expr: load}
`)
	o := backtest.Options{Config: cfg, Start: end.Add(-8 * hour), End: end}
	report := run(t, db, o)
	require.True(t, report.Detectors[0].Failed)
	require.False(t, report.Detectors[1].Failed)
	require.Equal(t, []string{"failed"}, report.Detectors[0].Problems())
	require.Contains(t, report.Detectors[0].Why, `detector "fails": query load + on () load: found duplicate series`)
	require.Positive(t, report.Detectors[1].Steps)

	o.Now, o.NewReplayer = end, over(db, nil)
	o.Output = filepath.Join(t.TempDir(), "out.om")
	_, err := backtest.Run(t.Context(), o)
	require.ErrorContains(t, err, "found duplicate series")
	o.Output, o.Names = "", []string{"fails"}
	_, err = backtest.Run(t.Context(), o)
	require.ErrorContains(t, err, "found duplicate series")
}

// A leak reaches its limit at noon of the last day: the alert comes four hours before, for the workload.
func TestRun_ReplaysAlertsOnBounds(t *testing.T) {
	end := epoch.Add(3 * day)
	limit := end.Add(-12 * hour)
	leak := func(perHour, at float64) series {
		return series{
			labels.FromStrings("__name__", "memory", "container", "api", "pod", fmt.Sprintf("api-%v", perHour)),
			func(now time.Time) float64 { return at + perHour*now.Sub(limit).Hours() + daily(1, now)/1000 },
		}
	}
	db := newStorage(t, epoch, end, 5*time.Minute, leak(1, 100), leak(0, 50))
	cfg := load(t, `
global: {step: 5m, query_offset: 0s}
detectors:
  - name: m
    expr: memory
    min_history: 6h
    bounds: {upper: 100}
    forecaster: {horizons: [15m, 6h]}
    publish: [forecast]
  - {name: quiet, expr: memory, bounds: {upper: 1000}, forecaster: {horizons: [1h, 6h]}}
`)
	report := run(t, db, backtest.Options{Config: cfg, Start: end.Add(-36 * hour), End: end})
	m, quiet := &report.Detectors[0], &report.Detectors[1]
	require.Len(t, m.Breaches, 1)
	a := m.Breaches[0]
	require.Equal(t, "upper", a.Bound)
	require.Equal(t, "api-1", a.Labels.Get("pod"))
	require.WithinDuration(t, limit.Add(-4*hour), a.Start, time.Hour)
	require.True(t, a.Firing, "it has not come back")
	require.Equal(t, 1, m.AllAlerts())
	require.Equal(t, 1, m.Workloads)
	require.False(t, m.Unknown())
	require.Empty(t, m.Problems())
	require.Contains(t, report.String(), "\nm (upper bound) ")
	require.Empty(t, quiet.Breaches)
}
