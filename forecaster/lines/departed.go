package lines

import "github.com/anomaly-exporter/anomaly-exporter/forecaster/rolling"

// A Departed follows a series that was constant, on the straight line by which it leaves its only value. Nothing is
// known of its noise, and nothing has ever passed, so it takes no more than a line.
type Departed struct {
	minutes float64 // of a step
	value   float64 // the constant
	last    float64 // value
	steps   int     // since it left
	trend   rolling.FadingLine
}

// NewDepartedFrom follows a series of one value at steps of so many minutes.
func NewDepartedFrom(value, minutes float64) *Departed {
	return &Departed{minutes: minutes, value: value, last: value}
}

// Advance takes the value of the next step.
func (d *Departed) Advance(v float64) {
	if d.last = v; v == d.value {
		d.steps = 0
		return
	}
	if d.steps == 0 {
		d.trend = rolling.FadingLine{}
		d.trend.Add(0) // what grows did so from there on
	}
	d.steps++
	d.trend.Fade(Fade(d.steps, d.minutes))
	d.trend.Add(v - d.value)
}

// Ahead continues the line from the last value.
func (d *Departed) Ahead() Ahead {
	last := Ahead{Now: d.last, OfValues: true}
	if d.steps == 0 {
		return last
	}
	s := Fit(&d.trend, 1+d.steps, 1, 0)
	if s.Explained <= BentShare {
		return last
	}
	l := s.Ahead(1)
	l.Share = s.Straight() * Began(s.Slope*s.Lasted/s.Now)
	l.Now, l.OfValues = d.last, true
	return l
}
