package combination

import (
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/anomaly-exporter/anomaly-exporter/forecaster/lines"
)

func TestSorted_ReplacesTheOldest(t *testing.T) {
	t.Parallel()
	for _, n := range []int{4, 6, lines.HourParts} {
		rng := rand.New(rand.NewPCG(8, 0))
		values, s := make([]float64, 2000), newSorted(n)
		for i := n; i < len(values); i++ {
			if values[i] = rng.NormFloat64(); i%3 == 0 {
				values[i] = float64(rng.IntN(3)) // some are there twice
			}
			s.replace(values[i-n], values[i])
			want := slices.Sorted(slices.Values(values[i-n+1 : i+1]))
			for k, v := range want {
				require.Equal(t, v, inOrder(s[k]))
			}
			require.InDelta(t, (want[n/2-1]+want[n/2])/2, s.median(n), 0)
		}
	}
}
