package scorer

import (
	"math"
	"time"
)

// strange is the score at or over which a step counts as strange already.
const strange = 0.8

// Onset lowers scores by how much of the last 24 hours was strange already, for people who want to be told once. Its state
// is a function of the scores of the last 24 hours and a step.
type Onset struct {
	hot   []bool // by step; the newest is not counted yet, so that an alert may want two steps in a row
	next  int
	count int
}

// NewOnset returns an Onset that has seen nothing strange.
func NewOnset(step time.Duration) *Onset {
	return &Onset{hot: make([]bool, max(2, int(day/step)+1))}
}

// Next takes the score of the next step, NaN for none, and returns it lowered, at least 0.
func (o *Onset) Next(score float64) float64 {
	lowered := score - 0.6*math.Log10(1+float64(o.count))
	if o.hot[o.next] { // leaves the last 24 hours
		o.count--
	}
	if before := (o.next + len(o.hot) - 1) % len(o.hot); o.hot[before] {
		o.count++
	}
	o.hot[o.next] = score >= strange
	o.next = (o.next + 1) % len(o.hot)
	return math.Max(lowered, 0)
}
