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
	r := rand.New(rand.NewPCG(1, 4))
	for range 500 {
		values := make([]float32, 1+r.IntN(2*few))
		for i := range values {
			values[i] = float32(r.IntN(9) - 4)
		}
		sorted := slices.Clone(values)
		slices.Sort(sorted)
		require.InDelta(t, (sorted[(len(sorted)-1)/2]+sorted[len(sorted)/2])/2, Median(values), 0)
		require.Equal(t, sorted, values)
	}
}

func TestScratch_RollingMediansAreThoseOfARollingMedian(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 3))
	var got []float32
	var scratch Scratch
	for run := range 300 {
		size, missing, ties := 1+r.IntN(40), r.IntN(11), r.IntN(2) == 0
		if run%20 == 0 {
			size = 192
		}
		values := make([]float32, r.IntN(700))
		w := NewRollingMedian(size)
		want := []float32{w.Median()}
		for i := range values {
			values[i] = float32(r.NormFloat64())
			if ties {
				values[i] = float32(r.IntN(5) - 2)
			}
			if r.IntN(10) < missing {
				values[i] = float32(math.NaN())
			}
			w.Push(values[i])
			want = append(want, w.Median())
		}
		got = scratch.AppendRollingMedians(got[:0], values, size)
		require.Len(t, got, len(want))
		for i := range want {
			require.True(t, got[i] == want[i] || got[i] != got[i] && want[i] != want[i], "%d: %v, not %v", i, got[i], want[i])
		}
	}
}

func BenchmarkAppendRollingMedians(b *testing.B) {
	r := rand.New(rand.NewPCG(1, 1))
	values := make([]float32, 2016)
	for i := range values {
		values[i] = float32(r.NormFloat64())
	}
	var medians []float32
	var scratch Scratch
	b.ReportAllocs()
	for b.Loop() {
		medians = scratch.AppendRollingMedians(medians[:0], values, 192)
	}
}

func BenchmarkRollingMedian(b *testing.B) {
	r := rand.New(rand.NewPCG(1, 1))
	values := make([]float32, 1<<16) // as many as no processor learns by heart
	for i := range values {
		values[i] = float32(r.NormFloat64())
	}
	w := NewRollingMedian(192)
	i := 0
	for b.Loop() {
		w.Push(values[i%len(values)])
		i++
	}
}
