package forecaster_test

import (
	"math"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/anomaly-exporter/anomaly-exporter/forecaster"
)

// poisson draws a count.
func poisson(rng *rand.Rand, rate float64) (count float64) {
	p := math.Exp(-rate)
	for sum, u := p, rng.Float64(); u > sum; sum += p {
		count++
		p *= rate / count
	}
	return count
}

// eventful is n counts every 5 minutes, of so many events on average.
func eventful(rng *rand.Rand, n int, rate func(hour int) float64) []float64 {
	y := make([]float64, n)
	for i := range y {
		y[i] = poisson(rng, rate(i/12%24))
	}
	return y
}

func TestFit_ChoosesCountsForWhatIsMostlyZeroAndCounted(t *testing.T) {
	t.Parallel()
	rng := rand.New(rand.NewPCG(1, 6))
	const day = 288
	restarts := eventful(rng, 7*day, func(int) float64 { return 0.02 })
	busy := eventful(rng, 7*day, func(int) float64 { return 3 })
	amounts, negative, increase := make([]float64, 7*day), make([]float64, 7*day), make([]float64, 7*day)
	for i, v := range restarts {
		increase[i] = v * (30.0/29 + 1e-4*rng.NormFloat64())
		amounts[i] = v * (1 + rng.ExpFloat64())
		negative[i] = -v
	}
	for name, tc := range map[string]struct {
		y    []float64
		want bool
	}{
		"restarts": {restarts, true}, "rate of them": {scaled(restarts, 1.0/300), true}, "increase of them": {increase, true},
		"never zero for long": {busy, false}, "amounts": {amounts, false}, "below zero": {negative, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			require.Equal(t, tc.want, fit(t, five(3, 12, 72), tc.y, nil).Name() == "counts")
		})
	}
}

func scaled(y []float64, by float64) []float64 {
	out := make([]float64, len(y))
	for i, v := range y {
		out[i] = v * by
	}
	return out
}

// The quantiles of counts are counts, and about those of the true distribution. The probability of an event within the
// hour is about the true one.
func TestCounts_AreCalibrated(t *testing.T) {
	if testing.Short() {
		t.Skip("takes seconds")
	}
	t.Parallel()
	const day, series = 288, 30
	for _, tc := range []struct {
		name string
		rate func(hour int) float64
	}{
		{"rare", func(int) float64 { return 0.003 }},
		{"now and then", func(int) float64 { return 0.05 }},
		{"often", func(int) float64 { return 0.3 }},
		{"in office hours", func(hour int) float64 {
			if hour >= 8 && hour < 18 {
				return 0.3
			}
			return 0.002
		}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			steps, mean, actual := 0.0, 0.0, 0.0
			under, lessUnder := [3]float64{}, [3]float64{}
			windows, foreseen, happened := 0.0, 0.0, 0.0
			probabilities := [3]float64{0.5, 0.9, 0.98}
			for seed := range uint64(series) {
				y := eventful(rand.New(rand.NewPCG(seed, 7)), 8*day, tc.rate)
				m := fit(t, five(3, 12, 72), y[:7*day], nil)
				for i := 7 * day; i+72 < len(y); i++ {
					m.Advance(y[i])
					if i%12 != 0 {
						continue
					}
					for _, h := range []int{1, 12, 72} {
						v, steps0 := y[i+h], steps
						steps++
						for k, p := range probabilities {
							q := m.Quantile(h, p)
							require.Equal(t, math.Round(q), q)
							if v <= q {
								under[k]++
							}
							if v < q {
								lessUnder[k]++
							}
						}
						require.Equal(t, steps0+1, steps)
						actual += v
						for p := 0.005; p < 1; p += 0.01 {
							mean += m.Quantile(h, p) / 100
						}
					}
					most := 0.0
					for h := 1; h <= 12; h++ {
						most = max(most, y[i+h])
					}
					q := m.MaxQuantile(12, 0.9)
					require.Equal(t, math.Round(q), q)
					foreseen += m.BreachProbability(12, 0.5, true)
					windows++
					if most > 0 {
						happened++
					}
				}
			}
			for k, p := range probabilities { // of a count, the probability lies between those of less and of at most
				require.GreaterOrEqual(t, under[k]/steps, p-0.02, "at %v", p)
				require.LessOrEqual(t, lessUnder[k]/steps, p+0.02, "at %v", p)
			}
			require.InDelta(t, actual/steps, mean/steps, 0.15*actual/steps+0.005, "the mean rate")
			require.InDelta(t, happened/windows, foreseen/windows, 0.05)
		})
	}
}

// What has stopped fades, at the rate of the exponential mean of Teunter, Syntetos and Babai; with Croston's method it
// would stay. Events that come together make the next one likely, for as long as they used to.
func TestCounts_ForgetAndFollowClusters(t *testing.T) {
	t.Parallel()
	y := make([]float64, 14*288)
	for i := range y {
		if i%10 == 0 {
			y[i] = 4
		}
	}
	o := five(12)
	o.Model = "counts"
	m := fit(t, o, y, nil)
	require.Equal(t, []float64{0, 4, 4}, []float64{m.Quantile(12, 0.8), m.Quantile(12, 0.95), m.MaxQuantile(12, 0.5)})
	require.InDelta(t, 0.7, m.BreachProbability(12, 3.5, true), 0.35)
	require.Zero(t, m.BreachProbability(12, 4, true))
	for range 14 * 288 {
		m.Advance(0)
	}
	require.InDelta(t, 0.1/4, m.BreachProbability(1, 3.5, true), 0.005, "two half-lives of seven days")

	for range 1000 {
		m.Advance(math.NaN())
	}
	require.InDelta(t, 0.1/4, m.BreachProbability(1, 3.5, true), 0.005, "nothing is learned from steps without a value")

	rng, on := rand.New(rand.NewPCG(2, 6)), false
	for i := range y {
		on = rng.Float64() < 0.002 || on && rng.Float64() < 0.95
		if y[i] = 0; on && rng.Float64() < 0.8 {
			y[i] = 1
		}
	}
	m, err := forecaster.Fit(five(3, 12, 288), monday, append(y, 0, 0, 0, 0, 1, 1, 1, 1, 1, 1), nil)
	require.NoError(t, err)
	require.Equal(t, "counts", m.Name())
	require.Greater(t, m.BreachProbability(1, 0.5, true), 0.4)
	require.Equal(t, 1.0, m.Quantile(1, 0.9))
	for range 24 * time.Hour / (5 * time.Minute) {
		m.Advance(0)
	}
	require.Less(t, m.BreachProbability(1, 0.5, true), 0.05)
}

// Restarts of the last half hour, as the examples count them, stay for half an hour and then are gone.
func TestCounts_FollowARollingWindow(t *testing.T) {
	t.Parallel()
	rng := rand.New(rand.NewPCG(5, 6))
	y := make([]float64, 7*1440+60)
	for i := 0; i < 7*1440; i += 400 + rng.IntN(1200) {
		for k := i; k < min(i+30, 7*1440); k++ {
			y[k] = 30.0 / 29
		}
	}
	o := forecaster.Options{Step: time.Minute, Horizons: []int{5, 60, 360}}
	m := fit(t, o, y[:7*1440+40], nil)
	require.Equal(t, "counts", m.Name())
	quiet := m.BreachProbability(5, 0.5, true)
	require.Less(t, quiet, 0.1)
	require.Zero(t, m.Quantile(5, 0.9))
	m.Advance(30.0 / 29)
	require.Greater(t, m.BreachProbability(5, 0.5, true), 0.7)
	require.InEpsilon(t, 30.0/29, m.Quantile(5, 0.5), 1e-6)
	for range 30 {
		m.Advance(0)
	}
	require.InDelta(t, quiet, m.BreachProbability(5, 0.5, true), 0.02)
}
