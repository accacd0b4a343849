package scorer

import (
	"math"

	"github.com/anomaly-exporter/anomaly-exporter/scorer/calibration"
	"github.com/anomaly-exporter/anomaly-exporter/scorer/ewma"
	"github.com/anomaly-exporter/anomaly-exporter/scorer/grid"
	"github.com/anomaly-exporter/anomaly-exporter/scorer/isolationforest"
)

var nan32 = float32(math.NaN())

// The statistics of a deviation from what was expected.
const (
	size       = iota // of the deviation
	trend             // exponentially weighted mean of the deviations
	volatility        // exponentially weighted deviation of their changes
	pattern           // how isolated it is in a forest, with its recent past
)

// deviations follows the deviations of one series from its baseline.
type deviations struct {
	phases ewma.Phases
	recent []*isolationforest.Rolling // by phase, for the forest; nil without one
	within ewma.Bounds
	// sizeOnly tells that trend and volatility do not count, and need not be followed.
	sizeOnly bool
}

// newDeviations returns what follows a series. The scores of a slot may count together, see calibration.MaxOverSlot.
func newDeviations(g grid.Grid, forest bool, within ewma.Bounds, together bool) deviations {
	stride := g.Stride()
	d := deviations{phases: ewma.NewPhases(stride, g.Slot(), together), within: within}
	if forest {
		for range stride {
			d.recent = append(d.recent, isolationforest.NewRolling())
		}
	}
	return d
}

// next takes the value x of a phase, for which b was expected; a deviation of unit counts as 1. Where only corrupt
// values are blips, the forest goes on as if one had been what was expected.
func (d *deviations) next(phase int, x, b, unit float32) {
	if d.sizeOnly {
		return
	}
	wasBlip := d.phases.Next(phase, x, b, unit, &d.within)
	if wasBlip && d.within.OnlyCorrupt && d.recent != nil {
		d.recent[phase].Replace(b)
	}
}

// replay takes the value x of the training window, for which b was expected, and returns its point for the forest.
func (d *deviations) replay(phase int, x, b, unit float32) (point isolationforest.Point) {
	d.next(phase, x, b, unit)
	switch {
	case d.recent == nil:
	case x != x:
		d.recent[phase].Add(x)
	default:
		point = d.recent[phase].Point(x)
	}
	return point
}

// measureIf returns the statistics of a phase after the deviation e; all 0 if it does not count. They are those of this
// phase alone: so every phase is as the first one was in the older history, from which the tails are. What one minute
// has seen the next does not forget all the same, see calibration.MaxOverSlot.
func (d *deviations) measureIf(counts bool, phase int, e float32) (st calibration.Statistics) {
	switch {
	case !counts:
	case d.sizeOnly:
		st[size] = max(e, -e)
	default:
		st = measure(d.phases.At(phase), e)
	}
	return st
}

// sampleIf is measureIf for the tails. Those remember blips, as most of the history of short steps does, which does not
// tell them from what lasts. So where there are many, one more is not the stranger for being forgotten soon.
func (d *deviations) sampleIf(counts bool, phase int, e float32) (st calibration.Statistics) {
	if counts {
		st = measure(d.phases.WithBlips(phase), e)
	}
	return st
}

// measure returns the statistics after the deviation e, without the pattern.
func measure(s *ewma.State, e float32) calibration.Statistics {
	return calibration.Statistics{size: max(e, -e), trend: s.Trend(), volatility: s.Volatility()}
}
