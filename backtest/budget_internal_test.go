package backtest

import (
	"math"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/prometheus/model/labels"
	"github.com/stretchr/testify/require"

	"github.com/anomaly-exporter/anomaly-exporter/detector/result"
	"github.com/anomaly-exporter/anomaly-exporter/scorer"
)

func TestBudget_IsThatOfTheRules(t *testing.T) {
	b, err := os.ReadFile("../rules/recording.yml")
	require.NoError(t, err)
	rules := string(b)
	require.Contains(t, rules, "clamp_min(2 * 604800 * max_over_time(anomaly:scored_series:count[1d]) / "+
		"anomaly:alert_budget:per_week, 3e6)")
	require.Equal(t, 2, budgetShare)
	require.InDelta(t, 3e6, lowestBar, 0)
	require.Contains(t, rules, "sum without ("+strings.Join(podLabels, ", ")+")")
}

// observed replays steps of a minute at which two pods of a workload and a host have return periods, in weeks.
func observed(weeks func(step int) (pods [2]float64, host float64)) *replay {
	r := &replay{plan: &plan{step: 60_000}}
	var current []*inputSeries
	for _, l := range []labels.Labels{
		labels.FromStrings("namespace", "shop", "container", "api", "pod", "api-0", "node", "n1"),
		labels.FromStrings("namespace", "shop", "container", "api", "pod", "api-1", "node", "n2"),
		labels.FromStrings("instance", "n1"),
	} {
		current = append(current, &inputSeries{workload: r.workloads.of(l)})
	}
	for step := range 7 * 24 * 60 {
		pods, host := weeks(step)
		b := &result.Batch{Step: int64(step) * r.step}
		for _, w := range []float64{pods[0], pods[1], host} {
			score := scorer.Score{Value: 0.9, ReturnPeriod: w * week.Seconds()}
			if math.IsNaN(w) {
				score.Value = w
			}
			b.Series = append(b.Series, result.Series{Score: score})
		}
		r.workloads.observe(b, current)
		r.workloads.end()
	}
	return r
}

func TestSetBudgets_CountsAlertsOfWorkloads(t *testing.T) {
	nan := math.NaN()
	r := observed(func(step int) ([2]float64, float64) {
		switch {
		case step >= 1000 && step < 1010: // the pods agree: 8 weeks
			return [2]float64{4, 4}, 0.1
		case step >= 2000 && step < 2010: // of the host alone
			return [2]float64{0.1, 0.1}, 5.5
		case step >= 3000 && step < 3004: // too short
			return [2]float64{100, 100}, 100
		case step >= 4000: // the host has no score any more, and its alert is told once
			return [2]float64{0.1, 0.1}, nan
		}
		return [2]float64{0.1, 0.1}, 0.1
	})
	require.Equal(t, 2, r.workloads.alerts(lowestBar, r.step))
	require.Equal(t, 2, r.workloads.together, "the pods of a workload are one")
	require.Equal(t, 7*24*60, r.workloads.steps)
	start := time.Unix(0, 0)
	report := &Report{Start: start, End: start.Add(week), Detectors: []Detector{{Name: "d"}}}
	report.setBudgets([]*replay{{plan: &plan{scaler: nil, step: 60_000}, workloads: r.workloads}})
	require.Len(t, report.Budgets, 3)
	for i, want := range []struct{ weeks, alerts float64 }{
		{6, 1},                 // three series, half of one alert a week: only the pods that agree
		{3e6 / (7 * 86400), 2}, // the lowest bar
		{3e6 / (7 * 86400), 2},
	} {
		require.InEpsilon(t, want.weeks*week.Seconds(), report.Budgets[i].Bar, 1e-12)
		require.Equal(t, []float64{want.alerts}, report.Budgets[i].Alerts)
	}
	require.Contains(t, report.String(), `
alerts a week by budget     1 a week  5 a week    20 a week
bar: as unusual as once in  6 weeks   4.96 weeks  4.96 weeks
d                           1         2           2
all                         1         2           2
`)
}

func TestSetBudgets_SaysNothingWithoutScores(t *testing.T) {
	report := &Report{}
	report.setBudgets([]*replay{{plan: &plan{}}})
	require.Empty(t, report.Budgets)
	require.NotContains(t, report.String(), "budget")
}

func TestRarity_IsReadable(t *testing.T) {
	for weeks, want := range map[float64]string{
		4.96: "4.96 weeks", 80: "80 weeks", 400: "7.67 years", 200_000: "3833 years",
	} {
		require.Equal(t, want, rarity(weeks*week.Seconds()))
	}
}

// One alert a week of each workload is what people bear, also where the scores lack a part of the week.
func TestTooManyAlerts_CountsWorkloads(t *testing.T) {
	const day = 24 * time.Hour
	for _, tc := range []struct {
		alerts, workloads int
		scored            time.Duration
		want              bool
	}{
		{0, 1, week, false},
		{1, 1, week, false},
		{1, 1, 6 * day, false},
		{2, 1, week, true},
		{2, 2, 6 * day, false},
		{3, 2, 6 * day, true},
		{2, 1, 2 * week, false},
		{3, 1, 2 * week, true},
		{1, 1, day, false},
		{2, 1, day, true},
	} {
		d := Detector{WorkloadAlerts: tc.alerts, Workloads: tc.workloads, Judged: tc.scored}
		require.Equal(t, tc.want, d.TooManyAlerts(), "%+v", tc)
	}
	require.False(t, (&Detector{}).TooManyAlerts(), "without scores")
	require.True(t, math.IsNaN((&Detector{}).PerWorkload()))
}

// Jobs that come one after the other are not many workloads.
func TestWorkloads_CountsThoseAtTheSameTime(t *testing.T) {
	r := &replay{plan: &plan{step: 60_000}}
	for step := range 10 {
		job := &inputSeries{workload: r.workloads.of(labels.FromStrings("job_name", strconv.Itoa(step)))}
		r.workloads.observe(&result.Batch{Step: int64(step) * r.step, Series: []result.Series{{}}}, []*inputSeries{job})
		r.workloads.end()
	}
	require.Equal(t, 1, r.workloads.together)
	require.Equal(t, 10, r.workloads.steps)
}
