package lines

import "github.com/anomaly-exporter/anomaly-exporter/forecaster/rolling"

// A Constant follows a series that was constant, on the straight line by which it leaves its only value. Nothing is
// known of its noise, and nothing has ever passed, so it takes no more than a line.
type Constant struct {
	minutes float64 // of a step
	value   float64 // the constant
	last    float64 // value
	steps   int     // since it left
	trend   rolling.FadingLine
}

// NewConstant follows a series of one value at steps of so many minutes.
func NewConstant(value, minutes float64) *Constant {
	return &Constant{minutes: minutes, value: value, last: value}
}

// Advance takes the value of the next step.
func (c *Constant) Advance(v float64) {
	if c.last = v; v == c.value {
		c.steps = 0
		return
	}
	if c.steps == 0 {
		c.trend = rolling.FadingLine{}
		c.trend.Add(0) // what grows did so from there on
	}
	c.steps++
	c.trend.Fade(Fade(c.steps, c.minutes))
	c.trend.Add(v - c.value)
}

// Extrapolate continues the line from the last value.
func (c *Constant) Extrapolate() Extrapolation {
	last := Extrapolation{Level: c.last, OfValues: true}
	if c.steps == 0 {
		return last
	}
	s := Fit(&c.trend, 1+c.steps, 1, 0)
	if s.RSquared <= BentRSquared {
		return last
	}
	l := s.Extrapolate(1)
	l.Share = s.Straight() * FromUsual(s.Slope*s.Lasted/s.Level)
	l.Level, l.OfValues = c.last, true
	return l
}
