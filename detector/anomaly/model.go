package anomaly

import (
	"math"
	"time"

	"github.com/anomaly-exporter/anomaly-exporter/detector/dataset"
	"github.com/anomaly-exporter/anomaly-exporter/detector/feedback"
	"github.com/anomaly-exporter/anomaly-exporter/detector/result"
	"github.com/anomaly-exporter/anomaly-exporter/detector/schedule"
	"github.com/anomaly-exporter/anomaly-exporter/forecaster"
	"github.com/anomaly-exporter/anomaly-exporter/history"
	"github.com/anomaly-exporter/anomaly-exporter/scorer"
)

const (
	// pendingForecasts is how many forecasts of a series are kept per horizon until their steps come. Chosen: for a
	// horizon of 6h and a step of 1m, one forecast in twelve is compared, in 800 bytes.
	pendingForecasts = 32
	// qualityHalfLife is the age at which the weight of a comparison has halved. Chosen: a day, so that the metrics
	// show recent quality.
	qualityHalfLife = 24 * time.Hour
)

// model scores and forecasts one series.
type model struct {
	o       *options
	fitting schedule.Fitting

	newestScore
	scorer     seriesScorer      // nil for a member of a pool, which the pool scores
	forecaster *forecaster.Model // nil: none
	forecast   forecaster.Forecast
	quality    []quality // by horizon
}

// seriesScorer scores a series of one or several inputs.
type seriesScorer interface {
	// fit replaces the scorer by one fitted on the windows that end at a step. w is the window of the first input.
	fit(s *dataset.Series, at int64, w *history.Window) error
	// reset drops the fitted scorer.
	reset()
	// next scores the values of the next step.
	next(s *dataset.Series, at int64) scorer.Score
	// missing reports whether one of several inputs had no value at the last step scored.
	missing() bool
	// name returns the name of the model, for the metrics.
	name() string
}

// quality compares the forecasts for one horizon with the values that followed.
type quality struct {
	*feedback.Tracker
	feedback.Tally
	decay float64 // factor of the weights from one comparison to the next
}

// newModel returns a model of a series that has no history yet.
func newModel(o *options, fitting schedule.Fitting, seed uint64) *model {
	m := &model{o: o, fitting: fitting}
	onset := *o
	if o.poolBy != nil {
		onset.onset = false // the member of the pool tracks it
	}
	m.newestScore = newNewestScore(&onset)
	switch {
	case len(o.inputs) > 0:
		m.scorer = newMultivariate(o, seed)
	case o.poolBy == nil:
		m.scorer = newUnivariate(o, seed)
	}
	for _, h := range o.forecaster.Horizons {
		t := feedback.NewTracker(h, pendingForecasts)
		every := float64(t.Every()) * o.scorer.Step.Seconds()
		m.quality = append(m.quality, quality{Tracker: t, decay: math.Exp2(-every / qualityHalfLife.Seconds())})
	}
	return m
}

// fit fits the scorer and the forecaster on the windows that end at a step. w is the window of the first input.
func (m *model) fit(s *dataset.Series, at int64, w *history.Window) {
	m.o.skipHolidays(w)
	if m.scorer != nil {
		m.fitting.Observe(m.scorer.name(), func() { m.err = m.scorer.fit(s, at, w) })
	}
	m.forecaster = nil
	if len(m.o.forecaster.Horizons) == 0 {
		return
	}
	m.fitting.Observe(m.o.forecaster.Model, func() {
		if fitted, err := forecaster.Fit(m.o.forecaster, w.Start, w.Values, w.Learn); err == nil {
			m.forecaster = fitted
		}
	})
}

// reset drops the fitted scorer and forecaster, because the history is too short.
func (m *model) reset() {
	m.forecaster, m.err = nil, scorer.ErrShortHistory
	if m.scorer != nil {
		m.scorer.reset()
	}
}

// observe advances the model to the next step of a series.
func (m *model) observe(s *dataset.Series, at int64) {
	score := result.NoScore()
	if m.scorer != nil {
		score = m.scorer.next(s, at)
	}
	m.set(score)
	value, masked := s.Value(0, at)
	if masked {
		value = math.NaN()
	}
	dayBefore := s.At(0, at-schedule.Day)
	for i := range m.quality {
		q := &m.quality[i]
		if p, ok := q.Due(m.o.stepNumber(at)); ok && !math.IsNaN(value+dayBefore) {
			q.Add(p, value, dayBefore, q.decay)
		}
	}
	if m.forecaster != nil {
		m.forecaster.Advance(value)
	}
}

// predict makes the forecasts from the last step observed, and keeps them until their steps come.
func (m *model) predict(at int64) {
	if m.forecaster == nil {
		return
	}
	m.forecaster.Forecast(&m.forecast)
	for i := range m.quality {
		p := m.forecast.Points[i]
		m.quality[i].Record(m.o.stepNumber(at), feedback.Prediction{
			Median: float32(p.Median), Lower: float32(p.Lower), Upper: float32(p.Upper),
		})
	}
}

// state returns why there is no score; it is zero if there is one.
func (m *model) state() result.State {
	return m.newestScore.state(m.scorer != nil && m.scorer.missing())
}

// stepNumber returns the number of a step (ms), counted from the epoch.
func (o *options) stepNumber(at int64) int64 { return at / o.scorer.Step.Milliseconds() }

// skipHolidays excludes the holidays of a window from learning.
func (o *options) skipHolidays(w *history.Window) {
	if o.scorer.Holiday == nil {
		return
	}
	for i := range w.Learn {
		at := time.UnixMilli(w.Start + int64(i)*o.scorer.Step.Milliseconds())
		w.Learn[i] = w.Learn[i] && !o.scorer.Holiday(at.In(o.scorer.Location).Date())
	}
}
