package backtest

import (
	"math"
	"slices"
	"time"

	"github.com/prometheus/prometheus/model/labels"

	"github.com/anomaly-exporter/anomaly-exporter/detector/feedback"
	"github.com/anomaly-exporter/anomaly-exporter/detector/result"
)

// The rule whose alerts a budget allows: AnomalyDetectedHighScore in rules/anomalies.yml, with the bar of
// rules/recording.yml. A test compares the numbers.
const (
	lowestBar   = 3e6 // seconds
	budgetShare = 2   // the rule gets one part of so many
	week        = 7 * 24 * time.Hour
)

// podLabels name a pod. Without them, what is left of the labels of a series with a pod is its workload.
var podLabels = []string{"pod", "uid", "instance", "node", "container_id", "image_id", "pod_ip", "host_ip"}

// budgets are the alert budgets that a report compares, in false alerts a week. Chosen: what one person bears, what a
// team bears, and what a dashboard bears.
var budgets = []float64{1, 5, 20}

// A Budget tells which alerts an alert budget would have fired (docs/alerting.md).
type Budget struct {
	PerWeek float64   // false alerts a week that all series together may have
	Bar     float64   // the return period in seconds from which it alerts
	Alerts  []float64 // per week of the replay, by detector as in Report.Detectors
}

// A workload adds up the return periods of its pods.
type workload struct {
	sum     float64 // at the current step
	counts  bool    // it has a score, or forecasts for a bound, at the current step
	unusual []unusualStep
}

// unusualStep is a step (ms) at which the return periods of a workload reach the lowest bar.
type unusualStep struct {
	at     int64
	period float64
}

// workloads are those of the series of one detector.
type workloads struct {
	byLabels map[string]*workload
	order    []*workload
	most     int // series with a score at the same step
	together int // workloads that count at the same step, at most
	steps    int // at which any counts
}

// of returns the workload that a series belongs to.
func (w *workloads) of(series labels.Labels) *workload {
	key := workloadKey(series)
	known := w.byLabels[key]
	if known == nil {
		known = &workload{}
		if w.byLabels == nil {
			w.byLabels = map[string]*workload{}
		}
		w.byLabels[key], w.order = known, append(w.order, known)
	}
	return known
}

// workloadKey tells the workload of a series from others.
func workloadKey(series labels.Labels) string {
	if series.Get("pod") != "" {
		series = labels.NewBuilder(series).Del(podLabels...).Labels()
	}
	return series.String()
}

// observe adds up the return periods of a step. current holds the series of the batch by index, nil for duplicates.
func (w *workloads) observe(b *result.Batch, current []*inputSeries) {
	series := 0
	for i, s := range current {
		if s != nil && !math.IsNaN(b.Series[i].Score.Value) {
			series++
			s.workload.sum += b.Series[i].Score.ReturnPeriod
			s.workload.counts = true
		}
	}
	for _, one := range w.order {
		if one.sum >= lowestBar {
			one.unusual = append(one.unusual, unusualStep{b.Step, one.sum})
		}
		one.sum = 0
	}
	w.most = max(w.most, series)
}

// end ends a step.
func (w *workloads) end() {
	together := 0
	for _, one := range w.order {
		if one.counts {
			together++
		}
		one.counts = false
	}
	w.together = max(w.together, together)
	if together > 0 {
		w.steps++
	}
}

// alerts counts the alerts that a bar would have fired.
func (w *workloads) alerts(bar float64, step int64) (n int) {
	for _, one := range w.order {
		var state feedback.AlertState
		for _, u := range one.unusual {
			if u.period >= bar && state.High(u.at, step) {
				n++
			}
		}
	}
	return n
}

// setBudgets reports what budgets would have fired, of the replays of the detectors in the report.
func (r *Report) setBudgets(replays []*replay) {
	detectors := slices.DeleteFunc(replays, func(of *replay) bool { return of.scaler != nil })
	series := 0
	for _, of := range detectors {
		series += of.workloads.most
	}
	if series == 0 {
		return
	}
	weeks := max(float64(r.End.Sub(r.Start)), float64(time.Minute)) / float64(week)
	for _, perWeek := range budgets {
		b := Budget{PerWeek: perWeek, Bar: max(budgetShare*week.Seconds()*float64(series)/perWeek, lowestBar)}
		for _, of := range detectors {
			b.Alerts = append(b.Alerts, float64(of.workloads.alerts(b.Bar, of.step))/weeks)
		}
		r.Budgets = append(r.Budgets, b)
	}
}
