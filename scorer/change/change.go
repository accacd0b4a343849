// Package change scores series by how long they have been away from what was expected, or stuck at one value. What is
// nearly always the same has no tails to speak of: nothing else tells how rare something else is. What moves is scored
// by its tails. They say as much of the first minutes of an outage as of its sixth hour, which is rarer all the same.
package change

import (
	"math"

	"github.com/anomaly-exporter/anomaly-exporter/scorer/calibration"
)

const (
	// mostWindow is the longest window of which Held says that nothing lasted as long in it: two weeks, as the logarithm
	// that calibration.Score takes. Chosen: with four, levels that step alerted too often (TestModel_IsCalibrated).
	mostWindow = 3.6055
	// log2 is what is added for each time that a series stays away for as long as ever before: the return period doubles.
	// Chosen, not tuned.
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
	longest   int // steps in a row for which it has been away, or as its excursions last; 0: too long
	least     int // steps that a time as long as ever before counts for at least
	held      int // slots for which the level held at most; 0: not known
	flat      bool
}

// New returns that of a series that was never away. logWindow is the length of the window as calibration.Score takes
// it.
func New(logWindow float64) Change { return Change{logWindow: logWindow, flat: true} }

// Learn learns from the statistics of a window, each of which stands for stride steps, and tells whether the series was
// never away. If it often was, it moves.
func (c *Change) Learn(sample []calibration.Statistics, stride int) (never bool) {
	slots := 0
	run := longest{}
	for i := range sample {
		away := sample[i][0] != 0
		run.add(away)
		if away {
			slots++
		}
	}
	c.flat = flatOf*slots < (flatOf-flatShare)*len(sample)
	c.longest = run.most * stride
	return slots == 0
}

// Excursions tell how long a series that moves is away in normal life. All are of its window.
type Excursions struct {
	Distances []float32 // of each slot, from what was expected
	Limit     float32   // beyond which a distance is large
	Away      int       // for how many steps in a row the series was away at most
	Stride    int       // steps of a slot
	Hour      int       // steps of an hour
}

// LearnExcursions learns from the excursions of a series that moves. If they last for more than half an hour, how long
// it is away tells nothing: it may have moved a little farther than before, and stays there.
func (c *Change) LearnExcursions(e Excursions) {
	if c.flat {
		return
	}
	run := longest{}
	for _, d := range e.Distances {
		run.add(d > e.Limit)
	}
	if c.longest = max(run.most*e.Stride, e.Stride, e.Away); 2*c.longest > e.Hour {
		c.longest = 0
	}
}

// LearnHeld learns for how many slots the level held at most while values were away from it; 0: not known.
func (c *Change) LearnHeld(slots int) { c.held = slots }

// longest counts how many times in a row something is so at most.
type longest struct{ now, most int }

func (l *longest) add(is bool) {
	if l.now++; !is {
		l.now = 0
	}
	l.most = max(l.most, l.now)
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
// away for so many; 0 if it has been away for as long before, or if it moves.
func (c *Change) Score(away int) float64 {
	if !c.flat || away <= c.longest {
		return 0
	}
	return c.logPeriod(float64(away-c.longest-1) / float64(max(c.longest, c.least, 1)))
}

// Lasting is Score for a series that moves; 0 if it has not been away for twice as long as its excursions last.
func (c *Change) Lasting(away int) float64 {
	if c.flat || c.longest == 0 || away < 2*c.longest {
		return 0
	}
	return c.logPeriod(float64(away-c.longest) / float64(c.longest))
}

// Held is Score for a series that moves, where the level has held for so many slots while values were away from it; 0
// if it has held for as long before. n times as long is n times as rare as the window is long, and no more: where a
// series wanders, some of such times are much longer than others.
func (c *Change) Held(slots int) float64 {
	if c.flat || c.held == 0 || slots <= c.held {
		return 0
	}
	return min(c.logWindow, mostWindow) + math.Log10(float64(slots)/float64(c.held))
}

func (c *Change) logPeriod(doublings float64) float64 {
	return c.logWindow + min(doublings, maxDoublings)*log2
}
