package burst

import (
	"math"
	"time"

	"github.com/anomaly-exporter/anomaly-exporter/scorer/baseline"
	"github.com/anomaly-exporter/anomaly-exporter/scorer/grid"
)

// large is the part of the largest ordinary deviation that one between slots has to exceed to be a burst. Chosen: of
// normal noise it is four standard deviations, and the correction for the most anomalous step of a slot is enough below
// that.
const large = 1.0 / 2

// Find finds the bursts of a window that ends at end (ms); nil if slots are steps. part tells which part of the
// deviation counts at the index of a step.
func Find(g grid.Grid, b *baseline.Backtest, end int64, part func(index int) float32) *Days {
	if g.Stride() == 1 {
		return nil
	}
	limit := large * b.Ordinary()
	if math.IsInf(float64(limit), 0) { // there were no deviations at all
		limit = 0
	}
	days := New(end, g.Slot(), limit)
	for at := range b.Positions(2 * 24 * time.Hour) {
		if _, ok := days.dayOf(at.Time); !ok {
			continue
		}
		x := b.Values[at.Index]
		d := (x - b.Expected(at, x)) / b.Unit(at)
		if b.Lasting(at) {
			d = nan32
		}
		days.Add(at.Time, at.Phase, d*part(at.Index))
	}
	return days
}
