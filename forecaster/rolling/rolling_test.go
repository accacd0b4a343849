package rolling_test

import (
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/anomaly-exporter/anomaly-exporter/forecaster/rolling"
)

func TestMedian_EqualsSortingAnew(t *testing.T) {
	t.Parallel()
	rng := rand.New(rand.NewPCG(1, 0))
	for _, n := range []int{1, 2, 3, 7, 64, 289} {
		r := rolling.NewMedian(n)
		var all []float32
		for i := range 4 * n {
			v := float32(rng.IntN(n))
			oldest := r.Add(v)
			all = append(all, v)
			if i >= n {
				require.Equal(t, all[i-n], oldest)
			}
			want := slices.Clone(all[max(0, i+1-n):])
			slices.Sort(want)
			require.Equal(t, want, r.Sorted())
			require.Equal(t, float64(want[len(want)/2]), r.Median(0))
		}
	}
}

func TestMedian_OnlyKeepsTheOrderOfTimeUntilAsked(t *testing.T) {
	t.Parallel()
	for _, asked := range []int{0, 1, 4, 5, 6, 13} {
		r := rolling.NewMedian(5)
		for i, v := range []float32{3, 1, 4, 1, 5, 9, 2, 6, 5, 3, 5, 8, 9, 7} {
			if oldest := r.Add(v); i == 5 {
				require.Equal(t, float32(3), oldest)
			}
			if i == asked {
				r.Median(0)
			}
		}
		require.Equal(t, []float32{3, 5, 7, 8, 9}, r.Sorted())
		require.Equal(t, 7.0, r.Median(0))
	}
	none := rolling.NewMedian(5)
	require.Equal(t, 7.0, none.Median(7))
}

func TestLine_EqualsLeastSquaresOverItsPoints(t *testing.T) {
	t.Parallel()
	rng := rand.New(rand.NewPCG(2, 0))
	l := rolling.NewLine(24, 5)
	var y []float64
	for i := range 20000 {
		v := float64(float32(0.01*float64(i%300) + rng.NormFloat64()))
		l.Add(v)
		if y = append(y, v); i < 23 {
			continue
		}
		if i%997 != 0 {
			continue
		}
		slope := leastSquares(y[len(y)-24:])
		require.InDelta(t, slope/5, l.Slope(), 1e-9)
	}
}

// leastSquares is the slope of the line through y, by the textbook.
func leastSquares(y []float64) float64 {
	n, sumX, sumY, sumXY, sumXX := float64(len(y)), 0.0, 0.0, 0.0, 0.0
	for i, v := range y {
		x := float64(i)
		sumX, sumY, sumXY, sumXX = sumX+x, sumY+v, sumXY+x*v, sumXX+x*x
	}
	return (n*sumXY - sumX*sumY) / (n*sumXX - sumX*sumX)
}

// At long steps, points fade so fast that all of them together count as few. Four on a line are one nevertheless.
func TestFadingLine_TakesFourPointsHoweverOld(t *testing.T) {
	t.Parallel()
	for _, halfLives := range []float64{0.01, 0.1, 1} {
		var l rolling.FadingLine
		for i := range 4 {
			_, slope, _ := l.Fit()
			require.Zero(t, slope)
			l.Step(halfLives)
			l.Add(float64(3 * i))
		}
		now, slope, explained := l.Fit()
		require.InDelta(t, 9, now, 1e-9)
		require.InDelta(t, 3, slope, 1e-9)
		require.InDelta(t, 1, explained, 1e-9)
	}
}
