package scorer

import (
	"math"
	"time"

	"github.com/anomaly-exporter/anomaly-exporter/scorer/movement"
)

// An Explanation says for people what is behind a score.
type Explanation struct {
	Score
	// Seen is the value that was scored.
	Seen float64
	// PerHour is how much the counter gained in the hour that ends with the step. Missing values are taken to be like the
	// others. NaN if the series is no count.
	PerHour float64
	// Trend is where the value itself, not its deviation, has been going. An hour is the mean of the steps that fit into
	// it, the step of the score included; steps over an hour take its place.
	Trend movement.Trend
}

// Explain explains the score of a step. value returns the value that the series had so many steps back, 0 for the
// step itself, NaN for none: Explain looks back 27 hours, or 27 steps if these are longer. counts is the time over
// which a value counts, 5m for increase(x[5m]) and 1s for a rate; 0 if the series is no count. Of several signals
// Explain describes the one whose values it is given.
func Explain(s Score, step, counts time.Duration, value func(back int) float64) Explanation {
	e := Explanation{Score: s, Seen: value(0), PerHour: math.NaN()}
	var hours [movement.Hours]float64 // the newest first
	n := max(1, int(time.Hour/step))
	for i := range hours {
		hours[i] = meanBack(value, i*n, n, 1)
	}
	if counts > 0 {
		each := max(1, int((counts+step/2)/step)) // values that count one after the other
		e.PerHour = meanBack(value, 0, n, each) * time.Hour.Seconds() / counts.Seconds()
	}
	e.Trend = movement.Of(&hours)
	if long := step.Hours(); long > 1 {
		e.Trend.PerHour /= long
		e.Trend.For = int(float64(e.Trend.For) * long)
	}
	return e
}

// meanBack returns the mean of the values of n steps, or of every so many of them, from so many steps back on; NaN if
// none is known.
func meanBack(value func(back int) float64, from, n, every int) float64 {
	var sum, known float64
	for back := from; back < from+n; back += every {
		if v := value(back); v == v {
			sum += v
			known++
		}
	}
	return sum / known
}
