package season

import "math"

const (
	// minOwnDays and minOwnShare say how much a season has to show by itself: at least half a day of slots, and a quarter
	// of those that it is compared on. Guard: a smaller part says nothing of the rest.
	minOwnDays, minOwnShare = 1.0 / 2, 1.0 / 4
	// MaxDeviation is the scaled deviation that counts at most when seasons are compared: an incident of hours does not
	// choose the season. Chosen on generated incidents in weeks with low weekends, where 4 took days for alike that
	// differ, and on TestModel_IsCalibrated, where 2 let a sawtooth cross twice as often. On the developing series
	// (test/accuracy anomaly) 2 was as good as 100, and 1 had lower recall.
	MaxDeviation = 2.5
)

// A Coverage sums the deviations from a season, and counts the slots that the season covers by itself.
type Coverage struct {
	Season
	From       int // the index of the first step that counts
	PerDay     int
	Resolution float32 // smaller deviations are none

	slots, known, own int // with a value; with an expected value; expected by the period of the season itself
	sum               float64
}

// Add adds the value x of a step. expected is what was expected of it, from the values of so many days.
func (c *Coverage) Add(i int, x, expected float32, days int) {
	if i < c.From || x != x {
		return
	}
	c.slots++
	if d := float32(math.Abs(float64(x - expected))); d == d {
		if d > c.Resolution {
			c.sum += float64(min(d, MaxDeviation))
		}
		c.known++
		if days == c.Days || c.ByKind && days == 1 {
			c.own++
		}
	}
}

// MeanDeviation is infinite if the season is not covered.
func (c *Coverage) MeanDeviation() float64 {
	own := float64(c.own)
	if c.Days > 0 && !(own >= minOwnDays*float64(c.PerDay) && own >= minOwnShare*float64(c.slots)) {
		return math.Inf(1)
	}
	return c.sum / float64(max(c.known, 1))
}
