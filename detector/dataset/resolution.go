package dataset

import (
	"math"

	"github.com/prometheus/prometheus/promql"
)

const (
	// minLevels is how many different values the history has to tell apart within the range of two days. Chosen, not
	// tuned: with fewer, rounding is a tenth of the range and looks like an anomaly.
	minLevels = 8
	// rounding is the part of a value below which differences are those of the arithmetic behind it, such as a sum in
	// another order. The series counts as constant then. Chosen, not tuned: some hundred roundings of float64.
	rounding = 1e-13
	// shareRounding is the same for shares that come from counters, such as 1 - rate(idle): what counters of up to a
	// billion lose within five minutes, however close to 0 the difference is. Chosen, not tuned.
	shareRounding = 1e-9
	// smallest is the smallest value that float32 keeps to all its digits.
	smallest = 0x1p-126
	// dayLength is the length of a day in ms.
	dayLength = 24 * 3_600_000
)

// resolution tells whether the history, which keeps values as float32, can tell the values of an input apart. It knows
// the range of the values of the newest day and the one before, so that it is the same whenever reading began.
type resolution struct {
	day      int64 // the newest one, since the epoch
	ranges   [2]valueRange
	overflow bool // the newest value is finite and beyond float32, so it is not kept
}

// valueRange is the closed range of the values so far. The zero one is empty.
type valueRange struct {
	from, to float64
	known    bool
}

func (r *valueRange) include(v float64) {
	if !r.known {
		*r = valueRange{v, v, true}
	}
	r.from, r.to = min(r.from, v), max(r.to, v)
}

// add takes the next value.
func (r *resolution) add(p promql.FPoint) {
	if p.F != p.F || math.IsInf(p.F, 0) {
		r.overflow = false
		return
	}
	if r.overflow = math.IsInf(float64(float32(p.F)), 0); r.overflow {
		return
	}
	day := floor(p.T, dayLength) / dayLength
	switch day - r.day {
	case 0:
	case 1:
		r.day, r.ranges[1], r.ranges[0] = day, r.ranges[0], valueRange{}
	default:
		r.day, r.ranges = day, [2]valueRange{}
	}
	r.ranges[0].include(p.F)
}

// lost reports whether the history cannot tell the values apart.
func (r *resolution) lost() bool {
	if r.overflow {
		return true
	}
	if !r.ranges[0].known {
		return false
	}
	both := r.ranges[0]
	if r.ranges[1].known {
		both.include(r.ranges[1].from)
		both.include(r.ranges[1].to)
	}
	largest := max(-both.from, both.to)
	f := float32(largest)
	ulp := float64(math.Nextafter32(f, float32(math.Inf(1))) - f)
	distance := both.to - both.from
	if distance <= rounding*largest || largest >= smallest && distance <= shareRounding {
		return false
	}
	return distance < minLevels*ulp
}
