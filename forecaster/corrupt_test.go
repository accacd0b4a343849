package forecaster_test

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/anomaly-exporter/anomaly-exporter/forecaster"
)

// One corrupt sample changes no forecast an hour later, whether the model was fitted before it or since. Beside wrapped
// numbers there are ordinary ones that are wrong all the same, such as 0.
func TestModel_ForgetsACorruptSample(t *testing.T) {
	if testing.Short() {
		t.Skip("takes seconds")
	}
	t.Parallel()
	for _, step := range []time.Duration{time.Minute, 5 * time.Minute} {
		for name, series := range map[string]func(n int) []float64{
			"daily":    func(n int) []float64 { return daily(n, step, 5) },
			"constant": func(n int) []float64 { return slices.Repeat([]float64{500}, n) },
		} {
			for _, corrupt := range []float64{1 << 64, 1e6, -1e9, 0} {
				t.Run(fmt.Sprintf("%v/%s/%g", step, name, corrupt), func(t *testing.T) {
					t.Parallel()
					hour := int(time.Hour / step)
					n := 15 * 24 * hour
					plain := series(n + 20*hour)
					y := slices.Clone(plain)
					at := n + 3*hour
					y[at] = corrupt
					o := forecaster.Options{Step: step, Horizons: []int{hour / 4, hour}}
					var median, highest []float64
					follow(t, o, plain, n, 0, func(_ int, m *forecaster.Model) {
						median, highest = append(median, m.Quantile(hour, 0.5)), append(highest, m.MaxQuantile(hour, 0.9))
					})
					follow(t, o, y, n, 0, func(i int, m *forecaster.Model) {
						require.LessOrEqual(t, math.Abs(m.Quantile(hour, 0.5)), 1e4, "never believed")
						if i < at+hour {
							return
						}
						require.InEpsilon(t, median[i-n], m.Quantile(hour, 0.5), 0.05, "step %d after", i-at)
						require.InEpsilon(t, highest[i-n], m.MaxQuantile(hour, 0.9), 0.1, "step %d after", i-at)
					})
				})
			}
		}
	}
}

// Nor do up to four of them, nor one in a series that is mostly or always 0, such as the length of a queue that wraps.
func TestModel_ForgetsMoreThanOneCorruptSample(t *testing.T) {
	t.Parallel()
	const n, hour = 15 * 288, 12
	rng := rand.New(rand.NewPCG(7, 28))
	queue := make([]float64, n+20*hour)
	for i := range queue {
		if rng.Float64() < 0.3 {
			queue[i] = float64(rng.IntN(5))
		}
	}
	for name, tc := range map[string]struct {
		plain []float64
		at    []int // hours
	}{
		"within a day":   {daily(n+20*hour, 5*time.Minute, 5), []int{3, 7, 10}},
		"once a day":     {daily(n+20*hour, 5*time.Minute, 5), []int{-65, -41, -17, 7}},
		"a queue":        {queue, []int{3, 8}},
		"an empty queue": {make([]float64, n+20*hour), []int{3}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			y := slices.Clone(tc.plain)
			for _, at := range tc.at {
				y[n+at*hour] = math.MaxUint64
			}
			last := n + tc.at[len(tc.at)-1]*hour
			o := five(hour/4, hour)
			var median, highest []float64
			follow(t, o, tc.plain, n, 0, func(_ int, m *forecaster.Model) {
				median, highest = append(median, m.Quantile(hour, 0.5)), append(highest, m.MaxQuantile(hour, 0.9))
			})
			follow(t, o, y, n, 0, func(i int, m *forecaster.Model) {
				require.Less(t, m.Quantile(hour, 0.995), 1e6, "never believed")
				if i >= last+hour {
					require.InDelta(t, median[i-n], m.Quantile(hour, 0.5), 0.05*median[i-n], "step %d after", i-last)
					require.InDelta(t, highest[i-n], m.MaxQuantile(hour, 0.9), 0.1*highest[i-n], "step %d after", i-last)
				}
			})
		})
	}
}

// Nor does one that a mean of five minutes holds for as long, whether it is new or so old that only every fifth minute
// is kept, with straight lines in between.
func TestModel_ForgetsACorruptSampleThatAMeanHolds(t *testing.T) {
	t.Parallel()
	const hour = 60
	const n = 10 * 24 * hour
	plain := daily(n+4*hour, time.Minute, 5)
	o := forecaster.Options{Step: time.Minute, Horizons: []int{hour / 4, hour}}
	for _, at := range []int{n - 9*24*hour, n - 60*hour, n - 47*hour, n - hour, n + hour} {
		for _, minutes := range []int{1, 3, 5} {
			t.Run(fmt.Sprintf("%d/%d", at-n, minutes), func(t *testing.T) {
				t.Parallel()
				y := slices.Clone(plain)
				for i := range minutes {
					y[at+i] = 1e19
				}
				forecasts := func(y []float64) (medians []float64) {
					values, learn := thinned(y[:n])
					m := fit(t, o, values, learn)
					for i := n; i < len(y); i++ {
						m.Advance(y[i])
						medians = append(medians, m.Quantile(hour, 0.5), m.MaxQuantile(hour, 0.9))
					}
					return medians
				}
				require.InEpsilonSlice(t, forecasts(plain), forecasts(y), 0.1)
			})
		}
	}
}

// thinned returns values of minutes as history keeps them: every fifth one before the last two days, with straight
// lines in between, which are not to be learned from.
func thinned(y []float64) (values []float64, learn []bool) {
	values, learn = slices.Clone(y), slices.Repeat([]bool{true}, len(y))
	fine := len(y) - 48*60
	for i := range fine {
		k := i % 5
		if next := i - k + 5; k > 0 && next < fine {
			values[i], learn[i] = y[i-k]+float64(k)/5*(y[next]-y[i-k]), false
		}
	}
	return values, learn
}

// What stays, or comes back again and again, is no mistake.
func TestModel_LearnsWhatIsFarAndReal(t *testing.T) {
	t.Parallel()
	y := daily(2016, 5*time.Minute, 6)
	m := fit(t, five(3, 12), y, nil)
	for range 2 {
		m.Advance(1e6)
		require.Less(t, m.Quantile(1, 0.5), 1e3)
	}
	m.Advance(1e6)
	require.Greater(t, m.MaxQuantile(3, 0.9), 1e5)

	for i := 100; i < len(y); i += 288 {
		y[i] = 1e6
	}
	m = fit(t, five(3, 12), y[:2016-288+95], nil)
	require.Greater(t, m.MaxQuantile(12, 0.9), 1e3)

	few := make([]float64, 2016)
	few[100], few[500], few[900], few[1300] = 1, 2, 1, 5000
	m = fit(t, five(3, 12), few, nil)
	m.Advance(5000)
	require.Greater(t, m.Quantile(12, 0.995), 100.0)
}
