package sizes_test

import (
	"math"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/anomaly-exporter/anomaly-exporter/forecaster/recurring/sizes"
)

const days = 14

// draw returns the sizes of some times of day, each of which comes with a chance of 60 %. Their logarithms grow, and
// have a standard deviation of their own and one that those of a day share.
func draw(r *rand.Rand, times int, growth, own, shared float64) [][]sizes.Size {
	all := make([][]sizes.Size, times)
	for day := range days {
		of := shared * r.NormFloat64()
		for k := range all {
			if v := growth*float64(day) + of + own*r.NormFloat64(); r.Float64() < 0.6 {
				all[k] = append(all[k], sizes.Size{Day: day, Value: float32(100 * float64(k+1) * math.Exp(v))})
			}
		}
	}
	return all
}

func TestGrowth_IsThatOfAllTimesOfDay(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	require.InDelta(t, 0.05, sizes.Growth(draw(r, 12, 0.05, 0, 0), days), 1e-6)
	require.InDelta(t, 0.01, sizes.Growth(draw(r, 2, 0.01, 0.01, 0), days), 0.003)
	require.InDelta(t, 0.05, sizes.Growth(draw(r, 12, 0.05, 0.3, 0), days), 0.02)
	require.Zero(t, sizes.Growth(draw(r, 12, -0.05, 0, 0), days), "what shrinks may come as large as before")
	require.Zero(t, sizes.Growth(nil, days))
	few := [][]sizes.Size{{{Day: 0, Value: 1}, {Day: 1, Value: 2}, {Day: 2, Value: 4}, {Day: 3, Value: 8}}}
	require.Zero(t, sizes.Growth(few, days), "four days")
}

// Sizes that do not grow seem to do so in one window of fifty at most, also if those of a day vary together.
func TestGrowth_IsNoneByChance(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 4))
	for _, tc := range []struct {
		times       int
		own, shared float64
	}{{12, 0.5, 0}, {12, 0.1, 0.3}, {1, 0.3, 0}, {3, 1, 0}} {
		grown := 0
		for range 1000 {
			if sizes.Growth(draw(r, tc.times, 0, tc.own, tc.shared), days) > 0 {
				grown++
			}
		}
		t.Logf("%+v: %d of 1000", tc, grown)
		require.LessOrEqual(t, grown, 20, tc)
	}
}

func TestRatios_AreToTheMedianOfTheOthers(t *testing.T) {
	var all [][]sizes.Size
	for k := range 8 {
		unit := float32(k + 1)
		all = append(all, []sizes.Size{{0, 4 * unit}, {1, unit}, {2, 2 * unit}, {3, 2 * unit}})
	}
	all = append(all, []sizes.Size{{0, 1}, {1, 1}, {2, 9}}) // too few
	ratios := sizes.Ratios(all, 0)
	require.Len(t, ratios, 32)
	require.Equal(t, []float32{0.5, 0.5}, []float32{ratios[0], ratios[7]}, "1 to 2")
	require.Equal(t, []float32{1, 1}, []float32{ratios[8], ratios[23]}, "2 to 2")
	require.Equal(t, float32(2), ratios[31], "4 to 2")
	require.Nil(t, sizes.Ratios(all[:7], 0), "28")

	r := rand.New(rand.NewPCG(5, 6))
	for _, ratio := range sizes.Ratios(draw(r, 12, 0.1, 0, 0), 0.1) {
		require.InDelta(t, 1, ratio, 1e-5, "growth is none of them")
	}
}
