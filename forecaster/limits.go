package forecaster

// limits are where forecasts have to stay, in the unit of the series.
type limits struct {
	data            [2]float64 // what values can be at all
	lowest, highest float64    // ever seen
}

// clamp keeps y where values can be at all, and at 0 or above if none below was ever seen.
func (l *limits) clamp(y float64) float64 {
	if l.lowest >= 0 {
		y = max(y, 0)
	}
	return min(max(y, l.data[0]), l.data[1])
}

// plausible is where central forecasts have to stay: within the range seen so far, and as much again beyond its ends.
func (l *limits) plausible() (low, high float64) {
	span := l.highest - l.lowest
	return l.clamp(l.lowest - span), l.clamp(l.highest + span)
}

// extend takes in a value of the series.
func (l *limits) extend(y float64) {
	l.lowest, l.highest = min(l.lowest, y), max(l.highest, y)
}
