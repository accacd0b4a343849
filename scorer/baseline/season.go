package baseline

import (
	"math"

	"github.com/anomaly-exporter/anomaly-exporter/scorer/orderstat"
)

var nan32 = float32(math.NaN())

// A season expects a value from those at the same time of earlier days or weeks.
type season struct {
	days    int // the period; 0: no season
	periods int // how many periods back
	min     int // how many of these must be known
}

// The candidates, from the plainest on. The periods are chosen, not tuned: the median of up to seven days passes over
// three odd ones. A week is tried twice, as last week alone and as the median of a month, which follows more slowly.
var seasons = [...]season{{}, daily(), {days: 7, periods: 1, min: 1}, {days: 7, periods: 4, min: 2}}

func daily() season { return season{days: 1, periods: 7, min: 2} }

// medianVariance is the variance of the median of n values in units of theirs, for a normal distribution (David and
// Nagaraja, "Order Statistics", 3rd edition, 2003).
var medianVariance = [...]float64{1: 1, 2: 0.5, 3: 0.4487, 4: 0.2982, 5: 0.2868, 6: 0.2147, 7: 0.2104}

// slotValues holds the values of a window by slot of local time.
type slotValues struct {
	first   int64 // slot of values[0]
	values  []float32
	perDay  int
	scratch [7]float32
}

func (v *slotValues) at(slot int64) float32 {
	if i := slot - v.first; i >= 0 && i < int64(len(v.values)) {
		return v.values[i]
	}
	return nan32
}

// expected returns the median of the values at the same time of earlier periods, and how many of these are known. A
// week of which too few are known falls back on the days; where these are not known either, the value is 0, the
// centre of all values. days is the period that the value comes from: 0, 1 or 7.
func (v *slotValues) expected(s season, slot int64) (value float32, days, known int) {
	for ; s.days > 0; s = daily() {
		values := v.scratch[:0]
		for k := 1; k <= s.periods; k++ {
			if x := v.at(slot - int64(k*s.days*v.perDay)); x == x {
				values = append(values, x)
			}
		}
		if len(values) >= s.min {
			return orderstat.Median(values), s.days, len(values)
		}
		if s.days == daily().days {
			break
		}
	}
	return 0, 0, 0
}
