package detector_test

import (
	"math"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/tsdb"
	"github.com/stretchr/testify/require"

	"github.com/anomaly-exporter/anomaly-exporter/detector"
	"github.com/anomaly-exporter/anomaly-exporter/detector/feedback"
	"github.com/anomaly-exporter/anomaly-exporter/detector/result"
)

// incidents is a storage of four pods. At the outage, the loads of the first and the last pod triple for an hour. An
// alert of the user fires for the first pod ten minutes later, and one of our own for the third pod at the outage.
// Five hours after the outage an alert fires for the second pod, whose load shows nothing.
func incidents(t *testing.T, outage, end time.Time) *tsdb.DB {
	t.Helper()
	series := pods(4)
	firing := func(more ...string) {
		all := append([]string{"__name__", "ALERTS", "alertstate", "firing"}, more...)
		series = append(series, labels.FromStrings(all...))
	}
	firing("alertname", "Down", "pod", "pod-00")
	firing("alertname", "Slow", "pod", "pod-01")
	firing("alertname", "Ours", "pod", "pod-02", "source", "predictive_model")
	firing("alertname", "Elsewhere", "pod", "gone")
	return newStorage(t, epoch, end, 5*time.Minute, series, func(i int, at time.Time) float64 {
		since := at.Sub(outage)
		during := func(from, to time.Duration) float64 {
			if since < from || since > to {
				return math.NaN()
			}
			return 1
		}
		switch i {
		case 0, 3:
			if since >= 0 && since < time.Hour {
				return 3 * daily(i, at)
			}
		case 4:
			return during(10*time.Minute, time.Hour)
		case 5:
			return during(5*time.Hour, 6*time.Hour)
		case 6, 7:
			return during(0, time.Hour)
		}
		return daily(i, at)
	})
}

const outcomesConfig = `
global: {history: 7d, query_offset: 1m}
detectors: [{name: load, expr: load, step: 5m}]
outcomes: {truth: {expr: 'ALERTS{alertstate="firing"}'}}
`

func TestManager_CountsOutcomesOfAlerts(t *testing.T) {
	outage := epoch.Add(8 * 24 * time.Hour)
	end := outage.Add(10 * time.Hour)
	db := incidents(t, outage, end)

	follow := func(m *detector.Manager, from, to time.Time) {
		for at := from.Add(time.Minute); !at.After(to); at = at.Add(5 * time.Minute) {
			cycle(t, m, at)
		}
	}
	reg := prometheus.NewRegistry()
	m := newManager(t, detector.Options{Registerer: reg})
	require.NoError(t, m.ApplyConfig(load(t, outcomesConfig), db))
	require.Equal(t, 3, count(t, reg, "anomaly_exporter_outcomes_total"), "counters begin at 0")
	recorded := func() *feedback.Record { return m.Snapshot().Batch(result.Source{Name: "load"}).Record }
	first := outage.Add(-time.Hour).UnixMilli()
	follow(m, outage.Add(-time.Hour), outage.Add(6*time.Minute))
	require.Equal(t, &feedback.Record{Since: first, Undecided: 2}, recorded())
	follow(m, outage.Add(10*time.Minute), outage.Add(4*time.Hour))
	// The load triples at the outage. The score is published 1m later and the alert fires after another 5m, which is
	// 4m before the incident.
	require.NoError(t, testutil.GatherAndCompare(reg, strings.NewReader(`
# HELP anomaly_exporter_lead_time_seconds Time from the first alert of an incident to the start of the incident; negative if the alert came later.
# TYPE anomaly_exporter_lead_time_seconds histogram
anomaly_exporter_lead_time_seconds_bucket{detector="load",le="-3600"} 0
anomaly_exporter_lead_time_seconds_bucket{detector="load",le="-1800"} 0
anomaly_exporter_lead_time_seconds_bucket{detector="load",le="-600"} 0
anomaly_exporter_lead_time_seconds_bucket{detector="load",le="-300"} 0
anomaly_exporter_lead_time_seconds_bucket{detector="load",le="-60"} 0
anomaly_exporter_lead_time_seconds_bucket{detector="load",le="0"} 0
anomaly_exporter_lead_time_seconds_bucket{detector="load",le="60"} 0
anomaly_exporter_lead_time_seconds_bucket{detector="load",le="300"} 1
anomaly_exporter_lead_time_seconds_bucket{detector="load",le="600"} 1
anomaly_exporter_lead_time_seconds_bucket{detector="load",le="1200"} 1
anomaly_exporter_lead_time_seconds_bucket{detector="load",le="1800"} 1
anomaly_exporter_lead_time_seconds_bucket{detector="load",le="3600"} 1
anomaly_exporter_lead_time_seconds_bucket{detector="load",le="7200"} 1
anomaly_exporter_lead_time_seconds_bucket{detector="load",le="+Inf"} 1
anomaly_exporter_lead_time_seconds_sum{detector="load"} 240
anomaly_exporter_lead_time_seconds_count{detector="load"} 1
# HELP anomaly_exporter_outcomes_total Alerts with an incident (true_positive) and without (false_positive), and incidents without an alert (false_negative), by outcomes.truth and the verdicts of people.
# TYPE anomaly_exporter_outcomes_total counter
anomaly_exporter_outcomes_total{detector="load",outcome="false_negative"} 0
anomaly_exporter_outcomes_total{detector="load",outcome="false_positive"} 1
anomaly_exporter_outcomes_total{detector="load",outcome="true_positive"} 1
`), "anomaly_exporter_outcomes_total", "anomaly_exporter_lead_time_seconds"))
	follow(m, outage.Add(4*time.Hour+5*time.Minute), end)
	require.Equal(t, map[string]int{"true_positive": 1, "false_positive": 1, "false_negative": 1}, outcomes(t, reg))
	require.Equal(t, &feedback.Record{Since: first, True: 1, False: 1, Missed: 1}, recorded())

	// A manager that starts in the middle of the outage does not count again what was counted before.
	again := prometheus.NewRegistry()
	m = newManager(t, detector.Options{Registerer: again})
	require.NoError(t, m.ApplyConfig(load(t, outcomesConfig), db))
	follow(m, outage.Add(20*time.Minute), end)
	require.Equal(t, map[string]int{"true_positive": 0, "false_positive": 0, "false_negative": 1}, outcomes(t, again))

	m = newManager(t, detector.Options{})
	replayed := feedback.Outcomes{}
	require.NoError(t, m.ApplyConfig(load(t, outcomesConfig), db))
	require.NoError(t, m.Replay(t.Context(), outage.Add(-time.Hour), end, func(p *result.Batch) {
		replayed.Add(*p.Outcomes)
	}))
	require.Equal(t, feedback.Outcomes{
		TruePositives: 1, FalsePositives: 1, FalseNegatives: 1, Leads: []time.Duration{4 * time.Minute},
	}, replayed, "a replay counts the same")
}

func TestManager_ComparesAlertsWithTheTruthOfTheConfiguration(t *testing.T) {
	outage := epoch.Add(4 * 24 * time.Hour)
	db := incidents(t, outage, outage.Add(9*time.Hour))
	reg := prometheus.NewRegistry()
	m := newManager(t, detector.Options{Registerer: reg})
	require.NoError(t, m.ApplyConfig(load(t, outcomesConfig), db))
	cycle(t, m, outage.Add(-time.Hour))
	want := results(m.Snapshot())

	// Missed cycles are caught up, so no incident is lost.
	cycle(t, m, outage.Add(8*time.Hour))
	require.Equal(t, map[string]int{"true_positive": 0, "false_positive": 0, "false_negative": 2}, outcomes(t, reg))

	// Without a truth that can be evaluated there are no outcomes, but all other results.
	reg = prometheus.NewRegistry()
	m = newManager(t, detector.Options{Registerer: reg})
	invalid := strings.Replace(outcomesConfig, `ALERTS{alertstate="firing"}`, `load + on () load`, 1)
	require.NoError(t, m.ApplyConfig(load(t, invalid), db))
	cycle(t, m, outage.Add(-time.Hour))
	require.Equal(t, want, results(m.Snapshot()))
	require.NoError(t, testutil.GatherAndCompare(reg, strings.NewReader(`
# HELP anomaly_exporter_query_warnings_total Queries that returned warnings, for example because some data could not be read.
# TYPE anomaly_exporter_query_warnings_total counter
anomaly_exporter_query_warnings_total{detector="load",scaler=""} 1
`), "anomaly_exporter_query_warnings_total"))

	// Models stay when the truth is removed from the configuration. Its metrics are deleted.
	exposes := func(n int) func() bool {
		return func() bool { return count(t, reg, "anomaly_exporter_outcomes_total") == n }
	}
	require.NoError(t, m.ApplyConfig(load(t, outcomesConfig[:strings.Index(outcomesConfig, "outcomes:")]), db))
	require.Eventually(t, exposes(0), 10*time.Second, 10*time.Millisecond)
	require.Equal(t, want, results(m.Snapshot()))
	require.NoError(t, m.ApplyConfig(load(t, outcomesConfig), db))
	require.Eventually(t, exposes(3), 10*time.Second, 10*time.Millisecond)
}

func count(t *testing.T, reg prometheus.Gatherer, name string) int {
	t.Helper()
	n, err := testutil.GatherAndCount(reg, name)
	require.NoError(t, err)
	return n
}

// outcomes returns the counters by outcome.
func outcomes(t *testing.T, reg prometheus.Gatherer) map[string]int {
	t.Helper()
	families, err := reg.Gather()
	require.NoError(t, err)
	found := map[string]int{}
	for _, f := range families {
		if f.GetName() == "anomaly_exporter_outcomes_total" {
			for _, metric := range f.GetMetric() {
				found[metric.GetLabel()[1].GetValue()] += int(metric.GetCounter().GetValue())
			}
		}
	}
	return found
}
