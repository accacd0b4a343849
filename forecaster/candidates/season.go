package candidates

import (
	"math"
	"slices"

	"github.com/anomaly-exporter/anomaly-exporter/calendar"
	"github.com/anomaly-exporter/anomaly-exporter/forecaster/rolling"
	"github.com/anomaly-exporter/anomaly-exporter/forecaster/window"
)

// A season remembers the last period, a day or a week, in cells of equal length. Cells are numbered by the wall clock,
// so "yesterday at this time" follows it. A cell is open until its last step has come.
type season struct {
	period, length int64 // of the period and of a cell, in milliseconds
	single         bool  // a cell is a step
	slot, next     int   // of the last value, and of the one to come
	sum, count     float64

	cells rolling.Median // of the last period
	total float64        // sum of them

	// By slot; NaN where nothing is known yet.
	values  []float32 // the last period, smoothed where the cells after it are known
	profile []float32 // exponential mean of it over the periods
	levels  []float32 // the fast mean when the cell was closed
	means   []float32 // the mean of the last day when the cell was closed
	medians []float32 // median of values over the last medianPeriods periods, from
	history []int32   // those, as orderOf returns: medianPeriods of each slot, newest first

	blend       float64   // weight of the newest period in the profile
	newest      []float32 // the cells that the smoothing needs: half its width to both sides
	newestSlots []int32
	closed      int

	// One period ago at the slot of the last value, and what the profile and the medians said of it.
	level, mean, expected, robust float64
}

// medianPeriods is how many days the median of a time of day is taken over. With these medians the error of hourly
// series, relative to the seasonal naive, is .690, .602 and .621 at 1, 6 and 24 hours; without .740, .635 and .660
// (docs/accuracy.md, "What was tried"). The number itself is chosen, not tuned.
const medianPeriods = 7

var nan32 = float32(math.NaN())

// newSeason returns a season without values. blend 0 makes it keep nothing but its mean and median.
func newSeason(period, length int64, blend float64, halfWidth int, robust bool) season {
	n := int((period + length - 1) / length)
	s := season{period: period, length: length, blend: blend, cells: rolling.NewMedian(n)}
	if blend == 0 {
		return s
	}
	fields := []*[]float32{&s.values, &s.profile, &s.levels, &s.means}
	if robust {
		fields = append(fields, &s.medians)
		s.history = slices.Repeat([]int32{unknown}, medianPeriods*n)
	}
	bySlot := slices.Repeat([]float32{nan32}, len(fields)*n)
	for _, field := range fields {
		*field, bySlot = bySlot[:n:n], bySlot[n:]
	}
	s.newest, s.newestSlots = make([]float32, 2*halfWidth+1), make([]int32, halfWidth+1)
	return s
}

// start sets the slot of the first value.
func (s *season) start(g *window.Grid) {
	s.single = s.length <= g.Step
	s.next = s.slotAt(g.Local(0))
}

// slotAt returns the slot of a time of the wall clock.
func (s *season) slotAt(local int64) int { return calendar.SlotIn(local, s.period, s.length) }

// enter moves on to the next step, before another one at a time of the wall clock, and looks up what there was a period
// ago.
func (s *season) enter(before int64) {
	s.slot, s.next = s.next, s.slotAt(before)
	if s.blend == 0 {
		return
	}
	s.level, s.mean, s.expected = float64(s.levels[s.slot]), float64(s.means[s.slot]), float64(s.profile[s.slot])
	if s.medians != nil {
		s.robust = float64(s.medians[s.slot])
	}
}

// add takes the value of the step entered. When that was the last one of its cell, it reports true and the mean of the
// cell: then store is due.
func (s *season) add(y float64) (cell float64, closed bool) {
	s.sum += y
	s.count++
	if s.next == s.slot && !s.single {
		return 0, false
	}
	cell = float64(float32(s.sum / s.count))
	s.sum, s.count = 0, 0
	s.total += cell - float64(s.cells.Add(float32(cell)))
	if s.cells.RoundBegins() { // once a period, so that rounding does not add up or outlive a huge value
		s.total = 0
		for _, v := range s.cells.Recent() {
			s.total += float64(v)
		}
	}
	return cell, true
}

// average is the mean of the cells of the last period; y if there are none.
func (s *season) average(y float64) float64 {
	if s.cells.Len() == 0 {
		return y
	}
	return s.total / float64(s.cells.Len())
}

// store files a closed cell under its slot, with the level and the mean of a day as they are now.
func (s *season) store(cell, level, mean float64) {
	if s.closed == 0 {
		for i := range s.newest {
			s.newest[i] = float32(cell) // the edge, repeated
		}
	}
	width, half := len(s.newest), len(s.newestSlots)
	s.newest[s.closed%width] = float32(cell)
	s.newestSlots[s.closed%half] = int32(s.slot)
	s.closed++
	s.values[s.slot] = float32(cell)
	s.levels[s.slot], s.means[s.slot] = float32(level), float32(mean)
	if s.closed < half {
		return
	}
	slot := int(s.newestSlots[s.closed%half]) // the oldest of them
	sum := 0.0
	for _, v := range s.newest {
		sum += float64(v)
	}
	smooth := sum / float64(width)
	s.values[slot] = float32(smooth)
	if s.medians != nil {
		s.medians[slot] = s.medianOf(slot, float32(smooth))
	}
	if old := float64(s.profile[slot]); !math.IsNaN(old) {
		smooth = old + s.blend*(smooth-old)
	}
	s.profile[slot] = float32(smooth)
}

// medianOf adds a value to the history of a slot, and returns the median of that.
func (s *season) medianOf(slot int, value float32) float32 {
	history := s.history[slot*medianPeriods : (slot+1)*medianPeriods]
	copy(history[1:], history)
	history[0] = orderOf(value)
	sorted, n := sort7([medianPeriods]int32(history)), medianPeriods
	for sorted[n-1] == unknown {
		n--
	}
	return (inOrder(sorted[(n-1)/2]) + inOrder(sorted[n/2])) / 2
}

// unknown is larger than what orderOf returns of any value.
const unknown = math.MaxInt32

// orderOf returns an integer that is the larger, the larger v is. inOrder returns v.
func orderOf(v float32) int32 {
	bits := int32(math.Float32bits(v)) //nolint:gosec // the sign is that of v
	return bits ^ bits>>31&math.MaxInt32
}

func inOrder(order int32) float32 {
	return math.Float32frombits(uint32(order ^ order>>31&math.MaxInt32)) //nolint:gosec // as above
}

// sort7 sorts by a network of 16 exchanges (Knuth, "The Art of Computer Programming", volume 3, 5.3.4). A processor
// guesses none of them, as it would have to guess the order of values.
func sort7(v [7]int32) [7]int32 {
	order := func(a, b int32) (int32, int32) { return min(a, b), max(a, b) }
	a, b, c, d, e, f, g := v[0], v[1], v[2], v[3], v[4], v[5], v[6]
	a, g = order(a, g)
	c, d = order(c, d)
	e, f = order(e, f)
	a, c = order(a, c)
	b, e = order(b, e)
	d, g = order(d, g)
	a, b = order(a, b)
	c, f = order(c, f)
	d, e = order(d, e)
	b, c = order(b, c)
	e, g = order(e, g)
	c, d = order(c, d)
	e, f = order(e, f)
	b, c = order(b, c)
	d, e = order(d, e)
	f, g = order(f, g)
	return [7]int32{a, b, c, d, e, f, g}
}
