package forecaster_test

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/anomaly-exporter/anomaly-exporter/forecaster"
)

// A series that goes on a straight line and jumps now and then goes on from where it is at once after each jump: a
// certificate that is renewed, an uptime that restarts, a disk that fills and is cleared.
func TestModel_GoesOnAfterARenewal(t *testing.T) {
	if testing.Short() {
		t.Skip("takes seconds")
	}
	t.Parallel()
	for name, tc := range map[string]struct {
		slope, noise float64 // of an hour; of a value
		jumps        []int   // hours
		ahead        int     // horizons: where jumps are frequent, one is likely within a day
		to           float64
	}{
		"certificate, first renewal": {-3600, 0, []int{15*24 + 5}, 3, 5e6},
		"certificate, renewed twice": {-3600, 0, []int{8 * 24, 15*24 + 5}, 3, 5e6},
		"uptime":                     {3600, 0.5, []int{50, 180, 230, 340, 15*24 + 5}, 2, 0},
		"disk":                       {2, 0.3, []int{4 * 24, 8 * 24, 12 * 24, 15*24 + 5}, 2, 10},
	} {
		for _, step := range []time.Duration{time.Minute, 5 * time.Minute, time.Hour} {
			t.Run(fmt.Sprintf("%s/%v", name, step), func(t *testing.T) {
				t.Parallel()
				hour := int(time.Hour / step)
				rng := rand.New(rand.NewPCG(1, 5))
				y := make([]float64, 17*24*hour)
				at, jumps := 1e6, tc.jumps
				for i := range y {
					if at += tc.slope / float64(hour); len(jumps) > 0 && i == jumps[0]*hour {
						at, jumps = tc.to, jumps[1:]
					}
					y[i] = at + tc.noise*rng.NormFloat64()
				}
				o := forecaster.Options{Step: step, Horizons: []int{hour, 6 * hour, 24 * hour}}
				last := tc.jumps[len(tc.jumps)-1] * hour
				follow(t, o, y[:len(y)-24*hour], last-hour, 0, func(i int, m *forecaster.Model) {
					if i < last {
						return
					}
					for _, h := range o.Horizons[:tc.ahead] {
						growth := tc.slope * float64(h) / float64(hour)
						require.InDelta(t, growth, m.Quantile(h, 0.5)-y[i], 0.1*max(growth, -growth)+4*tc.noise,
							"%d steps after, %d ahead", i-last, h)
					}
				})
			})
		}
	}
}

// A series held in single precision goes on after a jump as the line does, also where the horizon is longer than the
// time since the jump: nothing tells candidates apart then but how they round.
func TestModel_GoesOnAfterARenewalInSinglePrecision(t *testing.T) {
	t.Parallel()
	for _, jump := range []float64{365, 30, -8} {
		for _, step := range []time.Duration{5 * time.Minute, 15 * time.Minute, time.Hour} {
			t.Run(fmt.Sprintf("%g/%v", jump, step), func(t *testing.T) {
				t.Parallel()
				hour := int(time.Hour / step)
				last := 15 * 24 * hour
				y := make([]float64, last+40*hour)
				for i := range y {
					days := 26.67 - float64(i)/float64(24*hour)
					if i >= last {
						days += jump
					}
					y[i] = float64(float32(days))
				}
				o := forecaster.Options{Step: step, Horizons: []int{hour, 6 * hour, 48 * hour}}
				follow(t, o, y, last-hour, 2*hour, func(i int, m *forecaster.Model) {
					if i < last+hour {
						return
					}
					for _, h := range o.Horizons {
						require.InDelta(t, y[i]-float64(h)/float64(24*hour), m.Quantile(h, 0.5), 0.1,
							"%d steps after, %d ahead", i-last, h)
					}
				})
			})
		}
	}
}
