// Package onset turns scores into those of the onset of trouble.
package onset

import (
	"math"
	"time"
)

const (
	// onsetWindow is how far back an Onset looks. Chosen, not tuned.
	onsetWindow = 24 * time.Hour
	// anomalousFrom is the score from which a step counts (layout: the threshold of the shipped alert).
	anomalousFrom = 0.8
	// onsetSlope is how much lower a score is for ten times as many anomalous steps. It was 0.4; 0.6 was taken because it
	// lowers the onset sooner. Average precision of the onset on the developing series fell by it from .200 to .169 (nab)
	// and from .431 to .388 (ms), NAB's own score rose from 57.3 to 59.6.
	onsetSlope = 0.6
)

// Onset lowers scores by how many steps of the last 24 hours were anomalous, for people who want to be told once. Its
// state is a function of the scores of the last 24 hours and a step.
type Onset struct {
	anomalous []bool // by step; the newest is not counted yet, so that an alert may want two steps in a row
	next      int
	count     int
}

// New returns an Onset that has seen nothing anomalous.
func New(step time.Duration) *Onset {
	return &Onset{anomalous: make([]bool, max(2, int(onsetWindow/step)+1))}
}

// Next takes the score of the next step, NaN for none, and returns it lowered, at least 0.
func (o *Onset) Next(score float64) float64 {
	lowered := score - onsetSlope*math.Log10(1+float64(o.count))
	if o.anomalous[o.next] { // leaves the last 24 hours
		o.count--
	}
	if before := (o.next + len(o.anomalous) - 1) % len(o.anomalous); o.anomalous[before] {
		o.count++
	}
	o.anomalous[o.next] = score >= anomalousFrom
	o.next = (o.next + 1) % len(o.anomalous)
	return math.Max(lowered, 0)
}
