package credibility_test

import (
	"math"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/anomaly-exporter/anomaly-exporter/scorer/credibility"
)

func TestOf_IsTheShareOfTheEventsOfAStepAmongThoseOfThePast(t *testing.T) {
	for n, want := range map[float64]float64{0: 0, -3: 0, 1: 1.0 / 21, 20: 0.5, 180: 0.9, math.Inf(1): 1} {
		require.InDelta(t, want, credibility.Of(n), 1e-12, "%v events", n)
	}
	require.InDelta(t, 1, credibility.Of(math.NaN()), 0, "an unknown number")
}

func TestAt_CountsAllWithoutWeights(t *testing.T) {
	require.InDelta(t, 1, credibility.At(nil, 7), 0)
	require.InDelta(t, 0.5, credibility.At([]float64{1, 20}, 1), 0)
}

func TestTowards_IsExactAtItsEnds(t *testing.T) {
	require.Equal(t, float32(0.1), credibility.Towards(0.1, 1e9, 1))
	require.Equal(t, float32(1e9), credibility.Towards(0.1, 1e9, 0))
	require.Equal(t, float32(12), credibility.Towards(20, 10, 0.2))
}
