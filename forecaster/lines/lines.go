// Package lines continues straight lines: leaks, disks that fill, queues.
package lines

import (
	"math"

	"github.com/anomaly-exporter/anomaly-exporter/forecaster/rolling"
)

// Chosen, not tuned: into how many parts an hour is divided, in which Recent and Climb take values. Where a step is
// longer than such a part, it is one, and there are fewer; least tell a slope.
const (
	HourParts  = 12
	leastParts = 4
)

// PartsOf returns how many parts of so many minutes are as long as an hour, or as long as a slope needs.
func PartsOf(minutes float64) int { return max(leastParts, int(math.Round(60/minutes))) }

// MedianLag is how many parts ago a line was where its median of so many parts is. Definition: the middle.
func MedianLag(parts int) float64 { return float64(parts-1) / 2 }

// Parts of the variance of departures that a line explains. Chosen, not tuned.
const (
	BentShare     = 0.8  // no line
	straightShare = 0.92 // a line
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

// An Ahead is a straight line that is carried on.
type Ahead struct {
	Share      float64 // how surely, 0 to 1
	Now, Slope float64 // departure from the usual, and its growth by the step
	Steps      float64 // for which it goes on
	OfValues   bool    // Now is a value, not a departure

	explained float64 // the part of the variance
}

// clearlyBetter is how many times as much of the variance is left open by a line that another is clearly nearer to its
// points than. Chosen, not tuned.
const clearlyBetter = 1.5

// Beats tells whether l, through departures, counts before a line through values: it is surer, or as sure and clearly
// nearer to its points. If it is as sure and no nearer, it counts unless the usual jumps, as at a daily restart: that
// tells nothing of values that are higher than ever.
func (l *Ahead) Beats(values *Ahead, jumps bool) bool {
	if l.Share != values.Share {
		return l.Share > values.Share
	}
	return !jumps || 1-values.explained > clearlyBetter*(1-l.explained)
}

// A SoFar is the straight line since it began. Its unit of time is a part of an hour.
type SoFar struct {
	Now, Slope, Explained float64 // Explained: the part of the variance
	Age                   float64 // mean one of its points
	Lasted                float64

	side     float64 // -1 if it is of the mirror image, else 1
	ofValues bool    // not of departures
}

// Fit returns the line through the points of a trend, which were taken perPart times a part, for so many steps. The
// trend is late by lag parts.
func Fit(trend *rolling.FadingLine, steps int, perPart, lag float64) SoFar {
	now, slope, explained := trend.Fit()
	return SoFar{
		Now: now + slope*lag*perPart, Slope: slope * perPart, Explained: explained,
		Age: trend.Age()/perPart + lag, Lasted: float64(steps) / perPart, side: 1,
	}
}

// Ahead continues the line, by steps of which perPart make a part.
func (s *SoFar) Ahead(perPart float64) Ahead {
	return Ahead{
		Now: s.side * s.Now, Slope: s.side * s.Slope / perPart, Steps: reach * s.Lasted * perPart, OfValues: s.ofValues,
		explained: s.Explained,
	}
}

// Straight is how surely departures are a line, 0 to 1.
func (s *SoFar) Straight() float64 { return Ramp(s.Explained, BentShare, straightShare) }

// Fade returns what the points of a trend count after a step, as a share; the trend has lasted for so many. The decay
// to a half is integrated by the trapezoidal rule, which takes no exponential function: within 2e-5 of it at steps of
// up to 5 minutes. Where a step is longer than the half-life, nothing may be left.
func Fade(steps int, minutes float64) float64 {
	halfLife := min(max(float64(steps)*minutes/2, shortestLine), longestLine)
	decay := math.Ln2 / 2 * minutes
	return max(halfLife-decay, 0) / (halfLife + decay)
}

// Began is how surely a line began with the departure that it is through, 0 to 1: it explains such a part of it.
func Began(part float64) float64 { return Ramp(part, partOfDeparture, allOfDeparture) }

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
