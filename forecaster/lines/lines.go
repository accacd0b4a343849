// Package lines extrapolates linear trends: leaks, disks that fill, queues.
//
// A trend has a level and a slope (Hyndman and Athanasopoulos, "Forecasting: Principles and Practice", 3rd edition,
// section 8.2). It is fitted by least squares, as by predict_linear of PromQL.
package lines

import (
	"math"

	"github.com/anomaly-exporter/anomaly-exporter/forecaster/rolling"
)

// Into how many parts an hour is divided, in which RecentTrends and Rise take values. Where a step is longer than such
// a part, it is one, and there are fewer, but enough to tell a slope. Chosen, not tuned.
const (
	HourParts  = 12
	leastParts = 4
)

// PartsOf returns how many parts of so many minutes are as long as an hour, or as long as a slope needs.
func PartsOf(minutes float64) int { return max(leastParts, int(math.Round(60/minutes))) }

// MedianLag is how many parts ago a line was where its median of so many parts is. Definition: the middle.
func MedianLag(parts int) float64 { return float64(parts-1) / 2 }

// R squared of departures: the part of their variance that a line explains. Chosen, not tuned.
const (
	BentRSquared     = 0.8  // no line
	straightRSquared = 0.92 // a line
)

// Parts of the departure that a line explains if it began with it: a level that wanders is none. Chosen, not tuned.
const (
	partOfDeparture = 0.5 // no line
	allOfDeparture  = 0.8 // a line
)

// Parts of the growth of a departure that are growth of the values. The rest comes of the usual, as when a daily
// restart does not come: then nothing grows. Chosen, not tuned.
const (
	leastOfValues = 0.25 // no line
	halfOfValues  = 0.5  // a line
)

// Uncertainty times the growth that is foreseen is how uncertain that is. Chosen, not tuned.
const Uncertainty = 0.4

// Chosen, not tuned.
const (
	shortestLine = 60     // half-life of the points of a line, in minutes; half the time that it has lasted
	longestLine  = 8 * 60 // in between

	// reach is for how many times as long as it has been seen a line is continued. It is what people do with
	// predict_linear(x[1h], 4*3600).
	reach = 4
)

// An Extrapolation is a trend that is carried on.
type Extrapolation struct {
	Share        float64 // how surely, 0 to 1
	Level, Slope float64 // departure from the usual, and its growth by the step
	Steps        float64 // for which it goes on
	OfValues     bool    // Level is a value, not a departure

	rSquared float64
}

// clearlyBetter is how many times as much of the variance is left open by a line that another is clearly nearer to its
// points than. Chosen, not tuned.
const clearlyBetter = 1.5

// Beats tells whether l, through departures, counts before a line through values: it is surer, or as sure and clearly
// nearer to its points. If it is as sure and no nearer, it counts unless the usual jumps, as at a daily restart: that
// tells nothing of values that are higher than ever.
func (l *Extrapolation) Beats(values *Extrapolation, jumps bool) bool {
	if l.Share != values.Share {
		return l.Share > values.Share
	}
	return !jumps || 1-values.rSquared > clearlyBetter*(1-l.rSquared)
}

// A Trend is a straight line through departures from the usual, or through values, since it began. Its unit of time is
// a part of an hour.
type Trend struct {
	Level, Slope float64 // now, and by the part
	RSquared     float64
	Age          float64 // mean one of its points
	Lasted       float64

	side     float64 // -1 if it is of the mirror image, else 1
	ofValues bool    // not of departures
}

// Fit returns the line through the points of a trend, which were taken perPart times a part, for so many steps. The
// trend is late by lag parts.
func Fit(trend *rolling.FadingLine, steps int, perPart, lag float64) Trend {
	level, slope, rSquared := trend.Fit()
	return Trend{
		Level: level + slope*lag*perPart, Slope: slope * perPart, RSquared: rSquared,
		Age: trend.Age()/perPart + lag, Lasted: float64(steps) / perPart, side: 1,
	}
}

// Extrapolate continues the trend, by steps of which perPart make a part.
func (s *Trend) Extrapolate(perPart float64) Extrapolation {
	return Extrapolation{
		Level: s.side * s.Level, Slope: s.side * s.Slope / perPart, Steps: reach * s.Lasted * perPart, OfValues: s.ofValues,
		rSquared: s.RSquared,
	}
}

// Straight is how surely departures are a line, 0 to 1.
func (s *Trend) Straight() float64 { return Ramp(s.RSquared, BentRSquared, straightRSquared) }

// Fade returns what the points of a trend count after a step, as a share; the trend has lasted for so many. The decay
// to a half is integrated by the trapezoidal rule, which takes no exponential function: within 2e-5 of it at steps of
// up to 5 minutes. Where a step is longer than the half-life, nothing may be left.
func Fade(steps int, minutes float64) float64 {
	halfLife := min(max(float64(steps)*minutes/2, shortestLine), longestLine)
	decay := math.Ln2 / 2 * minutes
	return max(halfLife-decay, 0) / (halfLife + decay)
}

// FromUsual is how surely a trend began at the usual, 0 to 1: it explains such a part of the departure.
func FromUsual(part float64) float64 { return Ramp(part, partOfDeparture, allOfDeparture) }

// OfValues is how surely departures grow because the values do, 0 to 1: by such a part of their growth.
func OfValues(part float64) float64 { return Ramp(part, leastOfValues, halfOfValues) }

// Ramp is 0 up to from, 1 beyond to, and in between on the way.
func Ramp(v, from, to float64) float64 {
	if from == to {
		return 1
	}
	return min(max((v-from)/(to-from), 0), 1)
}

// toward returns v, moved to another value by a share of the way.
func toward(v, other, share float64) float64 { return v + share*(other-v) }

// sameSign returns v, or 0 if its sign differs.
func sameSign(v, sign float64) float64 {
	return math.Copysign(max(v*sign, 0), sign)
}
