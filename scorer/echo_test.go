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
					replay := func(weeksBefore []int, again bool) float64 {
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
						return highestScore(t, y, step, fitAt, at, lasts)
					}
					require.Less(t, replay([]int{1}, false), 0.8, "a normal week after an incident")
					require.Greater(t, replay([]int{1}, true), 0.8, "the incident again")
					require.Less(t, replay([]int{1, 2}, true), 0.8, "what every week has")
				})
			}
		}
	}
}

// In its second week, a series with a weekly season is expected by last week alone, in which no season could tell yet
// what was odd. The other days can: what they all had is normal.
func TestModel_DoesNotEchoAnIncidentOfTheFirstWeek(t *testing.T) {
	const day, fitAt = 24 * hour, 11 * 24 * hour
	for _, step := range []time.Duration{time.Minute, 5 * time.Minute, hour} {
		for _, lasts := range []time.Duration{hour, 2 * hour, 8 * hour} {
			for _, size := range []float64{80, -80} {
				t.Run(fmt.Sprintf("%s/%s/%g", step, lasts, size), func(t *testing.T) {
					replay := func(week0, week1 float64) float64 {
						r := rand.New(rand.NewPCG(4, uint64(lasts)))
						at := fitAt + hour
						y := make([]float64, (fitAt+day)/step)
						for i := range y {
							now := time.Duration(i) * step
							d := now.Hours() / 24
							y[i] = 100*(1+0.3*math.Sin(2*math.Pi*d)) + 2*r.NormFloat64()
							y[i] += 10 * math.Sin(2*math.Pi*5/7*d) // so that each weekday is a little different
							if since := now - at + 7*day; since >= 0 && since < lasts {
								y[i] += week0
							}
							if since := now - at; since >= 0 && since < lasts {
								y[i] += week1
							}
						}
						return highestScore(t, y, step, fitAt, at, lasts)
					}
					require.Less(t, replay(0, 0), 0.8, "two normal weeks")
					require.Less(t, replay(size, 0), 0.8, "a normal week after an incident")
					require.Greater(t, replay(0, size), 0.8, "an incident after a normal week")
				})
			}
		}
	}
}

// highestScore returns the highest score from a time on, for as long as something lasts, by a fit of what was before.
func highestScore(t *testing.T, y []float64, step, fitAt, from, lasts time.Duration) (highest float64) {
	window, learn := thin(y[:fitAt/step], step)
	m, err := scorer.Fit(scorer.Options{Step: step, ExplainThreshold: 2}, 0, window, learn)
	require.NoError(t, err)
	for i, v := range y[fitAt/step:] {
		score := m.Score(v, true).Value
		if since := fitAt + time.Duration(i)*step - from; since >= 0 && since < lasts {
			highest = max(highest, score)
		}
	}
	return highest
}

// However long an outage in the second week was, the level and the season know what is normal a week later.
// Weekends are lower. Some outages that begin or end with a weekend look like a part of it.
func TestModel_DoesNotEchoALongOutage(t *testing.T) {
	const day, fitAt, outages = 24 * hour, 14 * 24 * hour, 24
	for _, step := range []time.Duration{5 * time.Minute, hour} {
		echoes := 0
		for seed := range uint64(outages) {
			r := rand.New(rand.NewPCG(seed, 5))
			start, lasts, phase := 7*day+time.Duration(r.IntN(7*24-30))*hour, 30*hour, r.Float64()
			y := make([]float64, 21*day/step)
			for i := range y {
				now := time.Duration(i) * step
				d := now.Hours() / 24
				y[i] = 200*(1+0.3*math.Sin(2*math.Pi*(d+phase))) + 5*r.NormFloat64()
				if math.Mod(d, 7) >= 5 {
					y[i] *= 0.6
				}
				if since := now - start; since >= 0 && since < lasts {
					y[i] = 0
				}
			}
			window, learn := thin(y[:fitAt/step], step)
			m, err := scorer.Fit(scorer.Options{Step: step, ExplainThreshold: 2}, 0, window, learn)
			require.NoError(t, err)
			high := 0
			for i, v := range y[fitAt/step:] {
				score := m.Score(v, true).Value
				if since := fitAt + time.Duration(i)*step - start - 7*day; since >= 0 && since < lasts && score > 0.8 {
					high++
				}
			}
			if high > 2 {
				echoes++
			}
		}
		require.LessOrEqual(t, echoes, outages/8, step)
	}
}
