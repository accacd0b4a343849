package ewma_test

import (
	"math"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/anomaly-exporter/anomaly-exporter/scorer/ewma"
)

// What is far from expected for less than a slot leaves no trace once the series is back. What lasts for a slot, what
// comes again within the hour, and what is not back, does.
func TestPhases_ForgetBlips(t *testing.T) {
	const stride, slot, before = 5, 5 * 60_000, 600
	for name, tc := range map[string]struct {
		after  []float32 // deviations
		leaves bool
	}{
		"one minute":                {[]float32{20, 0}, false},
		"four minutes":              {[]float32{20, -20, 9, 20, 0}, false},
		"with a gap":                {[]float32{20, float32(math.NaN()), 0}, false},
		"five minutes":              {[]float32{20, 20, 20, 20, 20, 0}, true},
		"not back":                  {[]float32{20, 5, 5, 5, 5, 0}, true},
		"again within the hour":     {[]float32{20, 0, 0, 0, 0, 0, 0, 20, 0}, true},
		"not farther than ordinary": {[]float32{7.9, 0}, true},
	} {
		t.Run(name, func(t *testing.T) {
			within := ewma.NewBounds(8, 0, slot)
			p := ewma.NewPhases(stride, slot)
			step := 0
			next := func(d float32) {
				p.Next(step%stride, d, 0, 1, &within)
				step++
			}
			for range before {
				next(float32(step/stride%2) / 10)
			}
			was := p.Average()
			for _, d := range tc.after {
				next(d)
			}
			now := p.Average()
			if tc.leaves {
				require.Greater(t, now.Volatility(), 4*was.Volatility())
				return
			}
			require.InDelta(t, was.Volatility(), now.Volatility(), 0.05)
			require.InDelta(t, was.Trend(), now.Trend(), 0.05)
		})
	}
}

// History of one value for each slot does not tell how long it was there: that is no blip.
func TestPhases_DoNotForgetSlots(t *testing.T) {
	const slot = 5 * 60_000
	within := ewma.NewBounds(8, 0, slot)
	p := ewma.NewPhases(5, slot)
	for i := range 100 {
		p.Next(0, float32(i%2)/10, 0, 1, &within)
	}
	p.Next(0, 20, 0, 1, &within)
	for range 3 {
		p.Next(0, 0, 0, 1, &within)
	}
	require.Greater(t, p.At(0).Volatility(), float32(4))
}
