// Package rollingorigin evaluates forecasts at past origins of a window, as they would have been made there.
//
// This is evaluation on a rolling forecasting origin (Hyndman and Athanasopoulos, "Forecasting: Principles and
// Practice", 3rd edition, section 5.10), with a sample of origins instead of all of them. Only values that were
// observed and may be learned from are origins or targets.
package rollingorigin

import (
	"math"
	"slices"

	"github.com/anomaly-exporter/anomaly-exporter/forecaster/window"
)

// Upper ends of the buckets of horizons, in minutes. Errors are pooled over the horizons of a bucket: at a single one
// of exactly a day the last value is the seasonal naive, and would take its place for the 23 hours before.
//
// Tuned with the prototype on the hourly series of the M4 competition: weights by single horizons (and a half-life of 5
// days) gave MASE 1.195, by buckets (and 10 days) 0.819. These buckets, finer than the first ones, brought OWA from
// 0.418 to 0.412.
var (
	fineBuckets   = [...]float64{5, 10, 15, 30, 60, 120, 240, 480, 720, 960, 1200, 1440, 2880}
	coarseBuckets = [...]float64{60, 120, 180, 270, 360, 540, 720, 900, 1080, 1260, 1440, 1800, 2160, 2880}
)

// Buckets returns the upper ends of the buckets of horizons in steps, ascending; the last one is longest. Bucket k
// holds the horizons over end k-1 (0 for the first) up to end k.
func Buckets(w *window.Window, longest int) []int {
	minutes := coarseBuckets[:]
	if w.Fine() {
		minutes = fineBuckets[:]
	}
	ends := []int{1}
	for _, x := range minutes {
		ends = append(ends, max(1, int(math.Round(x/w.Minutes))))
	}
	ends = slices.DeleteFunc(ends, func(h int) bool { return h >= longest })
	return slices.Compact(append(ends, longest))
}

// Knots returns where the weights and the quantiles of buckets apply, as logarithms of steps.
func Knots(ends []int) []float64 {
	k := make([]float64, len(ends))
	lo := 0
	for i, hi := range ends {
		k[i] = math.Log(float64(lo+1)*float64(hi)) / 2
		lo = hi
	}
	return k
}

const (
	// MaxRows is how many rows a bucket has at most. Tuned with `accuracy forecast`: 1,000 made no difference; with the
	// prototype 200, and 8 candidates instead of 12, cost 0.004 OWA on the hourly series of the M4 competition.
	MaxRows = 400
	// MinRows is how many rows a bucket needs; below, the bucket before it stands in. Guard, of the prototype.
	MinRows = 12
)

// An EvaluationSet is a sample of forecasts to make in a window: row i is made at origin Origin[i] for Steps[i] ahead.
// The rows of a bucket are one after another.
type EvaluationSet struct {
	Origin, Steps []int32

	bucket []int32 // bucket k holds rows [bucket[k], bucket[k+1])
	first  []int32 // row of each origin, -1 is none
	next   []int32 // row of the same origin
}

// Sample chooses the rows: per bucket up to MaxRows origins not before first, evenly back from the latest, with one
// horizon each that strides through the bucket.
func Sample(w *window.Window, ends []int, first int) *EvaluationSet {
	n := len(w.Values)
	origins := make([]int32, 0, n)
	for t := first; t < n; t++ {
		if w.Learn[t] {
			origins = append(origins, int32(t))
		}
	}
	rows := len(ends) * min(len(origins), MaxRows)
	s := &EvaluationSet{
		Origin: make([]int32, 0, rows), Steps: make([]int32, 0, rows), bucket: make([]int32, 1, len(ends)+1),
	}
	lo := 0
	for _, hi := range ends {
		count, _ := slices.BinarySearch(origins, int32(n-lo-1))
		stride := max(1, (count+MaxRows-1)/MaxRows)
		i := 0
		for k := count - 1; k >= 0; k -= stride {
			t := int(origins[k])
			if h := pickHorizon(w, t, lo, hi, i); h > 0 {
				s.Origin, s.Steps = append(s.Origin, int32(t)), append(s.Steps, int32(h))
			}
			i++
		}
		s.bucket = append(s.bucket, int32(len(s.Origin)))
		lo = hi
	}
	s.linkOrigins(n)
	return s
}

// linkOrigins lists the rows of each of n origins.
func (s *EvaluationSet) linkOrigins(n int) {
	s.first, s.next = make([]int32, n), make([]int32, len(s.Origin))
	for t := range s.first {
		s.first[t] = -1
	}
	for i, t := range s.Origin {
		s.next[i], s.first[t] = s.first[t], int32(i)
	}
}

const (
	// horizonStride is a prime, so that successive origins go through all horizons of a bucket in a scattered order.
	// Chosen, not tuned: the thousandth prime. Any large one does.
	horizonStride = 7919
	// horizonTries is how many horizons are tried for an origin until one has a target. Guard: of time where much is
	// missing. Chosen, not tuned.
	horizonTries = 8
)

// pickHorizon returns a horizon in (lo, hi] for the i-th origin t, 0 if none has a target.
func pickHorizon(w *window.Window, t, lo, hi, i int) int {
	span := hi - lo
	h := horizonStride * i % span
	if t+lo+1+h >= len(w.Values) {
		return 0
	}
	for range min(span, horizonTries) {
		if at := t + lo + 1 + h; at < len(w.Values) && w.Learn[at] {
			return lo + 1 + h
		}
		h = (h + 1) % span
	}
	return 0
}

// Len returns the number of rows.
func (s *EvaluationSet) Len() int { return len(s.Origin) }

// Target returns the step that row i forecasts.
func (s *EvaluationSet) Target(i int) int { return int(s.Origin[i] + s.Steps[i]) }

// Bucket returns which rows bucket k holds: [from, to).
func (s *EvaluationSet) Bucket(k int) (from, to int) { return int(s.bucket[k]), int(s.bucket[k+1]) }

// Apart returns how many forecasts of bucket k do not overlap.
func (s *EvaluationSet) Apart(k int) float64 {
	from, to := s.Bucket(k)
	if from == to {
		return 0
	}
	steps := 0.0
	for _, h := range s.Steps[from:to] {
		steps += float64(h)
	}
	span := slices.Max(s.Origin[from:to]) - slices.Min(s.Origin[from:to])
	return 1 + float64(span)*float64(to-from)/steps
}

// First returns a row of origin t, -1 if it has none.
func (s *EvaluationSet) First(t int) int { return int(s.first[t]) }

// Next returns the next row of the same origin, -1 if there is none.
func (s *EvaluationSet) Next(i int) int { return int(s.next[i]) }

const (
	// errorHalfLife is in how many days an error comes to count half in quantiles. Tuned with the prototype, by signed
	// quantiles alone: MSIS on the hourly series of the M4 competition was 6.3, at 20 days 6.6, at 2 days 7.6.
	errorHalfLife = 5

	// windowOrigins is how many origins there are at most for the errors of windows, per horizon, at short steps. Chosen,
	// not tuned.
	windowOrigins = 200
)

// ErrorWeight returns what an error made at origin t counts in quantiles.
func ErrorWeight(w *window.Window, t int) float64 {
	return w.AgeWeight(len(w.Values)-1-t, errorHalfLife)
}

// ErrorWeights fills in what errors count in quantiles, for all origins.
func ErrorWeights(w *window.Window, u []float64) { w.AgeWeights(u, errorHalfLife) }

// WindowOrigins returns origins not before first, ascending, from which to look at all steps up to each of horizons.
// They are evenly spaced back from the latest; at long steps, of which a day has few, all are taken. Else every second
// hour of the day would never be looked at. Where much of the time after an origin was not observed, the extremes of
// the rest say little: such origins count only if there are few others.
func WindowOrigins(w *window.Window, first int, horizons []int) []int32 {
	shortest := horizons[0]
	all := make([]int32, 0, len(w.Values)-first)
	whole := make([]int32, 0, len(w.Values)-first)
	seen := 0 // observed values in (t, t+shortest]
	for t := len(w.Values) - 2; t >= first; t-- {
		if w.Learn[t+1] {
			seen++
		}
		if end := t + 1 + shortest; end < len(w.Values) && w.Learn[end] {
			seen--
		}
		if !w.Learn[t] || t+shortest >= len(w.Values) {
			continue
		}
		all = append(all, int32(t))
		if 5*seen >= 4*shortest {
			whole = append(whole, int32(t))
		}
	}
	if len(whole) >= windowOrigins {
		all = whole
	}
	stride := 1
	if w.Fine() {
		stride = max(1, (len(all)+windowOrigins-1)/windowOrigins)
	}
	origins := make([]int32, 0, len(all)/stride+1)
	for i := (len(all) - 1) / stride * stride; i >= 0; i -= stride {
		origins = append(origins, all[i])
	}
	return origins
}
