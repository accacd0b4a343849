package combination

import (
	"math"

	"github.com/anomaly-exporter/anomaly-exporter/forecaster/candidates"
)

// Chosen, not tuned.
const (
	shortestLine = 60     // half-life of the points of a line, in minutes; half the time that the excursion has lasted
	longestLine  = 8 * 60 // in between

	bentShare     = 0.8  // of the variance explained by a line: no line
	straightShare = 0.92 // a line

	// Parts of the departure that a line explains if it began with the excursion: a level that wanders is none.
	partOfDeparture = 0.5 // no line
	allOfDeparture  = 0.8 // a line

	// lineReach is for how many times as long as it has been seen a line is continued. It is what people do with
	// predict_linear(x[1h], 4*3600).
	lineReach       = 4
	lineUncertainty = 0.4 // of the growth foreseen is added to the uncertainty
)

// A lineAhead is a straight line that is carried on.
type lineAhead struct {
	share      float64 // how surely, 0 to 1
	now, slope float64 // departure from the usual, and its growth by the step
	steps      float64 // for which it goes on
	ofValues   bool    // now is a value, not a departure
}

// ahead continues the straight line through the departures, to the degree to which there is one that goes beyond the
// departures that the series has come back from.
func (r *run) ahead() (l lineAhead) {
	news := r.news(r.steady())
	if news == 0 {
		return l
	}
	now, slope, explained := r.trend.Fit()
	if explained <= bentShare {
		return l
	}
	l = lineAhead{now: now, slope: slope, steps: lineReach * float64(r.steps)}
	l.share = news * ramp(explained, bentShare, straightShare)
	began := math.Copysign(r.limit()*r.unit, slope) // a line is a run from there on
	l.share *= ramp((slope*float64(r.steps)+began)/now, partOfDeparture, allOfDeparture)
	return l
}

// apply moves p, which is expected at t, along the line.
func (l *lineAhead) apply(t *candidates.Target, p *Prediction) {
	if l.share == 0 {
		return
	}
	growth := l.slope * min(float64(t.Steps), l.steps)
	v := t.Usual() + l.now
	if l.ofValues {
		v = l.now
	}
	p.Median += l.share * (v - p.Median)
	p.ExtremeBase += l.share * (v - p.ExtremeBase)
	p.Growth = l.share * growth
	p.Uncertainty += l.share * (lineUncertainty*math.Abs(growth) - p.Uncertainty)
}

// ramp is 0 up to from, 1 beyond to, and in between on the way.
func ramp(v, from, to float64) float64 {
	if from == to {
		return 1
	}
	return min(max((v-from)/(to-from), 0), 1)
}

// usualMinutes is how long the steps of a run mostly are: parts of an hour, or those that most series have.
const usualMinutes = 5

// usualFades are those of steps of usualMinutes. An exponential function takes longer than the rest of a step.
//
//nolint:gochecknoglobals // nothing changes it
var usualFades = func() (fades [2*longestLine/usualMinutes + 1]float64) {
	for steps := range fades {
		fades[steps] = fade(steps, usualMinutes)
	}
	return fades
}()

// fadeOf returns what the points of a run count after a step, as a share; the run has lasted for so many.
func fadeOf(steps int, minutes float64) float64 {
	if minutes == usualMinutes {
		return usualFades[min(steps, len(usualFades)-1)]
	}
	return fade(steps, minutes)
}

func fade(steps int, minutes float64) float64 {
	return math.Exp2(-minutes / min(max(float64(steps)*minutes/2, shortestLine), longestLine))
}
