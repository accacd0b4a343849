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

func TestSort_IsThatOfPackageSlices(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 1))
	infinite := float32(math.Inf(1))
	for _, n := range []int{0, 1, 2, radixFrom - 1, radixFrom, radixFrom + 1, 5000} {
		values := make([]float32, n)
		for i := range values {
			switch r.IntN(4) {
			case 0:
				values[i] = float32(r.IntN(5) - 2)
			case 1:
				values[i] = math.Float32frombits(r.Uint32() &^ (1 << 30)) // any size up to 2
			case 2:
				values[i] = 100 * float32(r.NormFloat64())
			default:
				values[i] = []float32{infinite, -infinite, math.MaxFloat32, math.SmallestNonzeroFloat32}[r.IntN(4)]
			}
		}
		want := slices.Clone(values)
		slices.Sort(want)
		Sort(values)
		require.Equal(t, want, values, n)
	}
}

func BenchmarkSort(b *testing.B) {
	r := rand.New(rand.NewPCG(1, 1))
	values, sorted := make([]float32, 2016), make([]float32, 2016)
	for i := range values {
		values[i] = float32(math.Abs(r.NormFloat64()))
	}
	for b.Loop() {
		copy(sorted, values)
		Sort(sorted)
	}
}
