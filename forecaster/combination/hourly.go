package combination

import (
	"cmp"
	"math"

	"github.com/anomaly-exporter/anomaly-exporter/forecaster/candidates"
	"github.com/anomaly-exporter/anomaly-exporter/forecaster/window"
)

// An hourly follows the medians of the last hour, of the departures and of the values. A leak below a saw, as of
// garbage collection, is within what the single values do until it has grown larger than the saw; the medians are
// steady, and show it. They also do not rise in a line after a jump, as means would.
type hourly struct {
	run
	perPart   int // steps of a part of the hour; 0: steps are too long
	steps     int // of the part that has begun
	departure sums
	parts     [hourParts]sums // means, a ring
	at, full  int             // the oldest part, and how many there are
	line      lineAhead

	sizes, distances, values sorted // of parts

	rise, fall climb
}

// hourParts is how many parts of an hour the median is taken of. Chosen, not tuned.
const hourParts = 12

// sorted are the values of parts, in order.
type sorted [hourParts]float64

// sums are of the sizes of departures, of how far values are from the usual, and of values.
type sums struct{ size, distance, value float64 }

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
	h.departure.value += d.Value
	if h.steps++; h.steps < h.perPart {
		return
	}
	n := float64(h.steps)
	part, oldest := sums{h.departure.size / n, h.departure.distance / n, h.departure.value / n}, h.parts[h.at]
	h.sizes.replace(oldest.size, part.size)
	h.distances.replace(oldest.distance, part.distance)
	h.values.replace(oldest.value, part.value)
	h.parts[h.at] = part
	h.at = (h.at + 1) % len(h.parts)
	h.departure, h.steps = sums{}, 0
	if h.full < len(h.parts) {
		h.full++
		return
	}
	m := candidates.Departure{
		Size: h.sizes.median(), Value: h.distances.median(), Hour: d.Hour, FirstDay: d.FirstDay,
	}
	h.measure(&m)
	h.follow(&m)
	h.learnTypical(math.Abs(m.Size))
	h.setLine()
}

// setLine finds the surest line: through the departures while they are away, or through the values of a climb or its
// mirror image.
func (h *hourly) setLine() {
	v := h.values.median()
	h.rise.advance(v, h.minutes)
	h.fall.advance(-v, h.minutes)
	h.line = h.rise.ahead(v)
	if l := h.fall.ahead(-v); l.share > h.line.share {
		l.now, l.slope = -l.now, -l.slope
		h.line = l
	}
	if h.isOut() {
		if l := h.ahead(); l.share >= h.line.share {
			h.line = l
		}
	}
	h.line.now += h.line.slope * float64(len(h.parts)-1) / 2 // the median is that of half an hour ago
	h.line.slope /= float64(h.perPart)
	h.line.steps *= float64(h.perPart)
}

// replace takes a value in the place of an old one. Nothing in it branches on values, which a processor would guess
// wrong half of the time.
func (s *sorted) replace(old, v float64) {
	from, to := 0, 0
	for _, x := range s {
		from += below(x, old)
		to += below(x, v)
	}
	to -= below(old, v)
	up, before := below(v, old), *s
	for i := range s { // what lies between both places moves by one
		s[i] = before[i+below(i-up, to)-below(i-up, from)]
	}
	s[to] = v
}

// below returns 1 if x is less than v, else 0.
func below[T cmp.Ordered](x, v T) int {
	if x < v {
		return 1
	}
	return 0
}

func (s *sorted) median() float64 { return (s[hourParts/2-1] + s[hourParts/2]) / 2 }
