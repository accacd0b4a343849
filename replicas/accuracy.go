package replicas

import (
	"math"
	"slices"
	"time"
)

const (
	errorWindow = 24 * time.Hour // in which forecasts are compared with what happened
	errorBucket = time.Hour      // what the window moves by
)

// accuracy compares the forecasts of a workload with what then happened, and both with the load a day before. Its sums are kept by bucket, on
// absolute times: so they do not depend on when it was begun.
type accuracy struct {
	perBucket int64 // steps
	pending   []pending
	buckets   []bucket
	now       int64 // bucket of the newest step
}

// pending is a forecast for the step due.
type pending struct {
	due    int64
	median float64
}

// bucket holds sums over an hour.
type bucket struct {
	index            int64
	forecasts, loads float64 // how many
	forecast, naive  float64 // absolute errors
	load             float64 // absolute values
}

func newAccuracy(o Options) accuracy {
	perBucket := max(1, int64(errorBucket/o.Step))
	nothing := pending{due: math.MinInt64}
	return accuracy{
		perBucket: perBucket,
		pending:   slices.Repeat([]pending{nothing}, o.Horizon+1),
		buckets:   make([]bucket, int64(errorWindow/o.Step)/perBucket+1),
	}
}

func (a *accuracy) observe(o Observation) {
	a.now = o.At / a.perBucket
	b := &a.buckets[a.now%int64(len(a.buckets))]
	if b.index != a.now {
		*b = bucket{index: a.now}
	}
	if known(o.Load) {
		b.loads++
		b.load += math.Abs(o.Load)
	}
	n := int64(len(a.pending))
	if p := a.pending[o.At%n]; p.due == o.At && known(o.Load) && known(p.median) && known(o.DayBefore) {
		b.forecasts++
		b.forecast += math.Abs(o.Load - p.median)
		b.naive += math.Abs(o.Load - o.DayBefore)
	}
	due := o.At + int64(o.Horizon)
	a.pending[due%n] = pending{due, o.Median}
}

// relative is the error of the forecasts relative to that of the load a day before, which is raised by a hundredth of the mean load: where the
// days are alike to the last request, an error that nobody cares about is no reason to distrust a forecast. NaN as long as there is
// nothing to compare.
func (a *accuracy) relative() float64 {
	var sum bucket
	oldest := a.now - int64(len(a.buckets)) + 1
	for index := oldest; index <= a.now; index++ {
		if index < 0 {
			continue
		}
		if b := a.buckets[index%int64(len(a.buckets))]; b.index == index {
			sum.forecasts, sum.loads = sum.forecasts+b.forecasts, sum.loads+b.loads
			sum.forecast, sum.naive, sum.load = sum.forecast+b.forecast, sum.naive+b.naive, sum.load+b.load
		}
	}
	if sum.forecasts == 0 {
		return math.NaN()
	}
	naive := sum.naive/sum.forecasts + 0.01*sum.load/sum.loads
	if naive == 0 {
		return math.NaN()
	}
	return sum.forecast / sum.forecasts / naive
}
