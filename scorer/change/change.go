// Package change scores what is nearly always the same, and so has no tails to speak of, by how long it is something
// else.
package change

import (
	"math"

	"github.com/anomaly-exporter/anomaly-exporter/scorer/calibration"
)

const (
	// log2 is what each step that a series stays away from where it always was adds: the return period doubles. Chosen,
	// not tuned.
	log2 = math.Ln2 / math.Ln10
	// maxDoublings is how often it does. Guard: after 59 doublings the score is 1 to many digits.
	maxDoublings = 59
	// interrupted is what the steps away are divided by for each step that is not. Chosen, not tuned: a single good value
	// does not end an outage of an hour, and after a few minutes one begins anew.
	interrupted = 4
	// More than flatShare of flatOf steps have to be what was expected for a series to be flat. Chosen, not tuned: the
	// same as from which on nothing in the tails is taken for an incident.
	flatShare, flatOf = 4, 5
)

// A Change scores a step of a series by how many steps it has been away from what was expected. For longer than ever
// before is as rare as the window is long. The longer it then stays away, the less it looks like a blip.
type Change struct {
	logWindow float64
	longest   int // steps in a row for which it has been away
	flat      bool
}

// New returns that of a series that was never away. logWindow is the length of the window as calibration.Score takes
// it.
func New(logWindow float64) Change { return Change{logWindow: logWindow, flat: true} }

// Learn learns from the statistics of a window, each of which stands for stride steps, and tells whether the series was
// never away. If it often was, no step has a score.
func (c *Change) Learn(sample []calibration.Statistics, stride int) (never bool) {
	run, slots := 0, 0
	for i := range sample {
		if sample[i][0] == 0 {
			run = 0
			continue
		}
		run += stride
		slots++
		c.longest = max(c.longest, run)
	}
	c.flat = flatOf*slots < (flatOf-flatShare)*len(sample)
	return slots == 0
}

// Count returns for how many steps a series has been away. Before the newest steps, which are away or not, it was away
// for so many.
func Count(before, steps int, away bool) int {
	if away {
		return before + steps
	}
	return before / interrupted
}

// Score returns the logarithm of the return period of a step, as calibration.Score takes it, where the series has been
// away for so many; 0 if it has been away for as long before.
func (c *Change) Score(away int) float64 {
	if !c.flat || away <= c.longest {
		return 0
	}
	doublings := float64(away-c.longest-1) / float64(max(c.longest, 1))
	return c.logWindow + min(doublings, maxDoublings)*log2
}
