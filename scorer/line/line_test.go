package line_test

import (
	"math"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/anomaly-exporter/anomaly-exporter/scorer/line"
	"github.com/anomaly-exporter/anomaly-exporter/scorer/orderstat"
)

func values(n int, value func(i int) float64) []float64 {
	y := make([]float64, n)
	for i := range y {
		y[i] = value(i)
	}
	return y
}

func TestSlope_IsThatOfALineWithGapsAndAJump(t *testing.T) {
	y := values(2000, func(i int) float64 {
		switch {
		case i%7 == 0:
			return math.NaN()
		case i > 1500:
			return 1e6 + 3*float64(i)
		}
		return 3 * float64(i)
	})
	require.InDelta(t, 3, line.Slope(y, 12, &orderstat.Scratch{}), 1e-9)
	require.True(t, math.IsNaN(line.Slope(y[:30], 12, &orderstat.Scratch{})), "too few are known")
}

func TestKeeps_TellsALineFromASawtooth(t *testing.T) {
	saw := values(2000, func(i int) float64 { return float64(i % 80) })
	require.InDelta(t, 1, line.Slope(saw, 1, &orderstat.Scratch{}), 1e-9)
	require.False(t, line.Keeps(1, saw, 96, &orderstat.Scratch{}))
	require.True(t, line.Keeps(1, values(2000, func(i int) float64 { return float64(i) }), 96, &orderstat.Scratch{}))
}
