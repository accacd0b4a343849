package scorer_test

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/anomaly-exporter/anomaly-exporter/scorer"
)

// Bursts to one side make other bursts normal, and nothing on the other side that was never seen: a service with two
// bursts a day can have an outage.
func TestModel_TellsAnOutageFromBursts(t *testing.T) {
	const history, quiet, lasts = 14 * 24 * hour, 12 * hour, 3 * hour
	for _, tc := range []struct {
		name            string
		burst, incident float64 // times the usual value
		again           bool    // there was such an incident five days ago
		strange         bool
	}{
		{"an outage of what bursts", 4, 0.02, false, true},
		{"another outage of what bursts", 4, 0.02, true, true},
		{"half of what bursts", 4, 0.5, false, true},
		{"twice of what falls", 0.3, 2, false, true},
		{"another burst", 4, 4, false, false},
	} {
		for _, step := range []time.Duration{time.Minute, 5 * time.Minute, time.Hour} {
			t.Run(fmt.Sprintf("%s/%s", tc.name, step), func(t *testing.T) {
				for seed := range uint64(3) {
					r := rand.New(rand.NewPCG(seed, 5))
					y := make([]float64, (history+quiet+lasts)/step)
					left, size := 0, 1.0 // of the burst
					for i := range y {
						if left--; left < 0 && r.Float64() < 2*step.Hours()/24 {
							left, size = int(max((40+80*r.Float64())/step.Minutes(), 1)), 1+(tc.burst-1)*(0.3+r.ExpFloat64())
						}
						y[i] = 42 * (1 + 0.03*r.NormFloat64())
						before := history + quiet - time.Duration(i)*step // the incident
						switch {
						case before <= 0, tc.again && before > 5*24*hour-lasts && before <= 5*24*hour:
							y[i] *= tc.incident
						case left >= 0 && before > quiet:
							y[i] *= max(size, 0.02)
						}
					}
					all := liveAfter(t, scorer.Options{Step: step, ExplainThreshold: 2}, y, history, quiet+lasts)
					n, of := high(all, step, quiet, quiet+lasts)
					if !tc.strange {
						require.Zero(t, n, "seed %d", seed)
						continue
					}
					require.GreaterOrEqual(t, n, of-1, "seed %d", seed)
					first, x := all[quiet/step], y[(history+quiet)/step]
					require.True(t, x < first.Lower || x > first.Upper,
						"seed %d: %g is from %g to %g", seed, x, first.Lower, first.Upper)
				}
			})
		}
	}
}

// In the first days of a window, bursts are expected again a day later. That tells nothing of how far values fall.
func TestModel_TellsAnOutageOfADailyLoadFromBursts(t *testing.T) {
	const step, quiet, lasts, seeds = 5 * time.Minute, 13 * hour, 3 * hour, 6
	load, n, of := daily{20, 100, 1, 0.05}, 0, 0
	for seed := range uint64(seeds) {
		r := rand.New(rand.NewPCG(seed, 9))
		left, size := 0, 1.0 // of the burst: two a day
		y := generate(step, quiet+lasts, func(at time.Duration) float64 {
			if left--; left < 0 && r.Float64() < 2*step.Hours()/24 {
				left, size = int((10+60*r.Float64())/step.Minutes()), 1+3*(0.3+r.ExpFloat64())
			}
			v := load.at(at) * (1 + load.noise*r.NormFloat64())
			switch {
			case at >= quiet:
				return 0.02 * v
			case left >= 0:
				return size * v
			}
			return v
		})
		all := liveAfter(t, scorer.Options{Step: step, ExplainThreshold: 2}, y, 14*24*hour, quiet+lasts)
		found, steps := high(all, step, quiet, quiet+lasts)
		n, of = n+found, of+steps
	}
	require.GreaterOrEqual(t, float64(n), 0.75*float64(of), "%d of %d", n, of)
}
