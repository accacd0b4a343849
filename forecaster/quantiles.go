package forecaster

import (
	"math"
	"slices"
)

// The probabilities at which quantiles of errors are kept; between them they are interpolated. They are symmetric
// about 0.5, so that signed and symmetric errors can be blended one by one.
var probabilities = [...]float64{0.005, 0.01, 0.025, 0.05, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 0.975, 0.99, 0.995}

const (
	numProbabilities = len(probabilities)
	middle           = numProbabilities / 2
)

// A table holds the quantiles of an error at probabilities.
type table [numProbabilities]float32

// at returns the quantile p.
func (t *table) at(p float64) float64 {
	i, exact := slices.BinarySearch(probabilities[:], p)
	switch {
	case exact:
		return float64(t[i])
	case i == 0:
		return float64(t[0])
	case i == numProbabilities:
		return float64(t[i-1])
	}
	x := (p - probabilities[i-1]) / (probabilities[i] - probabilities[i-1])
	return float64(t[i-1]) + x*float64(t[i]-t[i-1])
}

// exceeding returns the probability of an error over e, when errors are the table's times factor, and doubt is added
// times 2p-1.
func (t *table) exceeding(e, factor, doubt float64) float64 {
	at := func(i int) float64 { return factor*float64(t[i]) + doubt*(2*probabilities[i]-1) }
	i := 0
	for i < numProbabilities && at(i) <= e {
		i++
	}
	switch i {
	case 0:
		return 1
	case numProbabilities:
		return 0
	}
	x := (e - at(i-1)) / (at(i) - at(i-1))
	return 1 - (probabilities[i-1] + x*(probabilities[i]-probabilities[i-1]))
}

// A weighted error of the backtest.
type weighted struct{ value, weight float64 }

// A sample is a set of weighted errors, sorted by value.
type sample []weighted

func (s sample) sort() {
	slices.SortFunc(s, func(a, b weighted) int {
		switch {
		case a.value < b.value:
			return -1
		case a.value > b.value:
			return 1
		}
		return 0
	})
}

// quantiles returns the split conformal quantiles of s, which is sorted: a new error is worth the heaviest one seen,
// and lies beyond all of them in the direction that is asked for (Tibshirani et al., "Conformal Prediction Under
// Covariate Shift", NeurIPS 2019, for the weights). Probabilities over a half are bounded from above, the others
// from below. An empty sample gives zeros.
func (s sample) quantiles() (t table) {
	if len(s) == 0 {
		return t
	}
	total, heaviest := 0.0, 0.0
	for _, e := range s {
		total += e.weight
		heaviest = max(heaviest, e.weight)
	}
	walk := walker{s: s}
	for k, p := range probabilities {
		want := p * (total + heaviest)
		if p <= 0.5 {
			want -= heaviest
		}
		t[k] = float32(walk.to(want))
	}
	return t
}

// A walker reads values off a sorted sample at rising cumulative weights.
type walker struct {
	s   sample
	i   int
	sum float64 // weight of s[:i]
}

// to returns the value at the cumulative weight want, interpolated; the ends outside.
func (w *walker) to(want float64) float64 {
	for w.i < len(w.s) && w.sum+w.s[w.i].weight < want {
		w.sum += w.s[w.i].weight
		w.i++
	}
	switch {
	case w.i == len(w.s):
		return w.s[w.i-1].value
	case w.i == 0:
		return w.s[0].value
	}
	before, at := w.s[w.i-1].value, w.s[w.i].value
	return before + (at-before)*(want-w.sum)/w.s[w.i].weight
}

// symmetric is the table of errors as likely above as below: the quantiles of their size. s is sorted.
func (s sample) symmetric() (t table) {
	size := make(sample, 0, len(s))
	above, _ := slices.BinarySearchFunc(s, 0, func(e weighted, zero float64) int {
		if e.value < zero {
			return -1
		}
		return 1
	})
	below := above - 1
	for below >= 0 || above < len(s) { // merged from the middle outwards
		if above == len(s) || below >= 0 && -s[below].value < s[above].value {
			size = append(size, weighted{-s[below].value, s[below].weight})
			below--
		} else {
			size = append(size, s[above])
			above++
		}
	}
	total, heaviest := 0.0, 0.0
	for _, e := range size {
		total += e.weight
		heaviest = max(heaviest, e.weight)
	}
	if len(size) == 0 {
		return t
	}
	walk := walker{s: size}
	for k := middle + 1; k < numProbabilities; k++ {
		t[k] = float32(walk.to((2*probabilities[k] - 1) * (total + heaviest)))
		t[numProbabilities-1-k] = -t[k]
	}
	return t
}

// offsets are the distances of quantiles from the central forecast of single steps, over the horizon.
type offsets struct {
	knots     []float64 // log of the horizon in steps, ascending
	tables    []table
	exponents []exponent
}

func (o *offsets) add(t table, e exponent) {
	o.tables, o.exponents = append(o.tables, t), append(o.exponents, e)
}

// at returns the distance of the quantile p from the central forecast at lead l, where errors have a scale.
func (o *offsets) at(l *lead, p float64, s scale) float64 {
	if p == 0.5 || len(o.tables) == 0 {
		return 0
	}
	i, x := interpolate(o.knots, l.log)
	a := o.exponents[i].of(s) * o.tables[i].at(p)
	if x > 0 {
		a += x * (o.exponents[i+1].of(s)*o.tables[i+1].at(p) - a)
	}
	return a
}

// interpolate finds where v lies among ascending knots: x of the way from knot i to the next; constant outside.
func interpolate(knots []float64, v float64) (i int, x float64) {
	last := len(knots) - 1
	if v >= knots[last] {
		return last, 0
	}
	if v <= knots[0] {
		return 0, 0
	}
	for v >= knots[i+1] {
		i++
	}
	return i, (v - knots[i]) / (knots[i+1] - knots[i])
}

// Symmetric errors at long horizons, where independent ones are few, and a little inflation, which pays for levels that
// shift and for errors measured on what the weights were chosen by: interpolated in the logarithm of the hours ahead.
var (
	ramp      = [...]float64{math.Log(0.25), math.Log(1), math.Log(6), math.Log(24)}
	symmetry  = [...]float64{0, 0.5, 0.8, 0.8}
	inflation = [...]float64{1, 1, 1.04, 1.10}
)

// blended makes the table of single steps at a knot (the logarithm of steps) from the errors s.
func (s sample) blended(w *window, knot float64) (t table) {
	s.sort()
	signed, even := s.quantiles(), s.symmetric()
	i, x := interpolate(ramp[:], knot+math.Log(w.minutes/60))
	g, inflate := symmetry[i], inflation[i]
	if x > 0 {
		g += x * (symmetry[i+1] - g)
		inflate += x * (inflation[i+1] - inflate)
	}
	for k := range t {
		t[k] = float32(inflate * ((1-g)*float64(signed[k]) + g*float64(even[k])))
	}
	t[middle] = 0
	for k := middle + 1; k < numProbabilities; k++ {
		t[k] = max(t[k], t[k-1])
		j := numProbabilities - 1 - k
		t[j] = min(t[j], t[j+1])
	}
	return t
}
