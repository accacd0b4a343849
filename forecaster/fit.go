package forecaster

import (
	"fmt"
	"math"

	"github.com/anomaly-exporter/anomaly-exporter/forecaster/classical"
	"github.com/anomaly-exporter/anomaly-exporter/forecaster/combination"
	"github.com/anomaly-exporter/anomaly-exporter/forecaster/counts"
	"github.com/anomaly-exporter/anomaly-exporter/forecaster/intervals"
	"github.com/anomaly-exporter/anomaly-exporter/forecaster/lines"
	"github.com/anomaly-exporter/anomaly-exporter/forecaster/recurring"
	"github.com/anomaly-exporter/anomaly-exporter/forecaster/rollingorigin"
	"github.com/anomaly-exporter/anomaly-exporter/forecaster/window"
)

// Fit makes a Model from the values y of a window: y[i] is the value at start + i steps (milliseconds since the epoch),
// NaN where there is none. Infinities and sizes over 1e300 count as none, too.
//
// Where learn is false a value was interpolated, or must not be learned from: it carries the state forward, but no
// forecast is evaluated by it. nil means true everywhere.
//
// A window without any finite value gives ErrNoValues. Other errors name the option that is wrong.
func Fit(o Options, start int64, y []float64, learn []bool) (*Model, error) {
	o.setDefaults()
	if err := o.validate(); err != nil {
		return nil, err
	}
	if learn != nil && len(learn) != len(y) {
		return nil, fmt.Errorf("%d learn flags for %d values", len(learn), len(y))
	}
	y = window.DropCorrupt(y, learn, window.CorruptSteps(o.Step))
	w := o.newWindow(start, y, learn)
	if w == nil {
		return nil, ErrNoValues
	}
	m := &Model{
		options: o,
		scaling: w.Scaling,
		days:    w.Scaling,
		limits:  limits{data: o.DataRange, lowest: w.Lowest, highest: w.Highest},
		path:    newPath(&o),
		windows: make([]windowErrors, len(o.Horizons)),
	}
	m.zeros = w.MostlyZero
	end := w.First + len(w.Values)
	if w.Constant {
		m.name, m.predictor = "constant", constantPredictor{lines.NewConstant(w.Values[len(w.Values)-1], w.Minutes)}
	} else {
		m.recurring = recurring.Find(w, o.MaxProbability, o.KeepDays)
		m.fit(w)
		if o.Holiday != nil && m.counts == nil {
			m.predictor = newHolidayModel(m.predictor, w, &m.scaling, y[w.First:end])
		}
	}
	m.now = len(w.Values) - 1
	for _, v := range y[end:] {
		m.Advance(v)
	}
	return m, nil
}

// fit fits the model that the options name, and leaves it at the end of the window.
func (m *Model) fit(w *window.Window) {
	switch m.options.Model {
	case modelAuto:
		m.fitAuto(w)
	case modelCounts:
		m.fitCounts(w, nil)
	default:
		m.fitClassical(w)
	}
}

// countsMaxLossRatio is up to which ratio of losses counts are taken although the combination did better: its weights
// were chosen on the errors that it is compared by. Chosen, not tuned.
const countsMaxLossRatio = 1.05

// fitAuto fits the combination or, to what looks like counts, counts unless they do clearly worse.
func (m *Model) fitAuto(w *window.Window) {
	c := combination.Fit(w, combination.Options{
		Horizons: m.options.Horizons, Refit: m.options.Refit, Recurring: m.recurring,
	})
	if w.CountLike && m.fitCounts(w, c.Set) <= countsMaxLossRatio*c.Loss.Mean() {
		return
	}
	m.name, m.predictor, m.combined, m.counts, m.offsets = c.Leader(), c.Combination, c.Combination, nil, c.Offsets
	m.measure(w, 0, c.FirstOrigin, nil)
}

// fitCounts fits counts, and returns their mean loss in set, which may be nil.
func (m *Model) fitCounts(w *window.Window, set *rollingorigin.EvaluationSet) (loss float64) {
	m.counts, loss = counts.Fit(w, m.options.Horizons, set)
	m.name, m.predictor = modelCounts, pointPredictor{m.counts}
	return loss
}

// fitTenths of the window is what a classical model is fitted to under each transform. The rest tells which one is
// best, and what errors it makes. Chosen, not tuned.
const fitTenths = 6

// fitClassical fits a named model under the transform that suits the series best: by the pinball losses of median and
// interval on what the model was not fitted to. The plainest transform is kept unless another is clearly better.
func (m *Model) fitClassical(w *window.Window) {
	fitter, _ := classical.FitterOf(m.options.Model) // validate has asked before
	transforms := []window.Transform{{}}
	if fitter.Transformable {
		transforms = w.Transforms()
	}
	n, longest := len(w.Values), m.options.longest()
	split := max(1, n*fitTenths/10)
	ends := rollingorigin.Buckets(w, longest)
	set := rollingorigin.Sample(w, ends, split)
	least, chosen := math.Inf(1), w
	for i, t := range transforms {
		try, w := *m, w.Transformed(t)
		try.name, try.scaling, try.windows = m.options.Model, w.Scaling, make([]windowErrors, len(m.windows))
		if t.Name != "" {
			try.name += "/" + t.Name
		}
		try.predictor = pointPredictor{fitter.Fit(w, split, longest)}
		errors := rollingorigin.NewErrors(set)
		try.measure(w, split, split, errors)
		try.offsets = errors.Offsets(w, ends)
		loss := errors.Loss(w, &try.offsets)
		if i > 0 {
			loss /= intervals.MinImprovement
		}
		if i == 0 || loss < least {
			*m, least, chosen = try, loss, w
		}
	}
	m.predictor = pointPredictor{fitter.Fit(chosen, n, longest)}
}
