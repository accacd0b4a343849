package forecaster

import (
	"math"
	"testing"

	"github.com/stretchr/testify/require"
)

// Central forecasts go as far beyond the range seen as that is wide, but not to where no value can be.
func TestLimits_AllowTheRangeSeenOnceMore(t *testing.T) {
	t.Parallel()
	inf := math.Inf(1)
	for _, tc := range []struct {
		name                       string
		data                       [2]float64
		lowest, highest, low, high float64
	}{
		{"anything", [2]float64{-inf, inf}, -10, 20, -40, 50},
		{"no negative value was seen", [2]float64{-inf, inf}, 10, 20, 0, 30},
		{"a range", [2]float64{5, 25}, 10, 20, 5, 25},
	} {
		l := limits{data: tc.data, lowest: tc.lowest, highest: tc.highest}
		low, high := l.plausible()
		require.Equal(t, [2]float64{tc.low, tc.high}, [2]float64{low, high}, tc.name)
		l.extend(-100)
		require.Equal(t, max(-100, tc.data[0]), l.clamp(-100), tc.name)
	}
}
