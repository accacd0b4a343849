// Package grid divides time into the steps of scores, and the slots of time that models count in.
package grid

import (
	"iter"
	"time"

	"github.com/anomaly-exporter/anomaly-exporter/calendar"
)

// coarse is the resolution at which history keeps what is older than two days, where steps are shorter (layout: the
// same as in package history; a test compares them).
const coarse = 5 * time.Minute

// WarmUp is the time at the end of a window for which the statistics of a step are followed step by step, where steps
// are shorter than slots. Before that they are followed slot by slot. Chosen, not tuned: it is several of their
// half-lives.
const WarmUp = 3 * time.Hour

// A Grid divides time into steps, and steps into slots. A slot is one step, or as many as make 5 minutes: most of the
// history of shorter steps is known at no finer resolution. The phase of a step is its position within its slot.
type Grid struct {
	step   time.Duration
	slot   int64 // ms
	stride int   // steps in a slot
}

// New returns the grid of a step of at least a millisecond.
func New(step time.Duration) Grid {
	stride := 1
	if step < coarse {
		stride = int((coarse + step/2) / step)
	}
	return Grid{step: step, slot: (step * time.Duration(stride)).Milliseconds(), stride: stride}
}

// Step returns the length of a step in milliseconds.
func (g Grid) Step() int64 { return g.step.Milliseconds() }

// Slot returns the length of a slot in milliseconds.
func (g Grid) Slot() int64 { return g.slot }

// Stride returns the number of steps in a slot.
func (g Grid) Stride() int { return g.stride }

// Steps returns the number of whole steps in d.
func (g Grid) Steps(d time.Duration) int { return int(d / g.step) }

// Slots returns the number of slots nearest to d, at least one.
func (g Grid) Slots(d time.Duration) int {
	return int(max(1, (d.Milliseconds()+g.slot/2)/g.slot))
}

// Phase returns the phase of the step at t (ms).
func (g Grid) Phase(t int64) int {
	if g.stride == 1 {
		return 0
	}
	within := t - calendar.Slot(t, g.slot)*g.slot
	return int(within/g.Step()) % g.stride
}

// A Position is a step of a window.
type Position struct {
	Index int   // of the step
	Time  int64 // ms
	Slot  int   // counts the slots that begin in the window
	Phase int
}

// Positions yields, of a window of n steps from start (ms) on, the first step of each slot, and from index fine on
// every step. Steps before the first beginning of a slot are left out.
func (g Grid) Positions(start int64, n, fine int) iter.Seq[Position] {
	return func(yield func(Position) bool) {
		step := g.Step()
		whole := int64(g.stride)*step == g.slot // so phases follow each other
		slot, phase := -1, g.Phase(start)
		for i := range n {
			t := start + int64(i)*step
			if !whole {
				phase = g.Phase(t)
			}
			at := Position{Index: i, Time: t, Phase: phase}
			if phase++; phase == g.stride {
				phase = 0
			}
			if at.Phase == 0 {
				slot++
			} else if i < fine || slot < 0 {
				continue
			}
			if at.Slot = slot; !yield(at) {
				return
			}
		}
	}
}
