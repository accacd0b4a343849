// Package history keeps bounded series of values at a fixed step in memory, with their gaps and with the steps not to learn from.
package history

import (
	"fmt"
	"time"
)

const (
	fineFor    = 2 * 24 * 3600 * 1000 // ms of a window that keep every step
	coarseFrom = 5 * 60 * 1000        // ms between the older values, where the step is shorter
	shortGap   = 3                    // missing values in a row that are interpolated
)

// Missing says what a gap in the input means.
type Missing int

// The meanings of a gap.
const (
	Drop Missing = iota // nothing is known: a gap
	Zero                // the value was zero
	Last                // the value was what it had been
)

// ParseMissing translates "drop", "zero" and "last".
func ParseMissing(s string) (Missing, error) {
	switch s {
	case "drop":
		return Drop, nil
	case "zero":
		return Zero, nil
	case "last":
		return Last, nil
	}
	return Drop, fmt.Errorf("missing: %q is none of drop, zero, last", s)
}

// Layout is what the series of one detector have in common. Times and durations are in milliseconds.
type Layout struct {
	Step    int64   // between two values
	Length  int64   // what a window covers
	Extra   int64   // how long before the newest value a window may end
	Missing Missing // what a gap means
}

// NewLayout checks and translates durations: step at which values come, length of the windows that models are fitted on, and extra, how long
// before the newest value a window may end.
func NewLayout(step, length, extra time.Duration, missing Missing) (Layout, error) {
	l := Layout{Step: step.Milliseconds(), Length: length.Milliseconds(), Extra: extra.Milliseconds(), Missing: missing}
	if l.Step <= 0 {
		return l, fmt.Errorf("step %s: must be at least 1ms", step)
	}
	if l.Length < l.Step || l.Extra < 0 {
		return l, fmt.Errorf("length %s and extra %s do not fit step %s", length, extra, step)
	}
	l.Length -= l.Length % l.Step
	return l, nil
}

// Len is the number of values of a window.
func (l Layout) Len() int { return int(l.Length / l.Step) }

// Coarse is the step at which values older than two days are kept: the shortest multiple of the step that is at least 5 minutes.
func (l Layout) Coarse() int64 {
	if l.Step >= coarseFrom {
		return l.Step
	}
	return (coarseFrom + l.Step - 1) / l.Step * l.Step
}

// Fine is the part of a window, at its end, that keeps every step.
func (l Layout) Fine() int64 {
	if l.Coarse() == l.Step {
		return l.Length
	}
	return min(l.Length, fineFor)
}

// Bytes estimates the memory of a series whose history is complete.
func (l Layout) Bytes() int64 {
	n := (l.Fine() + l.Extra) / l.Step
	if l.Coarse() != l.Step {
		n += (l.Length + l.Extra) / l.Coarse()
	}
	return (n/blockLen + 2) * blockBytes
}
