package scorer_test

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/anomaly-exporter/anomaly-exporter/scorer"
)

// As the window moves on, what has happened is at every place of it once. Wherever it is, what is normal after the
// window has no high scores, and a range that is hardly wider than without it.
func TestModel_IsRightWhereverAnIncidentWas(t *testing.T) {
	const day, fitAt, until = 24 * hour, 14 * 24 * hour, 16 * 24 * hour
	type change = func(y float64, since time.Duration) float64
	outage := func(lasts time.Duration) change {
		return func(y float64, since time.Duration) float64 {
			if since < lasts {
				return 0
			}
			return y
		}
	}
	surge := func(lasts time.Duration) change {
		return func(y float64, since time.Duration) float64 {
			if since < lasts {
				return y + 300
			}
			return y
		}
	}
	for _, tc := range []struct {
		name    string
		happens change
	}{
		{"outage of 6 hours", outage(6 * hour)},
		{"outage of 10 hours", outage(10 * hour)},
		{"outage of 20 hours", outage(20 * hour)},
		{"surge of 6 hours", surge(6 * hour)},
		{"surge of 20 hours", surge(20 * hour)},
		{"step", func(y float64, _ time.Duration) float64 { return y + 120 }},
		{"drift", func(y float64, since time.Duration) float64 { return y + 80*since.Hours()/(7*24) }},
	} {
		for _, weekend := range []float64{1, 0.6} {
			for _, where := range []float64{0.02, 3.3, 6.98, 7.02, 7.1, 9.3, 12} {
				for _, step := range []time.Duration{5 * time.Minute, hour} {
					t.Run(fmt.Sprintf("%s/%g/%g/%s", tc.name, weekend, where, step), func(t *testing.T) {
						at := time.Duration(where * float64(day))
						run := func(happens bool) (high int, width float64) {
							r := rand.New(rand.NewPCG(7, 5))
							y := make([]float64, until/step)
							for i := range y {
								now := time.Duration(i) * step
								y[i] = 200 * (1 + 0.3*math.Sin(2*math.Pi*(now.Hours()/24+0.3)))
								if math.Mod(now.Hours()/24+0.3, 7) >= 5 {
									y[i] *= weekend
								}
								y[i] += 5 * r.NormFloat64()
								if happens && now >= at {
									y[i] = tc.happens(y[i], now-at)
								}
							}
							m, err := scorer.Fit(scorer.Options{Step: step, ExplainThreshold: 2}, 0, y[:fitAt/step], nil)
							require.NoError(t, err)
							var widths []float64
							for _, v := range y[fitAt/step:] {
								s := m.Score(v, true)
								if s.Value > 0.8 {
									high++
								}
								widths = append(widths, s.Upper-s.Lower)
							}
							slices.Sort(widths)
							return high, widths[len(widths)/2]
						}
						_, usual := run(false)
						high, width := run(true)
						require.LessOrEqual(t, float64(high), 0.16*float64((until-fitAt)/step))
						require.Less(t, width, 2*usual)
					})
				}
			}
		}
	}
}
