package lines

import "github.com/anomaly-exporter/anomaly-exporter/forecaster/rolling"

// A Rise follows the values of a series since its last drawdown, and knows how high it has risen before. A leak that a
// restart has ended every day is as usual as a season; when nobody restarts, it sets a record.
type Rise struct {
	lowest, top float64            // of all values, and of the rises that ended
	hasEnded    bool               // one of them
	first       float64            // value of this one
	highest     float64            // likewise
	steps       int                // of it
	trend       rolling.FadingLine // through its values, less the first
	parts       int                // of an hour, the median of which is a value
}

// NewRise follows medians of so many parts.
func NewRise(parts int) Rise { return Rise{parts: parts} }

// Chosen, not tuned: parts of the range of what was seen before.
const (
	drawdown    = 0.1  // so far below its highest value, a rise has ended
	recordFrom  = 0.05 // so far above all others it may be something new: peaks of the day differ by as much
	recordUntil = 0.15 // it is

	// R squared of a rise. They are larger than those of departures: the slope of a day
	// is nearly straight for hours, too.
	curvedRSquared = 0.95  // no line
	steadyRSquared = 0.985 // a line
)

// Advance takes in the value of a step of so many minutes.
func (r *Rise) Advance(v, minutes float64) {
	if r.steps == 0 {
		r.lowest, r.top = v, v
	}
	r.lowest = min(r.lowest, v)
	if top := max(r.top, r.highest); r.steps > 0 && r.highest-v > drawdown*(top-r.lowest) {
		r.top, r.hasEnded, r.steps = top, true, 0
	}
	if r.steps == 0 {
		r.first, r.highest, r.trend = v, v, rolling.FadingLine{}
	}
	r.steps++
	r.highest = max(r.highest, v)
	if r.steps <= r.parts { // not all of the hour is of this rise
		r.first = v
		return
	}
	r.trend.Fade(Fade(r.steps, minutes))
	r.trend.Add(v - r.first)
}

// Range is that of all values but those of this rise.
func (r *Rise) Range() float64 { return r.top - r.lowest }

// Extrapolate continues a rise that is at v to the degree to which it is straight and higher than all before it. Steps
// are parts of an hour. side is -1 if the rise is that of the mirror image, else 1.
func (r *Rise) Extrapolate(v float64, last *RecentTrends, side float64) (l Extrapolation) {
	if !r.hasEnded || !(v > r.top) || !(r.top > r.lowest) {
		return l
	}
	s := Fit(&r.trend, r.steps, 1, MedianLag(r.parts))
	if !(s.Slope > 0) {
		return l
	}
	s.Level, s.side, s.ofValues = s.Level+r.first, side, true
	last.AdjustSlope(&s, 0)
	l = s.Extrapolate(1)
	l.Share = Ramp((v-r.top)/(r.top-r.lowest), recordFrom, recordUntil) * Ramp(s.RSquared, curvedRSquared, steadyRSquared)
	return l
}
