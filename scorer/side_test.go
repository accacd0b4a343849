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

// A season expects bursts again that few days had at a time of day, and it is hours until a load reaches its least
// value. Neither hides an outage, whichever side a detector looks at.
func TestModel_TellsAnOutageOfALoadFromBursts(t *testing.T) {
	const step, quiet, lasts, seeds = 5 * time.Minute, 13 * hour, 3 * hour, 6
	load := daily{20, 100, 1, 0.05}
	for _, tc := range []struct {
		weekend, perDay, left float64
		want                  float64 // share of the steps
	}{
		{1, 0.5, 0.02, 1},
		{1, 2, 0.02, 0.95},
		{1, 6, 0.02, 0.95},
		{1, 0.5, 0.3, 0.95},
		{1, 2, 0.3, 0.9},
		{1, 6, 0.3, 0.95},
		{0.5, 2, 0.02, 0.85},
		{0.5, 2, 0.3, 0.85},
	} {
		for _, direction := range []string{"both", "below"} {
			name := fmt.Sprintf("%g at weekends, %g bursts a day, %g left, %s", tc.weekend, tc.perDay, tc.left, direction)
			t.Run(name, func(t *testing.T) {
				n, of := 0, 0
				for seed := range uint64(seeds) {
					r := rand.New(rand.NewPCG(seed, 9))
					bursting, size := 0, 1.0
					y := generate(step, quiet+lasts, func(at time.Duration) float64 {
						if bursting--; bursting < 0 && r.Float64() < tc.perDay*step.Hours()/24 {
							bursting, size = int((10+60*r.Float64())/step.Minutes()), 1+3*(0.3+r.ExpFloat64())
						}
						v := load.at(at) * (1 + load.noise*r.NormFloat64())
						if d := int(at.Hours()/24+700) % 7; d == 2 || d == 3 { // the history begins on Thursday, 1970-01-01
							v *= tc.weekend
						}
						switch {
						case at >= quiet:
							return tc.left * v
						case bursting >= 0:
							return size * v
						}
						return v
					})
					o := scorer.Options{Step: step, Direction: direction, ExplainThreshold: 2}
					all := liveAfter(t, o, y, 14*24*hour, quiet+lasts)
					found, steps := high(all, step, quiet, quiet+lasts)
					n, of = n+found, of+steps
				}
				require.GreaterOrEqual(t, float64(n), tc.want*float64(of), "%d of %d", n, of)
			})
		}
	}
}

// Where values are now and then twice or half the usual one, an outage is not much farther from that, but is a much
// smaller share of it.
func TestModel_TellsAnOutageOfAVolatileLoad(t *testing.T) {
	const quiet, lasts, seeds = 13 * hour, 4 * hour, 6
	for _, tc := range []struct {
		name  string
		load  daily
		sigma float64 // of lognormal noise
		left  float64
	}{
		{"flat", daily{100, 100, 1, 0}, 0.5, 0.02},
		{"by day", daily{30, 100, 1, 0}, 0.5, 0.02},
		{"a tenth is left", daily{30, 100, 1, 0}, 0.3, 0.1},
	} {
		for _, step := range []time.Duration{5 * time.Minute, hour} {
			t.Run(fmt.Sprintf("%s/%s", tc.name, step), func(t *testing.T) {
				n, of := 0, 0
				for seed := range uint64(seeds) {
					noise := multiplicative(rand.New(rand.NewPCG(seed, 3)), step, tc.sigma, false)
					y := generate(step, quiet+lasts, func(at time.Duration) float64 {
						v := tc.load.at(at) * noise()
						if at >= quiet {
							v *= tc.left
						}
						return v
					})
					all := liveAfter(t, scorer.Options{Step: step, ExplainThreshold: 2}, y, 14*24*hour, quiet+lasts)
					before, _ := high(all, step, 0, quiet)
					require.Zero(t, before, "seed %d", seed)
					found, steps := high(all, step, quiet, quiet+lasts)
					n, of = n+found, of+steps
					last, x := all[len(all)-1], y[len(y)-1]
					require.Less(t, x, last.Lower, "seed %d", seed)
				}
				require.GreaterOrEqual(t, float64(n), 0.9*float64(of), "%d of %d", n, of)
			})
		}
	}
}
