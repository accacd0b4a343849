package baseline

import (
	"math"
	"slices"
	"time"

	"github.com/anomaly-exporter/anomaly-exporter/scorer/orderstat"
)

var (
	nan32    = float32(math.NaN())
	infinite = float32(math.Inf(1))
)

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

// neighbourhood is how far from a time of day its neighbours are, which stand in for it while it is not known. Chosen,
// not tuned: an hour earlier or later most series are still much the same.
const neighbourhood = time.Hour

// slotValues holds the values of a window by slot of local time.
type slotValues struct {
	first   int64 // slot of values[0]
	values  []float32
	perDay  int
	nearby  int64 // slots in neighbourhood
	scratch [21]float32
}

func (v *slotValues) clone() *slotValues {
	c := *v
	c.values = slices.Clone(v.values)
	return &c
}

// move moves the values before a slot with the level.
func (v *slotValues) move(slot int64, c *composition, from, to float32) {
	by := c.difference(to, from)
	for i, x := range v.values[:slot-v.first] {
		v.values[i] = c.join(x, by)
	}
}

func (v *slotValues) at(slot int64) float32 {
	if i := slot - v.first; i >= 0 && i < int64(len(v.values)) {
		return v.values[i]
	}
	return nan32
}

// expected returns the median of the values at the same time of earlier periods, and how many of these are known. A
// week of which too few are known falls back on the days, and these on what is known around this time of day; where
// nothing is, the value is NaN. Without a season it is 0, the centre of all values. days is the period that the value
// comes from: 0 (none, or around this time of day), 1 or 7.
func (v *slotValues) expected(s season, slot int64) (value float32, days, known int) {
	if s.days == 0 {
		return 0, 0, 0
	}
	for {
		values := v.scratch[:0]
		for k := 1; k <= s.periods; k++ {
			if x := v.at(slot - int64(k*s.days*v.perDay)); x == x {
				values = append(values, x)
			}
		}
		if len(values) >= s.min {
			return orderstat.Median(values), s.days, len(values)
		}
		if s == daily() {
			value, known = v.around(slot)
			return value, 0, known
		}
		s = daily()
	}
}

// around returns the median of the known values of earlier days that are nearest to a time of day, and of how many
// days' worth it is. They have to be of as many days as a daily season needs: one day says nothing of the others.
func (v *slotValues) around(slot int64) (value float32, known int) {
	s := daily()
	values := v.scratch[:0]
	var on [8]bool // by how many days ago
	periods := min(s.periods, int((slot+v.nearby-v.first)/int64(v.perDay))-1)
	if periods < s.min {
		return nan32, 0
	}
	for away := int64(1); away <= v.nearby && len(values) < s.periods; away++ {
		for k := 1; k <= periods; k++ {
			for _, near := range [...]int64{slot - away, slot + away} {
				if x := v.at(near - int64(k*v.perDay)); x == x {
					values = append(values, x)
					if !on[k] {
						on[k] = true
						known++
					}
				}
			}
		}
	}
	if known < s.min {
		return nan32, 0
	}
	return orderstat.Median(values), known
}
