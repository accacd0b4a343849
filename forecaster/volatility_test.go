package forecaster_test

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/anomaly-exporter/anomaly-exporter/forecaster"
)

// The noise of a series grows and fades in hours. Its old values are five minutes apart, with straight lines in
// between, so it is known for two days how much it changes in a minute.
func TestMaxQuantile_KnowsHowVolatileASeriesOfMinutesIs(t *testing.T) {
	if testing.Short() {
		t.Skip("statistical: takes seconds")
	}
	t.Parallel()
	const day, history = 1440, 14 * 1440
	horizons := []int{15, 60}
	var windows float64
	over := make([]float64, len(horizons))
	for seed := range uint64(120) {
		r := rand.New(rand.NewPCG(seed, 71))
		persistence := math.Exp(-1.0 / 180)
		size := r.NormFloat64() // logarithm of the noise, in its standard deviations
		y := make([]float64, history+day)
		for i := range y {
			size = persistence*size + math.Sqrt(1-persistence*persistence)*r.NormFloat64()
			y[i] = 100 + 6*math.Exp(0.7*size)*r.NormFloat64()
		}
		values, learn := thinned(y[:history])
		m := fit(t, forecaster.Options{Step: time.Minute, Horizons: horizons}, values, learn)
		for i := history; i+60 < len(y); i++ {
			if i%20 == 0 {
				windows++
				for k, h := range horizons {
					over[k] += one(slices.Max(y[i:i+h]) > m.MaxQuantile(h, 0.9))
				}
			}
			m.Advance(y[i])
		}
	}
	for k, h := range horizons {
		t.Logf("%d minutes: %.3f over the quantile 0.9", h, over[k]/windows)
		require.Less(t, over[k]/windows, 0.16, h)
	}
}

// Noise grows to four times what it was, and stays. Half a day later, when a fit has seen it, capacity holds much of
// it, although most of what the quantiles are from was before.
func TestMaxQuantile_HoldsNoiseThatHasGrown(t *testing.T) {
	if testing.Short() {
		t.Skip("takes seconds")
	}
	t.Parallel()
	const day, hour = 288, 12
	windows, over := 0.0, 0.0
	for seed := range uint64(12) {
		r := rand.New(rand.NewPCG(seed, 72))
		grows := 14*day + r.IntN(day)
		y := make([]float64, grows+38*hour)
		for i := range y {
			noise := 3.0
			if i >= grows {
				noise *= 4
			}
			y[i] = 100 + 50*math.Sin(2*math.Pi*float64(i)/day) + noise*r.NormFloat64()
		}
		follow(t, five(hour), y[:grows+36*hour], grows+13*hour, 0, func(i int, m *forecaster.Model) {
			windows++
			over += one(slices.Max(y[i+1:i+1+hour]) > m.MaxQuantile(hour, 0.9))
		})
	}
	t.Logf("%.3f over the quantile 0.9", over/windows)
	require.Less(t, over/windows, 0.4)
}

// one is 1 if something holds, else 0.
func one(holds bool) float64 {
	if holds {
		return 1
	}
	return 0
}
