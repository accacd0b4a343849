package backtest_test

import (
	"bytes"
	"context"
	"flag"
	"math"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/stretchr/testify/require"

	"github.com/anomaly-exporter/anomaly-exporter/backtest"
	"github.com/anomaly-exporter/anomaly-exporter/backtest/jsonreport"
	"github.com/anomaly-exporter/anomaly-exporter/config"
	"github.com/anomaly-exporter/anomaly-exporter/detector"
	"github.com/anomaly-exporter/anomaly-exporter/replicas"
	"github.com/anomaly-exporter/anomaly-exporter/scorer/movement"
	"github.com/anomaly-exporter/anomaly-exporter/test/storage"
)

// update writes the expected report anew.
var update = flag.Bool("update", false, "write testdata/report.json")

// during is a series that is 1 from one time to another.
func during(from, to time.Time, nameAndLabels ...string) series {
	return series{labels.FromStrings(nameAndLabels...), func(at time.Time) float64 {
		if at.Before(from) || at.After(to) {
			return math.NaN()
		}
		return 1
	}}
}

func TestRun_ComparesAlertsWithTruth(t *testing.T) {
	end := epoch.Add(9 * day)
	outage := end.Add(-9 * hour)
	alert := func(from, to time.Time, name string, more ...string) series {
		return during(from, to, append([]string{"__name__", "ALERTS", "alertname", name}, more...)...)
	}
	all := append(pods(3, outage),
		alert(outage.Add(10*time.Minute), outage.Add(hour), "Found", "pod", "pod-00"),
		alert(outage.Add(5*hour), outage.Add(6*hour), "NotInTheLoad", "pod", "pod-01"),
		alert(epoch, end.Add(-20*hour), "BeganBeforeTheReplay", "pod", "pod-01"),
		alert(outage, outage.Add(hour), "OfNoSeries", "cluster", "eu1"),
		alert(outage, outage.Add(hour), "OfNoScore", "pod", "gone"),
		alert(outage, outage.Add(hour), "Ours", "pod", "pod-01", "source", "predictive_model"),
	)
	db := newStorage(t, epoch, end, 5*time.Minute, all...)
	expr, err := config.ParseExpr("ALERTS")
	require.NoError(t, err)
	o := backtest.Options{
		Config: load(t, "detectors: [{name: load, expr: load, step: 5m, history: 7d, query_offset: 1m}]"),
		Start:  end.Add(-day), End: end, Truth: &config.Selector{Expr: expr},
	}
	report := run(t, db, o)
	require.Len(t, report.Detectors, 1)
	truth := report.Detectors[0].Truth
	require.NotNil(t, truth)
	require.Equal(t, 2, truth.Incidents)
	require.Equal(t, 1, truth.Found)
	require.InDelta(t, 0.5, truth.Recall(), 0)
	require.Equal(t, report.Detectors[0].Alerts, truth.Alerts)
	require.GreaterOrEqual(t, truth.True, 1)
	// The load triples at the beginning of the outage. That is published 1m later, and fires after 5m: 4m before the
	// incident.
	require.Equal(t, 4*time.Minute, truth.Lead)

	strongest := report.Findings[0]
	require.Equal(t, "load", strongest.Detector)
	require.Equal(t, labels.FromStrings("job", "shop", "metric_name", "load", "pod", "pod-00"), strongest.Labels)
	require.True(t, strongest.Alerted)
	// An hour of outage, and then what trend and volatility remember of deviations so large: a little over three more.
	require.GreaterOrEqual(t, strongest.Duration, time.Hour)
	require.LessOrEqual(t, strongest.Duration, 4*time.Hour+10*time.Minute)
	require.WithinRange(t, strongest.Time, outage, outage.Add(hour))
	require.InEpsilon(t, 3*daily(0, strongest.Time), strongest.Seen, 1e-6)
	require.InDelta(t, strongest.Expected, daily(0, strongest.Time), 10)
	require.Greater(t, strongest.Upper, strongest.Expected)
	sum := 0.0
	for _, c := range strongest.Contributions {
		sum += c.Share
	}
	require.InDelta(t, 1, sum, 1e-9)

	of := func(r *backtest.Report) backtest.Alert {
		fired := r.Detectors[0].Fired
		return fired[slices.IndexFunc(fired, func(a backtest.Alert) bool { return a.Labels.Get("pod") == "pod-00" })]
	}
	ended := of(report)
	require.Equal(t, outage.Add(6*time.Minute), ended.Start, "5m after its score was published")
	require.False(t, ended.Firing)
	require.WithinRange(t, ended.End, outage.Add(hour), outage.Add(5*hour))
	o.Start, o.End = outage.Add(-hour), outage.Add(30*time.Minute)
	require.Equal(t, "pod-00", ended.Input.Get("pod"))
	require.Equal(t, backtest.Alert{
		Input: ended.Input, Labels: ended.Labels, Firing: true,
		Period: backtest.Period{Start: ended.Start, End: o.End.Add(5 * time.Minute)},
	}, of(run(t, db, o)))
}

// An incident that is still going on at the end is found once it has an alert, and not missed yet without one.
func TestRun_CountsNoIncidentThatIsStillGoingOn(t *testing.T) {
	end := epoch.Add(9 * day)
	outage := end.Add(-9 * hour)
	all := append(pods(3, outage),
		during(outage.Add(10*time.Minute), end, "__name__", "incident", "pod", "pod-00"),
		during(outage.Add(10*time.Minute), end, "__name__", "incident", "pod", "pod-01"), // nothing shows it
	)
	db := newStorage(t, epoch, end, 5*time.Minute, all...)
	expr, err := config.ParseExpr("incident")
	require.NoError(t, err)
	report := run(t, db, backtest.Options{
		Config: load(t, "detectors: [{name: load, expr: load, step: 5m, history: 7d, query_offset: 1m}]"),
		Start:  outage.Add(-2 * hour), End: outage.Add(30 * time.Minute), Truth: &config.Selector{Expr: expr},
	})
	d := report.Detectors[0]
	require.Equal(t, &backtest.Truth{Incidents: 1, Found: 1, Alerts: 1, True: 1, Lead: 4 * time.Minute}, d.Truth)
	require.Len(t, d.Incidents, 1, "the report shows both as one period")
}

func TestRun_DescribesFindingsOfSeveralSignals(t *testing.T) {
	end := epoch.Add(9 * day)
	// Without the pod that goes, which is a finding of its own.
	db := newStorage(t, epoch, end, 5*time.Minute, pods(3, end.Add(-9*hour))[:2]...)
	report := run(t, db, backtest.Options{
		Config: load(t, `
detectors:
  - {name: joint, inputs: {all: sum by (job) (load), most: max by (job) (load)}, by: [job], step: 5m, history: 7d}
`),
		Start: end.Add(-day), End: end,
	})
	require.Equal(t, 24*12+1, report.Detectors[0].Steps)
	require.Equal(t, 1, report.Detectors[0].Series)
	strongest := report.Findings[0]
	require.Equal(t, labels.FromStrings("job", "shop"), strongest.Labels)
	require.WithinRange(t, strongest.Time, end.Add(-9*hour), end.Add(-8*hour))
	require.True(t, math.IsNaN(strongest.Seen))
	require.Len(t, strongest.Inputs, 2)
	require.Equal(t, "most", strongest.Inputs[1].Name)
	require.InEpsilon(t, 3*daily(0, strongest.Time), strongest.Inputs[1].Value, 1e-6)
	require.Regexp(t, `\n    seen all [0-9.]+, most [0-9.]+: (all|most) [0-9.]+ %, (all|most) [0-9.]+ %`+
		`\n    (all|most) rising [0-9.]+ in the last hour;`+
		` learned from 2026-03-0[0-9T:]+Z to 2026-03-1[0-9T:]+Z$`, strongest.String())
}

func TestRun_WritesAFileOfEachIntoADirectory(t *testing.T) {
	end := epoch.Add(3 * day)
	db := newStorage(t, epoch, end, 5*time.Minute, pods(2, end.Add(-9*hour))...)
	dir := filepath.Join(t.TempDir(), "results") + "/"
	o := backtest.Options{Config: load(t, shop), Start: end.Add(-6 * hour), End: end, Output: dir}
	run(t, db, o)
	var names, files []string
	entries, err := os.ReadDir(dir)
	require.NoError(t, err)
	for _, e := range entries {
		names, files = append(names, e.Name()), append(files, filepath.Join(dir, e.Name()))
	}
	require.Equal(t, []string{"detector-joint.om", "detector-load.om", "detector-total.om", "scaler-all.om"}, names)
	apart := readOpenMetrics(t, files...)

	o.Output = filepath.Join(dir, "all.om")
	run(t, db, o)
	require.Equal(t, readOpenMetrics(t, o.Output), apart)

	o.Names, o.Output = []string{"total"}, filepath.Join(dir, "one.om")
	report := run(t, db, o)
	require.Len(t, report.Detectors, 1)
	require.Empty(t, report.Scalers)
	require.Len(t, readOpenMetrics(t, o.Output)[`{__name__="anomaly_score", detector="total", metric_name="load"}`], 6*6+1)
	entries, err = os.ReadDir(dir)
	require.NoError(t, err)
	require.Len(t, entries, 6, "the temporary files are gone")
}

// Labels come as Prometheus would have scraped them: unknown characters, names that clash with ours, and nothing for
// what is empty.
func TestRun_WritesLabelsAsAScrapeWouldStoreThem(t *testing.T) {
	end := epoch.Add(3 * day)
	odd := labels.FromStrings(
		"__name__", "load", "odd.label", "a\"b\\c\nd", "detector", "geiger", "source", "mains", "größe", "ü",
	)
	db := newStorage(t, epoch, end, 5*time.Minute, series{odd, func(at time.Time) float64 { return daily(1, at) }})
	o := backtest.Options{
		Config: load(t, "detectors: [{name: load, expr: load, step: 5m, forecaster: {horizons: [15m]}, labels: {team: a}}]"),
		Start:  end.Add(-6 * hour), End: end, Output: filepath.Join(t.TempDir(), "results.om"),
	}
	report := run(t, db, o)
	want := labels.FromStrings(
		"__name__", "anomaly_score", "odd.label", "a\"b\\c\nd", "detector", "load", "exported_detector", "geiger",
		"exported_source", "mains", "größe", "ü", "metric_name", "load", "team", "a",
	)
	require.Len(t, readOpenMetrics(t, o.Output)[want.String()], 6*12+1)
	horizon := report.Detectors[0].Horizons[0]
	require.Equal(t, 6*12+1-3, horizon.Forecasts, "compared with the input in spite of its labels")
	// The noise of yesterday's value comes on top of today's: the error should be 1/sqrt(2) of the naive one at best.
	require.InDelta(t, 0.85, horizon.Error, 0.15)
}

func TestRun_LeavesOutStepsThatAreNotDue(t *testing.T) {
	end := epoch.Add(3 * day)
	db := newStorage(t, epoch, end, 5*time.Minute, pods(1, epoch)...)
	o := backtest.Options{
		Config: load(t, "detectors: [{name: load, expr: load, step: 5m, query_offset: 30s}]"),
		Start:  end.Add(-hour), End: end, Now: end.Add(29 * time.Second),
	}
	require.Equal(t, 12, run(t, db, o).Detectors[0].Steps)
	o.Now = end.Add(30 * time.Second)
	require.Equal(t, 13, run(t, db, o).Detectors[0].Steps)
}

func TestRun_RefusesWhatItCannotReplay(t *testing.T) {
	end := epoch.Add(day)
	db := newStorage(t, epoch, end, 5*time.Minute, pods(1, epoch)...)
	good := backtest.Options{Config: load(t, shop), NewReplayer: over(db, nil), Start: epoch, End: end, Now: end}
	for _, tc := range []struct {
		name   string
		change func(o *backtest.Options)
		want   string
	}{
		{
			"no configuration", func(o *backtest.Options) { o.Config = nil },
			"a configuration and a replayer are needed",
		},
		{
			"no replayer", func(o *backtest.Options) { o.NewReplayer = nil },
			"a configuration and a replayer are needed",
		},
		{
			"backwards", func(o *backtest.Options) { o.Start, o.End = end, epoch },
			"end 2026-03-02T00:00:00Z is before start 2026-03-03T00:00:00Z",
		},
		{
			"unknown detector", func(o *backtest.Options) { o.Names = []string{"total", "laod"} },
			`the configuration has no detector or scaler "laod"; did you mean "load"\?`,
		},
		{
			"future", func(o *backtest.Options) { o.Start, o.End = end.Add(hour), end.Add(day) },
			`detector "load": no step from 2026-03-03T01:00:00Z to 2026-03-04T00:00:00Z is due yet`,
		},
		{
			"no such directory", func(o *backtest.Options) { o.Output = "/none/x.om" },
			`write results: open /none/.backtest-[0-9]+: no such file or directory`,
		},
	} {
		t.Run(tc.name, func(t *testing.T) {
			o := good
			tc.change(&o)
			_, err := backtest.Run(context.Background(), o)
			require.Error(t, err)
			require.Regexp(t, "^"+tc.want+"$", err.Error())
		})
	}

	t.Run("interrupted", func(t *testing.T) {
		ctx, cancel := context.WithCancel(context.Background())
		o := good
		o.Output = filepath.Join(t.TempDir(), "results.om")
		o.Progress = func(_ string, done, _ int) {
			if done == 20 {
				cancel()
			}
		}
		_, err := backtest.Run(ctx, o)
		require.ErrorContains(t, err, "cancel")
		entries, err := os.ReadDir(filepath.Dir(o.Output))
		require.NoError(t, err)
		require.Empty(t, entries)
	})
}

// What a backtest says of the strategies is what a program that ran meanwhile has counted.
func TestRun_CountsStrategiesAsALiveProgramDoes(t *testing.T) {
	end := epoch.Add(4 * day)
	db := newStorage(t, epoch, end, 5*time.Minute, pods(3, end.Add(-4*hour))...)
	cfg := load(t, `
global: {step: 5m, query_offset: 0s}
scalers: [{name: all, load: sum(load), capacity_per_replica: 50, max_replicas: 50, cost_per_replica_hour: 0.05}]
`)
	begin := end.Add(-6 * hour)
	report := run(t, db, backtest.Options{Config: cfg, Start: begin, End: end})

	reg := prometheus.NewRegistry()
	m, err := detector.New(detector.Options{Engine: storage.NewEngine(5*time.Minute, 50e6), Registerer: reg})
	require.NoError(t, err)
	require.NoError(t, m.ApplyConfig(cfg, db))
	for at := begin; !at.After(end); at = at.Add(5 * time.Minute) {
		require.NoError(t, m.Cycle(context.Background(), at))
	}
	counted := map[string]float64{}
	families, err := reg.Gather()
	require.NoError(t, err)
	for _, f := range families {
		for _, metric := range f.GetMetric() {
			key := f.GetName()
			for _, l := range metric.GetLabel() {
				key += " " + l.GetValue()
			}
			counted[key] = metric.GetCounter().GetValue()
		}
	}
	s := report.Scalers[0]
	require.Equal(t, 6*12+1, s.Steps)
	require.Positive(t, s.Up)
	require.EqualValues(t, counted["anomaly_exporter_scaling_decisions_total up all"], s.Up)
	require.EqualValues(t, counted["anomaly_exporter_scaling_decisions_total down all"], s.Down)
	for i, strategy := range s.Strategies {
		name := replicas.Strategy(i).String()
		counter := func(of string) float64 { return counted["anomaly_exporter_scaler_"+of+"_total all "+name] }
		require.Positive(t, strategy.ReplicaHours, name)
		require.InEpsilon(t, counter("replica_seconds"), 3600*strategy.ReplicaHours, 1e-9, name)
		require.InEpsilon(t, counter("cost"), strategy.Cost, 1e-9, name)
		require.InDelta(t, counter("underprovisioned_seconds"), strategy.Under.Seconds(), 1e-9, name)
		require.InDelta(t, strategy.ReplicaHours/6, strategy.Replicas, 1e-9, name)
	}
	require.Positive(t, s.Strategies[replicas.Reactive].Under, "the load triples within a step")
	require.Equal(t, s.Strategies[replicas.Reactive].UnderShare, s.Strategies[replicas.Reactive].Under.Hours()/6)
}

// sample returns a report that has everything.
func sample() *backtest.Report {
	at, nan := epoch.Add(10*hour+5*time.Minute), math.NaN()
	return &backtest.Report{
		Start: epoch, End: epoch.Add(7 * day),
		Detectors: []backtest.Detector{
			{
				Name: "pod_restarts", Series: 100, Steps: 201600, Over: 0.00021, Alerts: 12, PerWeek: 0.12,
				Workloads: 100, Judged: 7 * day,
				Unscored: 288, Reason: "muted (mute)", Bounded: true,
				Breaches: []backtest.Alert{{
					Labels: labels.FromStrings("pod", "web-2"), Bound: "upper",
					Period: backtest.Period{Start: at, End: at.Add(2 * hour)},
				}},
				Horizons: []backtest.Horizon{
					{Horizon: 15 * time.Minute, Forecasts: 201300, Error: 0.712, Bias: -0.0132, Coverage: 0.7987, Level: 0.8},
					{Horizon: 36 * hour, Forecasts: 0, Error: nan, Bias: nan, Coverage: nan, Level: 0.8},
				},
				Truth: &backtest.Truth{Incidents: 4, Found: 3, Alerts: 12, True: 3, Lead: -90 * time.Second},
				Fired: []backtest.Alert{
					{
						Labels: labels.FromStrings("pod", "web-1"),
						Period: backtest.Period{Start: at.Add(-50 * time.Minute), End: at.Add(30 * time.Minute)},
					},
					{
						Labels: labels.FromStrings("pod", "web-3"), Firing: true,
						Period: backtest.Period{Start: epoch.Add(7*day - 20*time.Minute), End: epoch.Add(7 * day)},
					},
				},
				Incidents: []backtest.Period{{Start: at.Add(-hour), End: at}},
			},
			{Name: "quiet", Over: nan, PerWeek: nan, Truth: &backtest.Truth{}, Why: "there is no metric quiet"},
			{
				Name: "noisy", Series: 1, Steps: 2016, Over: 0.012, Alerts: 9, PerWeek: 9,
				WorkloadAlerts: 9, Workloads: 1, Judged: 7 * day,
				Horizons: []backtest.Horizon{
					{Horizon: hour, Forecasts: 2000, Error: 0.9, Coverage: 0.49, Level: 0.8},
					{Horizon: 6 * hour, Forecasts: 2000, Error: 1.2, Coverage: 0.99, Level: 0.8, Width: 2},
				},
			},
			{Name: "forecast", Series: 1, NoScore: true, Over: nan, PerWeek: nan},
			{
				Name: "young", Series: 1, Over: nan, PerWeek: nan,
				Unscored: 2016, Reason: "muted (mute)",
			},
			{Name: "newer", Over: nan, PerWeek: nan, Why: "no series until then", Later: true},
			{
				Name: "newest", Series: 1, Over: nan, PerWeek: nan, Unscored: 2, Reason: "learning (gaps)",
				Why: "no series until then",
			},
		},
		Budgets: []backtest.Budget{{PerWeek: 5, Bar: 6e6, Alerts: []float64{12, 0, 9, 0, 0, 0, 0}}},
		Scalers: []backtest.Scaler{
			{Name: "checkout", Series: 1, Steps: 2016, Up: 31, Down: 30, Strategies: [replicas.NumStrategies]backtest.Strategy{
				{Replicas: 6.25, ReplicaHours: 1050, Cost: 52.5, Under: 10 * time.Minute, UnderShare: 0.001},
				{Replicas: 5.5, ReplicaHours: 924, Cost: 46.2, Under: 5*hour + 42*time.Minute, UnderShare: 0.034},
				{Replicas: 12, ReplicaHours: 2016, Cost: 100.8},
			}},
			{Name: "idle", Strategies: [replicas.NumStrategies]backtest.Strategy{
				{Replicas: nan, Cost: nan, UnderShare: nan},
				{Replicas: nan, Cost: nan, UnderShare: nan},
				{Replicas: nan, Cost: nan, UnderShare: nan},
			}},
		},
		Found: 17,
		Findings: []backtest.Finding{
			{
				Detector: "pod_restarts", Labels: labels.FromStrings("pod", "web-1"),
				Start: at.Add(-hour), Duration: 90 * time.Minute, Time: at,
				Score: 0.987, Unit: "jobs", Seen: 12, Expected: 0.25, Lower: 0, Upper: 1.5, Alerted: true,
				Contributions: []backtest.Contribution{{Feature: "level", Share: 0.7}, {Feature: "trend", Share: 0.3}},
				Trend:         movement.Trend{Word: movement.Increasing, PerHour: 6.5, For: 1},
				PerHour:       17.5, From: epoch.Add(-14 * day), To: epoch,
			},
			{
				Detector: "joint", Labels: labels.FromStrings("service", "shop"),
				Duration: 5 * time.Minute, Time: at, Score: 0.71,
				Seen: nan, Expected: nan, Lower: nan, Upper: nan,
				Inputs:        []backtest.Input{{Name: "hit_ratio", Unit: "ratio", Value: 0.7}, {Name: "requests", Value: 1234.5}},
				Contributions: []backtest.Contribution{{Feature: "hit_ratio", Share: 0.6}, {Feature: "requests", Share: 0.4}},
				Trend:         movement.Trend{Word: movement.Decreasing, PerHour: -0.02, For: 9},
				PerHour:       nan, From: epoch.Add(-7 * day), To: epoch,
			},
			{
				Detector: "pod_restarts", Labels: labels.FromStrings("pod", "web-2"),
				Duration: 5 * time.Minute, Time: at, Score: 0.61,
				Unit: "bytes", Seen: 123456789, Expected: nan, Lower: nan, Upper: nan, PerHour: nan,
				From: epoch.Add(-day), To: epoch,
			},
		},
	}
}

func TestReport_IsATableForPeople(t *testing.T) {
	require.Equal(t, `from 2026-03-02T00:00:00Z to 2026-03-09T00:00:00Z

detector      series  steps   over 0.8  alerts  per series-week  breaches  without score                    verdict
pod_restarts  100     201600  0.021 %   12      0.12             1         288 steps, mostly muted (mute)   good
quiet         0       0       -         0       -                -         no series                        `+
		"BAD: no series\n"+
		`noisy         1       2016    1.2 %     9       9                -         -                                `+
		"BAD: too many alerts\n"+
		`forecast      1       0       -         -       -                -         -                                -
young         1       0       -         0       -                -         2016 steps, mostly muted (mute)  `+
		"BAD: no score\n"+
		`newer         0       0       -         0       -                -         no series                        -
newest        1       0       -         0       -                -         2 steps, mostly learning (gaps)  -

no score yet      because
quiet             there is no metric quiet
newer and 1 more  no series until then

alerts a week by budget     5 a week
bar: as unusual as once in  9.92 weeks
pod_restarts                12
quiet                       0
noisy                       9
forecast                    0
young                       0
newer                       0
newest                      0
all                         21

forecasts of  horizon  error vs a day before  bias     in interval  nominal  outcomes  verdict
pod_restarts  15m      0.712                  -1.32 %  79.9 %       80 %     201300    good
pod_restarts  1d12h    -                      -        -            80 %     0         -
noisy         1h       0.9                    0 %      49 %         80 %     2000      BAD: interval too narrow
noisy         6h       1.2                    0 %      99 %         80 %     2000      BAD: error, interval too wide

against the truth  incidents  found  recall  alerts  true  precision  lead time
pod_restarts       4          3      75 %    12      3     25 %       -1m30s
quiet              0          0      -       0       0     -          -

scaler    series  steps  changes         strategy     replicas  replica-hours  cost    too few for  of the time
checkout  1       2016   31 up, 30 down  recommended  6.25      1050           52.50   10m          0.1 %
                                         reactive     5.5       924            46.20   5h42m        3.4 %
                                         static       12        2016           100.80  0s           0 %
idle      0       0      0 up, 0 down    recommended  -         0              -       0s           -
                                         reactive     -         0              -       0s           -
                                         static       -         0              -       0s           -

alert of                    from                  to                    for    series
pod_restarts                2026-03-02T09:15:00Z  2026-03-02T10:35:00Z  1h20m  {pod="web-1"}
pod_restarts (upper bound)  2026-03-02T10:05:00Z  2026-03-02T12:05:00Z  2h     {pod="web-2"}
pod_restarts                2026-03-08T23:40:00Z  still firing          20m    {pod="web-3"}

strongest findings
 1. 2026-03-02T10:05:00Z  score 0.99, for 1h30m, alert  pod_restarts {pod="web-1"}
    seen 12 jobs, expected 0.25 jobs (0 to 1.5 jobs): level 70 %, trend 30 %
    rising 6.5 jobs in the last hour; 17.5 jobs per hour; learned from 2026-02-16T00:00:00Z to 2026-03-02T00:00:00Z
 2. 2026-03-02T10:05:00Z  score 0.71, for 5m  joint {service="shop"}
    seen hit_ratio 70 %, requests 1234: hit_ratio 60 %, requests 40 %
    hit_ratio falling 2 % an hour for 9 hours; learned from 2026-02-23T00:00:00Z to 2026-03-02T00:00:00Z
 3. 2026-03-02T10:05:00Z  score 0.61, for 5m  pod_restarts {pod="web-2"}
    seen 118 MiB, nothing expected
    learned from 2026-03-01T00:00:00Z to 2026-03-02T00:00:00Z
`, sample().String())
}

// Programs read the JSON: a key that is renamed or removed breaks them. docs/backtesting.md describes each.
func TestJSONReport_HasStableAndDocumentedKeys(t *testing.T) {
	var out bytes.Buffer
	require.NoError(t, jsonreport.Write(&out, sample()))
	golden := filepath.Join("testdata", "report.json")
	if *update {
		require.NoError(t, os.WriteFile(golden, out.Bytes(), 0o600))
	}
	want, err := os.ReadFile(golden)
	require.NoError(t, err)
	require.Equal(t, string(want), out.String())

	page, err := os.ReadFile(filepath.Join("..", "docs", "backtesting.md"))
	require.NoError(t, err)
	_, section, found := strings.Cut(string(page), "\n## Read it by a program\n")
	require.True(t, found)
	section, _, _ = strings.Cut(section, "\n## ")
	noKeys := []string{"pod", "service", "pod_restarts", "quiet", "noisy", "forecast", "young", "newer", "newest"}
	for _, key := range regexp.MustCompile(`"([a-z_]+)":`).FindAllStringSubmatch(out.String(), -1) {
		if !slices.Contains(noKeys, key[1]) {
			require.Contains(t, section, "`"+key[1]+"`")
		}
	}
}

func TestJSONReport_OfNothingHasLists(t *testing.T) {
	var out bytes.Buffer
	require.NoError(t, jsonreport.Write(&out, &backtest.Report{Start: epoch, End: epoch}))
	require.JSONEq(t, `{"start": "2026-03-02T00:00:00Z", "end": "2026-03-02T00:00:00Z", "detectors": [], "budgets": [],
		"scalers": [], "findings": [], "findings_total": 0}`, out.String())
}
