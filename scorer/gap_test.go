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

// Where last week is not known, a workday is expected by workdays or by the week before, and a weekend not by workdays.
func TestModel_KnowsWeekendsByWeekends(t *testing.T) {
	skipStatistical(t)
	const day, history, monday = 24 * hour, 14 * 24 * hour, 4 * 24 * hour // the epoch is a Thursday
	for _, tc := range []struct {
		name       string
		from, to   time.Duration // without data, since a Monday; up to a day later
		since, end time.Duration // with scores
	}{
		{"no data for three days", 16 * day, 19 * day, history, 30 * day},
		{"no data over a weekend", 17 * day, 20 * day, history, 30 * day},
		{"a new series", 0, 15 * day, 24 * day, 31 * day},
		{"after the first weekend", 0, 16 * day, 21 * day, 31 * day},
		{"a series that is new on a Friday", 0, 18 * day, 28 * day, 35 * day},
	} {
		for _, step := range []time.Duration{5 * time.Minute, hour} {
			for _, weekend := range []float64{0.5, 1.6} {
				t.Run(fmt.Sprintf("%s/%s/%g", tc.name, step, weekend), func(t *testing.T) {
					t.Parallel()
					wrong, scored, values := 0, 0, 0
					for seed := range uint64(2) {
						r := rand.New(rand.NewPCG(seed, 4))
						late := time.Duration(r.IntN(24*60)) * time.Minute
						y := make([]float64, tc.end/step)
						for i := range y {
							now := time.Duration(i) * step
							y[i] = 40 + 50*(1+math.Cos(2*math.Pi*(now.Hours()-14)/24))
							if math.Mod(now.Hours()/24, 7) >= 5 {
								y[i] *= weekend
							}
							if y[i] *= 1 + 0.03*r.NormFloat64(); now >= tc.from && now < tc.to+late {
								y[i] = math.NaN()
							}
						}
						var m *scorer.Model
						for now := history; now < tc.end; now += step {
							if now%(6*hour) == 0 {
								start := (monday + now - history).Milliseconds()
								var err error
								m, err = scorer.Fit(scorer.Options{Step: step, ExplainThreshold: 2}, start, y[(now-history)/step:now/step], nil)
								require.True(t, err == nil || now < tc.since, err)
							}
							if m == nil {
								continue
							}
							x := y[now/step]
							s := m.Score(x, true)
							if now < tc.since || x != x {
								continue
							}
							values++
							if s.Value == s.Value {
								scored++
							}
							if s.Value >= 0.8 {
								wrong++
							}
						}
					}
					require.LessOrEqual(t, float64(wrong), 0.005*float64(values), "of %d", values)
					require.Greater(t, float64(scored), 0.95*float64(values))
				})
			}
		}
	}
}

// A new series has scores on whatever day of the week it is new, with weekends that differ and without.
func TestModel_ScoresNewSeriesOnAnyDay(t *testing.T) {
	t.Parallel()
	const step, monday = 5 * time.Minute, 4 * 24 * hour // the epoch is a Thursday
	for begins := range 7 {
		for days := 2; days <= 9; days++ {
			for _, weekend := range []float64{0.4, 1} {
				r := rand.New(rand.NewPCG(uint64(begins), uint64(days)))
				start := monday + time.Duration(begins)*24*hour + 80*time.Minute
				y := make([]float64, time.Duration(days)*24*hour/step+1)
				for i := range y {
					now := start - monday + time.Duration(i)*step
					y[i] = 40 + 50*(1+math.Cos(2*math.Pi*(now.Hours()-14)/24))
					if math.Mod(now.Hours()/24, 7) >= 5 {
						y[i] *= weekend
					}
					y[i] *= 1 + 0.03*r.NormFloat64()
				}
				last := len(y) - 1
				m, err := scorer.Fit(scorer.Options{Step: step, ExplainThreshold: 2}, start.Milliseconds(), y[:last], nil)
				require.NoError(t, err, "%d days since %s", days, time.Weekday((begins+1)%7))
				s := m.Score(y[last], true)
				require.False(t, math.IsNaN(s.Value), "%d days since %s, weekends of %g", days, time.Weekday((begins+1)%7), weekend)
			}
		}
	}
}
