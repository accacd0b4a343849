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
)

// incidents is a storage of four pods. At the outage, the loads of the first and the last triple for an hour, of which somebody was told ten minutes
// later for the first; the third has an alert of our own. Five hours on, something is wrong with the second that its load does not show.
func incidents(t *testing.T, outage, end time.Time) *tsdb.DB {
	t.Helper()
	series := pods(4)
	firing := func(more ...string) {
		series = append(series, labels.FromStrings(append([]string{"__name__", "ALERTS", "alertstate", "firing"}, more...)...))
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

func TestOutcomesAreCounted(t *testing.T) {
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
	follow(m, outage.Add(-time.Hour), outage.Add(4*time.Hour))
	// The load triples at the outage. That is published 1m later, and fires after 5m: 4m before the incident.
	require.NoError(t, testutil.GatherAndCompare(reg, strings.NewReader(`
# HELP anomaly_exporter_lead_time_seconds Time from the first alert of an incident to its beginning; negative if the alert came later.
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
# HELP anomaly_exporter_outcomes_total Compared with outcomes.truth: alerts of an incident (true_positive) and of none (false_positive), and incidents without an alert (false_negative).
# TYPE anomaly_exporter_outcomes_total counter
anomaly_exporter_outcomes_total{detector="load",outcome="false_negative"} 0
anomaly_exporter_outcomes_total{detector="load",outcome="false_positive"} 1
anomaly_exporter_outcomes_total{detector="load",outcome="true_positive"} 1
`), "anomaly_exporter_outcomes_total", "anomaly_exporter_lead_time_seconds"))
	follow(m, outage.Add(4*time.Hour+5*time.Minute), end)
	require.Equal(t, map[string]int{"true_positive": 1, "false_positive": 1, "false_negative": 1}, outcomes(t, reg))

	// A start in the middle of the outage does not count what was counted before.
	again := prometheus.NewRegistry()
	m = newManager(t, detector.Options{Registerer: again})
	require.NoError(t, m.ApplyConfig(load(t, outcomesConfig), db))
	follow(m, outage.Add(20*time.Minute), end)
	require.Equal(t, map[string]int{"true_positive": 0, "false_positive": 0, "false_negative": 1}, outcomes(t, again))

	m = newManager(t, detector.Options{})
	replayed := detector.Outcomes{}
	require.NoError(t, m.ApplyConfig(load(t, outcomesConfig), db))
	require.NoError(t, m.Replay(t.Context(), outage.Add(-time.Hour), end, func(p *detector.Part) { replayed.Add(p.Outcomes) }))
	require.Equal(t, detector.Outcomes{TruePositives: 1, FalsePositives: 1, FalseNegatives: 1, Leads: []time.Duration{4 * time.Minute}}, replayed, "as live")
}

func TestOutcomesFollowTheConfiguration(t *testing.T) {
	outage := epoch.Add(4 * 24 * time.Hour)
	db := incidents(t, outage, outage.Add(9*time.Hour))
	reg := prometheus.NewRegistry()
	m := newManager(t, detector.Options{Registerer: reg})
	require.NoError(t, m.ApplyConfig(load(t, outcomesConfig), db))
	cycle(t, m, outage.Add(-time.Hour))
	want := results(m.Snapshot())

	// Cycles that are missed are caught up: no incident is lost.
	cycle(t, m, outage.Add(8*time.Hour))
	require.Equal(t, map[string]int{"true_positive": 0, "false_positive": 0, "false_negative": 2}, outcomes(t, reg))

	// What cannot be evaluated costs the outcomes and nothing else.
	reg = prometheus.NewRegistry()
	m = newManager(t, detector.Options{Registerer: reg})
	require.NoError(t, m.ApplyConfig(load(t, strings.Replace(outcomesConfig, `ALERTS{alertstate="firing"}`, `load + on () load`, 1)), db))
	cycle(t, m, outage.Add(-time.Hour))
	require.Equal(t, want, results(m.Snapshot()))
	require.NoError(t, testutil.GatherAndCompare(reg, strings.NewReader(`
# HELP anomaly_exporter_query_warnings_total Warnings of queries: a part of the data could not be read.
# TYPE anomaly_exporter_query_warnings_total counter
anomaly_exporter_query_warnings_total{detector="load"} 1
`), "anomaly_exporter_query_warnings_total"))

	// Models stay when the truth goes, and with it its metrics.
	require.NoError(t, m.ApplyConfig(load(t, outcomesConfig[:strings.Index(outcomesConfig, "outcomes:")]), db))
	require.Eventually(t, func() bool { return count(t, reg, "anomaly_exporter_outcomes_total") == 0 }, 10*time.Second, 10*time.Millisecond)
	require.Equal(t, want, results(m.Snapshot()))
	require.NoError(t, m.ApplyConfig(load(t, outcomesConfig), db))
	require.Eventually(t, func() bool { return count(t, reg, "anomaly_exporter_outcomes_total") == 3 }, 10*time.Second, 10*time.Millisecond)
}

func count(t *testing.T, reg prometheus.Gatherer, name string) int {
	t.Helper()
	n, err := testutil.GatherAndCount(reg, name)
	require.NoError(t, err)
	return n
}

// outcomes are the counters by outcome.
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
