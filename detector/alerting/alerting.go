// Package alerting follows the alerts that the scores of a detector raise, logs what is anomalous, and compares the
// alerts with what was really wrong.
package alerting

import (
	"fmt"
	"math"
	"strings"
	"time"

	"github.com/go-kit/log"
	"github.com/go-kit/log/level"
	"github.com/prometheus/prometheus/model/labels"

	"github.com/anomaly-exporter/anomaly-exporter/config"
	"github.com/anomaly-exporter/anomaly-exporter/detector/dataset"
	"github.com/anomaly-exporter/anomaly-exporter/detector/feedback"
	"github.com/anomaly-exporter/anomaly-exporter/detector/result"
)

// maxLogged is the maximum number of anomalies logged per cycle. Guard: a large incident must not flood the log.
const maxLogged = 10

// A Tracker tracks the alerts that the scores of a detector raise, and grades them against the truth. It is not safe
// for concurrent use.
type Tracker struct {
	step     int64 // ms
	begun    int64 // first graded step; 0: none
	graded   int64 // newest graded step
	logged   int64 // newest step whose anomalies were logged
	series   map[uint64]*alertSeries
	outcomes *config.Outcomes
	grader   *feedback.Grader // nil: alerts are not graded
	alerts   []*remembered
	byPeople feedback.Outcomes // by people since the last step
	days     daily
}

// alertSeries is the alert state of a series that has had a score.
type alertSeries struct {
	labels  labels.Labels
	results result.Labels // those of its results
	alert   *remembered   // the newest; nil: none
	state   feedback.AlertState
	scored  int64 // newest step with a score
	high    int64 // newest logged step with a high score
}

// New returns a Tracker for steps of a length (ms).
func New(step int64) *Tracker { return &Tracker{step: step, series: map[uint64]*alertSeries{}} }

// CompareWith sets the truth that alerts are graded against. Pending alerts stay pending.
func (a *Tracker) CompareWith(o *config.Outcomes) {
	if a.outcomes, a.grader = o, nil; o != nil {
		a.grader = feedback.NewGrader(o.Truth.On, time.Duration(o.LeadWindow), a.step, a.graded)
	}
}

// Truth returns the expression of the truth, or nil if there is none. begun reports whether part of it has been read
// before.
func (a *Tracker) Truth() (s *dataset.Selector, begun bool) {
	if a.grader == nil {
		return nil, false
	}
	t := a.outcomes.Truth
	return &dataset.Selector{Key: "outcomes.truth", Expr: t.Expr.String(), On: t.On}, a.grader.Begun()
}

// Extend passes the truth of a slice to the grader, if the slice was read with the current truth expression. If the
// expression could not be evaluated, grading starts over; nothing else is affected.
func (a *Tracker) Extend(slice *dataset.Slice, truth *dataset.Selector) {
	switch {
	case a.grader == nil, truth == nil, truth.Expr != a.outcomes.Truth.Expr.String():
	case slice.TruthErr != nil:
		a.CompareWith(a.outcomes)
	case slice.Truth != nil:
		a.grader.Extend(slice.Truth, slice.First, slice.Last)
	}
}

// Evict drops the state of a series.
func (a *Tracker) Evict(id uint64) { delete(a.series, id) }

// Grade adds to b the alerts that start to fire at its step, the outcomes that are decided there, and the record.
func (a *Tracker) Grade(b *result.Batch, queryOffset time.Duration) {
	if b.Step > a.graded {
		a.grade(b, queryOffset)
		a.days.add(b.Step, b.Outcomes)
	}
	b.Record = a.record(b.Step)
}

func (a *Tracker) grade(b *result.Batch, queryOffset time.Duration) {
	var fired []feedback.Alert
	for i := range b.Series {
		s := &b.Series[i]
		if math.IsNaN(s.Score.Value) {
			continue
		}
		kept := a.series[s.ID]
		if kept == nil {
			kept = &alertSeries{labels: s.Input}
			a.series[s.ID] = kept
		}
		kept.scored, kept.results = b.Step, s.Labels
		fires := s.Score.Value >= feedback.HighScore && kept.state.High(b.Step, a.step)
		if kept.state.Holds(b.Step, a.step) {
			s.Since = result.Since{At: kept.state.Since, OrEarlier: a.begun == 0 || kept.state.Since == a.begun}
			if kept.alert != nil && kept.alert.since == kept.state.Since {
				kept.alert.last = b.Step
			}
		}
		if !fires {
			continue
		}
		// A score that is already high at the first step has no known start, so its alert is not counted.
		counted := a.begun != 0 && kept.state.Since != a.begun
		at := kept.state.Since + queryOffset.Milliseconds() + feedback.HoldFor.Milliseconds()
		kept.alert = a.remember(kept, b.Step, at, counted)
		if counted {
			fired = append(fired, feedback.Alert{Series: s.Input, At: at, Decided: kept.alert.decided})
			b.Alerts = append(b.Alerts, result.Alert{Series: s, At: at})
		}
	}
	if a.begun == 0 {
		a.begun = b.Step
	}
	a.graded = b.Step
	if a.grader == nil {
		b.Outcomes = a.addByPeople(nil)
		return
	}
	o := a.grader.Advance(b.Step, fired, func(i *feedback.Incident) bool {
		for _, s := range a.series {
			if a.grader.Watched(i, s.scored) && a.grader.Covers(i, s.labels) {
				return true
			}
		}
		return false
	})
	b.Outcomes, b.Incidents = a.addByPeople(&o), a.grader.Ongoing()
}

// Log logs the series whose score has become high since the previous cycle.
func (a *Tracker) Log(logger log.Logger, b *result.Batch) {
	n := 0
	for i := range b.Series {
		s := &b.Series[i]
		if !(s.Score.Value >= feedback.HighScore) {
			continue
		}
		kept := a.series[s.ID]
		known := kept.high != 0 && kept.high == a.logged
		if kept.high = b.Step; known {
			continue
		}
		if n++; n <= maxLogged {
			level.Info(logger).Log(append([]any{"msg", "Anomaly", "series", s.Input}, describe(b, s)...)...)
		}
	}
	a.logged = b.Step
	if n > maxLogged {
		level.Info(logger).Log("msg", "More anomalies in this cycle", "series", n-maxLogged)
	}
}

// describe returns the score of a series and its explanation as alternating keys and values.
func describe(b *result.Batch, s *result.Series) []any {
	e, leading := b.Explain(s)
	said := []any{"score", fmt.Sprintf("%.2f", e.Value)}
	if inputs := b.Format.Inputs; len(inputs) > 1 {
		values := make([]string, 0, len(inputs))
		for i, in := range inputs {
			values = append(values, fmt.Sprintf("%s=%.4g", in.Name, b.Value(s, i)))
		}
		said = append(said, "values", strings.Join(values, " "))
	} else {
		said = append(said, "value", e.Seen, "expected", e.Expected, "lower", e.Lower, "upper", e.Upper)
	}
	why := make([]string, 0, len(e.Contributions))
	for _, c := range e.Contributions {
		why = append(why, fmt.Sprintf("%s %.0f%%", c.Feature, 100*c.Share))
	}
	said = append(said, "features", strings.Join(why, ", "))
	if leading != "" {
		said = append(said, "leading", leading)
	}
	if t := e.Trend; t.Word != "" {
		said = append(said, "trend", t.Word)
		if t.PerHour != 0 {
			said = append(said, "trend_per_hour", fmt.Sprintf("%.3g", t.PerHour), "trend_hours", t.For)
		}
	}
	if !math.IsNaN(e.PerHour) {
		said = append(said, "per_hour", fmt.Sprintf("%.3g", e.PerHour))
	}
	return append(said, "learned_from", stamp(e.From), "learned_to", stamp(e.To))
}

// stamp formats a time, in milliseconds since the epoch, for the log.
func stamp(ms int64) string { return time.UnixMilli(ms).UTC().Format(time.RFC3339) }
