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

// alertsOfYoung returns for which share of each day the score is at least 0.8, of a series that begins on a weekday (0
// is a Monday), and has an outage for a while.
func alertsOfYoung(
	t *testing.T, step time.Duration, weekend [2]float64, begins int, out, lasts time.Duration,
) (share [14]float64) {
	t.Helper()
	const day, monday = 24 * hour, 4 * 86_400_000 // 5 January 1970
	r := rand.New(rand.NewPCG(uint64(begins), 5))
	start := int64(monday + begins*86_400_000)
	y := make([]float64, 14*day/step)
	var m *scorer.Model
	for i := range y {
		now := time.Duration(i) * step
		y[i] = 100 * (1 + 0.5*math.Sin(2*math.Pi*now.Hours()/24)) * (1 + 0.04*r.NormFloat64())
		if weekday := (begins + int(now/day)) % 7; weekday >= 5 {
			y[i] *= weekend[weekday-5]
		}
		if since := now - out; since >= 0 && since < lasts {
			y[i] = 0
		}
		if now >= 36*hour && now%(6*hour) == 0 {
			window, learn := thin(y[:i], step)
			if fitted, err := scorer.Fit(scorer.Options{Step: step, ExplainThreshold: 2}, start, window, learn); err == nil {
				m = fitted
			}
		}
		if m != nil && m.Score(y[i], true).Value >= 0.8 {
			share[now/day] += float64(step) / float64(day)
		}
	}
	return share
}

// In its second week, a service has had one of each weekday. Days off may be low, and differ from each other: then its
// second weekend is like the first, and so is what comes after it. Nothing like that is true of an outage.
func TestModel_KnowsLastWeekOfAYoungSeries(t *testing.T) {
	const day = 24 * hour
	for _, step := range []time.Duration{5 * time.Minute, hour} {
		for _, weekend := range [][2]float64{{0.5, 0.5}, {0.5, 0.2}, {0.8, 0.3}, {0.6, 1}} {
			for begins := range 7 {
				t.Run(fmt.Sprintf("%s/%v/%d", step, weekend, begins), func(t *testing.T) {
					share, sum := alertsOfYoung(t, step, weekend, begins, 0, 0), 0.0
					for _, s := range share[7:] {
						sum += s
					}
					require.LessOrEqual(t, sum, 3.0/24, share)
					if weekend[0] == weekend[1] {
						share = alertsOfYoung(t, step, weekend, begins, 9*day+9*hour, 24*hour)
						require.Greater(t, share[9]+share[10], 0.95, share)
					}
				})
			}
		}
	}
}

// On its first weekend, a service may have less than on all days before, and after it as much as ever: there is an hour
// or two of alerts in its first two weeks, not two days. An outage on the first Saturday is one all the same, if five
// days are known.
func TestModel_ExpectsLessOfAFirstWeekend(t *testing.T) {
	const day = 24 * hour
	for _, step := range []time.Duration{5 * time.Minute, hour} {
		for _, weekend := range [][2]float64{{0.4, 0.4}, {0.7, 0.5}} {
			for begins := range 5 {
				t.Run(fmt.Sprintf("%s/%v/%d", step, weekend, begins), func(t *testing.T) {
					share, sum := alertsOfYoung(t, step, weekend, begins, 0, 0), 0.0
					for _, s := range share {
						sum += s
					}
					require.LessOrEqual(t, sum, 2.5/24, share)
					saturday := 5 - begins
					share = alertsOfYoung(t, step, weekend, begins, time.Duration(saturday)*day+10*hour, 6*hour)
					require.True(t, saturday < 5 || share[saturday] > 0, share)
				})
			}
		}
	}
}
