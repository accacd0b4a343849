package scorer

import (
	"math"
	"slices"
	"time"

	"github.com/anomaly-exporter/anomaly-exporter/scorer/orderstat"
)

const (
	// trendHours are the hours that a trend compares, usualHours those before them that say which changes are usual.
	// Chosen, not tuned: a day holds each time of day once.
	trendHours = 3
	usualHours = 24
	// minChanges is the number of changes between usual hours that have to be known (guard).
	minChanges = 6
	// usualShare is the share of these changes that a large one exceeds. Chosen, not tuned.
	usualShare = 0.9
	// minChange is the part of the value that a large change exceeds in any case. Guard: values have 7 digits.
	minChange = 1e-6
)

// An Explanation says for people what is behind a score.
type Explanation struct {
	Score
	// Seen is the value that was scored.
	Seen float64
	// PerHour is how much the counter gained in the hour that ends with the step. Missing values are taken to be like the
	// others. NaN if the series is no count.
	PerHour float64
	// Trend is where the value itself, not its deviation, has been going: "stable", "increasing", "accelerating" or
	// "decreasing"; "" if it is not known.
	//
	// It compares the mean of the last hour, the step included, with that of the hour before and of the one before that. A
	// change is large if it is larger than nine in ten of those between successive hours in the 24 hours before these
	// three; six of those must be known. The value increases or decreases if the newest change is large. It accelerates if
	// both changes are large and upwards, and the second exceeds the first by a large change. Where steps do not divide an
	// hour, an hour is the steps that fit into it; steps over an hour take its place.
	Trend string
}

// Explain explains the score of a step. value returns the value that the series had so many steps back, 0 for the
// step itself, NaN for none: Explain looks back 27 hours, or 27 steps if these are longer. counts is the time over
// which a value counts, 5m for increase(x[5m]) and 1s for a rate; 0 if the series is no count. Of several signals
// Explain describes the one whose values it is given.
func Explain(s Score, step, counts time.Duration, value func(back int) float64) Explanation {
	e := Explanation{Score: s, Seen: value(0), PerHour: math.NaN()}
	var hours [trendHours + usualHours]float64 // the newest first
	n := max(1, int(time.Hour/step))
	for i := range hours {
		hours[i] = meanBack(value, i*n, n, 1)
	}
	if counts > 0 {
		each := max(1, int((counts+step/2)/step)) // values that count one after the other
		e.PerHour = meanBack(value, 0, n, each) * time.Hour.Seconds() / counts.Seconds()
	}
	e.Trend = trendOf(&hours)
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

// trendOf returns the word for the means of hours, the newest first.
func trendOf(hours *[trendHours + usualHours]float64) string {
	changes := make([]float64, 0, usualHours)
	for i := trendHours; i < len(hours)-1; i++ {
		if c := math.Abs(hours[i] - hours[i+1]); c == c {
			changes = append(changes, c)
		}
	}
	last, before := hours[0]-hours[1], hours[1]-hours[2]
	if len(changes) < minChanges || last != last {
		return ""
	}
	slices.Sort(changes)
	least := minChange * max(math.Abs(hours[0]), math.Abs(hours[1]))
	usual := max(orderstat.Quantile(changes, usualShare), least)
	switch {
	case last > usual && before > usual && last-before > usual:
		return "accelerating"
	case last > usual:
		return "increasing"
	case last < -usual:
		return "decreasing"
	}
	return "stable"
}
