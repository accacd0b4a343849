package forecaster_test

import (
	"fmt"
	"math"
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

// What stays, or comes back again and again, is no mistake.
func TestModel_LearnsWhatIsFarAndReal(t *testing.T) {
	t.Parallel()
	y := daily(2016, 5*time.Minute, 6)
	m := fit(t, five(3, 12), y, nil)
	m.Advance(1e6)
	require.Less(t, m.Quantile(1, 0.5), 1e3)
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
