package forecaster

import (
	"math"
	"slices"

	"github.com/anomaly-exporter/anomaly-exporter/forecaster/candidates"
	"github.com/anomaly-exporter/anomaly-exporter/forecaster/combination"
	"github.com/anomaly-exporter/anomaly-exporter/forecaster/lines"
)

// A predictor is a fitted model: what it knows up to some step, and its forecasts from there. It works in the unit of
// the window.
type predictor interface {
	// Advance takes the value of the next step, which is finite.
	Advance(y float64)
	// Predict fills in what is expected at h.
	Predict(h *candidates.Horizon, p *combination.Prediction)
}

// A pointModel is a model that knows nothing but a value: those of packages classical and counts.
type pointModel interface {
	Advance(y float64)
	Predict(steps int) float64
}

// A pointPredictor is the predictor of a pointModel.
type pointPredictor struct{ model pointModel }

func (m pointPredictor) Advance(y float64) { m.model.Advance(y) }

func (m pointPredictor) Predict(h *candidates.Horizon, p *combination.Prediction) {
	v := m.model.Predict(h.Steps)
	*p = combination.Prediction{Median: v, ExtremeBase: v}
}

// A prediction is a horizon with what is expected at it, in the unit of the window.
type prediction struct {
	candidates.Horizon
	combination.Prediction
	ordinary float64 // ExtremeBase without what recurs
}

// pathSteps is how many horizons the path has at most beside the configured ones, and denseSteps how many of them are
// the next steps, one by one. The extremes of a window are looked for on the path. Chosen, not tuned.
const (
	pathSteps  = 32
	denseSteps = 10
)

// newPath chooses the horizons of the path, ascending: every step at first, then evenly up to the longest horizon, and
// all configured horizons.
func newPath(o *Options) []prediction {
	longest := o.longest()
	hs := slices.Clone(o.Horizons)
	dense := min(longest, denseSteps)
	for h := 1; h <= dense; h++ {
		hs = append(hs, h)
	}
	rest := pathSteps - dense
	for i := 1; i <= rest; i++ {
		hs = append(hs, dense+(longest-dense)*i/rest)
	}
	slices.Sort(hs)
	hs = slices.Compact(hs)
	path := make([]prediction, len(hs))
	for i, h := range hs {
		path[i].Horizon = candidates.NewHorizon(h, o.Step.Hours())
	}
	return path
}

// A constantPredictor is the predictor of a series that was constant.
type constantPredictor struct{ *lines.Constant }

func (m constantPredictor) Predict(h *candidates.Horizon, p *combination.Prediction) {
	l := m.Extrapolate()
	*p = combination.Prediction{
		Median: l.Level, ExtremeBase: l.Level, Growth: l.Share * l.Slope * min(float64(h.Steps), l.Steps),
	}
	p.Uncertainty = lines.Uncertainty * math.Abs(p.Growth)
}
