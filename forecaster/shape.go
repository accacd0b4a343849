package forecaster

import "math"

// A shape is a transform that a named model works under: none, the logarithm of the distance from the least possible
// value, or the logit of where between the least and the greatest one a value is. Quantiles go through it as they are,
// and it is the median that is forecast: so there is no bias to correct, as there would be for a mean.
type shape struct {
	name      string  // "" for none
	low, high float64 // high is infinite for the logarithm
	edge      float64 // values nearer to low or high count as so far
}

// shapes are those that suit values strictly inside of what is possible; none comes first.
func (w *window) shapes(o *Options) []shape {
	all := []shape{{}}
	low, high := o.DataRange[0], o.DataRange[1]
	if math.IsInf(low, 0) {
		low = 0
	}
	const nearest = 0.1 // of the way to what was seen
	if w.lowest <= low {
		return all
	}
	all = append(all, shape{"log", low, math.Inf(1), nearest * (w.lowest - low)})
	if !math.IsInf(high, 0) && w.highest < high {
		all = append(all, shape{"logit", low, high, nearest * min(w.lowest-low, high-w.highest)})
	}
	return all
}

func (s *shape) in(y float64) float64 {
	if s.name == "" {
		return y
	}
	up := max(y-s.low, s.edge)
	if math.IsInf(s.high, 1) {
		return math.Log(up)
	}
	return math.Log(min(up, s.high-s.low-s.edge) / max(s.high-y, s.edge))
}

func (s *shape) out(x float64) float64 {
	switch {
	case s.name == "":
		return x
	case math.IsInf(s.high, 1):
		return s.low + math.Exp(x)
	}
	return s.low + (s.high-s.low)/(1+math.Exp(-x))
}

// shaped is w under a shape.
func (w *window) shaped(s shape) *window {
	if s.name == "" {
		return w
	}
	out := *w
	low, high := s.in(w.lowest), s.in(w.highest)
	out.unit = unit{center: (low + high) / 2, scale: (high - low) / 2, shape: s}
	out.y = make([]float64, len(w.y))
	for i, x := range w.y {
		out.y[i] = out.unit.in(w.unit.out(x))
	}
	return &out
}

// shapeable are the models that a shape is tried for; of the others, the floor stays what people know it to be.
var shapeable = map[string]bool{"ses": true, "holt": true, "holt_winters": true, "theta": true, "fourier": true, modelARIMA: true}

// fitNamed fits a named model under the shape that suits w best: by the pinball losses of median and interval on what the
// model has not been fitted to. The plainest shape is kept unless another is clearly better.
func (m *Model) fitNamed(w *window) {
	fit, _ := fitterOf(m.options.Model) // validate has asked before
	_, arima := parseARIMA(m.options.Model)
	shapes := []shape{{}}
	if arima || shapeable[m.options.Model] {
		shapes = w.shapes(&m.options)
	}
	split := max(1, len(w.y)*6/10)
	ends := w.buckets(m.path[len(m.path)-1].h)
	rows := w.plan(ends, split)
	least, chosen := math.Inf(1), w
	for i, s := range shapes {
		try, w := *m, w.shaped(s)
		try.name, try.unit, try.windows = m.options.Model, w.unit, make([]windowErrors, len(m.windows))
		if s.name != "" {
			try.name += "/" + s.name
		}
		try.p = fit(w, split, &m.options)
		errors := try.measure(w, split, split, rows)
		try.offsets = errors.offsets(w, ends)
		loss := errors.loss(w, &try.offsets)
		if i > 0 {
			loss /= clearlyBetter
		}
		if i == 0 || loss < least {
			*m, least, chosen = try, loss, w
		}
	}
	m.p = fit(chosen, len(w.y), &m.options)
}

// loss is the sum of the pinball losses of median and interval, in the unit of the series.
func (e *measured) loss(w *window, off *offsets) (sum float64) {
	for i, missed := range e.errs {
		x, at := w.y[e.target(i)], lead{log: math.Log(float64(e.h[i]))}
		actual := w.unit.out(x)
		for _, p := range [...]float64{0.1, 0.5, 0.9} {
			sum += pinball(p, actual-w.unit.out(x-missed+off.at(&at, p, scale{})))
		}
	}
	return sum
}
