package replicas

import (
	"math"
	"slices"
	"time"
)

const (
	// errorWindow is how far back forecasts are compared with what happened: one whole daily season. Chosen, not tuned.
	errorWindow = 24 * time.Hour
	// errorBucket is how far the window moves at a time. It bounds the memory to 25 buckets, whatever the step. Chosen,
	// not tuned.
	errorBucket = time.Hour
	// naiveErrorFloor is a share of the mean load that is added to the error of the seasonal naive forecast. It is a
	// guard, not tuned: it keeps the ratio meaningful when yesterday is an almost perfect forecast.
	naiveErrorFloor = 0.01
)

// accuracy compares the forecasts of a workload with what then happened, and both with the load a day before. It sums
// errors in buckets of absolute time, so that the result does not depend on when it began.
type accuracy struct {
	perBucket int64 // steps
	pending   []pendingForecast
	buckets   []bucket
	now       int64 // bucket of the newest step
}

// pendingForecast is a forecast for the step due.
type pendingForecast struct {
	due    int64
	median float64
}

// bucket holds sums over an errorBucket.
type bucket struct {
	index            int64
	forecasts, loads float64 // how many
	forecast, naive  float64 // absolute errors
	load             float64 // absolute values
}

func newAccuracy(o Options) accuracy {
	perBucket := max(1, int64(errorBucket/o.Step))
	nothing := pendingForecast{due: math.MinInt64}
	return accuracy{
		perBucket: perBucket,
		pending:   slices.Repeat([]pendingForecast{nothing}, o.Horizon+1),
		buckets:   make([]bucket, int64(errorWindow/o.Step)/perBucket+1),
	}
}

func (a *accuracy) observe(o Observation) {
	a.now = o.At / a.perBucket
	b := &a.buckets[a.now%int64(len(a.buckets))]
	if b.index != a.now {
		*b = bucket{index: a.now}
	}
	if isFinite(o.Load) {
		b.loads++
		b.load += math.Abs(o.Load)
	}
	n := int64(len(a.pending))
	if p := a.pending[o.At%n]; p.due == o.At && isFinite(o.Load) && isFinite(p.median) && isFinite(o.DayBefore) {
		b.forecasts++
		b.forecast += math.Abs(o.Load - p.median)
		b.naive += math.Abs(o.Load - o.DayBefore)
	}
	due := o.At + int64(o.Horizon)
	a.pending[due%n] = pendingForecast{due, o.Median}
}

// relative is the mean absolute error of the forecasts, divided by that of the load a day before plus naiveErrorFloor
// of the mean load. It is NaN as long as there is nothing to compare.
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
	naive := sum.naive/sum.forecasts + naiveErrorFloor*sum.load/sum.loads
	if naive == 0 {
		return math.NaN()
	}
	return sum.forecast / sum.forecasts / naive
}
