package season

import (
	"slices"

	"github.com/anomaly-exporter/anomaly-exporter/scorer/composition"
	"github.com/anomaly-exporter/anomaly-exporter/scorer/orderstat"
)

// sameLevel is the part of the deviation that still agrees with last week by which its level may be off. Guard: as
// small as the median deviation, it changes no verdict, and a level that stays where it is takes no memory.
const sameLevel = 1.0 / 8

// LastWeek is what the levels of last week make expected. A value that agrees with last week is as normal as one at the
// recent level: the second Monday after a weekend is like the first. The zero value knows nothing.
type LastWeek struct {
	next     int64       // the slot after the window
	levels   []lastLevel // in order of time
	week     int64       // slots
	near     float32
	season   func(slot int64) float32
	composed *composition.Composition
}

// A lastLevel is a level from a slot on; NaN: not known.
type lastLevel struct {
	from  int64
	level float32
}

// NewLastWeek takes the values of the days, which it changes. season returns that of a slot, which the composition
// makes the expected value with the level; it keeps both. The level is the median of half a day around a slot, so an
// incident of some hours is not expected again. Values that deviate by near at most agree.
func NewLastWeek(
	v *Values, season func(slot int64) float32, c *composition.Composition, near float32, scratch *orderstat.Scratch,
) LastWeek {
	w := LastWeek{v.First + int64(len(v.Values)), nil, int64(7 * v.PerDay), near, season, c}
	for i, x := range v.Values {
		v.Values[i] = c.LevelOf(x, season(v.First+int64(i)))
	}
	n := v.PerDay / 2
	levels := scratch.AppendRollingMedians(make([]float32, 0, len(v.Values)+1), v.Values, n)
	last := lastLevel{level: nan32}
	for i := range v.Values {
		slot, l := v.First+int64(i), levels[min(i+n/2, len(levels)-1)]
		e := season(slot)
		off := size(c.Join(e, l)-c.Join(e, last.level)) > sameLevel*near
		if off || (l == l) != (last.level == last.level) {
			last = lastLevel{slot, l}
			w.levels = append(w.levels, last)
		}
	}
	w.levels = slices.Clip(w.levels)
	return w
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

// at returns what a slot and the next were last week; NaN: not known.
func (w *LastWeek) at(slot int64) (values [2]float32) {
	for i := range values {
		then := slot + int64(i) - w.week
		k, found := slices.BinarySearchFunc(w.levels, then, func(l lastLevel, slot int64) int { return int(l.from - slot) })
		if !found {
			k--
		}
		if values[i] = nan32; k >= 0 && then < w.next {
			values[i] = w.composed.Join(w.season(then), w.levels[k].level)
		}
	}
	return values
}

func size(x float32) float32 { return max(x, -x) }
