package backtest

import (
	"math"
	"time"

	"github.com/prometheus/prometheus/model/labels"

	"github.com/anomaly-exporter/anomaly-exporter/backtest/breach"
	"github.com/anomaly-exporter/anomaly-exporter/detector/feedback"
	"github.com/anomaly-exporter/anomaly-exporter/detector/result"
	"github.com/anomaly-exporter/anomaly-exporter/detector/result/meaning"
	"github.com/anomaly-exporter/anomaly-exporter/replicas"
)

// replay takes the results of one detector or scaler, step by step, and compares them with what happened afterwards.
type replay struct {
	*plan
	outcomes  feedback.Outcomes
	workloads workloads
	limits    breach.Limits
	totals    replicas.StrategyTotals // of all workloads
	series    map[uint64]*inputSeries // by ID
	order     []*inputSeries          // in order of appearance
	findings  []*Finding
	alerts    []*Alert
	incidents []Period
	highest   *labels.Labels    // input of the series with the highest score; nil: none
	most      float64           // that score
	learning  *meaning.Learning // at the end, of the series that gets a score next; nil: none waits for one
}

func newReplay(p *plan) *replay { return &replay{plan: p, series: map[uint64]*inputSeries{}} }

// inputSeries is the state of a series that has results.
type inputSeries struct {
	input       labels.Labels // as it was read
	labels      labels.Labels // of its results, without detector and scaler
	workload    *workload
	scored      int // steps with a score
	high        int // steps with a score at or above the threshold of alerts
	unscored    map[result.State]int
	alerts      int
	firing      *Alert             // nil: none
	finding     *Finding           // the newest; nil: none
	forecasts   []*forecastTracker // by horizon
	recommended int                // steps with recommended replicas
	replicas    float64            // recommended, added up over the time in seconds
	horizon     time.Duration      // of a workload
}

// observe takes the results of a step.
func (r *replay) observe(b *result.Batch) {
	current := make([]*inputSeries, len(b.Series))
	for i := range b.Series {
		s := &b.Series[i]
		if s.Duplicate {
			continue // its results are published with those of another series
		}
		current[i] = r.inputSeries(s)
		r.evaluate(current[i], b, s)
		if b.Step == r.end && r.scaler == nil {
			r.learns(meaning.LearningOf(b, s))
		}
	}
	r.alert(b, current)
	r.extend(b, current)
	if b.Outcomes != nil {
		r.outcomes.Add(*b.Outcomes)
	}
}

// learns takes how far a series is; nil: it waits for no history.
func (r *replay) learns(l *meaning.Learning) {
	if l != nil && (r.learning == nil || l.FirstScore.Before(r.learning.FirstScore)) {
		r.learning = l
	}
}

// alert counts what the results of a step raise. Without published ones, there is nothing to alert on.
func (r *replay) alert(b *result.Batch, current []*inputSeries) {
	defer r.workloads.end()
	if r.bounded {
		r.observeBreaches(b, current)
	}
	if !r.scores {
		return
	}
	r.workloads.observe(b, current)
	for _, a := range b.Alerts {
		s := r.series[a.Series.ID]
		s.alerts++
		s.finding.Alerted = true
		s.firing = &Alert{Input: s.input, Labels: s.labels, Period: Period{Start: time.UnixMilli(a.At).UTC()}}
		r.alerts = append(r.alerts, s.firing)
	}
}

// extend extends the alerts that fire at a step, and the incident that is in progress.
func (r *replay) extend(b *result.Batch, current []*inputSeries) {
	end := time.UnixMilli(b.Step + r.step).UTC()
	for i, s := range current {
		if s == nil || s.firing == nil {
			continue
		}
		if s.firing.End = end; b.Series[i].Since.At == 0 {
			s.firing = nil
		}
	}
	if !b.Incidents.Any() {
		return
	}
	begin := time.UnixMilli(b.Step).UTC()
	if n := len(r.incidents); n > 0 && !r.incidents[n-1].End.Before(begin) {
		r.incidents[n-1].End = end
		return
	}
	r.incidents = append(r.incidents, Period{begin, end})
}

// observeBreaches takes what a step forecasts about bounds.
func (r *replay) observeBreaches(b *result.Batch, current []*inputSeries) {
	for i, s := range current {
		if s == nil || b.Series[i].Forecast == nil {
			continue
		}
		for _, one := range b.Series[i].Forecast.Breaches {
			s.workload.counts = true
			r.limits.Add(workloadKey(s.labels), s.labels, one)
		}
	}
	r.limits.End(b.Step, r.step)
}

func (r *replay) inputSeries(s *result.Series) *inputSeries {
	known := r.series[s.ID]
	if known == nil {
		known = &inputSeries{
			input: s.Input, labels: s.Labels.Without("detector", "scaler"), unscored: map[result.State]int{},
		}
		for _, h := range r.horizons {
			known.forecasts = append(known.forecasts, newForecastTracker(h, r.step))
		}
		known.workload = r.workloads.of(known.labels)
		r.series[s.ID] = known
		r.order = append(r.order, known)
	}
	return known
}

// evaluate counts the results of a series at a step, and compares earlier forecasts for the step with its value.
func (r *replay) evaluate(of *inputSeries, b *result.Batch, s *result.Series) {
	if r.scaler != nil {
		r.totals.Add(s.Totals)
		of.replicas += s.Totals.ReplicaSeconds[replicas.Recommended]
		if s.State == (result.State{}) {
			of.recommended++
		}
		if s.Scaling != nil {
			of.horizon = s.Scaling.Horizon
		}
		return
	}
	value := b.Value(s, 0)
	for i, t := range of.forecasts {
		t.resolve(b.Step, value)
		if s.Forecast != nil {
			p := s.Forecast.Points[i]
			t.record(b.Step, feedback.Prediction{
				Median: float32(p.Median), Lower: float32(p.Lower), Upper: float32(p.Upper),
				Naive: float32(b.Before(s, t.sinceSeason)),
			})
		}
	}
	if score := s.Score.Value; r.scores && !math.IsNaN(score) {
		of.scored++
		if r.highest == nil || score > r.most {
			r.highest, r.most = &of.input, score
		}
		if score >= findingThreshold {
			r.find(of, b, s)
		}
		if score >= feedback.HighScore {
			of.high++
		}
	}
	if s.State != (result.State{}) {
		of.unscored[s.State]++
	}
	if s.Unjoined {
		of.unscored[result.State{State: result.Failed, Reason: result.ReasonNoCommon}]++
	}
}
