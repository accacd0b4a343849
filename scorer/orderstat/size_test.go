package orderstat_test

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/anomaly-exporter/anomaly-exporter/scorer/orderstat"
)

func TestSizeQuantile_IsThatOfAbsoluteValues(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 1))
	for _, offset := range []float64{-5, -1, 0, 1, 5} {
		for n := 1; n < 60; n++ {
			values, sizes := make([]float64, n), make([]float64, n)
			for i := range values {
				values[i] = math.Round(4*r.NormFloat64()) + offset
				sizes[i] = math.Abs(values[i])
			}
			slices.Sort(values)
			slices.Sort(sizes)
			for _, q := range []float64{0, 0.5, 0.9, 1} {
				require.Equal(t, orderstat.Quantile(sizes, q), orderstat.SizeQuantile(values, q), "%g of %v", q, values)
			}
		}
	}
}

func TestLargestOfEach(t *testing.T) {
	require.Equal(t, []float32{-1, 4, 9}, orderstat.LargestOfEach([]float32{3, 4, 9, 2, -1}, 2))
	require.Empty(t, orderstat.LargestOfEach(nil, 2))
}
