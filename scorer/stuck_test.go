package scorer_test

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/anomaly-exporter/anomaly-exporter/scorer"
)

// A series that has never repeated its values is stuck after some of them, wherever that is in its range. Until then it
// is where it usually is. After an hour or so at its old ways, nothing is left of that.
func TestModel_TellsAStuckSeries(t *testing.T) {
	for _, step := range []time.Duration{time.Minute, 5 * time.Minute, hour} {
		for _, of := range []string{"temperature", "traffic"} {
			t.Run(fmt.Sprintf("%s/%s", of, step), func(t *testing.T) {
				r, held := rand.New(rand.NewPCG(3, 3)), 0.0
				begins, lasts := 10*hour, max(2*hour, 6*step)
				y := generate(step, begins+lasts+6*hour, func(at time.Duration) float64 {
					v := 40 + r.NormFloat64()
					if of == "traffic" {
						v = traffic(at, 0.4) * (1 + 0.04*r.NormFloat64())
					}
					if at < begins || at >= begins+lasts {
						held = v
						return v
					}
					return held
				})
				all := liveAfter(t, scorer.Options{Step: step, ExplainThreshold: 0.8}, y, 14*24*hour, begins+lasts+6*hour)
				n, _ := high(all, step, begins+max(hour, 3*step), begins+lasts)
				require.Equal(t, int((lasts-max(hour, 3*step))/step), n)
				require.Contains(t, all[(begins+lasts)/step-1].Contributions, scorer.Contribution{Feature: "stuck", Share: 1})
				n, _ = high(all, step, begins+lasts+hour, begins+lasts+6*hour)
				require.Zero(t, n)
			})
		}
	}
}

// An outage of a service with few events: none in any step is nothing unusual, but none for an hour is.
func TestModel_TellsThatNothingHappensAnyMore(t *testing.T) {
	const step = 5 * time.Minute
	for _, mean := range []float64{3, 5, 10} {
		found := 0
		for seed := range uint64(10) {
			r := rand.New(rand.NewPCG(seed, 3))
			y := generate(step, 16*hour, func(at time.Duration) float64 {
				if at >= 13*hour {
					return 0
				}
				return float64(poisson(r, mean*(0.3+0.7*math.Pow(math.Sin(math.Pi*at.Hours()/24), 2))))
			})
			all := liveAfter(t, scorer.Options{Step: step, ExplainThreshold: 2}, y, 14*24*hour, 16*hour)
			n, _ := high(all, step, 13*hour, 16*hour)
			found += min(n, 1)
		}
		require.GreaterOrEqual(t, found, 9, "mean %v", mean)
	}
}

// What often keeps its value, what keeps it each night, and what is on the side or within the deviation that does not
// matter, is not stuck.
func TestModel_LeavesWhatKeepsItsValueAlone(t *testing.T) {
	for name, tc := range map[string]struct {
		o     scorer.Options
		value func(r *rand.Rand, at time.Duration) float64
	}{
		"whole degrees": {value: func(r *rand.Rand, at time.Duration) float64 {
			return math.Round(40 + 2*math.Sin(2*math.Pi*at.Hours()/24) + 0.2*r.NormFloat64())
		}},
		"nothing at night": {value: func(r *rand.Rand, at time.Duration) float64 {
			if h := math.Mod(at.Hours()+14*24, 24); h < 8 || h > 20 {
				return 0
			}
			return 40 + r.NormFloat64()
		}},
		"the other side": {o: scorer.Options{Direction: "below"}, value: func(r *rand.Rand, at time.Duration) float64 {
			if at > 0 {
				return 42
			}
			return 40 + r.NormFloat64()
		}},
		"too little": {o: scorer.Options{MinDeviation: 5}, value: func(r *rand.Rand, at time.Duration) float64 {
			if at > 0 {
				return 42
			}
			return 40 + r.NormFloat64()
		}},
		"the median of the window": {o: scorer.Options{Model: "mad"}, value: func(r *rand.Rand, at time.Duration) float64 {
			if at > 0 {
				return 41
			}
			return 40 + r.NormFloat64()
		}},
	} {
		t.Run(name, func(t *testing.T) {
			const step = 5 * time.Minute
			r := rand.New(rand.NewPCG(1, 3))
			y := generate(step, 48*hour, func(at time.Duration) float64 { return tc.value(r, at) })
			tc.o.Step, tc.o.ExplainThreshold = step, 2
			n, _ := high(liveAfter(t, tc.o, y, 14*24*hour, 48*hour), step, 0, 48*hour)
			require.LessOrEqual(t, n, 1)
		})
	}
}
