package intervals

import "slices"

// The probabilities at which quantiles of errors are kept; between them quantiles are interpolated. They are symmetric
// about 0.5, so that signed and symmetric errors can be blended one by one. They are chosen, not tuned: they include
// the ends of 80 %, 90 %, 95 % and 99 % intervals, and 200 errors tell nothing beyond them.
var probabilities = [...]float64{
	0.005, 0.01, 0.025, 0.05, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 0.975, 0.99, 0.995,
}

const (
	numProbabilities = len(probabilities)
	middle           = numProbabilities / 2
)

// A QuantileTable holds the quantiles of an error at fixed probabilities from 0.005 to 0.995.
type QuantileTable [numProbabilities]float32

// At returns the quantile p, interpolated. Outside of the probabilities kept it returns the outermost quantile.
func (t *QuantileTable) At(p float64) float64 {
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

// Exceeding returns the probability of an error over e. The quantile p of errors is that of the table, times factor,
// plus uncertainty times 2p-1.
func (t *QuantileTable) Exceeding(e, factor, uncertainty float64) float64 {
	at := func(i int) float64 { return factor*float64(t[i]) + uncertainty*(2*probabilities[i]-1) }
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

// widen takes the quantiles so many times as far from the median.
func (t *QuantileTable) widen(times float64) {
	for k, v := range t {
		t[k] = t[middle] + float32(times)*(v-t[middle])
	}
}

// A WeightedError is an error of a past forecast (what happened less what was forecast) and what it counts.
type WeightedError struct{ Value, Weight float64 }

// A Sample is a set of errors. Most of its methods need it sorted by value.
type Sample []WeightedError

// quantiles returns the split conformal quantiles of s, which is sorted (Tibshirani et al., "Conformal Prediction Under
// Covariate Shift", NeurIPS 2019, for the weights). The error to come counts as much as the heaviest one seen, and is
// taken to lie beyond all of them: above them for probabilities over a half, else below. An empty sample gives zeros.
func (s Sample) quantiles() (t QuantileTable) {
	if len(s) == 0 {
		return t
	}
	total, heaviest := s.weight()
	reader := cumulativeReader{s: s}
	for k, p := range probabilities {
		want := p * (total + heaviest)
		if p <= 0.5 {
			want -= heaviest
		}
		t[k] = float32(reader.at(want))
	}
	return t
}

// weight returns the weight of all errors, and that of the heaviest one.
func (s Sample) weight() (total, heaviest float64) {
	for _, e := range s {
		total += e.Weight
		if e.Weight > heaviest {
			heaviest = e.Weight
		}
	}
	return total, heaviest
}

// A cumulativeReader reads values off a sorted sample at rising cumulative weights.
type cumulativeReader struct {
	s   Sample
	i   int
	sum float64 // weight of s[:i]
}

// at returns the value at the cumulative weight want, interpolated; outside of the sample its first or last value.
func (r *cumulativeReader) at(want float64) float64 {
	for r.i < len(r.s) && r.sum+r.s[r.i].Weight < want {
		r.sum += r.s[r.i].Weight
		r.i++
	}
	switch {
	case r.i == len(r.s):
		return r.s[r.i-1].Value
	case r.i == 0:
		return r.s[0].Value
	}
	before, at := r.s[r.i-1].Value, r.s[r.i].Value
	return before + (at-before)*(want-r.sum)/r.s[r.i].Weight
}

// symmetric returns the quantiles of errors that are as likely above as below: those of their size, with both signs. s
// is sorted.
func (s Sample) symmetric() (t QuantileTable) {
	if len(s) == 0 {
		return t
	}
	size := slices.Grow(s[len(s):], len(s)) // behind s, if it has the capacity
	above, _ := slices.BinarySearchFunc(s, 0, func(e WeightedError, zero float64) int {
		if e.Value < zero {
			return -1
		}
		return 1
	})
	below := above - 1
	for below >= 0 || above < len(s) { // merged from the middle outwards
		if above == len(s) || below >= 0 && -s[below].Value < s[above].Value {
			size = append(size, WeightedError{-s[below].Value, s[below].Weight})
			below--
		} else {
			size = append(size, s[above])
			above++
		}
	}
	total, heaviest := size.weight()
	reader := cumulativeReader{s: size}
	for k := middle + 1; k < numProbabilities; k++ {
		t[k] = float32(reader.at((2*probabilities[k] - 1) * (total + heaviest)))
		t[numProbabilities-1-k] = -t[k]
	}
	return t
}
