package scorer

import "math"

const (
	bodyKnots  = 12
	tailShare  = 0.02 // of the sample lies beyond the threshold
	tailLeast  = 10   // values beyond the threshold, if the sample is small
	shapeMean  = 0.1  // what is believed of the shape before the data speak,
	shapePrior = 20   // with the weight of so many values
	jumpShare  = 4    // the scale is at least this part of the jump from steps that are all alike
)

// tail estimates how probable it is that a statistic of normal life is at least x: the body from quantiles of a sample,
// beyond a threshold a generalised Pareto distribution of the excesses (peaks over threshold, as in Siffer et al., "Anomaly
// detection in streams with extreme value theory", KDD 2017).
type tail struct {
	knots     [bodyKnots]float32 // knots[i] is exceeded with probability 2^-(i/2)
	threshold float32
	rate      float32 // -ln of the share of the sample beyond the threshold
	scale     float32 // of the excesses; 0 = there were none
	shape     float32
}

// fitTail takes a sample in ascending order, not empty and without NaN.
func fitTail(sorted []float32) tail {
	var t tail
	n := len(sorted)
	k := max(int(tailShare*float64(n)), min(tailLeast, n/4))
	t.threshold = sorted[n-1-k]
	for i := range t.knots {
		share := max(math.Exp2(-float64(i)/2), float64(k)/float64(n))
		t.knots[i] = sorted[max(0, n-1-int(share*float64(n)))]
	}
	first := n - k
	for first < n && sorted[first] == t.threshold {
		first++
	}
	// Where most steps are alike, as those without an event are, the jump to the first that is not says nothing of how far the others go.
	var jump float32
	if first > n-k && first < n {
		jump = sorted[first] - t.threshold
		t.threshold = math.Nextafter32(sorted[first], t.threshold)
	}
	excess := sorted[first:]
	m := float64(len(excess))
	t.rate = float32(-math.Log((m + 1) / (float64(n) + 1)))
	if m == 0 {
		return t
	}
	// Probability-weighted moments (Hosking and Wallis, 1987). A shape of at least 1/m makes the exponential tail the
	// predictive one, which knows how little m values say about their scale.
	var a0, a1 float64
	for i, v := range excess {
		x := float64(v) - float64(t.threshold)
		a0 += x / m
		a1 += x * (m - 1 - float64(i)) / (m * max(m-1, 1))
	}
	shape := 2 - a0/(a0-2*a1)
	if !(shape > -1 && shape < 1) {
		shape = shapeMean
	}
	shape = (shape*m + shapeMean*shapePrior) / (m + shapePrior)
	shape = max(shape, 1/m)
	t.shape, t.scale = float32(shape), max(float32(a0*(1-min(shape, 0.5))), jump/jumpShare)
	return t
}

// strangeness is -ln of the probability of a value of at least x.
func (t *tail) strangeness(x float32) float64 {
	if x > t.threshold {
		if t.scale == 0 {
			return float64(t.rate)
		}
		shape := float64(t.shape)
		return float64(t.rate) + math.Log1p(shape*float64(x-t.threshold)/float64(t.scale))/shape
	}
	for i, k := range t.knots {
		if x <= k {
			if i == 0 {
				return 0
			}
			below := t.knots[i-1]
			s := math.Ln2 / 2 * (float64(i-1) + float64((x-below)/(k-below)))
			return math.Min(s, float64(t.rate))
		}
	}
	return float64(t.rate)
}

// quantile is the value of the given strangeness.
func (t *tail) quantile(s float64) float32 {
	if s <= float64(t.rate) {
		return t.knots[min(bodyKnots-1, int(max(s, 0)/(math.Ln2/2)))]
	}
	shape := float64(t.shape)
	return t.threshold + float32(math.Expm1((s-float64(t.rate))*shape)*float64(t.scale)/max(shape, 1e-9))
}
