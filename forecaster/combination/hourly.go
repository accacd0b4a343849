package combination

import (
	"math"

	"github.com/anomaly-exporter/anomaly-exporter/forecaster/candidates"
	"github.com/anomaly-exporter/anomaly-exporter/forecaster/lines"
	"github.com/anomaly-exporter/anomaly-exporter/forecaster/window"
)

// An hourly follows the medians of the last hour, of the departures and of the values. A leak below a saw, as of
// garbage collection, is within what the single values do until it has grown larger than the saw; the medians are
// steady, and show it. They also do not rise in a line after a jump, as means would.
type hourly struct {
	run
	perPart   int // steps of a part of the hour
	steps     int // of the part that has begun
	departure sums
	parts     []sums // means, a ring
	at, full  int    // the oldest part, and how many there are
	line      lines.Extrapolation
	known     bool // whether line is that after the newest part

	sizes, distances, values sorted // of parts

	rise, fall lines.Rise
	jump       float64 // of the usual in an hour, the largest one; it fades in days
	recent     lines.RecentTrends
}

// sorted are the values of parts, in order, and then infinities: integers in the order of the values, so that the least
// and the largest of them are found without a branch.
type sorted [lines.HourParts]int64

// sums are of the sizes of departures, of how far values are from the usual, and of values.
type sums struct{ size, distance, value float64 }

func newHourly(w *window.Window) hourly {
	perPart := max(1, int(math.Round(60/float64(lines.HourParts)/w.Minutes)))
	r := newRun(w, w.Minutes*float64(perPart))
	n := lines.PartsOf(r.minutes)
	s := newSorted(n)
	return hourly{
		run: r, perPart: perPart, parts: make([]sums, n), sizes: s, distances: s, values: s,
		rise: lines.NewRise(n), fall: lines.NewRise(n), recent: lines.NewRecentTrends(r.rate, n),
	}
}

// advance takes in how far the last value is from the usual.
func (h *hourly) advance(d *candidates.Departure) {
	h.departure.size += d.Size
	h.departure.distance += d.Value - d.Usual
	h.departure.value += d.Value
	if h.steps++; h.steps < h.perPart {
		return
	}
	steps := float64(h.steps)
	part := sums{h.departure.size / steps, h.departure.distance / steps, h.departure.value / steps}
	n, oldest := len(h.parts), h.parts[h.at]
	h.sizes.replace(oldest.size, part.size)
	h.distances.replace(oldest.distance, part.distance)
	h.values.replace(oldest.value, part.value)
	h.parts[h.at] = part
	if h.at++; h.at == n {
		h.at = 0
	}
	h.departure, h.steps = sums{}, 0
	if h.full < n {
		h.full++
		return
	}
	m := candidates.Departure{
		Size: h.sizes.median(n), Value: h.distances.median(n), Hour: d.Hour, FirstDay: d.FirstDay,
	}
	h.measure(&m)
	h.follow(&m)
	h.learnTypical(math.Abs(m.Size))
	h.jump = max(jumpFade*h.jump, math.Abs(part.value-part.distance-oldest.value+oldest.distance))
	h.recent.Add(part.distance, part.value, h.unit, h.sign == 0)
	v := h.values.median(n)
	h.rise.Advance(v, h.minutes)
	h.fall.Advance(-v, h.minutes)
	h.known = false
}

// ahead returns the surest line: through the departures while they are away, or through the values of a rise or its
// mirror image.
func (h *hourly) ahead() *lines.Extrapolation {
	if h.known {
		return &h.line
	}
	h.known, h.line = true, lines.Extrapolation{}
	if h.minutes > longestPart {
		return &h.line
	}
	v := h.values.median(len(h.parts))
	h.line = h.rise.Extrapolate(v, &h.recent, 1)
	if l := h.fall.Extrapolate(-v, &h.recent, -1); l.Share > h.line.Share {
		h.line = l
	}
	if h.isOut() {
		l := h.lineThrough(&h.run, 1, lines.MedianLag(len(h.parts)), 0)
		if l.Share > 0 {
			l.Share *= h.reaches(&l)
		}
		if l.Beats(&h.line, h.jumps()) {
			h.line = l
		}
	}
	h.line.Slope /= float64(h.perPart)
	h.line.Steps *= float64(h.perPart)
	return &h.line
}

// reaches is how surely the series is where l says, 0 to 1: one part of the hour was as far away. While the medians
// pass the middle of a jump they grow as on a line, but the series does not.
func (h *hourly) reaches(l *lines.Extrapolation) float64 {
	farthest := len(h.parts) - 1
	if l.Slope < 0 {
		farthest = 0
	}
	beyond := (l.Level - inOrder(h.distances[farthest])) / l.Slope
	return 1 - lines.Ramp(beyond, thereUntil, beyondFrom)
}

// Chosen, not tuned.
const (
	thereUntil, beyondFrom = 1, 3 // parts of an hour that a line is ahead of the series

	longestPart = 30 // minutes: an hour has more than one. The median of four hours tells less than the single values

	jumpFade = 0.998 // what is left of a jump after a part of an hour: 0.56 after a day
	jumpSize = 0.25  // of the range of values. A season changes by an eighth of its range in an hour
)

// jumps tells whether the usual jumps at some time of the day, as at a daily restart.
func (h *hourly) jumps() bool { return h.jump > jumpSize*h.rise.Range() }

// lineOf returns the straight line through the departures of single steps.
func (h *hourly) lineOf(r *run) lines.Extrapolation {
	perPart := float64(h.perPart)
	return h.lineThrough(r, perPart, 0, (float64(h.steps)+(perPart-1)/2)/perPart)
}

// replace takes a value in the place of an old one. Each place is worked out: a processor would guess wrong half of the
// time where a search ends.
func (s *sorted) replace(old, v float64) {
	out, in := orderOf(old), orderOf(v)
	before := int64(math.MinInt64) // of those that stay
	for i, x := range s[:len(s)-1] {
		next := s[i+1]
		if x < out {
			next = x
		}
		s[i], before = max(before, min(next, in)), next
	}
	s[len(s)-1] = max(before, in)
}

// orderOf returns an integer that is the larger, the larger v is. inOrder returns v.
func orderOf(v float64) int64 {
	bits := int64(math.Float64bits(v)) //nolint:gosec // the sign is that of v
	return bits ^ bits>>63&math.MaxInt64
}

func inOrder(order int64) float64 {
	return math.Float64frombits(uint64(order ^ order>>63&math.MaxInt64)) //nolint:gosec // as above
}

// median is that of the first n, the rest of which are infinities.
func (s *sorted) median(n int) float64 { return (inOrder(s[(n-1)/2]) + inOrder(s[n/2])) / 2 }

func newSorted(n int) (s sorted) {
	for i := n; i < len(s); i++ {
		s[i] = orderOf(math.Inf(1))
	}
	return s
}
