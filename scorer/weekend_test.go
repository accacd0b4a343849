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

// In a load with lower weekends, an outage of 30 hours is found as long as it lasts, and what comes after it is normal,
// also at the same time of the next week: days of the same kind pass over it. That holds where noise is large, too.
func TestModel_ForgetsAnOutageInAWeekWithWeekends(t *testing.T) {
	skipStatistical(t)
	const day, history, lasts = 24 * hour, 14 * 24 * hour, 30 * hour
	for _, tc := range []struct {
		daily
		from        time.Duration // after the first three weeks, which begin on a Thursday
		left        float64
		least, most float64 // of the outage, and of the days after it
		steps       []time.Duration
	}{
		{daily{10, 150, 0.5, 0.05}, 3*day + 9*hour, 0.4, 0.95, 0.01, []time.Duration{5 * time.Minute}},
		{daily{10, 150, 0.5, 0.05}, 8*day + 9*hour, 0.4, 0.95, 0.01, []time.Duration{time.Minute, 5 * time.Minute}},
		{daily{10, 150, 0.5, 0.15}, 6*day + 9*hour, 0.3, 0.9, 0.04, []time.Duration{time.Minute, 5 * time.Minute}},
		{daily{70, 150, 0.7, 0.05}, 3*day + 9*hour, 0.4, 0.95, 0.02, []time.Duration{5 * time.Minute}},
		{daily{70, 150, 0.7, 0.05}, 6*day + 9*hour, 0.4, 0.95, 0.02, []time.Duration{5 * time.Minute, hour}},
		{daily{70, 150, 0.7, 0.05}, 2*day + 9*hour, 0, 0.95, 0.03, []time.Duration{5 * time.Minute, hour}},
	} {
		for _, step := range tc.steps {
			t.Run(fmt.Sprintf("%+v/%s/%g/%s", tc.daily, tc.from, tc.left, step), func(t *testing.T) {
				t.Parallel()
				var found, of, wrong, afterwards int
				for seed := range uint64(3) {
					if step == time.Minute && seed > 0 {
						continue
					}
					r := rand.New(rand.NewPCG(seed, 81))
					from := 21*day + tc.from
					y := make([]float64, (from+lasts+9*day)/step)
					for i := range y {
						at := time.Duration(i) * step
						y[i] = tc.at(at) * (1 + tc.noise*r.NormFloat64())
						if at >= from && at < from+lasts {
							y[i] *= tc.left
						}
					}
					o := scorer.Options{Step: step, ExplainThreshold: 2, DataRange: [2]float64{0, math.Inf(1)}}
					all := liveFrom(t, o, y, history, r)
					count := func(n, steps *int, from, to time.Duration) {
						high, all := high(all, step, from-history, to-history)
						*n, *steps = *n+high, *steps+all
					}
					count(&found, &of, from+max(15*time.Minute, 2*step), from+lasts)
					count(&wrong, &afterwards, from+lasts+8*hour, from+lasts+9*day)
				}
				t.Logf("%.3f %.3f", float64(found)/float64(of), float64(wrong)/float64(afterwards))
				require.GreaterOrEqual(t, float64(found), tc.least*float64(of))
				require.LessOrEqual(t, float64(wrong), tc.most*float64(afterwards))
			})
		}
	}
}

// An expected range is no wider than what the series' own past has shown, whatever happened in it.
func TestModel_ExpectsNoRangeThatNoPastSupports(t *testing.T) {
	skipStatistical(t)
	const day, history = 24 * hour, 14 * 24 * hour
	for _, step := range []time.Duration{time.Minute, 5 * time.Minute, hour} {
		for _, s := range []daily{{10, 150, 0.5, 0.05}, {70, 150, 0.7, 0.05}, {10, 150, 1, 0.05}} {
			t.Run(fmt.Sprintf("%s/%+v", step, s), func(t *testing.T) {
				t.Parallel()
				r := rand.New(rand.NewPCG(1, 82))
				first, second := 19*day+9*hour, 24*day+9*hour // a Tuesday and a Sunday
				y, largest := make([]float64, 33*day/step), 0.0
				for i := range y {
					at := time.Duration(i) * step
					if y[i] = s.at(at) * (1 + s.noise*r.NormFloat64()); at >= first && at < first+26*hour ||
						at >= second && at < second+30*hour {
						y[i] = 0
					}
					largest = max(largest, y[i])
				}
				o := scorer.Options{Step: step, ExplainThreshold: 2, DataRange: [2]float64{0, math.Inf(1)}}
				widest := 0.0
				for _, s := range liveFrom(t, o, y, history, r) {
					widest = max(widest, s.Upper)
				}
				t.Logf("up to %.0f where no value is above %.0f", widest, largest)
				require.LessOrEqual(t, widest, 2.5*largest)
			})
		}
	}
}
