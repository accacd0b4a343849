package candidates

import (
	"math"

	"github.com/anomaly-exporter/anomaly-exporter/calendar"
)

const hourMillis = 60 * minuteMillis

// A Departure says where the last value is against what is usual at its time.
type Departure struct {
	Size  float64 // from both the usual day and, where it is known, the same time last week: the smaller one
	Value float64 // the last value
	Usual float64 // the median of its time of day
	Hour  int     // of the day

	// Zero is what 0 is in the unit of the window; HasZero is false if the series knows values below it, so that a ratio
	// to a usual value means nothing.
	Zero    float64
	HasZero bool

	FirstDay bool // nothing is known of this time of day
}

// FromUsual returns the departure of the last value; ok is false until a usual value is known. On the first day that is
// the mean so far, as in Target.Usual.
func (s *State) FromUsual() (d Departure, ok bool) {
	hour := s.grid.Slot(s.now, calendar.Day, hourMillis)
	if math.IsNaN(s.day.robust) {
		return Departure{s.last - s.dayMean, s.last, s.dayMean, hour, s.zero, s.scales, true}, s.day.closed > 0
	}
	return Departure{s.strayed, s.last, s.day.robust, hour, s.zero, s.scales, false}, true
}

// Usual returns the median of the time of day of t.
func (t *Target) Usual() float64 { return t.usual }

// Lasting returns how far the values of the last half day were from the usual day, and the ratio of both.
func (s *State) Lasting() (departure, ratio float64) {
	return s.departures[2], s.ratios[1]
}

// Drift returns by how much the mean of a day has changed since the day before.
func (t *Target) Drift() float64 { return t.drift }
