package forecaster

import (
	"math"
	"sort"

	"github.com/anomaly-exporter/anomaly-exporter/forecaster/candidates"
	"github.com/anomaly-exporter/anomaly-exporter/forecaster/combination"
	"github.com/anomaly-exporter/anomaly-exporter/forecaster/counts"
	"github.com/anomaly-exporter/anomaly-exporter/forecaster/intervals"
	"github.com/anomaly-exporter/anomaly-exporter/forecaster/recurring"
	"github.com/anomaly-exporter/anomaly-exporter/forecaster/window"
)

// A Model forecasts one series from the last value it has seen.
type Model struct {
	options Options
	name    string
	scaling window.Scaling
	limits  limits
	zeros   bool    // most values are 0
	corrupt int     // newest values that were impossibly far from all others
	lastDay lastDay // in the unit of the window

	predictor predictor
	combined  *combination.Combination // what predictor has inside; nil if that is another model
	counts    *counts.Model            // likewise

	path  []prediction // at some horizons, ascending
	fresh bool         // path is that of the last value
	other prediction   // at a horizon that is not on the path

	now          int                // the step of the last value, counted from the first of the window
	recurring    *recurring.Profile // of the window; nil if nothing recurs
	days         window.Scaling     // of recurring: that of the window without a transform
	usesOrdinary bool               // whether the path without what recurs is asked for

	offsets intervals.Offsets // of single steps
	windows []windowErrors    // of the extreme values up to each of Options.Horizons
}

// Name says what forecasts: the leading candidate of "auto", else the model, with the transform it works under.
func (m *Model) Name() string { return m.name }

// RefitRejected tells whether the fit kept to what an earlier one had chosen, because newer ones had done worse.
func (m *Model) RefitRejected() bool { return m.combined != nil && m.combined.RefitRejected() }

// Advance takes the value of the next step. NaN, or whatever else counts as no value in Fit, means that the value is
// missing: the model then continues with what it expected.
//
// So does a value that is impossibly far from the window, until others have confirmed it for five minutes.
func (m *Model) Advance(y float64) {
	m.now++
	if m.corrupt++; !window.Corrupt(y, m.limits.lowest, m.limits.highest, m.zeros) {
		m.corrupt = 0
	}
	doubted := m.corrupt > 0 && m.corrupt <= window.CorruptSteps(m.options.Step)
	switch {
	case window.IsFinite(y) && !doubted:
		m.limits.extend(y)
		m.recurring.Advance(m.now, m.days.Forward(y))
	case m.counts != nil:
		m.fresh = false
		m.counts.Skip()
		return
	default:
		m.refresh()
		y = m.scaling.Inverse(m.path[0].Median)
	}
	m.fresh = false
	v := min(max(m.scaling.Forward(y), -farthest), farthest)
	m.lastDay.advance(v)
	m.predictor.Advance(v)
}

// farthest a value may be from the window that the model was fitted on, in its unit. Guard: single precision holds it,
// and so do sums of it.
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

func (m *Model) quantile(at *prediction, p float64) float64 {
	if m.counts != nil {
		return m.value(m.counts.Quantile(at.Steps, p))
	}
	if p == 0.5 {
		return m.value(at.Median)
	}
	offset := m.offsets.At(at.LogSteps, p, m.scale(at))
	if at.Spread != (combination.Spread{}) {
		plain := m.offsets.At(at.LogSteps, p, intervals.Scale{})
		if wide := at.Spread.Ratio * plain; math.Abs(wide) > math.Abs(offset) {
			offset += at.Spread.Share * (wide - offset)
		}
		offset += at.Spread.Measured * (m.measuredRatio(&at.Spread)*plain - offset)
	}
	return m.value(at.Median + offset + at.Uncertainty*(2*p-1))
}

// scale is how much larger than usual errors are expected to be. Only the combination knows.
func (m *Model) scale(at *prediction) intervals.Scale {
	if m.combined == nil {
		return intervals.Scale{}
	}
	return m.combined.Scale(&at.Horizon, at.Median)
}

// meanErrorsWide is the width of an interval of 80 %, as a multiple of the mean absolute error. Definition: of a normal
// distribution, 2 * 1.2816 / 0.7979.
const meanErrorsWide = 3.2

// measuredRatio is how much larger than usual the errors of s were.
func (m *Model) measuredRatio(s *combination.Spread) float64 {
	lead := m.combined.Lead()
	usual := m.offsets.At(lead, 0.9, intervals.Scale{}) - m.offsets.At(lead, 0.1, intervals.Scale{})
	if !(usual > 0) {
		return 1
	}
	return meanErrorsWide * s.MeanError / usual
}

// at is what is expected h steps ahead; it is valid until the next call.
func (m *Model) at(h int) *prediction {
	h = m.clampHorizon(h)
	m.refresh()
	if i := sort.Search(len(m.path), func(i int) bool { return m.path[i].Steps >= h }); m.path[i].Steps == h {
		return &m.path[i]
	}
	m.other.Horizon = candidates.NewHorizon(h, m.options.Step.Hours())
	m.predict(&m.other, m.plausible())
	return &m.other
}

func (m *Model) clampHorizon(h int) int {
	return min(max(h, 1), m.path[len(m.path)-1].Steps)
}

// plausible returns the range that is not far beyond what was seen so far, in the unit of the window.
func (m *Model) plausible() [2]float64 {
	low, high := m.limits.plausible()
	return [2]float64{m.scaling.Forward(low), m.scaling.Forward(high)}
}

// predict fills in what is expected at the horizon of at: in a range, except where a straight line leads out of it.
func (m *Model) predict(at *prediction, in [2]float64) {
	m.predictor.Predict(&at.Horizon, &at.Prediction)
	at.Median = min(max(at.Median, in[0]), in[1]) + at.Growth
	at.ExtremeBase = min(max(at.ExtremeBase, in[0]), in[1]) + at.Growth
	if at.ordinary = at.ExtremeBase; m.usesOrdinary {
		if ordinary, ok := m.recurring.Ordinary(m.now + at.Steps); ok {
			at.ordinary = min(at.ordinary, m.ofDays(ordinary)+at.Growth)
		}
	}
}

// refresh computes the path from the present state.
func (m *Model) refresh() {
	if m.fresh {
		return
	}
	in := m.plausible()
	for i := range m.path {
		m.predict(&m.path[i], in)
	}
	m.fresh = true
}

// value is x in the unit of the series, where values can be.
func (m *Model) value(x float64) float64 { return m.limits.clamp(m.scaling.Inverse(x)) }
