package window

import "math"

// A Scaling maps the values of a series to numbers around 0, within about [-1, 1]. In that unit single precision is
// enough for what models keep, and every model is equivariant to shift and scale.
type Scaling struct {
	center, scale float64
	transform     Transform // applied to values first
}

// Forward maps a value of the series to the unit of the window.
func (s *Scaling) Forward(y float64) float64 { return (s.transform.forward(y) - s.center) / s.scale }

// Inverse maps a number in the unit of the window to a value of the series.
func (s *Scaling) Inverse(x float64) float64 { return s.transform.inverse(x*s.scale + s.center) }

// A Transform makes what is multiplied, or bounded, additive: the logarithm of the distance from the least possible
// value, or the logit of where between the least and the greatest possible one a value is. The zero value is none.
//
// A transform keeps the order of values, so quantiles pass through it unchanged. Forecasts are medians, and need no
// correction of the bias that a mean would have.
type Transform struct {
	Name      string  // "log", "logit", or "" for none
	low, high float64 // of possible values; high is infinite for the logarithm
	edge      float64 // values nearer to low or high than that count as so far
}

// edgeShare is how near to the ends of its range a transform goes, as a share of the distance of the values seen.
// Guard: a value on an end would be infinite. 0.1 is chosen, not tuned.
const edgeShare = 0.1

// Transforms returns those that suit values strictly inside of what is possible; none comes first.
func (w *Window) Transforms() []Transform {
	all := []Transform{{}}
	low, high := w.dataRange[0], w.dataRange[1]
	if math.IsInf(low, 0) {
		low = 0
	}
	if w.Lowest <= low {
		return all
	}
	all = append(all, Transform{"log", low, math.Inf(1), edgeShare * (w.Lowest - low)})
	if !math.IsInf(high, 0) && w.Highest < high {
		all = append(all, Transform{"logit", low, high, edgeShare * min(w.Lowest-low, high-w.Highest)})
	}
	return all
}

func (t *Transform) forward(y float64) float64 {
	if t.Name == "" {
		return y
	}
	up := max(y-t.low, t.edge)
	if math.IsInf(t.high, 1) {
		return math.Log(up)
	}
	return math.Log(min(up, t.high-t.low-t.edge) / max(t.high-y, t.edge))
}

func (t *Transform) inverse(x float64) float64 {
	switch {
	case t.Name == "":
		return x
	case math.IsInf(t.high, 1):
		return t.low + math.Exp(x)
	}
	return t.low + (t.high-t.low)/(1+math.Exp(-x))
}

// Transformed returns the window under a transform. It shares with w what does not depend on the unit.
func (w *Window) Transformed(t Transform) *Window {
	if t.Name == "" {
		return w
	}
	out := *w
	low, high := t.forward(w.Lowest), t.forward(w.Highest)
	out.Scaling = Scaling{center: (low + high) / 2, scale: (high - low) / 2, transform: t}
	out.Values = make([]float64, len(w.Values))
	for i, x := range w.Values {
		out.Values[i] = out.Scaling.Forward(w.Scaling.Inverse(x))
	}
	return &out
}
