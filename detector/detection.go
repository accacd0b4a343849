package detector

import (
	"errors"
	"math"
	"strconv"
	"time"

	"github.com/prometheus/common/model"

	"github.com/anomaly-exporter/anomaly-exporter/config"
	"github.com/anomaly-exporter/anomaly-exporter/forecaster"
	"github.com/anomaly-exporter/anomaly-exporter/history"
	"github.com/anomaly-exporter/anomaly-exporter/scorer"
)

// detection scores a series and forecasts it.
type detection struct {
	scorerOptions     scorer.Options
	forecasterOptions forecaster.Options
	observeFit        func(model string, fit func())

	scorer     *scorer.Model
	pooled     bool    // siblings say how strange it is: this one only forecasts
	vector     *vector // instead of the scorer, for a series of several inputs; else nil
	forecaster *forecaster.Model
	err        error         // why there is no scorer; nil if there is one
	onset      *scorer.Onset // nil if it is not asked for

	score    scorer.Score
	lowered  float64 // the score as the onset has it
	forecast forecaster.Forecast
	feedback []*feedback // by horizon
}

// newDetection translates a detector's configuration for one series. horizons are in steps; without any there is no forecaster.
func newDetection(d *config.Detector, horizons []int, onset bool, seed uint64, observeFit func(string, func())) *detection {
	result := &detection{
		scorerOptions: scorer.Options{
			Model:                d.Scorer.Model,
			Step:                 time.Duration(d.Step),
			Location:             d.Location(),
			Holiday:              d.Holidays.Include(),
			Direction:            d.Scorer.Direction,
			Contamination:        d.Scorer.Contamination,
			Trees:                d.Scorer.Trees,
			Subsample:            d.Scorer.Subsample,
			MinDeviation:         d.Scorer.MinDeviation,
			MinRelativeDeviation: d.Scorer.MinRelativeDeviation,
			DataRange:            d.DataRange,
			ExplainThreshold:     d.ExplainThreshold,
			Seed:                 seed,
		},
		forecasterOptions: forecaster.Options{
			Model:          d.Forecaster.Model,
			Step:           time.Duration(d.Step),
			Location:       d.Location(),
			Holiday:        d.Holidays.Include(),
			Horizons:       horizons,
			Refit:          refitSteps(d.RefitInterval, d.Step),
			Level:          d.Forecaster.Level,
			MaxProbability: d.Forecaster.MaxProbability,
			DataRange:      d.DataRange,
		},
		observeFit: observeFit,
		err:        scorer.ErrShortHistory,
	}
	if onset {
		result.onset = scorer.NewOnset(time.Duration(d.Step))
	}
	for _, h := range horizons {
		result.feedback = append(result.feedback, newFeedback(h, time.Duration(d.Step)))
	}
	return result
}

func (d *detection) fit(w *history.Window) {
	d.passHolidays(w)
	switch {
	case d.vector != nil:
		d.observeFit("joint", func() { d.err = d.vector.fit(d, w) })
	case !d.pooled:
		d.observeFit(d.scorerOptions.Model, func() { d.scorer, d.err = scorer.Fit(d.scorerOptions, w.Start, w.Values, w.Learn) })
	}
	d.forecaster = nil
	if len(d.forecasterOptions.Horizons) == 0 {
		return
	}
	d.observeFit(d.forecasterOptions.Model, func() {
		if m, err := forecaster.Fit(d.forecasterOptions, w.Start, w.Values, w.Learn); err == nil {
			d.forecaster = m
		}
	})
}

// passHolidays takes holidays out of what is learned from a window.
func (d *detection) passHolidays(w *history.Window) {
	if d.scorerOptions.Holiday == nil {
		return
	}
	for i := range w.Learn {
		w.Learn[i] = w.Learn[i] && !d.holiday(w.Start+int64(i)*d.scorerOptions.Step.Milliseconds())
	}
}

// holiday says whether a step is on one, by the wall clock.
func (d *detection) holiday(at int64) bool {
	o := &d.scorerOptions
	return o.Holiday != nil && o.Holiday(time.UnixMilli(at).In(o.Location).Date())
}

func (d *detection) reset() {
	d.scorer, d.forecaster, d.err = nil, nil, scorer.ErrShortHistory
	if d.vector != nil {
		d.vector.scorer = nil
	}
}

func (d *detection) observe(o observation) {
	value, score := o.value, noScore()
	switch {
	case d.vector != nil:
		score = d.vector.next(o.at)
	case d.scorer != nil:
		score = d.scorer.Score(value, !o.masked)
	}
	d.judged(score)
	if o.masked {
		value = math.NaN()
	}
	for _, f := range d.feedback {
		f.settle(o.at/d.scorerOptions.Step.Milliseconds(), value, o.dayBefore)
	}
	if d.forecaster != nil {
		d.forecaster.Advance(value)
	}
}

// judged takes the score of the next step.
func (d *detection) judged(score scorer.Score) {
	d.score = score
	if d.onset != nil {
		d.lowered = d.onset.Next(score.Value)
	}
}

func noScore() scorer.Score { return scorer.Score{Value: math.NaN(), ReturnPeriod: math.NaN()} }

// look makes the forecasts from the step observed last, and keeps them until their time comes.
func (d *detection) look(at int64) {
	if d.forecaster == nil {
		return
	}
	d.forecaster.Forecast(&d.forecast)
	for i, f := range d.feedback {
		f.keep(at/d.scorerOptions.Step.Milliseconds(), d.forecast.Points[i])
	}
}

// state says why there is no score; state is empty if there is one.
func (d *detection) state() (state, reason string) {
	switch {
	case !math.IsNaN(d.score.Value):
		return "", ""
	case d.vector != nil && d.vector.missing() && errors.Is(d.err, scorer.ErrShortHistory):
		return stateLearning, reasonMissing
	case errors.Is(d.err, scorer.ErrShortHistory) || errors.Is(d.err, errFewSiblings):
		return stateLearning, reasonOf(d.err)
	case d.err != nil:
		return stateFailed, reasonOf(d.err)
	case d.vector != nil && d.vector.missing():
		return stateFailed, reasonMissing
	}
	return stateFailed, scorer.ErrGaps.Error()
}

// reasonOf is the word that the scorer has for an error.
func reasonOf(err error) string {
	for _, reason := range []error{scorer.ErrShortHistory, scorer.ErrGaps, scorer.ErrConstant, errFewSiblings} {
		if errors.Is(err, reason) {
			return reason.Error()
		}
	}
	return reasonFitError
}

// publisher turns what is known of a series into results.
type publisher struct {
	publish     map[string]bool
	step        time.Duration
	horizons    []string // labels of the horizons, as the forecaster knows them
	probability string
	explain     float64

	lower, upper bound
}

func newPublisher(d *config.Detector) publisher {
	p := publisher{
		publish:     map[string]bool{},
		step:        time.Duration(d.Step),
		probability: strconv.FormatFloat(d.Forecaster.MaxProbability, 'g', -1, 64),
		explain:     d.ExplainThreshold,
		lower:       bound{config: d.Bounds.Lower},
		upper:       bound{config: d.Bounds.Upper, upper: true},
	}
	for _, what := range d.Publish {
		p.publish[what] = true
	}
	for _, h := range d.Forecaster.Horizons {
		p.horizons = append(p.horizons, durationLabel(time.Duration(h)))
	}
	return p
}

// state says why a series has no score; state is empty if it has one. at is the newest step.
func (s *series) state(at int64) (state, reason string) {
	d := s.judge()
	switch {
	case s.histogram:
		return stateFailed, reasonHistogram
	case d == nil:
		return stateFailed, reasonFitError
	case holds(s.conflict, at):
		return stateFailed, reasonSeveral
	case holds(s.mute, at):
		return stateMuted, reasonMute
	}
	return d.state()
}

// results adds the results of a series to part.
func (p publisher) results(s *series, part *Part) {
	add := func(f Family, l Labels, v float64) {
		if !math.IsNaN(v) {
			part.Results[f] = append(part.Results[f], Result{l, v})
		}
	}
	if s.unjoined && p.publish["state"] {
		add(ModelState, s.base.with("state", stateFailed, "reason", reasonNoCommon), 1)
	}
	state, reason := s.state(part.Time)
	if state != "" && p.publish["state"] {
		add(ModelState, s.base.with("state", state, "reason", reason), 1)
	}
	if state == "" {
		p.scores(s, s.judge(), add)
	}
	d, _ := s.model.(*detection)
	if d == nil || d.forecaster == nil {
		return
	}
	if p.publish["forecast"] {
		p.forecasts(s, d, part.Time, add)
	}
	if p.publish["model"] {
		add(ModelInfo, s.base.with("model", d.forecaster.Name()), 1)
	}
}

// quality says how good the forecasts of the series were of late, by horizon.
func (p publisher) quality(live []*series) map[string]quality {
	found := map[string]quality{}
	for i, horizon := range p.horizons {
		var all []*feedback
		for _, s := range live {
			if d, _ := s.model.(*detection); d != nil && i < len(d.feedback) {
				all = append(all, d.feedback[i])
			}
		}
		if q, ok := assess(all); ok {
			found[horizon] = q
		}
	}
	return found
}

func (p publisher) scores(s *series, d *detection, add func(Family, Labels, float64)) {
	if p.publish["score"] {
		add(Score, s.base, d.score.Value)
	}
	if p.publish["onset"] {
		add(Onset, s.base, d.lowered)
	}
	if p.publish["contribution"] && d.score.Value >= p.explain {
		for _, c := range d.score.Contributions {
			add(Contribution, s.base.with("feature", c.Feature), c.Share)
		}
	}
	if p.publish["expected"] {
		now := s.horizonLabels(p)[0]
		add(Yhat, now, d.score.Expected)
		add(YhatLower, now, d.score.Lower)
		add(YhatUpper, now, d.score.Upper)
	}
}

func (p publisher) forecasts(s *series, d *detection, at int64, add func(Family, Labels, float64)) {
	labels := s.horizonLabels(p)
	for i, point := range d.forecast.Points {
		l := labels[i+1]
		add(Yhat, l, point.Median)
		add(YhatLower, l, point.Lower)
		add(YhatUpper, l, point.Upper)
		add(Max, l.with("probability", p.probability), point.Max)
	}
	for _, bound := range []struct {
		name  string
		value float64
		upper bool
	}{
		{"lower", p.lower.at(s.lower, at), false},
		{"upper", p.upper.at(s.upper, at), true},
	} {
		if math.IsNaN(bound.value) {
			continue
		}
		probability := 0.0
		for i, point := range d.forecast.Points {
			// Who crosses within the shorter horizon has crossed within the longer one.
			probability = max(probability, d.forecaster.BreachProbability(point.Steps, bound.value, bound.upper))
			add(BreachProbability, labels[i+1].with("bound", bound.name), probability)
		}
		if steps, ok := d.forecaster.TimeToBreach(bound.value, bound.upper); ok {
			add(TimeToBreach, s.base.with("bound", bound.name), steps*p.step.Seconds())
		}
	}
}

// horizonLabels are the labels of a series with horizon 0s, and then with each horizon.
func (s *series) horizonLabels(p publisher) []Labels {
	if s.horizons == nil {
		s.horizons = append(s.horizons, s.base.with("horizon", durationLabel(0)))
		for _, h := range p.horizons {
			s.horizons = append(s.horizons, s.base.with("horizon", h))
		}
	}
	return s.horizons
}

// steps translates horizons to steps.
func steps(horizons []model.Duration, step model.Duration) []int {
	var n []int
	for _, h := range horizons {
		n = append(n, int(h/step))
	}
	return n
}
