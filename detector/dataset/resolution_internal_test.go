package dataset

import (
	"math"
	"math/rand/v2"
	"testing"

	"github.com/prometheus/prometheus/promql"
	"github.com/stretchr/testify/require"
)

func TestResolution_IsLostWhereFloat32CannotTellValuesApart(t *testing.T) {
	noise := func(offset, size float64) func(i int) float64 {
		return func(i int) float64 { return offset + size*rand.New(rand.NewPCG(uint64(i), 1)).NormFloat64() }
	}
	sum := 0.0
	for _, tc := range []struct {
		name  string
		value func(i int) float64
		lost  bool
	}{
		{"an offset", noise(1e12, 1), true},
		{"a negative offset", noise(-1e12, 1), true},
		{"a small offset", noise(1e6, 1), false},
		{"a billion that varies by a hundred", noise(1e9, 100), false},
		{"a billion that varies by one", noise(1e9, 1), true},
		{"beyond float32", noise(1e300, 1e298), true},
		{"below float32", noise(0, 1e-50), true},
		{"small ones", noise(0, 1e-30), false},
		{"nothing but 0", noise(0, 0), false},
		{"a large constant", noise(1e15, 0), false},
		{"a constant but for rounding", func(i int) float64 {
			x := 0.1 * float64(i%7)
			return 1e12 * (x + 0.3 - x)
		}, false},
		{"an idle share by a clock that runs fast", func(i int) float64 {
			read := func(i int) float64 { return 5e5 + 60.018*float64(i) }
			return 1 - (read(i+5)-read(i))/300
		}, false},
		{"bytes that grow slowly", func(i int) float64 { return 4e11 + 10_000*float64(i) }, false},
		{"seconds since the epoch", func(i int) float64 { return 1.7e9 + 60*float64(i) }, false},
		{"a mean that creeps", func(i int) float64 { sum += float64(i % 3); return 5e8 + sum/1000 }, true},
		{"one glitch beyond float32", func(i int) float64 {
			if i == 2000 {
				return 1e300
			}
			return float64(i % 7)
		}, false},
		{"infinities", func(i int) float64 { return math.Inf(i%2 - 1) }, false},
	} {
		var r resolution
		for i := range 3 * 1440 {
			r.add(promql.FPoint{T: int64(i) * 60_000, F: tc.value(i)})
		}
		require.Equal(t, tc.lost, r.lost(), tc.name)
	}
}

// What came before yesterday does not count, so it does not matter when reading began.
func TestResolution_DependsOnTwoDays(t *testing.T) {
	var early, late resolution
	for i := range 6 * 24 {
		v := 1e12
		if i >= 3*24 {
			v += float64(i % 2)
		} else {
			v *= float64(i % 2) // these are told apart
		}
		p := promql.FPoint{T: int64(i) * 3_600_000, F: v}
		early.add(p)
		if i >= 2*24 {
			late.add(p)
		}
		if i >= 4*24 {
			require.Equal(t, early, late)
			require.True(t, early.lost())
		}
	}
}
