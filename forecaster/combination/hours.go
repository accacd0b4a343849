package combination

import (
	"math"

	"github.com/anomaly-exporter/anomaly-exporter/forecaster/window"
)

// hours tells how large departures from the usual are at the hours of the day. Where a load is low, so mostly is its
// noise: what is far from usual there is nothing at its peak.
type hours struct {
	sizes [24]float64 // mean size of departures
	steps [24]float64 // that it was made from
	total float64     // of sizes
	known float64     // hours

	hour int     // of the newest departure
	unit float64 // how large departures are then, in relation to those of the day

	doubt, rate float64
}

// Chosen, not tuned.
const (
	hourHalfLife = 7 * 60 // minutes of an hour of the day: a week
	hourFloor    = 0.1    // of the mean is added to both sides of a ratio
	hourDoubt    = 2      // days that an hour has to be known to count as much as the mean
)

// newHours returns those of departures at steps of so many minutes.
func newHours(minutes float64) hours {
	if !window.IsFine(minutes) {
		return hours{unit: 1} // a size a day tells nothing
	}
	return hours{unit: 1, doubt: hourDoubt * 60 / minutes, rate: window.Rate(minutes, hourHalfLife)}
}

// learn takes in the size of a departure at an hour.
func (h *hours) learn(hour int, size float64) {
	if h.doubt == 0 {
		return
	}
	before := h.sizes[hour]
	if h.steps[hour]++; h.steps[hour] == 1 {
		h.known++
	}
	h.sizes[hour] += max(h.rate, 1/h.steps[hour]) * (size - before)
	h.total += h.sizes[hour] - before
}

// relative is how large departures at an hour are in relation to those of the day. It is known when the hour begins.
func (h *hours) relative(hour int) float64 {
	if h.doubt > 0 && hour != h.hour {
		h.hour, h.unit = hour, h.at(hour)
	}
	return h.unit
}

func (h *hours) at(hour int) float64 {
	sum, weight := 0.0, 0.0
	for k := -1; k <= 1; k++ {
		i := (hour + k + len(h.sizes)) % len(h.sizes)
		share := float64(2-k*k) / 4
		sum += share * h.sizes[i]
		weight += share * min(h.steps[i], h.doubt)
	}
	if !(h.total > 0) {
		return 1
	}
	mean := h.total / h.known
	ratio := (sum + hourFloor*mean) / (mean * (1 + hourFloor))
	return math.Pow(ratio, weight/h.doubt)
}
