package orderstat

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
)

// The reference is a sort of the newest values.
func TestRollingMedian_AgreesWithSorting(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	w := NewRollingMedian(9)
	var all []float32
	for range 2000 {
		v := float32(r.IntN(12))
		if r.IntN(5) == 0 {
			v = float32(math.NaN())
		}
		w.Push(v)
		all = append(all, v)
		want := slices.DeleteFunc(slices.Clone(all[max(0, len(all)-9):]), func(v float32) bool { return v != v })
		slices.Sort(want)
		require.Equal(t, want, append([]float32{}, w.sorted...))
		require.Equal(t, len(want), w.Len())
		if n := len(want); n >= 2 {
			require.InDelta(t, (want[(n-1)/2]+want[n/2])/2, w.Median(), 0)
		}
	}
}

func TestRollingMedian_NeedsAnEighthOfItsValues(t *testing.T) {
	w := NewRollingMedian(24)
	require.Equal(t, 24, w.Size())
	for range 2 {
		w.Push(3)
		require.True(t, math.IsNaN(float64(w.Median())))
	}
	w.Push(5)
	require.InDelta(t, 3, w.Median(), 0)
	w.Push(5)
	require.InDelta(t, 4, w.Median(), 0)
}

func TestQuantile_ReturnsTheNearestValue(t *testing.T) {
	sorted := []float64{1, 2, 3, 4, 5}
	for q, want := range map[float64]float64{0: 1, 0.1: 1, 0.13: 2, 0.5: 3, 0.9: 5, 1: 5} {
		require.InDelta(t, want, Quantile(sorted, q), 0, "%g", q)
	}
}

func TestMedian_IsTheMeanOfTheTwoInTheMiddle(t *testing.T) {
	require.InDelta(t, 7, Median([]float32{7}), 0)
	require.InDelta(t, 2, Median([]float32{3, 1, 2}), 0)
	require.InDelta(t, 2.5, Median([]float32{4, 1, 3, 2}), 0)
}
