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
	// which people are told.
	compressAbove = 0.8
	// bandScore is the score at the edge of the band around the expected value: once in 3.5 days. Chosen, not tuned.
	bandScore = 0.6
)

// Score returns the score of a return period, and that period in seconds. The argument is the decimal logarithm of the
// period in units of 5 minutes. Periods below one unit count as one; +Inf has score 1 and an infinite period.
//
// The score is log10(R / 5m) / 5 up to 0.8. Above it is compressed: 0.8 + 0.2 (1 - e^-(x/0.2)), where x is what the
// uncompressed score exceeds 0.8 by. So 0.9 is once in 24 weeks, not once in 16. The period is never compressed.
func Score(logPeriod float64) (score, seconds float64) {
	score = max(logPeriod/decades, 0)
	seconds = unit.Seconds() * math.Pow(10, decades*score)
	if score > compressAbove {
		score = 1 - (1-compressAbove)*math.Exp(-(score-compressAbove)/(1-compressAbove))
	}
	return score, seconds
}

// LogPeriod returns the argument of Score for a period of so many slots (of ms).
func LogPeriod(slots int, slot int64) float64 {
	return math.Log10(float64(slots) * float64(slot) / float64(unit.Milliseconds()))
}
