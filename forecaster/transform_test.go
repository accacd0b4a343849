package forecaster_test

import (
	"math"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/anomaly-exporter/anomaly-exporter/forecaster"
)

// A named model works under the logarithm of what is multiplied, under the logit of shares, and on what is added as it
// is. The median stays one, intervals hold what they say, and nothing leaves the range.
func TestFit_ChoosesATransform(t *testing.T) {
	if testing.Short() {
		t.Skip("takes seconds")
	}
	t.Parallel()
	const day, days, series = 24, 28, 12
	for _, tc := range []struct {
		name, want string
		limit      [2]float64
		value      func(x float64) float64
	}{
		{"multiplied", "/log", [2]float64{}, func(x float64) float64 { return math.Exp(3 + x) }},
		{"at least 100", "/log", [2]float64{100, math.Inf(1)}, func(x float64) float64 { return 100 + math.Exp(3+x) }},
		{"share", "/logit", [2]float64{0, 1}, func(x float64) float64 { return 1 / (1 + math.Exp(-1.5*x)) }},
		{"added", "", [2]float64{}, func(x float64) float64 { return 100 + 10*x }},
		{"below zero", "", [2]float64{}, func(x float64) float64 { return x }},
	} {
		for _, model := range []string{"holt_winters", "fourier", "theta"} {
			t.Run(tc.name+" "+model, func(t *testing.T) {
				t.Parallel()
				right, above, inside, steps := 0, 0.0, 0.0, 0.0
				for seed := range uint64(series) {
					rng, noise := rand.New(rand.NewPCG(seed, 15)), 0.0
					y := make([]float64, (days+4)*day)
					for i := range y {
						noise = 0.6*noise + 0.4*rng.NormFloat64()
						y[i] = tc.value(1.5*math.Sin(2*math.Pi*float64(i)/day) + noise)
					}
					o := forecaster.Options{Model: model, Step: time.Hour, Horizons: []int{1, 24}, DataRange: tc.limit}
					m := fit(t, o, y[:days*day], nil)
					if m.Name() == model+tc.want {
						right++
					}
					for i := days * day; i+24 < len(y); i++ {
						m.Advance(y[i])
						for _, h := range []int{1, 6, 24} {
							low, median, high := m.Quantile(h, 0.1), m.Quantile(h, 0.5), m.Quantile(h, 0.9)
							require.False(t, math.IsNaN(m.MaxQuantile(h, 0.99)))
							if tc.limit != [2]float64{} {
								require.True(t, m.Quantile(h, 0.005) >= tc.limit[0] && m.MaxQuantile(h, 0.995) <= tc.limit[1])
							}
							steps++
							if y[i+h] > median {
								above++
							}
							if y[i+h] >= low && y[i+h] <= high {
								inside++
							}
						}
					}
					m.Advance(-1e9) // what should not be there
					m.Advance(1e9)
					require.False(t, math.IsNaN(m.Quantile(24, 0.9)))
				}
				require.GreaterOrEqual(t, right, series/2)
				require.InDelta(t, 0.5, above/steps, 0.06)
				require.InDelta(t, 0.8, inside/steps, 0.06)
			})
		}
	}
}
