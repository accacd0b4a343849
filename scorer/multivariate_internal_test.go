package scorer

import (
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/anomaly-exporter/anomaly-exporter/scorer/ewma"
	"github.com/anomaly-exporter/anomaly-exporter/scorer/pca"
)

// fitComponents returns a model that has only marginals and components.
func fitComponents(t *testing.T, vectors []pca.Vector) *Multivariate {
	t.Helper()
	m := &Multivariate{names: []string{"a", "b", "c"}}
	m.fitMarginals(vectors, 2)
	for i := range vectors {
		m.toDeviates(&vectors[i])
	}
	var err error
	m.pca, err = pca.Fit(vectors, len(m.names))
	require.NoError(t, err)
	return m
}

// Of two inputs that vary together and one that varies alone, a breach between the two is shared by them, whatever
// their units.
func TestMultivariate_SharesABreachBetweenTwoInputs(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 0))
	vectors := make([]pca.Vector, 500)
	for i := range vectors {
		x := r.Float32()
		vectors[i] = pca.Vector{x, 5 * x, r.Float32()}
	}
	m := fitComponents(t, vectors)
	m.means, m.meanGain = make([]ewmaVector, 1), ewma.TrendGain(0)
	v := pca.Vector{0.8, 5 * 0.2, 0.5}
	m.toDeviates(&v)
	shares := map[string]float64{}
	for _, c := range m.explain(&v) {
		shares[c.Feature] = c.Share
	}
	require.InDelta(t, 0.5, shares["a"], 0.02)
	require.InDelta(t, 0.5, shares["b"], 0.02)
	require.InDelta(t, 0, shares["c"], 0.01)
}

// An input that never changes counts once it does, and one that is mostly 0 by how rarely it is not.
func TestMultivariate_MeasuresMostlyEqualValuesByTheirRarity(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 0))
	vectors := make([]pca.Vector, 500)
	for i := range vectors {
		vectors[i] = pca.Vector{r.Float32(), 3, 0}
		if i%50 == 0 {
			vectors[i][2] = 1
		}
	}
	m := fitComponents(t, vectors)
	for _, tc := range []struct {
		v        pca.Vector
		min, max float64
	}{
		{pca.Vector{0.5, 3, 0}, 0, 0.2},
		{pca.Vector{0.5, 3.001, 0}, 2.5, 3.5},
		{pca.Vector{0.5, 2, 0}, 2.5, 3.5},
		{pca.Vector{0.5, 3, 1}, 1.8, 2.6},
	} {
		m.toDeviates(&tc.v)
		distance, _ := m.pca.Statistics(&tc.v)
		require.GreaterOrEqual(t, distance, tc.min, tc.v)
		require.LessOrEqual(t, distance, tc.max, tc.v)
	}
}
