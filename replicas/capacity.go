package replicas

import (
	"math"
	"slices"
	"time"
)

const (
	// minSamples is how many samples a capacity is learned from at least. It is a guard, not tuned: the median of a few
	// is chance.
	minSamples = 10
	// busyShare is how much a replica must have carried, relative to busy times, for a sample to count. It keeps out
	// steps at which a replica mostly used what it uses without any load. Chosen, not tuned.
	busyShare = 0.5
	// upperQuantile is the share of starts that should not take longer than the horizon; it also says what load counts
	// as busy. Chosen, not tuned; it equals the default probability of a scaler.
	upperQuantile = 0.9
)

// UtilizationSample is what a fleet did at a step. Samples with an unknown (NaN), infinite or non-positive field are
// ignored.
type UtilizationSample struct {
	Load        float64
	Utilization float64 // of a replica, on average; 1 is all that it has
	Replicas    float64 // that shared the load
}

// Capacity learns the load that one replica carries at a target utilization. Each sample says what that load would be
// if load and utilization grew in proportion; the result is the median, which a roll-out or a failed scrape does not
// move.
//
// A replica that is idle uses something too, which makes the result too small, the more so the less it has to do. So
// only samples count in which a replica carried at least half of what it carries at busy times.
//
// ok is false if fewer than ten samples are usable. Capacity reorders samples.
func Capacity(samples []UtilizationSample, target float64) (load float64, ok bool) {
	samples = slices.DeleteFunc(samples, func(s UtilizationSample) bool {
		return !(s.Load > 0 && s.Utilization > 0 && s.Replicas > 0) || math.IsInf(s.Load+s.Utilization+s.Replicas, 0)
	})
	if len(samples) < minSamples {
		return math.NaN(), false
	}
	perReplica := make([]float64, len(samples))
	for i, s := range samples {
		perReplica[i] = s.Load / s.Replicas
	}
	busy := UpperQuantile(perReplica) * busyShare
	atTarget := perReplica[:0]
	for _, s := range samples {
		if s.Load/s.Replicas >= busy {
			atTarget = append(atTarget, s.Load/s.Replicas/s.Utilization*target)
		}
	}
	slices.Sort(atTarget)
	n := len(atTarget)
	return (atTarget[(n-1)/2] + atTarget[n/2]) / 2, true
}

// UpperQuantile returns the smallest of the values that at least nine tenths of them do not exceed. NaN and infinities
// are ignored; it is NaN if no other value is left. UpperQuantile reorders values.
func UpperQuantile(values []float64) float64 {
	values = slices.DeleteFunc(values, func(v float64) bool { return !isFinite(v) })
	if len(values) == 0 {
		return math.NaN()
	}
	slices.Sort(values)
	return values[int(math.Ceil(upperQuantile*float64(len(values))))-1]
}

// StartupSteps returns how many steps nine tenths of the starts took at most: at least one and at most limit. seconds
// are the durations of the starts; NaN and infinities are ignored, and ok is false if no other is left. StartupSteps
// reorders seconds.
func StartupSteps(seconds []float64, step time.Duration, limit int) (steps int, ok bool) {
	q := UpperQuantile(seconds)
	if math.IsNaN(q) {
		return 0, false
	}
	return int(min(max(math.Ceil(q/step.Seconds()-roundingError), 1), float64(limit))), true
}
