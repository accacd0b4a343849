package calibration

import (
	"math"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestEpisodes_CountsRunsBeyondAThreshold(t *testing.T) {
	for _, tc := range []struct {
		sample []float32
		want   int
	}{
		{[]float32{0, 0, 0}, 1},
		{[]float32{2, 0, 2, 0, 0, 2}, 1},
		{[]float32{2, 0, 0, 0, 2, 2}, 2},
		{[]float32{0, 2, 0, 0, 0, 2, 0, 0, 0, 2}, 3},
	} {
		require.Equal(t, tc.want, episodes(tc.sample, 1, 3), "%v", tc.sample)
	}
}

// Within the sample a tail is worth what it says. Beyond, it is worth the less the fewer episodes it is made of.
func TestExtrapolation_GoesNoFurtherThanTheEpisodesSupport(t *testing.T) {
	const n = 4000
	for _, shape := range []float64{-0.1, 1e-4, 0.3} {
		few := extrapolation{from: math.Log(n), shape: shape, doubt: 1.0 / 3}
		many := extrapolation{from: math.Log(n), shape: shape, doubt: 1.0 / 80}
		before := 0.0
		for surprisal := 0.1; surprisal < 60; surprisal += 0.1 {
			got := few.limit(surprisal)
			require.Greater(t, got, before, "rarer is rarer")
			before = got
			if surprisal <= math.Log(n) {
				require.InDelta(t, surprisal, got, 0)
				continue
			}
			require.Less(t, got, surprisal)
			require.Less(t, got, many.limit(surprisal))
		}
	}
	exponential := extrapolation{shape: 1e-4, doubt: 1.0 / 3}
	// The predictive distribution of an exponential tail that three values are known of: (1 + z/3)^-3.
	require.InDelta(t, 3*math.Log1p(10.0/3), exponential.limit(10), 1e-2)
	unlimited := extrapolation{}
	require.InDelta(t, 100, unlimited.limit(100), 0)
}
