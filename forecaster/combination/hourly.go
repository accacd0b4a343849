package combination

import (
	"math"
	"slices"

	"github.com/anomaly-exporter/anomaly-exporter/forecaster/candidates"
	"github.com/anomaly-exporter/anomaly-exporter/forecaster/window"
)

// An hourly follows the medians of the last hour. A leak below a saw, as of garbage collection, is within what the
// single values do until it has grown larger than the saw; the medians are steady, and show it. They also do not rise
// in a line after a jump, as means would.
type hourly struct {
	run
	perPart   int // steps of a part of the hour; 0: steps are too long
	steps     int // of the part that has begun
	departure sums
	parts     [12]sums // means, a ring
	at, full  int      // the oldest part, and how many there are
	line      lineAhead
}

// sums are of departures: of their sizes, and of how far values are from the usual.
type sums struct{ size, distance float64 }

func newHourly(w *window.Window) (h hourly) {
	if !w.Fine() {
		return h
	}
	h.perPart = max(1, int(math.Round(60/float64(len(h.parts))/w.Minutes)))
	h.run = newRun(w, w.Minutes*float64(h.perPart))
	return h
}

// advance takes in how far the last value is from the usual.
func (h *hourly) advance(d *candidates.Departure) {
	if h.perPart == 0 {
		return
	}
	h.departure.size += d.Size
	h.departure.distance += d.Value - d.Usual
	if h.steps++; h.steps < h.perPart {
		return
	}
	n := float64(h.steps)
	h.parts[h.at] = sums{h.departure.size / n, h.departure.distance / n}
	h.at = (h.at + 1) % len(h.parts)
	h.departure, h.steps = sums{}, 0
	if h.full < len(h.parts) {
		h.full++
		return
	}
	median := h.median()
	m := candidates.Departure{Size: median.size, Value: median.distance, Hour: d.Hour, FirstDay: d.FirstDay}
	h.measure(&m)
	h.follow(&m)
	h.learnTypical(math.Abs(m.Size))
	h.line = lineAhead{}
	if h.isOut() {
		h.line = h.ahead()
		h.line.now += h.line.slope * float64(len(h.parts)-1) / 2 // the median is that of half an hour ago
		h.line.slope /= float64(h.perPart)
		h.line.steps *= float64(h.perPart)
	}
}

func (h *hourly) median() sums {
	var sizes, distances [len(h.parts)]float64
	for i, p := range h.parts {
		sizes[i], distances[i] = p.size, p.distance
	}
	slices.Sort(sizes[:])
	slices.Sort(distances[:])
	const upper = len(h.parts) / 2
	return sums{(sizes[upper-1] + sizes[upper]) / 2, (distances[upper-1] + distances[upper]) / 2}
}
