package forecaster_test

import (
	"math"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/anomaly-exporter/anomaly-exporter/forecaster"
)

// Where noise is multiplied, or values are shares, intervals hold as much at a low level as at a high one, and never
// leave the range.
func TestFit_FollowsTheLevelWithIntervals(t *testing.T) {
	if testing.Short() {
		t.Skip("takes seconds")
	}
	t.Parallel()
	const day, series = 288, 12
	for _, tc := range []struct {
		name  string
		limit [2]float64
		value func(phase, noise float64) float64
	}{
		{"multiplied", [2]float64{}, func(phase, noise float64) float64 { return math.Exp(3 + 1.5*phase + noise) }},
		{"share", [2]float64{0, 1}, func(phase, noise float64) float64 { return 1 / (1 + math.Exp(-3*phase-1.5*noise)) }},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			var inside, steps [3]float64 // by the phase of the day: low, on the way, high
			above := 0.0
			for seed := range uint64(series) {
				rng, noise := rand.New(rand.NewPCG(seed, 8)), 0.0
				y := make([]float64, 9*day)
				for i := range y {
					noise = 0.9*noise + 0.08*rng.NormFloat64()
					y[i] = tc.value(math.Sin(2*math.Pi*float64(i)/day), noise)
				}
				o := forecaster.Options{Step: 5 * time.Minute, Horizons: []int{3, 12, 72}, DataRange: tc.limit}
				m := fit(t, o, y[:8*day], nil)
				for i := 8 * day; i+72 < len(y); i++ {
					m.Advance(y[i])
					for _, h := range []int{1, 3, 12, 72} {
						low, high, v := m.Quantile(h, 0.1), m.Quantile(h, 0.9), y[i+h]
						require.True(t, low >= 0 && (tc.limit[1] == 0 || high <= tc.limit[1]))
						phase := min(int(1.5*(1+math.Sin(2*math.Pi*float64(i+h)/day))), 2)
						steps[phase]++
						if v >= low && v <= high {
							inside[phase]++
						}
						if v > m.Quantile(h, 0.5) {
							above++
						}
					}
				}
			}
			for phase := range inside {
				require.InDelta(t, 0.8, inside[phase]/steps[phase], 0.1, "phase %d", phase)
			}
			require.InDelta(t, 0.5, above/(steps[0]+steps[1]+steps[2]), 0.05, "the median is one")
		})
	}
}
