// Package history keeps the recent values of series in memory at a fixed step, with their gaps and their masked values.
//
// One goroutine writes a Series. It hands out a View per step, which never changes and which any number of goroutines
// read without a lock. What a Window shows depends on the values of its steps alone, not on when the series was begun
// or trimmed: so a process that starts later, or restores its series, fits the same models.
package history

import (
	"fmt"
	"time"
)

// The resolution that values are kept at. Both are chosen, not tuned: the figures in docs/accuracy.md were measured
// with them. The scorer counts on them too, so changing one changes what it learns.
const (
	// FineFor is how long every step is kept. Short-term models and the usual noise of a series are learned from this
	// part. For two weeks at one minute it leaves 6,912 values to keep instead of 20,160.
	FineFor = 48 * time.Hour
	// CoarseFrom is the least distance between values older than FineFor. Shorter steps are thinned out, longer ones
	// are kept as they are.
	CoarseFrom = 5 * time.Minute
)

const (
	fineFor    = int64(FineFor / time.Millisecond)
	coarseFrom = int64(CoarseFrom / time.Millisecond)
)

// shortGap is how many missing values in a row are interpolated. Chosen, not tuned: it bridges a restart or a few
// failed scrapes, while an outage stays a gap.
const shortGap = 3

// Missing says what a gap in the input means.
type Missing uint8

// The meanings of a gap.
const (
	Drop Missing = iota // nothing is known: the gap stays
	Zero                // the value was zero
	Last                // the value was the last one before the gap
)

// ParseMissing translates "drop", "zero" and "last". Anything else is an error.
func ParseMissing(s string) (Missing, error) {
	switch s {
	case "drop":
		return Drop, nil
	case "zero":
		return Zero, nil
	case "last":
		return Last, nil
	}
	return Drop, fmt.Errorf("missing: %q is not one of drop, zero, last", s)
}

// Layout is what the series of one detector have in common. Times and durations are in milliseconds.
type Layout struct {
	Step   int64 // between two values
	Length int64 // covered by a window
	// Overhang is how long before the newest value a window may end. A model is fitted at fixed times and used until
	// the next one: a process that starts in between has to fit on the window that ended at the last of those times,
	// and then to catch up.
	Overhang int64
	Missing  Missing // what a gap means
	Whole    bool    // every step of the window is kept, not only those of the last FineFor
}

// NewLayout translates durations and checks them. The step must be at least 1ms, the length at least a step and the
// overhang not negative. The length is rounded down to whole steps.
func NewLayout(step, length, overhang time.Duration, missing Missing) (Layout, error) {
	l := Layout{
		Step: step.Milliseconds(), Length: length.Milliseconds(), Overhang: overhang.Milliseconds(), Missing: missing,
	}
	if l.Step <= 0 {
		return l, fmt.Errorf("step %s: must be at least 1ms", step)
	}
	if l.Length < l.Step || l.Overhang < 0 {
		return l, fmt.Errorf("length %s and overhang %s do not fit step %s", length, overhang, step)
	}
	l.Length -= l.Length % l.Step
	return l, nil
}

// Len is the number of values of a window.
func (l Layout) Len() int { return int(l.Length / l.Step) }

// Coarse is the step of values older than FineFor: the shortest multiple of the step that is at least CoarseFrom, or
// the step if the window is kept Whole.
func (l Layout) Coarse() int64 {
	if l.Step >= coarseFrom || l.Whole {
		return l.Step
	}
	return (coarseFrom + l.Step - 1) / l.Step * l.Step
}

// Fine is how much of a window, at its end, has a value at every step.
func (l Layout) Fine() int64 {
	if l.Coarse() == l.Step {
		return l.Length
	}
	return min(l.Length, fineFor)
}

// Bytes estimates the memory of a series whose history is complete.
func (l Layout) Bytes() int64 {
	n := (l.Fine() + l.Overhang) / l.Step
	if l.Coarse() != l.Step {
		n += (l.Length + l.Overhang) / l.Coarse()
	}
	return (n/blockLen + 2) * blockBytes
}
