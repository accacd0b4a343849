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

// multiplied returns so many weeks, and a fortnight more in which all is times as large, without and with noise.
func multiplied(step time.Duration, weeks int, weekly bool, night, times float64) (truth, y []float64) {
	r := rand.New(rand.NewPCG(uint64(10*times), uint64(weeks)))
	history := time.Duration(weeks) * 7 * 24 * hour
	for at := -history; at < 14*24*hour; at += step {
		d := at.Hours()/24 + 70.4
		x := 1000 * (night + (1-night)*math.Pow(0.5-0.5*math.Cos(2*math.Pi*d), 1.5))
		if weekly && math.Mod(d, 7) >= 5 {
			x /= 2
		}
		if at >= 0 {
			x *= times
		}
		truth, y = append(truth, x), append(y, x*(1+0.04*r.NormFloat64()))
	}
	return truth, y
}

// A series whose shape is multiplied keeps it: from a day and a half after its level has changed, it is expected as it
// is, and no time of day is anomalous because it was so before.
func TestModel_KeepsTheShapeOfAMultipliedSeries(t *testing.T) {
	skipStatistical(t)
	for _, tc := range []struct {
		step   time.Duration
		weeks  int
		weekly bool
		night  float64
	}{
		{5 * time.Minute, 2, false, 0.3},
		{5 * time.Minute, 2, false, 0.005},
		{5 * time.Minute, 4, true, 0.3},
		{5 * time.Minute, 4, true, 0.005},
		{time.Minute, 2, false, 0.3},
		{time.Minute, 2, false, 0.005},
		{hour, 2, false, 0.3},
		{hour, 2, false, 0.005},
		{hour, 4, true, 0.3},
		{hour, 4, true, 0.005},
	} {
		for _, times := range []float64{0.3, 0.5, 2, 3} {
			for _, direction := range []string{"both", "above", "below"} {
				t.Run(fmt.Sprintf("%+v/%g/%s", tc, times, direction), func(t *testing.T) {
					t.Parallel()
					truth, y := multiplied(tc.step, tc.weeks, tc.weekly, tc.night, times)
					o := scorer.Options{
						Step: tc.step, Direction: direction, ExplainThreshold: 2, DataRange: [2]float64{0, math.Inf(1)},
					}
					all := liveAfter(t, o, y, time.Duration(tc.weeks)*7*24*hour, 6*24*hour)
					truth = truth[time.Duration(tc.weeks)*7*24*hour/tc.step:]
					matters := direction == "both" || (times > 1) == (direction == "above")
					n, of := high(all, tc.step, 0, 24*hour)
					if matters {
						require.Greater(t, 2*n, of, "a new level is anomalous")
					} else {
						require.Zero(t, n, "of %d on the other side", of)
					}
					n, of = high(all, tc.step, 3*24*hour, 6*24*hour)
					require.LessOrEqual(t, 10*n, of, "anomalous because it was so before: %d of %d", n, of)
					if direction != "both" {
						return // what is expected may also be the former level
					}
					var off, sum float64
					for i := 38 * hour / tc.step; i < 6*24*hour/tc.step; i++ {
						off += math.Abs(all[i].Expected - truth[i])
						sum += truth[i]
					}
					require.Less(t, off/sum, 0.05, "mean distance of the expected value from the true one")
				})
			}
		}
	}
}

// In the weeks after all values were multiplied, for good or for days, weekends that are lower stay weekends: they are
// no changes of the level.
func TestModel_KnowsWeekendsAfterAMultipliedShift(t *testing.T) {
	skipStatistical(t)
	const day, fitAt = 24 * hour, 14 * 24 * hour
	for _, tc := range []struct {
		weekend, times float64
		lasts          time.Duration // 0: for good
		direction      string
	}{
		{0.5, 2, 0, "both"},
		{0.5, 2, 0, "above"},
		{0.5, 0.5, 0, "both"},
		{0.5, 3, 0, "above"},
		{0.5, 0.25, 3 * day, "above"},
		{0.5, 0.25, 3 * day, "both"},
		{0.5, 2, 3 * day, "below"},
		{0.2, 2, 0, "both"},
		{1, 2, 0, "both"},
	} {
		steps := []time.Duration{5 * time.Minute, hour}
		if tc.lasts > 0 {
			steps = steps[:1] // hours hardly tell three days from a weekend
		}
		for _, step := range steps {
			for seed := range uint64(2) {
				t.Run(fmt.Sprintf("%+v/%s/%d", tc, step, seed), func(t *testing.T) {
					t.Parallel()
					r := rand.New(rand.NewPCG(seed, 1))
					from := 9*day + 10*hour + 7*time.Minute + time.Duration(seed)*17*hour
					y := generate(step, 4*7*day, func(at time.Duration) float64 {
						d := (at + fitAt).Hours() / 24
						x := (90 + 50*math.Cos(2*math.Pi*(d-0.6))) * (1 + 0.03*r.NormFloat64())
						if math.Mod(d, 7) >= 5 {
							x *= tc.weekend
						}
						if at >= from && (tc.lasts == 0 || at < from+tc.lasts) {
							x *= tc.times
						}
						return x
					})
					o := scorer.Options{Step: step, Direction: tc.direction, ExplainThreshold: 2}
					all := liveAfter(t, o, y, fitAt, 4*7*day)
					until := 40 * hour
					if tc.lasts > 0 {
						until = tc.lasts + 12*hour
					}
					wrong, of := high(all, step, (from + until).Truncate(step), 4*7*day)
					share := map[time.Duration]float64{5 * time.Minute: 0.03, hour: 0.04}[step]
					require.LessOrEqual(t, float64(wrong), share*float64(of), "%d of %d steps", wrong, of)
				})
			}
		}
	}
}

// What doubles on a Saturday is then as on a workday before: which of two weeks has jumped shows in the quotient.
func TestModel_KnowsAMultipliedShiftOfAWeekend(t *testing.T) {
	skipStatistical(t)
	const day, step, until = 24 * hour, 5 * time.Minute, 18 * 24 * hour
	for _, direction := range []string{"both", "above"} {
		for _, weekday := range []time.Duration{2, 3} { // the epoch was a Thursday
			t.Run(fmt.Sprintf("%s/%d", direction, weekday), func(t *testing.T) {
				t.Parallel()
				r := rand.New(rand.NewPCG(1, 3))
				from := weekday*day + 10*hour + 16*time.Minute
				y := generate(step, until, func(at time.Duration) float64 {
					d := (at + 14*day).Hours() / 24
					x := (90 + 50*math.Cos(2*math.Pi*(d-0.6))) * (1 + 0.03*r.NormFloat64())
					if math.Mod(d+3, 7) >= 5 {
						x /= 2
					}
					if at >= from {
						x *= 2
					}
					return x
				})
				all := live(t, scorer.Options{Step: step, Direction: direction, ExplainThreshold: 2}, y)
				wrong, of := high(all, step, (from + 40*hour).Truncate(step), until)
				require.LessOrEqual(t, float64(wrong), 0.04*float64(of), "%d of %d steps", wrong, of)
			})
		}
	}
}
