package combination

import (
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/anomaly-exporter/anomaly-exporter/forecaster/lines"
)

func TestSorted_ReplacesTheOldestOfTwelve(t *testing.T) {
	t.Parallel()
	rng := rand.New(rand.NewPCG(8, 0))
	values, s := make([]float64, 2000), sorted{}
	for i := lines.HourParts; i < len(values); i++ {
		if values[i] = rng.NormFloat64(); i%3 == 0 {
			values[i] = float64(rng.IntN(3)) // some are there twice
		}
		s.replace(values[i-lines.HourParts], values[i])
		want := slices.Sorted(slices.Values(values[i-lines.HourParts+1 : i+1]))
		require.Equal(t, want, s[:])
		require.Equal(t, (want[5]+want[6])/2, s.median())
	}
}
