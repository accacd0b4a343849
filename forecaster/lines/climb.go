package lines

import "github.com/anomaly-exporter/anomaly-exporter/forecaster/rolling"

// A Climb follows a series that rises, and knows how high it has risen before. A leak that a restart has ended every
// day is as usual as a season; when nobody restarts, it becomes a record.
type Climb struct {
	lowest, top float64            // of all values, and of the climbs that ended
	hasEnded    bool               // one of them
	first       float64            // value of this one
	highest     float64            // likewise
	steps       int                // of it
	trend       rolling.FadingLine // through its values, less the first
	parts       int                // of an hour, the median of which is a value
}

// NewClimb follows medians of so many parts.
func NewClimb(parts int) Climb { return Climb{parts: parts} }

// Chosen, not tuned: parts of the range of what was seen before.
const (
	climbEnds   = 0.1  // so far below its highest value, a climb has ended
	recordFrom  = 0.05 // so far above all others it may be something new: peaks of the day differ by as much
	recordUntil = 0.15 // it is

	// Parts of the variance of a climb that a line explains. They are larger than those of departures: the slope of a day
	// is nearly straight for hours, too.
	curvedShare     = 0.95  // no line
	allButLineShare = 0.985 // a line
)

// Advance takes in the value of a step of so many minutes.
func (c *Climb) Advance(v, minutes float64) {
	if c.steps == 0 {
		c.lowest, c.top = v, v
	}
	c.lowest = min(c.lowest, v)
	if top := max(c.top, c.highest); c.steps > 0 && c.highest-v > climbEnds*(top-c.lowest) {
		c.top, c.hasEnded, c.steps = top, true, 0
	}
	if c.steps == 0 {
		c.first, c.highest, c.trend = v, v, rolling.FadingLine{}
	}
	c.steps++
	c.highest = max(c.highest, v)
	if c.steps <= c.parts { // not all of the hour is of this climb
		c.first = v
		return
	}
	c.trend.Fade(Fade(c.steps, minutes))
	c.trend.Add(v - c.first)
}

// Range is that of all values but those of this climb.
func (c *Climb) Range() float64 { return c.top - c.lowest }

// Ahead continues a climb that is at v to the degree to which it is straight and higher than all before it. Steps are
// parts of an hour. side is -1 if the climb is that of the mirror image, else 1.
func (c *Climb) Ahead(v float64, last *Recent, side float64) (l Ahead) {
	if !c.hasEnded || !(v > c.top) || !(c.top > c.lowest) {
		return l
	}
	s := Fit(&c.trend, c.steps, 1, MedianLag(c.parts))
	if !(s.Slope > 0) {
		return l
	}
	s.Now, s.side, s.ofValues = s.Now+c.first, side, true
	last.Bend(&s, 0)
	l = s.Ahead(1)
	l.Share = Ramp((v-c.top)/(c.top-c.lowest), recordFrom, recordUntil) * Ramp(s.Explained, curvedShare, allButLineShare)
	return l
}
