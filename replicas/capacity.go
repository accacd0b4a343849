package replicas

import (
	"math"
	"slices"
	"time"
)

// minUses is how many uses must be known before a capacity is learned from them.
const minUses = 10

// Use is what a fleet did at a step.
type Use struct {
	Load        float64
	Utilization float64 // of a replica, on average; 1 is all that it has
	Replicas    float64 // that shared the load
}

// Capacity learns which load one replica carries when it is used as much as target says: the median of what the load per replica would be at the
// target if it grew with the utilization. What a replica uses without any load makes that too small, the more so the less it has to do: hence
// uses count only where a replica carried at least half of what it carries at busy times. The median does not mind a roll-out or a failed
// scrape. ok is false as long as too few uses are known. uses are reordered.
func Capacity(uses []Use, target float64) (load float64, ok bool) {
	uses = slices.DeleteFunc(uses, func(u Use) bool {
		return !(u.Load > 0 && u.Utilization > 0 && u.Replicas > 0) || math.IsInf(u.Load+u.Utilization+u.Replicas, 0)
	})
	if len(uses) < minUses {
		return math.NaN(), false
	}
	each := make([]float64, len(uses))
	for i, u := range uses {
		each[i] = u.Load / u.Replicas
	}
	busy := UpperQuantile(each) / 2
	each = each[:0]
	for _, u := range uses {
		if u.Load/u.Replicas >= busy {
			each = append(each, u.Load/u.Replicas/u.Utilization*target)
		}
	}
	slices.Sort(each)
	n := len(each)
	return (each[(n-1)/2] + each[n/2]) / 2, true
}

// upperQuantile is the share of starts that should not take longer than the horizon.
const upperQuantile = 0.9

// UpperQuantile returns the value that nine tenths of the values do not exceed, one of them; NaN if none of them is a number. values are
// reordered.
func UpperQuantile(values []float64) float64 {
	values = slices.DeleteFunc(values, func(v float64) bool { return !known(v) })
	if len(values) == 0 {
		return math.NaN()
	}
	slices.Sort(values)
	return values[int(math.Ceil(upperQuantile*float64(len(values))))-1]
}

// StartupSteps returns the steps that cover the time that nine tenths of the starts took, in seconds: at least one and at most limit. ok is false
// if no start is known. seconds are reordered.
func StartupSteps(seconds []float64, step time.Duration, limit int) (steps int, ok bool) {
	q := UpperQuantile(seconds)
	if math.IsNaN(q) {
		return 0, false
	}
	return int(min(max(math.Ceil(q/step.Seconds()-1e-9), 1), float64(limit))), true
}
