package scorer

import (
	"cmp"
	"math"
	"slices"
)

const (
	bodyKnots = 14
	tailLeast = 80    // values, and
	tailShare = 0.016 // of the sample, lie beyond the threshold, but
	tailMost  = 3     // no more than one in three
	// Of these, the largest of a few episodes may be incidents, but no more than half.
	suspectEpisodes = 6
	suspects        = 0.5
	shapePrior      = 40 // weight, in values, of the belief that the shape is 0
	shapeLeast      = -0.1
	shapeRuns       = 4
	jumpShare       = 4   // the scale is at least this part of the jump from steps that are all alike
	straight        = 0.1 // of the density that is left, a tail with an end goes on in a straight line
)

// tail estimates how probable it is that a statistic of normal life is at least x: the body from quantiles of a sample,
// beyond a threshold a generalised Pareto distribution of the excesses (peaks over threshold, as in Siffer et al., "Anomaly
// detection in streams with extreme value theory", KDD 2017).
//
// The sample holds incidents too, and nobody says which. But they come in episodes, and few: what fills many is normal life, for it comes back. So the
// largest excesses, as far as they lie in a few episodes, are taken by their number only, not by their size: they are what the others foretell. Where
// there was no incident that moves nothing, and where there was one, the next of its size is as strange as the first.
type tail struct {
	knots     [bodyKnots]float32 // knots[i] is exceeded with probability 2^-(i/2)
	common    float32            // a value that many have, right below the threshold, and
	often     float32            // -ln of the share of the sample that reaches it
	threshold float32
	rate      float32 // -ln of the share of the sample beyond the threshold
	scale     float32 // of the excesses; 0 = there were none
	shape     float32 // never 0
}

// fitTail takes a sample in order of time, not empty and without NaN, and sorts it. Values that are no more than apart places away from each other are
// one episode; where apart is 0 nothing is suspected.
func fitTail(v []float32, apart int) tail {
	var t tail
	n := len(v)
	k := min(max(int(tailShare*float64(n)), tailLeast), n/tailMost)
	sorted, suspected := v, 0
	if apart > 0 {
		sorted, suspected = slices.Clone(v), int(suspects*float64(k))
		slices.Sort(sorted)
		suspected = episodic(v, sorted[n-suspected:], apart)
		copy(v, sorted)
	} else {
		slices.Sort(v)
	}
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
		t.common = t.threshold
		below, _ := slices.BinarySearch(sorted, t.common)
		t.often = float32(-math.Log(float64(n-below) / float64(n)))
		jump = sorted[first] - t.common
		t.threshold = math.Nextafter32(sorted[first], t.threshold)
	}
	excess := sorted[first:]
	m := len(excess)
	t.rate = float32(-math.Log(float64(m+1) / float64(n+1)))
	if m == 0 {
		t.shape = 1
		return t
	}
	believed, gap := lattice(excess, m-min(suspected, int(suspects*float64(m))))
	scale := exponential(excess, believed, t.threshold)
	if gap > 0 && scale > 0 {
		scale = gap / math.Log1p(gap/scale) // the continuous tail through a geometric one
	}
	scale, shape := pareto(excess, believed, t.threshold, scale)
	// A shape that is 1/m larger makes an exponential tail the predictive one, which knows how little m values say about their scale.
	t.shape, t.scale = float32(notZero(shape+1/float64(m))), max(float32(scale), jump/jumpShare)
	return t
}

// episodic is how many of the largest values of v, given in ascending order, lie in the few episodes with the highest peaks.
func episodic(v, largest []float32, apart int) int {
	type value struct {
		v  float32
		at int
	}
	if len(largest) == 0 {
		return 0
	}
	peaks := make([]value, 0, 2*len(largest))
	for i, x := range v {
		if x >= largest[0] {
			peaks = append(peaks, value{x, i})
		}
	}
	slices.SortStableFunc(peaks, func(a, b value) int { return cmp.Compare(b.v, a.v) })
	var episodes [suspectEpisodes]struct{ from, to int }
	known := 0
values:
	for n, p := range peaks[:len(largest)] {
		for i := range episodes[:known] {
			if e := &episodes[i]; p.at >= e.from-apart && p.at <= e.to+apart {
				e.from, e.to = min(e.from, p.at), max(e.to, p.at)
				continue values
			}
		}
		if known == suspectEpisodes {
			return n
		}
		episodes[known].from, episodes[known].to = p.at, p.at
		known++
	}
	return len(largest)
}

func notZero(shape float64) float64 {
	if math.Abs(shape) < 1e-4 {
		return 1e-4
	}
	return shape
}

// lattice looks whether the values are multiples of something, as counts are. If so it returns the gap between them, and at least two of them are
// believed, with all that equal the last.
func lattice(excess []float32, believed int) (_ int, gap float64) {
	ties := 1
	for ties < len(excess) && excess[ties] == excess[0] {
		ties++
	}
	if ties < 3 || ties == len(excess) {
		return believed, 0
	}
	believed = max(believed, ties+1)
	for believed < len(excess) && excess[believed] == excess[believed-1] {
		believed++
	}
	return believed, float64(excess[ties] - excess[0])
}

// exponential is the scale of an exponential distribution by maximum likelihood, knowing of the values after the believed ones only that they are
// not smaller.
func exponential(excess []float32, believed int, threshold float32) (scale float64) {
	var sum float64
	for _, v := range excess[:believed] {
		sum += float64(v) - float64(threshold)
	}
	last := float64(excess[believed-1]) - float64(threshold)
	return (sum + float64(len(excess)-believed)*last) / float64(believed)
}

// pareto is the scale and the shape of a generalised Pareto distribution by probability-weighted moments (Hosking and Wallis, Technometrics 1987), the
// shape drawn towards 0. In place of the values that are not believed stand those that the fit expects, again and again.
func pareto(excess []float32, believed int, threshold float32, start float64) (scale, shape float64) {
	m := float64(len(excess))
	scale, shape = start, 1e-3
	for range shapeRuns {
		var a0, a1 float64
		for i, v := range excess {
			x := float64(v) - float64(threshold)
			if i >= believed {
				p := (float64(i) + 0.5) / m
				x = max(scale*math.Expm1(-shape*math.Log1p(-p))/shape, float64(excess[believed-1])-float64(threshold))
			}
			a0 += x / m
			a1 += x * (m - 1 - float64(i)) / (m * max(m-1, 1))
		}
		shape = 2 - a0/(a0-2*a1)
		if !(shape > -1 && shape < 1) {
			shape = 0
		}
		shape *= float64(believed) / (float64(believed) + shapePrior)
		shape = notZero(max(shape, shapeLeast))
		scale = a0 * (1 - min(shape, 0.5))
		if believed == len(excess) {
			break
		}
	}
	return scale, shape
}

// strangeness is -ln of the probability of a value of at least x.
func (t *tail) strangeness(x float32) float64 {
	if x > t.threshold {
		if t.scale == 0 {
			return float64(t.rate)
		}
		shape := float64(t.shape)
		z := float64(x-t.threshold) / float64(t.scale)
		if left := 1 + shape*z; left < straight {
			return float64(t.rate) + math.Log(straight)/shape + (straight-left)/(-shape*straight)
		}
		return float64(t.rate) + math.Log1p(shape*z)/shape
	}
	if x == t.common {
		return float64(t.often)
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
	return t.threshold + float32(math.Expm1((s-float64(t.rate))*shape)*float64(t.scale)/shape)
}
