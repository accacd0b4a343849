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

// With two weeks of history, the same hour of last week is all that a weekly season knows. Last week's incident is no
// reason to take a normal value for an anomaly, nor is the incident normal now. What both weeks had is.
func TestModel_DoesNotEchoLastWeeksIncident(t *testing.T) {
	const day, fitAt = 24 * hour, 14 * 24 * hour
	for _, step := range []time.Duration{time.Minute, 5 * time.Minute, hour} {
		for _, lasts := range []time.Duration{hour, 2 * hour, 12 * hour} {
			for _, size := range []float64{60, -60} {
				t.Run(fmt.Sprintf("%s/%s/%g", step, lasts, size), func(t *testing.T) {
					replay := func(weeksBefore []int, again bool) (highest float64) {
						r := rand.New(rand.NewPCG(3, uint64(lasts)))
						at := fitAt + day + 7*hour // of the second day after the fit
						y := make([]float64, (fitAt+2*day)/step)
						for i := range y {
							now := time.Duration(i) * step
							d := now.Hours() / 24
							y[i] = 100*(1+0.5*math.Sin(2*math.Pi*d)) + 4*r.NormFloat64()
							if math.Mod(d, 7) >= 5 {
								y[i] /= 3
							}
							for _, weeks := range weeksBefore {
								if since := now - at + time.Duration(weeks)*7*day; since >= 0 && since < lasts {
									y[i] += size
								}
							}
							if since := now - at; again && since >= 0 && since < lasts {
								y[i] += size
							}
						}
						window, learn := thin(y[:fitAt/step], step)
						m, err := scorer.Fit(scorer.Options{Step: step, ExplainThreshold: 2}, 0, window, learn)
						require.NoError(t, err)
						for i, v := range y[fitAt/step:] {
							score := m.Score(v, true).Value
							if since := fitAt + time.Duration(i)*step - at; since >= 0 && since < lasts {
								highest = max(highest, score)
							}
						}
						return highest
					}
					require.Less(t, replay([]int{1}, false), 0.8, "a normal week after an incident")
					require.Greater(t, replay([]int{1}, true), 0.8, "the incident again")
					require.Less(t, replay([]int{1, 2}, true), 0.8, "what every week has")
				})
			}
		}
	}
}

// However long an outage in the second week was, the level and the season know what is normal a week later.
// Weekends are lower.
func TestModel_DoesNotEchoALongOutage(t *testing.T) {
	const day, fitAt = 24 * hour, 14 * 24 * hour
	for _, step := range []time.Duration{5 * time.Minute, hour} {
		for _, lasts := range []time.Duration{6 * hour, 16 * hour, 30 * hour} {
			for _, left := range []float64{0, 0.5} {
				for _, start := range []time.Duration{7*day + 10*hour, 8*day + 7*hour, 10*day + 14*hour, 11*day + 14*hour} {
					t.Run(fmt.Sprintf("%s/%s/%g/%s", step, lasts, left, start), func(t *testing.T) {
						r := rand.New(rand.NewPCG(5, uint64(lasts)))
						y := make([]float64, 19*day/step)
						for i := range y {
							now := time.Duration(i) * step
							d := now.Hours() / 24
							y[i] = 200*(1+0.3*math.Sin(2*math.Pi*d)) + 5*r.NormFloat64()
							if math.Mod(d, 7) >= 5 {
								y[i] *= 0.6
							}
							if since := now - start; since >= 0 && since < lasts {
								y[i] *= left
							}
						}
						window, learn := thin(y[:fitAt/step], step)
						m, err := scorer.Fit(scorer.Options{Step: step, ExplainThreshold: 2}, 0, window, learn)
						require.NoError(t, err)
						high := 0
						for _, v := range y[fitAt/step:] {
							if m.Score(v, true).Value > 0.8 {
								high++
							}
						}
						require.LessOrEqual(t, high, 5)
					})
				}
			}
		}
	}
}
