// Package pca describes how several signals usually vary together, by principal component analysis, and tells how far a
// vector of their values is from that.
package pca

import (
	"errors"
	"math"

	"gonum.org/v1/gonum/mat"
	"gonum.org/v1/gonum/stat"
)

const (
	// MaxInputs is the largest number of signals: what a Vector holds.
	MaxInputs = 8
	// clip is how far from 0 values may be when the components are found, so that incidents do not turn these. Chosen,
	// not tuned: three standard deviations.
	clip = 3
	// minVariance is added to the variance of each component: the share of its variance that a signal has to itself at
	// least. It keeps the inverse finite where signals are exact functions of each other. Chosen, not tuned.
	minVariance = 0.01
)

var errEigen = errors.New("correlation of the inputs has no eigenvalues")

// A Vector holds a value of each signal, in units of its standard deviation. Of a Model for fewer signals the first
// ones count.
type Vector = [MaxInputs]float32

// A Model knows the principal components of the signals.
type Model struct {
	width      int
	components int                // the number that carries what is usual
	variances  [MaxInputs]float64 // of the components, descending
	directions [MaxInputs][MaxInputs]float64
	precision  [MaxInputs][MaxInputs]float64 // inverse of the correlation matrix
}

// Fit finds the principal components of the first width values of the vectors, of which there have to be two. Values
// are not NaN.
func Fit(vectors []Vector, width int) (*Model, error) {
	clipped := mat.NewDense(len(vectors), width, nil)
	for i := range vectors {
		for d := range width {
			clipped.Set(i, d, min(max(float64(vectors[i][d]), -clip), clip))
		}
	}
	m := &Model{width: width}
	if err := m.decompose(correlation(clipped)); err != nil {
		return nil, err
	}
	return m, nil
}

// correlation returns the correlation matrix of the columns. A constant is correlated with nothing.
func correlation(columns *mat.Dense) *mat.SymDense {
	var c mat.SymDense
	stat.CovarianceMatrix(&c, columns, nil)
	n := c.SymmetricDim()
	deviations := make([]float64, n)
	for i := range n {
		deviations[i] = math.Sqrt(c.At(i, i))
	}
	for i := range n {
		for k := range i {
			r := 0.0
			if both := deviations[i] * deviations[k]; both > 0 {
				r = c.At(i, k) / both
			}
			c.SetSym(i, k, r)
		}
		c.SetSym(i, i, 1)
	}
	return &c
}

// decompose sets the components of a correlation matrix.
func (m *Model) decompose(correlation *mat.SymDense) error {
	var eigen mat.EigenSym
	if !eigen.Factorize(correlation, true) {
		return errEigen
	}
	ascending := eigen.Values(nil)
	var vectors mat.Dense
	eigen.VectorsTo(&vectors)
	for c := range m.width {
		from := m.width - 1 - c
		m.variances[c] = max(ascending[from], 0)
		for d := range m.width {
			m.directions[c][d] = vectors.At(d, from)
		}
	}
	// Kaiser's rule: a component counts if it carries more than a signal by itself does.
	for m.components < m.width && m.variances[m.components] > 1 {
		m.components++
	}
	m.components = max(m.components, 1)
	for c := range m.width {
		for a := range m.width {
			for b := range m.width {
				m.precision[a][b] += m.directions[c][a] * m.directions[c][b] / (m.variances[c] + minVariance)
			}
		}
	}
	return nil
}

// Reduces tells whether fewer components than signals carry what is usual. If not, spe of Statistics is always 0.
func (m *Model) Reduces() bool { return m.components < m.width }

// Statistics returns the roots of two statistics of a vector: Hotelling's T², its distance from the centre given how
// the signals are correlated, and SPE (also called Q), the squared prediction error of the usual components (Jackson
// and Mudholkar, "Control procedures for residuals associated with principal component analysis", Technometrics
// 1979).
func (m *Model) Statistics(v *Vector) (t, spe float64) {
	for c := range m.width {
		along := 0.0
		for d := range m.width {
			along += m.directions[c][d] * float64(v[d])
		}
		t += along * along / (m.variances[c] + minVariance)
		if c >= m.components {
			spe += along * along
		}
	}
	return math.Sqrt(t), math.Sqrt(spe)
}

// AddContributions adds to parts, for each signal and times weight, by how much T² would be smaller if the signal
// took its conditional expectation given the others (Mason, Tracy and Young, "Decomposition of T² for multivariate
// control chart interpretation", Journal of Quality Technology 1995).
func (m *Model) AddContributions(parts *[MaxInputs]float64, v *Vector, weight float64) {
	for a := range m.width {
		sum := 0.0
		for b := range m.width {
			sum += m.precision[a][b] * float64(v[b])
		}
		parts[a] += weight * sum * sum / m.precision[a][a]
	}
}
