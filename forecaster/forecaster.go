// Package forecaster predicts the next minutes to days of one series, as distributions.
//
// A Model is fitted on a window of past values on a fixed grid. It then advances by one value a step, in constant
// time, and answers for any horizon up to the longest configured one: quantiles of the value at that step, quantiles
// of the largest value up to it, and the probability that a bound is crossed on the way.
//
// The default model, "auto", combines about thirty closed-form forecasts (candidates.go) by the errors they made inside
// the window (combination.go). The classical models are there for those who name one. All of them take their intervals
// from measured out-of-sample errors (backtest.go, quantiles.go); none assumes a distribution.
//
// Everything is a function of the arguments: no clock, no randomness, no state outside of the Model. A Model is not
// safe for concurrent use.
package forecaster

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"time"
)

// ErrNoValues is returned by Fit for a window without a single finite value.
var ErrNoValues = errors.New("no values")

// Options say what to forecast and how.
type Options struct {
	// Model is "auto" (the default) or one of Models.
	Model string
	// Step is the distance of two values.
	Step time.Duration
	// Location is the wall clock that daily and weekly seasons follow; nil is UTC.
	Location *time.Location
	// Holiday tells which local dates are no ordinary days: neither learned from nor forecast as such; nil: none.
	Holiday func(year int, month time.Month, day int) bool
	// Refit is how many steps apart fits are; 0: none is held against the one before it.
	Refit int
	// Horizons are the steps to forecast, ascending. The last one bounds every question put to the Model.
	Horizons []int
	// Level is the probability of the interval [Lower, Upper]; 0 means 0.8.
	Level float64
	// MaxProbability is the quantile published as Point.Max; 0 means 0.9.
	MaxProbability float64
	// DataRange is what values can be at all; forecasts never leave it. Two zeros mean no limits.
	DataRange [2]float64
}

func (o *Options) validate() error {
	if o.Model == "" {
		o.Model = modelAuto
	}
	if o.Level == 0 {
		o.Level = 0.8
	}
	if o.MaxProbability == 0 {
		o.MaxProbability = 0.9
	}
	if o.DataRange == [2]float64{} {
		o.DataRange = [2]float64{math.Inf(-1), math.Inf(1)}
	}
	if _, err := fitterOf(o.Model); err != nil {
		return err
	}
	switch {
	case o.Step <= 0 || o.Step%time.Millisecond != 0:
		return fmt.Errorf("step %v is not a positive number of milliseconds", o.Step)
	case o.Refit < 0:
		return fmt.Errorf("refit after %d steps", o.Refit)
	case len(o.Horizons) == 0:
		return errors.New("no horizons")
	case o.Horizons[0] < 1 || !slices.IsSorted(o.Horizons):
		return fmt.Errorf("horizons %v are not positive and ascending", o.Horizons)
	case o.Horizons[len(o.Horizons)-1] > maxHorizon:
		return fmt.Errorf("horizon of %d steps is over %d", o.Horizons[len(o.Horizons)-1], maxHorizon)
	case !(o.Level > 0 && o.Level < 1):
		return fmt.Errorf("level %v is not between 0 and 1", o.Level)
	case !(o.MaxProbability > 0 && o.MaxProbability < 1):
		return fmt.Errorf("max probability %v is not between 0 and 1", o.MaxProbability)
	case !(o.DataRange[0] <= o.DataRange[1]):
		return fmt.Errorf("data range %v is empty", o.DataRange)
	}
	return nil
}

// maxHorizon keeps mistaken horizons from taking all memory.
const maxHorizon = 1 << 20

// A Model forecasts one series from the last value it has seen.
type Model struct {
	options Options
	name    string
	unit    unit
	limits  limits
	p       predictor
	counts  *counts // p, if it is one
	refused bool

	path    []forecastAt   // what is expected at some leads, ascending, in the unit of the model
	fresh   bool           // path is that of the last value
	other   forecastAt     // a lead that is not on the path
	offsets offsets        // of single steps
	windows []windowErrors // of the extreme values up to each of Options.Horizons
}

// A Forecast is what Model.Forecast fills in: one Point for each of Options.Horizons.
type Forecast struct {
	Points []Point
}

// A Point is the forecast for one horizon, in the unit of the series.
type Point struct {
	Steps                int     // the horizon
	Median, Lower, Upper float64 // of the value Steps ahead; [Lower, Upper] is the interval of Options.Level
	Max                  float64 // quantile Options.MaxProbability of the largest value over the next Steps
}

// Fit makes a Model from the values y of a window: y[i] is the value at start + i steps (milliseconds since the
// epoch), NaN where there is none; infinities and sizes over 1e300 count as none, too. Where learn (nil means true everywhere) is false a value was interpolated, or must
// not be learned from: it carries the state forward, but no forecast is judged by it. A window without any finite
// value gives ErrNoValues; other errors name the option that is wrong.
func Fit(o Options, start int64, y []float64, learn []bool) (*Model, error) {
	if err := o.validate(); err != nil {
		return nil, err
	}
	if learn != nil && len(learn) != len(y) {
		return nil, fmt.Errorf("%d learn flags for %d values", len(learn), len(y))
	}
	w, err := newWindow(&o, start, y, learn)
	if err != nil {
		return nil, err
	}
	m := &Model{options: o, unit: w.unit, limits: limits{data: o.DataRange, lowest: w.lowest, highest: w.highest}, path: newPath(&o)}
	m.windows = make([]windowErrors, len(o.Horizons))
	if w.constant {
		m.name, m.p = "constant", &lastValue{y: w.y[len(w.y)-1]}
	} else {
		m.fit(w)
		if o.Holiday != nil && m.counts == nil {
			m.p = newDaysOff(m.p, w, &m.unit, &o, y[w.first:w.first+len(w.y)])
		}
	}
	for _, v := range y[w.first+len(w.y):] {
		m.Advance(v)
	}
	return m, nil
}

// fit fits the model that the options name, and leaves it at the end of the window.
func (m *Model) fit(w *window) {
	switch m.options.Model {
	case modelAuto:
		m.fitAuto(w)
		return
	case modelCounts:
		m.count(w, nil)
		return
	}
	m.fitNamed(w)
}

// clearlyWorse is by how much counts may err more: the combination was fitted to the errors that it is judged by.
const clearlyWorse = 1.05

// fitAuto fits the combination or, to what looks counted, counts unless they err more.
func (m *Model) fitAuto(w *window) {
	c, offsets, judged := fitCombination(w, &m.options)
	if w.counted && m.count(w, judged.rows) <= clearlyWorse*judged.mean() {
		return
	}
	m.name, m.p, m.counts, m.offsets, m.refused = c.leader(), c, nil, offsets, c.refused
	m.measure(w, 0, c.firstOrigin(w), nil)
}

// Name says what forecasts: the leading candidate of "auto", else the model.
func (m *Model) Name() string { return m.name }

// Refused says whether the fit kept to what an earlier one had chosen, since newer ones had done worse.
func (m *Model) Refused() bool { return m.refused }

// Advance takes the value of the next step. NaN, or what else counts as none in Fit, means that there is none: then the
// model goes on with what it expected.
func (m *Model) Advance(y float64) {
	switch {
	case finite(y):
		m.limits.see(y)
	case m.counts != nil:
		m.fresh = false
		m.counts.pass()
		return
	default:
		m.refresh()
		y = m.unit.out(m.path[0].median)
	}
	m.fresh = false
	m.p.advance(min(max(m.unit.in(y), -farthest), farthest))
}

// farthest a value may be from the window that the model was fitted on, in its unit: single precision holds it.
const farthest = 1e30

// Forecast fills dst with a Point for each of Options.Horizons. It allocates only if dst has no room for them.
func (m *Model) Forecast(dst *Forecast) {
	dst.Points = dst.Points[:0]
	tail := (1 - m.options.Level) / 2
	for _, h := range m.options.Horizons {
		at := m.at(h)
		dst.Points = append(dst.Points, Point{
			Steps:  h,
			Median: m.quantile(at, 0.5),
			Lower:  m.quantile(at, tail),
			Upper:  m.quantile(at, 1-tail),
			Max:    m.MaxQuantile(h, m.options.MaxProbability),
		})
	}
}

// Quantile returns the quantile p of the value h steps ahead. h is cut to 1 and the longest horizon. It is NaN unless
// 0 < p < 1.
func (m *Model) Quantile(h int, p float64) float64 {
	if !(p > 0 && p < 1) {
		return math.NaN()
	}
	return m.quantile(m.at(h), p)
}

func (m *Model) quantile(at *forecastAt, p float64) float64 {
	if m.counts != nil {
		return m.value(m.counts.quantile(at.h, p))
	}
	if p == 0.5 {
		return m.value(at.median)
	}
	return m.value(at.median + m.offsets.at(&at.lead, p, m.p.scale(&at.lead, at.median)) + at.doubt*(2*p-1))
}

// A forecastAt is a lead with its outlook.
type forecastAt struct {
	lead
	outlook
}

// at is what is expected h steps ahead; it is valid until the next call.
func (m *Model) at(h int) *forecastAt {
	h = m.clampHorizon(h)
	m.refresh()
	i, ok := slices.BinarySearchFunc(m.path, h, func(at forecastAt, h int) int { return at.h - h })
	if ok {
		return &m.path[i]
	}
	m.other.lead = newLead(h, &m.options)
	m.expect(&m.other)
	return &m.other
}

func (m *Model) clampHorizon(h int) int {
	return min(max(h, 1), m.path[len(m.path)-1].h)
}

// expect fills in what is expected at the lead of at: not far beyond what was seen so far.
func (m *Model) expect(at *forecastAt) {
	low, high := m.limits.near()
	low, high = m.unit.in(low), m.unit.in(high)
	at.outlook = m.p.predict(&at.lead)
	at.median, at.reach = min(max(at.median, low), high), min(max(at.reach, low), high)
}

// refresh computes the path from the present state.
func (m *Model) refresh() {
	if m.fresh {
		return
	}
	for i := range m.path {
		m.expect(&m.path[i])
	}
	m.fresh = true
}

// value is x in the unit of the series, where values can be.
func (m *Model) value(x float64) float64 { return m.limits.clamp(m.unit.out(x)) }
