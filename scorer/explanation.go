package scorer

import (
	"math"
	"slices"
	"time"
)

const (
	usualHours   = 24  // before the three hours whose trend it is
	leastChanges = 6   // between hours, to know which are usual
	usualShare   = 0.9 // of the changes
)

// An Explanation says for people what is behind a score.
type Explanation struct {
	Score
	// Seen is the value that was scored.
	Seen float64
	// PerHour is how much the counter gained in the hour that ends with the step, from values that count one after the other; of one that counts over
	// longer it is the part of an hour. Missing values are taken to be like the others. It is NaN of what counts nothing.
	PerHour float64
	// Trend is where the value, whatever was expected of it, has been going: "stable", "increasing", "accelerating" or "decreasing"; "" if it is not
	// known. It compares the mean of the last hour, the step included, with that of the hour before and of the one before that. A difference is large
	// if it is larger than nine in ten of those between successive hours in the 24 hours before these three; six must be known. The value increases
	// or decreases if the newest difference is large; it accelerates if it has increased twice, the second time by a large difference more.
	// At steps that do not divide an hour, hours are the steps that fit into one, and steps over an hour take their place.
	Trend string
}

// Explain explains the score of a step. value returns the value that the series had so many steps back, 0 for the step itself, NaN for none: Explain looks
// back 27 hours, or steps if these are longer. counts is over how long a value counts, 5m for increase(x[5m]) and 1s for a rate; 0 for what is no
// count. Of several signals Explain speaks of the one whose values it is given.
func Explain(s Score, step, counts time.Duration, value func(back int) float64) Explanation {
	e := Explanation{Score: s, Seen: value(0), PerHour: math.NaN()}
	var hours [3 + usualHours]float64 // the newest first
	n := max(1, int(time.Hour/step))
	for i := range hours {
		hours[i] = meanBack(value, i*n, n, 1)
	}
	if counts > 0 {
		each := max(1, int((counts+step/2)/step))
		e.PerHour = meanBack(value, 0, n, each) * time.Hour.Seconds() / counts.Seconds()
	}
	e.Trend = trendOf(&hours)
	return e
}

// meanBack is the mean of those of n steps, or of every so many of them, that have a value, from so many steps back on; NaN if none has.
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

// trendOf is the word for the means of hours, the newest first.
func trendOf(hours *[3 + usualHours]float64) string {
	changes := make([]float64, 0, usualHours)
	for i := 3; i < len(hours)-1; i++ {
		if c := math.Abs(hours[i] - hours[i+1]); c == c {
			changes = append(changes, c)
		}
	}
	last, before := hours[0]-hours[1], hours[1]-hours[2]
	if len(changes) < leastChanges || last != last {
		return ""
	}
	slices.Sort(changes)
	// Values have 7 digits: of what hardly ever changes, less is no change.
	usual := max(quantile(changes, usualShare), 1e-6*max(math.Abs(hours[0]), math.Abs(hours[1])))
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
