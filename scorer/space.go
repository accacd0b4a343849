package scorer

import (
	"errors"
	"math"

	"gonum.org/v1/gonum/mat"
	"gonum.org/v1/gonum/stat"
)

const (
	farthest   = 3    // deviates are no farther than this where the space is made, so that incidents do not turn it
	leastShare = 0.01 // of its variance an input has for itself, at least, when it is explained by the others
)

var errEigen = errors.New("correlation of the inputs has no eigenvalues")

// space is how the residuals of several signals usually move together: the principal components of the normal deviates that they stand for.
type space struct {
	width, kept int
	above       [MaxInputs]tail    // of the residuals
	below       [MaxInputs]tail    // of their opposites
	variances   [MaxInputs]float64 // of the components, descending; the first kept ones span what is usual
	directions  [MaxInputs][MaxInputs]float64
	precision   [MaxInputs][MaxInputs]float64
}

// newSpace takes vectors in order of time, without NaN, and replaces them by the deviates. What is no more than apart places away is one episode.
func newSpace(vectors []features, width, apart int) (*space, error) {
	s := &space{width: width}
	n := len(vectors)
	column := make([]float32, n)
	for d := range width {
		for i := range vectors {
			column[i] = vectors[i][d]
		}
		s.above[d] = fitTail(column, apart)
		for i := range vectors {
			column[i] = -vectors[i][d]
		}
		s.below[d] = fitTail(column, apart)
	}
	for i := range vectors {
		s.scale(&vectors[i])
	}
	return s, s.relate(vectors)
}

// relate finds the components of vectors of deviates.
func (s *space) relate(vectors []features) error {
	near := mat.NewDense(len(vectors), s.width, nil)
	for i := range vectors {
		for d := range s.width {
			near.Set(i, d, min(max(float64(vectors[i][d]), -farthest), farthest))
		}
	}
	return s.decompose(correlation(near))
}

// correlation is the correlation matrix of the columns; those of a constant are 0.
func correlation(columns *mat.Dense) *mat.SymDense {
	var c mat.SymDense
	stat.CovarianceMatrix(&c, columns, nil)
	n := c.SymmetricDim()
	spread := make([]float64, n)
	for i := range n {
		spread[i] = math.Sqrt(c.At(i, i))
	}
	for i := range n {
		for k := range i {
			r := 0.0
			if both := spread[i] * spread[k]; both > 0 {
				r = c.At(i, k) / both
			}
			c.SetSym(i, k, r)
		}
		c.SetSym(i, i, 1)
	}
	return &c
}

// scale turns residuals into the normal deviates that are as rare as they were in their past. So neither skew nor heavy tails nor values that are mostly
// alike make a signal count for more than another.
func (s *space) scale(v *features) {
	for d := range s.width {
		v[d] = float32(deviate(s.above[d].strangeness(v[d])) - deviate(s.below[d].strangeness(-v[d])))
	}
}

// deviate is how far above 0 a normal value is whose like, or farther ones, have the probability e^-strangeness (Abramowitz and Stegun, 26.2.23);
// 0 for more than a half.
func deviate(strangeness float64) float64 {
	if strangeness <= math.Ln2 {
		return 0
	}
	t := math.Sqrt(2 * strangeness)
	return max(t-(2.515517+t*(0.802853+t*0.010328))/(1+t*(1.432788+t*(0.189269+t*0.001308))), 0)
}

// decompose sets the components of a correlation matrix.
func (s *space) decompose(correlation *mat.SymDense) error {
	var eigen mat.EigenSym
	if !eigen.Factorize(correlation, true) {
		return errEigen
	}
	ascending := eigen.Values(nil)
	var vectors mat.Dense
	eigen.VectorsTo(&vectors)
	for c := range s.width {
		from := s.width - 1 - c
		s.variances[c] = max(ascending[from], 0)
		for d := range s.width {
			s.directions[c][d] = vectors.At(d, from)
		}
	}
	for s.kept < s.width && s.variances[s.kept] > 1 { // Kaiser's rule: more than a signal by itself
		s.kept++
	}
	s.kept = max(s.kept, 1)
	for c := range s.width {
		for a := range s.width {
			for b := range s.width {
				s.precision[a][b] += s.directions[c][a] * s.directions[c][b] / (s.variances[c] + leastShare)
			}
		}
	}
	return nil
}

// measure returns the statistics of a vector of deviates, but for the pattern. Of the drifts the mean is taken.
func (s *space) measure(v *features, drifts []drift) stats {
	mean := meanOf(drifts)
	all, beyond := s.away(v)
	drifted, _ := s.away(&mean)
	return stats{distance: float32(all), trend: float32(drifted), breach: float32(beyond)}
}

// away is how far a vector of deviates is from what is usual, and from what the components kept explain.
func (s *space) away(v *features) (all, beyond float64) {
	for c := range s.width {
		along := 0.0
		for d := range s.width {
			along += s.directions[c][d] * float64(v[d])
		}
		all += along * along / (s.variances[c] + leastShare)
		if c >= s.kept {
			beyond += along * along
		}
	}
	return math.Sqrt(all), math.Sqrt(beyond)
}

// drift is the exponentially weighted mean of vectors.
type drift [MaxInputs]float64

func (m *drift) next(v *features) {
	for d, z := range v {
		m[d] += trendGain * (float64(z) - m[d])
	}
}

func meanOf(drifts []drift) (mean features) {
	for d := range mean {
		sum := 0.0
		for i := range drifts {
			sum += drifts[i][d]
		}
		mean[d] = float32(sum / float64(len(drifts)))
	}
	return mean
}

// surprises is by input how much nearer the vector of deviates would be, squared and in all directions, if the input were what the others let one expect
// (Mason, Tracy and Young, "Decomposition of T² for multivariate control chart interpretation", Journal of Quality Technology 1995). weight times that is
// added to parts.
func (s *space) surprises(v *features, weight float64, parts *[MaxInputs]float64) {
	for a := range s.width {
		off := 0.0
		for b := range s.width {
			off += s.precision[a][b] * float64(v[b])
		}
		parts[a] += weight * off * off / s.precision[a][a]
	}
}
