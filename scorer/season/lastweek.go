package season

import (
	"slices"

	"github.com/anomaly-exporter/anomaly-exporter/scorer/composition"
	"github.com/anomaly-exporter/anomaly-exporter/scorer/orderstat"
)

// LastWeek is what the levels of last week make expected. A value that agrees with last week is as normal as one at the
// recent level: the second Monday after a weekend is like the first. The zero value knows nothing.
type LastWeek struct {
	next   int64     // the slot after values
	values []float32 // by slot
	week   int64     // slots
	near   float32
}

// NewLastWeek takes the values of the days, which it changes. season returns that of a slot, which the composition
// makes the expected value with the level. The level is the median of half a day around a slot, so an incident of some
// hours is not expected again. Values that deviate by near at most agree.
func NewLastWeek(
	v *Values, season func(slot int64) float32, c *composition.Composition, near float32, scratch *orderstat.Scratch,
) LastWeek {
	for i, x := range v.Values {
		v.Values[i] = c.LevelOf(x, season(v.First+int64(i)))
	}
	n := v.PerDay / 2
	levels := scratch.AppendRollingMedians(make([]float32, 0, len(v.Values)+1), v.Values, n)
	for i := range v.Values {
		v.Values[i] = c.Join(season(v.First+int64(i)), levels[min(i+n/2, len(levels)-1)])
	}
	// Most of a window may be from before the series began.
	known := slices.Clone(v.Values[max(slices.IndexFunc(v.Values, func(x float32) bool { return x == x }), 0):])
	return LastWeek{v.First + int64(len(v.Values)), known, int64(7 * v.PerDay), near}
}

// nearest returns what is expected of the value x of a step between a slot and the next, where a deviation of unit
// counts as 1: if x deviates there, what last week makes expected if it agrees with that.
func (w *LastWeek) nearest(slot int64, x, expected, unit float32) float32 {
	if distance := size(x - expected); distance > w.near*unit {
		for _, v := range w.at(slot) {
			if d := size(x - v); d <= w.near*unit && d < distance {
				distance, expected = d, v
			}
		}
	}
	return expected
}

// widen returns the range of what may be expected of a step whose value is not known yet, from the range without last
// week.
func (w *LastWeek) widen(slot int64, low, high, unit float32) (wideLow, wideHigh float32) {
	wideLow, wideHigh = low, high
	for _, v := range w.at(slot) {
		if low-v > w.near*unit || v-high > w.near*unit {
			wideLow, wideHigh = min(wideLow, v), max(wideHigh, v)
		}
	}
	return wideLow, wideHigh
}

// at returns what a slot and the next were last week, if that is known.
func (w *LastWeek) at(slot int64) []float32 {
	i := int64(len(w.values)) - (w.next - slot) - w.week
	if i < 0 || i+2 > int64(len(w.values)) {
		return nil
	}
	return w.values[i : i+2]
}

func size(x float32) float32 { return max(x, -x) }
