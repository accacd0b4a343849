package calibration_test

import (
	"math"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/anomaly-exporter/anomaly-exporter/scorer/calibration"
)

const (
	slot = 300_000 // ms
	n    = 4 * 2016
)

// statistics is a sample of two correlated statistics.
func statistics(n int, seed uint64) []calibration.Statistics {
	r := rand.New(rand.NewPCG(seed, 0))
	sample := make([]calibration.Statistics, n)
	for i := range sample {
		common := r.NormFloat64()
		for s := range 2 {
			sample[i][s] = float32(math.Abs(common + r.NormFloat64()))
		}
	}
	return sample
}

func fitted(sample []calibration.Statistics) calibration.Calibration {
	o := calibration.Options{Enabled: [calibration.MaxStatistics]bool{true, true}, Slot: slot, Separation: 36}
	return calibration.Fit(o, sample, int64(len(sample))*slot)
}

func logPeriod(c *calibration.Calibration, st *calibration.Statistics) float64 {
	all, parts := c.Combine(st)
	log, _ := c.LogPeriod(all, &parts)
	return log
}

// Of correlated statistics, what is seen once in so many steps has the return period of so many steps.
func TestCalibration_ReturnPeriodIsWhatIsObserved(t *testing.T) {
	sample := statistics(n, 1)
	c := fitted(sample)
	const later = 400_000
	for _, every := range []float64{100, 1000} {
		beyond := 0
		for _, st := range statistics(later, 2) {
			if logPeriod(&c, &st) >= math.Log10(every) {
				beyond++
			}
		}
		require.InDelta(t, 0, math.Log(every*float64(beyond)/later), math.Log(2), "once in %g", every)
	}
}

// At the edge of the band the first statistic by itself is as rare as a score of 0.6 means.
func TestCalibration_BandIsOnceIn1000Slots(t *testing.T) {
	sample := statistics(n, 1)
	c := fitted(sample)
	beyond := 0
	for _, st := range sample {
		if st[0] > c.Band() {
			beyond++
		}
	}
	require.InDelta(t, n/1000, beyond, 3)
}

// Where each of five steps of a slot can be the most anomalous one, the period is five times as long; where all are
// alike, it is not longer.
func TestEstimateCorrection_CountsIndependentSteps(t *testing.T) {
	const stride = 5
	for _, tc := range []struct {
		name  string
		alike bool
		want  float64
	}{{"independent", false, 5}, {"alike", true, 1}} {
		t.Run(tc.name, func(t *testing.T) {
			sample := statistics(n, 1)
			c := fitted(sample)
			before := logPeriod(&c, &calibration.Statistics{4, 4})
			each := statistics(stride*5000, 3)
			var steps calibration.SlotSample
			var firsts []calibration.Statistics
			for i := range each {
				if i%stride == 0 {
					firsts = append(firsts, each[i])
				} else if tc.alike {
					each[i] = each[i-i%stride]
				}
				steps.Statistics, steps.Slots = append(steps.Statistics, each[i]), append(steps.Slots, i/stride)
			}
			c.EstimateCorrection(steps, stride, firsts)
			require.InDelta(t, tc.want, math.Pow(10, before-logPeriod(&c, &calibration.Statistics{4, 4})), 0.3*tc.want)
		})
	}
}

func TestEstimateCorrection_NeedsAHundredSlots(t *testing.T) {
	c := fitted(statistics(n, 1))
	before := c
	each := statistics(5*99, 3)
	steps := calibration.SlotSample{Statistics: each}
	for i := range each {
		steps.Slots = append(steps.Slots, i/5)
	}
	c.EstimateCorrection(steps, 5, each)
	require.Equal(t, before, c)
}
