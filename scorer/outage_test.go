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

// load returns the load of a service at a time of which days are known, least at two at night and most at two in the
// afternoon, and less on weekends by a factor. The epoch was a Thursday.
func load(night, noon, weekend float64) func(at time.Duration) float64 {
	return func(at time.Duration) float64 {
		d := at.Hours() / 24
		x := night + (noon-night)*0.5*(1+math.Cos(2*math.Pi*(d-14.0/24)))
		if math.Mod(d+3, 7) >= 5 {
			x *= weekend
		}
		return x
	}
}

// An outage is one by night, too, if the load is little then and its noise with it.
func TestModel_HoldsAnOutageThroughTheNight(t *testing.T) {
	skipStatistical(t)
	const day, lasts = 24 * hour, 30 * hour
	for _, step := range []time.Duration{time.Minute, 5 * time.Minute, hour} {
		for _, weekend := range []float64{1, 0.5} {
			for _, left := range []float64{0} {
				for _, from := range []time.Duration{17*day + 9*hour, 17*day + 90*time.Minute, 20*day + 9*hour} {
					for seed := range uint64(2) {
						if step == hour && weekend < 1 {
							continue // of a week that is known once, hours do not tell how far values stray by night
						}
						if step == time.Minute && (left > 0 || seed > 0) {
							continue // as at 5 minutes
						}
						t.Run(fmt.Sprintf("%s/%g/%g/%s/%d", step, weekend, left, from, seed), func(t *testing.T) {
							t.Parallel()
							r := rand.New(rand.NewPCG(seed, 77))
							usual := load(10, 150, weekend)
							start := (from - 12*hour).Truncate(6 * hour)
							y := make([]float64, (from+72*hour)/step)
							for i := range y {
								at := time.Duration(i) * step
								y[i] = usual(at) * (1 + 0.05*r.NormFloat64())
								if at >= from && at < from+lasts {
									y[i] *= left
								}
							}
							y = y[(start-14*day)/step:]
							o := scorer.Options{Step: step, ExplainThreshold: 2, DataRange: [2]float64{0, math.Inf(1)}}
							all := liveAfter(t, o, y, 14*day, from+72*hour-start)
							at := from - start
							n, of := high(all, step, 0, at)
							require.LessOrEqual(t, n, 2, "of %d before", of) // one may come once in five weeks
							n, of = high(all, step, (at + max(15*time.Minute, 2*step)).Truncate(step), (at + lasts).Truncate(step))
							least := 0.97
							if step == hour {
								least = 0.85
							}
							require.GreaterOrEqual(t, float64(n), least*float64(of), "%d of %d during the outage", n, of)
							n, of = high(all, step, (at + lasts + 8*hour).Truncate(step), at+72*hour)
							require.LessOrEqual(t, float64(n), 0.05*float64(of), "%d of %d after", n, of)
						})
					}
				}
			}
		}
	}
}

// What is usual has no high scores, however noise grows or falls with the load.
func TestModel_KnowsHowNoiseGrowsWithTheLoad(t *testing.T) {
	skipStatistical(t)
	const day, weeks = 24 * hour, 3
	for name, noise := range map[string]func(x float64, r *rand.Rand) float64{
		"in proportion": func(x float64, r *rand.Rand) float64 { return 0.05 * x * r.NormFloat64() },
		"the same":      func(_ float64, r *rand.Rand) float64 { return 4 * r.NormFloat64() },
		"both":          func(x float64, r *rand.Rand) float64 { return 0.05*x*r.NormFloat64() + 2*r.NormFloat64() },
		"by the root":   func(x float64, r *rand.Rand) float64 { return math.Sqrt(x) * r.NormFloat64() },
		"more by night": func(x float64, r *rand.Rand) float64 { return (160 - x) / 20 * r.NormFloat64() },
		"batch jobs": func(x float64, r *rand.Rand) float64 {
			n := 0.05 * x * r.NormFloat64()
			if x < 40 && r.Float64() < 0.1 {
				n += 60 * r.Float64()
			}
			return n
		},
	} {
		for _, step := range []time.Duration{5 * time.Minute, hour} {
			for _, weekend := range []float64{1, 0.5} {
				if step == hour && name == "batch jobs" {
					continue // two weeks hold too few of these hours
				}
				t.Run(fmt.Sprintf("%s/%s/%g", name, step, weekend), func(t *testing.T) {
					t.Parallel()
					wrong, of := 0, 0
					for seed := range uint64(4) {
						r := rand.New(rand.NewPCG(seed, 78))
						usual := load(10, 150, weekend)
						y := make([]float64, (14+7*weeks)*day/step)
						for i := range y {
							x := usual(time.Duration(i) * step)
							y[i] = max(0, x+noise(x, r))
						}
						o := scorer.Options{Step: step, ExplainThreshold: 2, DataRange: [2]float64{0, math.Inf(1)}}
						above := false
						for _, s := range liveAfter(t, o, y, 14*day, 7*weeks*day) {
							if s.Value >= 0.8 && !above {
								wrong++
							}
							above = s.Value >= 0.8
						}
						of += weeks
					}
					require.LessOrEqual(t, float64(wrong), 0.6*float64(of), "%d in %d weeks", wrong, of)
				})
			}
		}
	}
}
