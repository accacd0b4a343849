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

// A workday that was like another day, or from which on all is different, is no reason to take the same day of the next
// two weeks for an anomaly, though weekends are lower.
func TestModel_IsRightInTheWeeksAfterAnUnusualWorkday(t *testing.T) {
	skipStatistical(t)
	const day, history, until, monday = 24 * hour, 14 * 24 * hour, 33 * 24 * hour, 4 * 24 * hour // the epoch is a Thursday
	times := func(k float64) func(float64) float64 { return func(y float64) float64 { return k * y } }
	for _, tc := range []struct {
		name      string
		direction string
		weekend   float64
		lasts     time.Duration
		happens   func(y float64) float64
		news      bool // it is anomalous until it is believed
	}{
		{"a holiday, above", "above", 0.4, day, times(0.4), false},
		{"a holiday", "both", 0.5, day, times(0.5), true},
		{"less from now on", "above", 0.5, until, func(y float64) float64 { return y - 30 }, false},
		{"more from now on", "both", 0.5, until, func(y float64) float64 { return y + 50 }, true},
		{"month end", "both", 0.5, 2 * day, times(2), true},
	} {
		for _, step := range []time.Duration{5 * time.Minute, hour} {
			t.Run(fmt.Sprintf("%s/%s", tc.name, step), func(t *testing.T) {
				t.Parallel()
				seeds := map[time.Duration]uint64{5 * time.Minute: 2, hour: 8}[step]
				wrong, total := 0, 0
				for seed := range seeds {
					r := rand.New(rand.NewPCG(seed, 3))
					begins := monday + 14*day + time.Duration(r.IntN(3))*day // on a Monday, Tuesday or Wednesday
					if tc.lasts > 2*day {
						begins += time.Duration(r.IntN(12*60)) * time.Minute
					}
					y := make([]float64, until/step)
					for i := range y {
						now := time.Duration(i) * step
						y[i] = 40 + 50*(1+math.Cos(2*math.Pi*(now.Hours()-14)/24))
						if math.Mod((now-monday+7*day).Hours()/24, 7) >= 5 {
							y[i] *= tc.weekend
						}
						if y[i] *= 1 + 0.03*r.NormFloat64(); now >= begins && now < begins+tc.lasts {
							y[i] = tc.happens(y[i])
						}
					}
					settled := 38 * hour
					if step == hour {
						settled = 54 * hour
					}
					settled = max(settled, min(tc.lasts, 2*day)+8*hour)
					for i, s := range live(t, scorer.Options{Step: step, Direction: tc.direction, ExplainThreshold: 2}, y) {
						at := history + time.Duration(i)*step
						if tc.news && at >= begins && at < begins+settled {
							continue
						}
						total++
						if s.Value >= 0.8 {
							wrong++
						}
					}
				}
				require.LessOrEqual(t, float64(wrong), 0.005*float64(total), "of %d", total)
			})
		}
	}
}
