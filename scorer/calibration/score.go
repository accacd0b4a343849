package calibration

import (
	"math"
	"time"
)

const (
	// unit is the return period of score 0 (protocol: a score is log10(R / 5m) / 5).
	unit = 5 * time.Minute
	// decades is the number of powers of ten between scores 0 and 1 (protocol).
	decades = 5
	// compressAbove is where the score begins to approach 1 without reaching it. A window of weeks cannot tell once in
	// three years from once in ten, but it can tell which of two steps is more anomalous. Chosen: it is the score from
	// which people are told. The approach is a hyperbola, which leaves room for any surprisal that a float32 can hold; an
	// exponential curve is 1 to six digits from three units on, so that the core of an incident and its edge were alike.
	compressAbove = 0.8
	// BandScore is the score at the edge of the band around the expected value: once in 3.5 days. Chosen, not tuned.
	BandScore = 0.6
)

// Score returns the score of a return period, the decimal logarithm of which is given in units of 5 minutes. Periods
// below one unit count as one; +Inf has score 1.
//
// The score is log10(R / 5m) / 5 up to 0.8. Above it is compressed: 1 - 0.2 / (1 + x/0.2), where x is what the
// uncompressed score exceeds 0.8 by. So 0.9 is once in 50 weeks, not once in 16.
func Score(logPeriod float64) float64 {
	score := uncompressed(logPeriod)
	if score > compressAbove {
		const rest = 1 - compressAbove
		score = 1 - rest/(1+(score-compressAbove)/rest)
	}
	return score
}

// Seconds returns the return period that Score is given, in seconds. It is at least one unit, and never compressed.
func Seconds(logPeriod float64) float64 {
	return unit.Seconds() * math.Exp(math.Ln10*decades*uncompressed(logPeriod)) // half the time of math.Pow
}

func uncompressed(logPeriod float64) float64 { return max(logPeriod/decades, 0) }

// Inverse returns the argument of Score that gives a score; 0 for score 0, and +Inf for score 1.
func Inverse(score float64) float64 {
	if score > compressAbove {
		const rest = 1 - compressAbove
		score = compressAbove + rest*(rest/(1-score)-1)
	}
	return decades * score
}

// LogPeriod returns the argument of Score for a period of so many slots (of ms).
func LogPeriod(slots int, slot int64) float64 {
	return math.Log10(float64(slots) * float64(slot) / float64(unit.Milliseconds()))
}
