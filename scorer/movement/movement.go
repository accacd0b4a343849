// Package movement says where a value has been going, from its mean in each of the last hours.
package movement

import (
	"fmt"
	"math"
	"slices"

	"github.com/anomaly-exporter/anomaly-exporter/scorer/orderstat"
)

const (
	// newHours are the hours whose changes are judged, usualHours those before them that say which changes are usual.
	// Chosen, not tuned: a day holds each time of day once.
	newHours   = 3
	usualHours = 24
	// Hours is the number of hours that a trend looks back.
	Hours = newHours + usualHours
	// minChanges is the number of changes between usual hours that have to be known (guard).
	minChanges = 6
	// usualShare is the share of these changes that a large one exceeds. Chosen, not tuned.
	usualShare = 0.9
	// minChange is the part of the value that a large change exceeds in any case. Guard: values have 7 digits.
	minChange = 1e-6
	// minLine is the number of hours that a straight line has at least, straight the share of their variance that it
	// explains. Chosen so that noise hardly ever looks like one (TestOf_SeldomSeesALineInNoise).
	minLine  = 7
	straight = 0.95
	// jump is how many times the slope of a line the newest change is that does not belong to it. Chosen, not tuned.
	jump = 3
)

// The words for a trend.
const (
	Stable       = "stable"
	Increasing   = "increasing"
	Accelerating = "accelerating"
	Decreasing   = "decreasing"
)

// A Trend is where a value has been going. The zero Trend is not known.
type Trend struct {
	// Word is one of the words; "" if the trend is not known.
	//
	// A change between two hours is large if it is larger than nine in ten of those between successive hours in the 24
	// hours before the last three; six of those must be known. The value increases or decreases if the newest change is
	// large. It accelerates if both changes of the last three hours are large and upwards, and the second exceeds the
	// first by a large change. If the newest change is not large, the value still increases or decreases where it has
	// followed a straight line for seven hours or more, and has not just turned: a leak changes as it always does.
	Word string
	// PerHour is how much the value changes in an hour: the slope of that line, or the newest change if there is none or
	// if that change is a jump, three times the slope or more. 0 if it is stable.
	PerHour float64
	// For is the number of hours for which it has been going there, as far as is known.
	For int
}

// Of returns the trend of the means of hours, the newest first; NaN for hours that are not known.
func Of(hours *[Hours]float64) Trend {
	changes := make([]float64, 0, usualHours)
	for i := newHours; i < len(hours)-1; i++ {
		if c := math.Abs(hours[i] - hours[i+1]); c == c {
			changes = append(changes, c)
		}
	}
	last, before := hours[0]-hours[1], hours[1]-hours[2]
	if len(changes) < minChanges || last != last {
		return Trend{}
	}
	slices.Sort(changes)
	least := minChange * max(math.Abs(hours[0]), math.Abs(hours[1]))
	usual := max(orderstat.Quantile(changes, usualShare), least)
	slope, n := line(hours[:], least)
	switch {
	case last > usual && before > usual && last-before > usual:
		return Trend{Accelerating, last, since(hours, usual)}
	case n > 0 && last/slope > jump:
		return Trend{direction(last), last, 1}
	case math.Abs(last) > usual && !(n > 0 && last/slope > 0):
		return Trend{direction(last), last, since(hours, usual)}
	case n > 0 && last/slope > -1: // else it has just turned
		return Trend{direction(slope), slope, n}
	}
	return Trend{Word: Stable}
}

// direction returns the word for a change.
func direction(change float64) string {
	if change > 0 {
		return Increasing
	}
	return Decreasing
}

// since returns for how many hours changes have been large, in the direction of the newest.
func since(hours *[Hours]float64, usual float64) int {
	sign := math.Copysign(1, hours[0]-hours[1])
	n := 1
	for n+1 < len(hours) && sign*(hours[n]-hours[n+1]) > usual {
		n++
	}
	return n
}

// line returns the slope of the straight line that ends with the newest hour, and how many hours it spans; 0 if there
// is none. Of several it is the one that chance explains least: hours on it count for a line, hours off it against.
func line(hours []float64, least float64) (slope float64, n int) {
	var count, sumX, sumY, sumXX, sumXY, sumYY float64
	origin, best := hours[0], 0.0
	for i, v := range hours {
		if v != v {
			continue
		}
		x, y := -float64(i), v-origin
		count, sumX, sumY = count+1, sumX+x, sumY+y
		sumXX, sumXY, sumYY = sumXX+x*x, sumXY+x*y, sumYY+y*y
		xx, xy, yy := sumXX-sumX*sumX/count, sumXY-sumX*sumY/count, sumYY-sumY*sumY/count
		if count < minLine || !(xy*xy >= straight*xx*yy) || !(math.Abs(xy/xx) > least) {
			continue
		}
		const exact = 1e-9 // guard: a line without any noise
		explained := xy * xy / (xx * yy)
		if evidence := (count - 2) * explained / (1 - explained + exact); evidence > best {
			slope, n, best = xy/xx, i, evidence
		}
	}
	return slope, n
}

// Text says the trend for people: "rising 22 MiB an hour for 10 hours"; "" if it is not known. quantity formats a
// value.
func (t Trend) Text(quantity func(float64) string) string {
	if t.Word == "" || t.Word == Stable {
		return t.Word
	}
	verb := "rising"
	switch t.Word {
	case Decreasing:
		verb = "falling"
	case Accelerating:
		verb = "rising ever faster, "
		return verb + quantity(t.PerHour) + " in the last hour"
	}
	switch change := quantity(math.Abs(t.PerHour)); {
	case t.For == 1:
		return fmt.Sprintf("%s %s in the last hour", verb, change)
	case t.For >= usualHours:
		return fmt.Sprintf("%s %s an hour for a day or longer", verb, change)
	default:
		return fmt.Sprintf("%s %s an hour for %d hours", verb, change, t.For)
	}
}
