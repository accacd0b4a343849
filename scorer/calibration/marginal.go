package calibration

import "math"

// A Marginal knows how rare the values of a signal are, on both sides.
type Marginal struct{ above, below Tail }

// FitMarginal learns from a sample, see FitTail.
func FitMarginal(sample []float32, separation int) Marginal {
	negative := make([]float32, len(sample))
	for i, x := range sample {
		negative[i] = -x
	}
	return Marginal{above: FitTail(sample, separation), below: FitTail(negative, separation)}
}

// Deviate returns the standard normal value that is as rare as x is. So signals with skew, with heavy tails or with
// mostly equal values count as much as any other.
func (m *Marginal) Deviate(x float32) float32 {
	return float32(normalDeviate(m.above.Surprisal(x)) - normalDeviate(m.below.Surprisal(-x)))
}

// normalDeviate returns the value that a standard normal variable reaches with a probability of e^-surprisal; 0 if
// that is more than a half (Abramowitz and Stegun, "Handbook of mathematical functions", 26.2.23: the error is below
// 4.5e-4).
func normalDeviate(surprisal float64) float64 {
	if surprisal <= math.Ln2 {
		return 0
	}
	t := math.Sqrt(2 * surprisal)
	return max(t-(2.515517+t*(0.802853+t*0.010328))/(1+t*(1.432788+t*(0.189269+t*0.001308))), 0)
}
