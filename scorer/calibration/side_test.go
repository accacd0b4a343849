package calibration_test

import (
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/anomaly-exporter/anomaly-exporter/scorer/calibration"
)

// sides returns the calibration of two weeks of deviations, one in 5 minutes.
func sides(deviation func(i int, r *rand.Rand) float32) calibration.Calibration {
	const n, slot, span = 4032, 5 * 60_000, 14 * 24 * 3_600_000
	r := rand.New(rand.NewPCG(1, 1))
	deviations, sample := make([]calibration.Beyond, n), make([]calibration.Statistics, n)
	for i := range deviations {
		d := deviation(i, r)
		deviations[i], sample[i] = calibration.Beyond{Distance: d}, calibration.Statistics{max(d, -d)}
	}
	o := calibration.Options{Enabled: [calibration.MaxStatistics]bool{true}, Slot: slot, Separation: 36}
	c := calibration.Fit(o, sample, span)
	c.FitSides(deviations, 0, o, span)
	return c
}

// Bursts above make others normal, and nothing below that was never seen.
func TestFitSides_TellsTheSideWithoutBursts(t *testing.T) {
	c := sides(func(i int, r *rand.Rand) float32 {
		if i%200 < 6 {
			return float32(30 + r.NormFloat64())
		}
		return float32(r.NormFloat64())
	})
	own, supported := c.LogPeriodBeyond(calibration.Beyond{Distance: -15})
	require.Greater(t, own, logPeriod(&c, &calibration.Statistics{15})+2, "100 times as rare")
	require.LessOrEqual(t, supported, own)
	usual, _ := c.LogPeriodBeyond(calibration.Beyond{Distance: -1})
	require.Less(t, usual, logPeriod(&c, &calibration.Statistics{1}))
	above, _ := c.LogPeriodBeyond(calibration.Beyond{Distance: 30})
	require.Less(t, above, logPeriod(&c, &calibration.Statistics{30}), "bursts are what makes all deviations large")
	require.Less(t, c.BandBeyond(-1).Distance, float32(10))
	require.Greater(t, c.Band(), float32(25))
	require.Equal(t, c.Band(), c.BandBeyond(1).Distance)
}

func TestFitSides_LeavesSidesThatAreAlike(t *testing.T) {
	for name, deviation := range map[string]func(i int, r *rand.Rand) float32{
		"normal":  func(_ int, r *rand.Rand) float32 { return float32(r.NormFloat64()) },
		"laplace": func(_ int, r *rand.Rand) float32 { return float32(r.ExpFloat64() - r.ExpFloat64()) },
		"none":    func(int, *rand.Rand) float32 { return 0 },
	} {
		c := sides(deviation)
		for x := float32(1); x < 30; x += 0.25 {
			all := logPeriod(&c, &calibration.Statistics{x})
			for _, d := range []float32{-x, x} {
				own, _ := c.LogPeriodBeyond(calibration.Beyond{Distance: d})
				require.True(t, own < all || all > 4.1, "%s: %g is %g instead of %g", name, d, own, all) // 4 is a score of 0.8
				require.Equal(t, c.Band(), c.BandBeyond(d).Distance, "%s: %g", name, d)
			}
		}
	}
}
