package season

// Young is what else is expected of a series that is too young for a season by week. The zero value knows nothing.
type Young struct {
	First    FirstDays
	LastWeek LastWeek
}

// Known tells whether anything is known.
func (y *Young) Known() bool { return y.First.Known() || len(y.LastWeek.levels) > 0 }

// Widen returns the range of what may be expected of a step between a slot and the next whose value is not known yet,
// where a deviation of unit counts as 1, from the range without that.
func (y *Young) Widen(slot int64, low, high, unit float32) (wideLow, wideHigh float32) {
	low, high = y.First.Widen(slot, low, high)
	return y.LastWeek.widen(slot, low, high, unit)
}

// Nearest returns what is expected of the value x of such a step.
func (y *Young) Nearest(slot int64, x, expected, unit float32) float32 {
	return y.LastWeek.nearest(slot, x, y.First.nearest(slot, x, expected), unit)
}

// LearnFirstDays makes Replayed return what first days make usual, where that is most of what is known.
func (y *Young) LearnFirstDays() { y.First.learned = true }

// Replayed returns what was expected of the value x of such a step of the window. It is NaN if first days make x usual:
// later ones need not come as near to it.
func (y *Young) Replayed(slot int64, x, expected, unit float32) float32 {
	usual := y.First.nearest(slot, x, expected)
	if usual == x && usual != expected && !y.First.learned {
		return nan32
	}
	return y.LastWeek.nearest(slot, x, usual, unit)
}
