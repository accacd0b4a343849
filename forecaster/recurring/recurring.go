// Package recurring finds what happens at the same time on most days, or every week: jobs, reports, batches. A model
// that follows levels and smooth shapes misses them, because their cause is a clock.
//
// Steps are gathered in cells of five minutes, of which the largest value counts; a longer step is a cell. A cell of
// the day or of the week is recurring if it was high on more days than chance explains. What a window holds that is
// still to come is then told by the same window of earlier days: by an empirical quantile, without any model.
package recurring

import (
	"math"
	"slices"

	"github.com/anomaly-exporter/anomaly-exporter/calendar"
	"github.com/anomaly-exporter/anomaly-exporter/forecaster/recurring/chance"
	"github.com/anomaly-exporter/anomaly-exporter/forecaster/window"
)

const (
	// cellLength of a cell, or a step if that is longer. What begins a few minutes earlier or later than on other days
	// lies in the same cell or in one beside it, and those are counted together. Chosen, not tuned.
	cellLength = 5 * 60 * 1000 // ms
	// blockLength is what the usual value around a cell is taken from. An event of up to half of it stands out. Chosen,
	// not tuned: a job of an hour does, while the shape of the day is followed.
	blockLength = 3 * 60 * 60 * 1000 // ms
	// blockCells is how many cells a block has at least. Guard: a job of three steps stands out in it. With eight, each
	// day has the same blocks at steps of 30 minutes and an hour.
	blockCells = 8
	// significance is up to which probability a cell that is high on so many days is not put down to chance. There are
	// some hundred independent cells in a day, so that about one series in five has a false one. It costs little: the
	// window is then forecast by what its like has held. Chosen, not tuned.
	significance = 0.001
	// ownSignificance is the same for a cell without those beside it, which have told already that something recurs.
	// Chosen, not tuned: it only tells where.
	ownSignificance = 0.05
	// minDays is how many days tell what recurs. Guard: of two, everything recurs.
	minDays = 3
	// splitLoss is the ratio of losses up to which days are told apart. On 14 days a chance event of 40 % is missing on
	// all four days of weekends once in eight times; the loss of telling them apart is then 0.6 of the loss of not
	// doing it, and 0 for an event of workdays. Chosen, not tuned.
	splitLoss = 0.5
)

// highShares are shares of cells, tried one after the other. What is as large as so many cells, or half of it over what
// is usual, counts as high: the first share finds what comes once a week, the last what fills much of the day. Chosen,
// not tuned. Without the half, what happens every hour would be high only on the days on which it is large.
var highShares = [...]float64{0.001, 0.02, 0.1}

// A grouping says which earlier days tell of a cell.
type grouping uint8

const (
	none      grouping = iota // the cell is not recurring
	everyDay                  // all days
	sameKind                  // workdays, or the days of weekends
	sameDay                   // the same day of the week
	groupings = iota
)

// A Profile knows the largest values of the cells of past days. Its values are in the unit of the window.
type Profile struct {
	grid        window.Grid
	length      int64 // of a cell, in milliseconds
	steps       int   // of a cell
	perDay      int   // cells
	first       int64 // day of cells[0], counted from the epoch by the wall clock
	days        int
	cells       []float32    // by day; NaN where nothing is known
	groups      []grouping   // by cell of the week; of the day of the epoch first
	through     []uint16     // how many of groups before a cell are recurring
	ranges      *ranges      // nil if nothing recurs
	bounds      []bound      // by cell of the day
	occurrences *occurrences // nil if nothing recurs
}

// Find returns what recurs in a window, judged by the loss of quantile p. Nothing does in less than three days. It
// returns nil if nothing recurs, unless it is told to keep the values of the days anyway, or if the step does not
// divide the day.
func Find(w *window.Window, p float64, keep bool) *Profile {
	r := &Profile{grid: w.Grid, length: max(cellLength, w.Grid.Step)}
	r.steps = int(r.length / r.grid.Step)
	r.perDay = int(calendar.Day / r.length)
	canRecur := len(w.Values) >= minDays*w.StepsPerDay
	if int64(r.perDay)*r.length != calendar.Day || !canRecur && !keep {
		return nil // cells would wander through the day
	}
	r.first = calendar.Slot(r.grid.Local(0), calendar.Day)
	r.days = int(calendar.Slot(r.grid.Local(len(w.Values)-1), calendar.Day)-r.first) + 1
	lows := *r
	r.cells, lows.cells = r.gather(w)
	r.groups = make([]grouping, 7*r.perDay)
	if canRecur {
		var room search
		room.standOut = !w.Fine()
		limits := r.findRecurring(p, &room)
		r.trace(w, room.over, limits)
		lows.groups = make([]grouping, 7*r.perDay)
		lows.findRecurring(p, &room)
		r.findRanges(&lows)
	}
	r.through = make([]uint16, len(r.groups)+1)
	for i, g := range r.groups {
		r.through[i+1] = r.through[i]
		if g != none {
			r.through[i+1]++
		}
	}
	if r.through[len(r.groups)] == 0 && r.ranges == nil && !keep {
		return nil
	}
	return r
}

// gather returns the largest value of each cell, and the smallest one with the other sign.
func (r *Profile) gather(w *window.Window) (highs, lows []float32) {
	highs = slices.Repeat([]float32{nan}, r.days*r.perDay)
	lows = slices.Clone(highs)
	at := nowhere
	for i, v := range w.Values {
		at = r.next(at, i)
		if !w.Learn[i] {
			continue
		}
		highs[at.cell], lows[at.cell] = larger(highs[at.cell], float32(v)), larger(lows[at.cell], float32(-v))
	}
	return highs, lows
}

// isWeekend tells whether a day, counted from the epoch, is a Saturday or a Sunday.
func isWeekend(day int64) bool {
	d := weekday(day)
	return d == calendar.Sunday || d == calendar.Sunday-1
}

// weekday returns the day of the week of a day counted from the epoch, which was a Thursday: 0.
func weekday(day int64) int { return int((day%7 + 7) % 7) }

const (
	// rounds is how often what recurs is looked for: what is found makes room for what is smaller. Chosen, not tuned.
	rounds = 3
	// outlying is how many times as far from the median as the upper third of the cells begins something smaller must be.
	// Chosen, not tuned: of normal noise that is 5.2 standard deviations. What is left of the shape of the day does not
	// stand out, unless what recurs fills a third of it.
	outlying = 12
	// noisy is the same for all that is found at first, as many times as the lower third is from it: that is without what
	// recurs, however much of the day it fills. Chosen, not tuned: of normal noise that is 3 standard deviations.
	noisy = 10
)

// A search is what findRecurring works with. What it leaves is memory for the next one.
type search struct {
	p float64 // quantile that days are compared by
	// standOut tells that only what is outlying counts, also at first: blocks of long steps do not follow the shape of
	// the day.
	standOut bool
	tells    []grouping // by cell of the day, which days tell most of it; none: not asked for yet

	known     counts // of days
	wide, own counts // of those on which a cell or one beside it was high, and on which it was itself

	over       []float32 // by how much each cell exceeds the usual
	rest, high []float32 // the same without what is left out; that of each cell and those beside it
	some       []float32
}

// findRecurring decides which cells are recurring. It returns by cell of the week what on a recurring one counts as
// high.
func (r *Profile) findRecurring(p float64, s *search) []limit {
	s.p, s.tells = p, make([]grouping, r.perDay)
	s.over = r.prominence(s.over[:0])
	s.rest, s.high = append(s.rest[:0], s.over...), append(s.high[:0], s.over...)
	widen(s.high)
	limits := make([]limit, len(r.groups))
	for i := range rounds {
		if !r.findHigh(s, limits, s.standOut || i > 0) {
			break
		}
		r.leaveOut(s.rest, s.high)
	}
	return limits
}

// findHigh marks cells as recurring, of those that are not left out. If they have to stand out, only what is outlying
// counts; else what is more than noise. It fills in limits, and tells whether it has found any.
func (r *Profile) findHigh(s *search, limits []limit, standOut bool) (found bool) {
	some := slices.Grow(s.some[:0], len(s.high)/3+1)
	for i := 0; i < len(s.high); i += 3 { // neighbours share values
		if v := s.high[i]; v == v {
			some = append(some, v)
		}
	}
	s.some = some
	if len(some) < minDays*r.perDay/3 {
		return false
	}
	middle := len(some) / 2
	usual, upper := nthSmallest(some, middle), some[middle:]
	least := usual
	if standOut {
		least += outlying * (nthSmallest(upper, len(upper)/3) - usual)
	} else {
		least += noisy * (usual - nthSmallest(some[:middle], middle-middle/3))
	}
	r.countOver(&s.known, s.high, float32(math.Inf(-1)))
	for _, share := range highShares {
		large := nthSmallest(upper, int(float64(len(some)-1)*(1-share))-middle)
		threshold := usual + (large-usual)/2
		if !(threshold > usual && large >= least) {
			continue // most cells are as high
		}
		r.countOver(&s.wide, s.high, threshold)
		r.countOver(&s.own, s.rest, threshold)
		r.markRecurring(s)
		for c, g := range r.groups {
			if g != none && limits[c] == (limit{}) {
				by := threshold - usual
				for typical := r.typical(s.high, c%r.perDay, threshold) - usual; 4*by <= typical; {
					by *= 2 // few different limits, and none is far above half of what is typical
				}
				limits[c] = limit{usual + highShare*by, usual + lowShare*by}
				found = true
			}
		}
	}
	return found
}

// typical returns the median of the values of a cell of the day that are over a threshold; that if none is.
func (r *Profile) typical(values []float32, cell int, threshold float32) float32 {
	var room [maxDays]float32
	some := room[:0]
	for ; cell < len(values) && len(some) < maxDays; cell += r.perDay {
		if values[cell] > threshold {
			some = append(some, values[cell])
		}
	}
	if len(some) == 0 {
		return threshold
	}
	return nthSmallest(some, len(some)/2)
}

// leaveOut makes values near recurring cells unknown.
func (r *Profile) leaveOut(values ...[]float32) {
	near := r.near(nearCells)
	for _, v := range values {
		at := r.ofWeek(0)
		for i := range v {
			if near[at] {
				v[i] = nan
			}
			if at++; at == len(near) {
				at = 0
			}
		}
	}
}

// near tells by cell of the week whether one recurs no further than so many cells from it.
func (r *Profile) near(cells int) []bool {
	near := make([]bool, len(r.groups))
	for at, g := range r.groups {
		for d := -cells; d <= cells && g != none; d++ {
			near[r.wrap(int64(at+d))] = true
		}
	}
	return near
}

// prominence appends to over by how much each cell exceeds the usual value around it: NaN where nothing is known. The
// usual value is the median of a block, between two of them interpolated.
func (r *Profile) prominence(over []float32) []float32 {
	per := max(int(blockLength/r.length), blockCells)
	blocks := make([]float64, (len(r.cells)+per-1)/per)
	buffer := make([]float32, 0, per)
	last := math.NaN()
	for b := range blocks {
		buffer = buffer[:0]
		for _, v := range r.cells[b*per : min((b+1)*per, len(r.cells))] {
			if v == v {
				buffer = append(buffer, v)
			}
		}
		if 2*len(buffer) >= per {
			last = float64(nthSmallest(buffer, len(buffer)/2))
		}
		blocks[b] = last
	}
	over = slices.Grow(over, len(r.cells))
	b, from, to := -1, 0.0, 0.0
	for i, v := range r.cells {
		at := (float64(i)+0.5)/float64(per) - 0.5
		if b < 0 || b+1 < len(blocks) && at >= float64(b+1) {
			b++
			from, to = blocks[b], blocks[min(b+1, len(blocks)-1)]
			if from != from {
				from = to
			}
			if to != to {
				to = from
			}
		}
		over = append(over, v-float32(from+max(at-float64(b), 0)*(to-from)))
	}
	return over
}

// widen makes of each value, of which there is one, the largest of it and those beside it.
func widen(values []float32) {
	for i, before := 1, values[0]; i < len(values); i++ {
		v := values[i]
		values[i-1], values[i], before = larger(values[i-1], v), larger(v, before), v
	}
}

// larger returns the larger one of two values, of which NaN is not known. Which of two known ones that is a processor
// would guess wrong half of the time: max does not branch.
func larger(a, b float32) float32 {
	switch {
	case a != a:
		return b
	case b != b:
		return a
	}
	return max(a, b)
}

// nthSmallest returns what values[n] would be if the values, none of which is NaN, were sorted. It moves smaller ones
// before it and larger ones behind (Hoare, "Algorithm 65: Find", Communications of the ACM, 1961).
func nthSmallest(values []float32, n int) float32 {
	for low, high := 0, len(values)-1; low < high; {
		pivot, i, j := values[n], low, high
		for i <= j {
			for values[i] < pivot {
				i++
			}
			for values[j] > pivot {
				j--
			}
			if i <= j {
				values[i], values[j] = values[j], values[i]
				i++
				j--
			}
		}
		if j < n {
			low = i
		}
		if i > n {
			high = j
		}
	}
	return values[n]
}

// counts of days are by cell of the week and by cell of the day.
type counts struct{ week, day []int32 }

// countOver counts the days on which each cell is at or over a threshold.
func (r *Profile) countOver(n *counts, values []float32, threshold float32) {
	if n.week == nil {
		*n = counts{week: make([]int32, len(r.groups)), day: make([]int32, r.perDay)}
	}
	clear(n.week)
	clear(n.day)
	for day := range r.days {
		week := n.week[weekday(r.first+int64(day))*r.perDay:]
		for c, v := range values[day*r.perDay : (day+1)*r.perDay] {
			if v >= threshold { // not if it is NaN
				week[c]++
				n.day[c]++
			}
		}
	}
}

// markRecurring marks the cells that are high on more days than chance explains. What begins some minutes earlier or
// later than on other days is found by the cells beside it, but a cell must be high oftener itself, too.
func (r *Profile) markRecurring(s *search) {
	wide, own, known := &s.wide, &s.own, &s.known
	byDay, ownDay := chance.New(wide.day, known.day, significance), chance.New(own.day, known.day, ownSignificance)
	weeks := r.days > 7 // else nothing is known twice
	var byWeek, ownWeek chance.Test
	if weeks {
		byWeek, ownWeek = chance.New(wide.week, known.week, significance), chance.New(own.week, known.week, ownSignificance)
	}
	for c := range r.perDay {
		chosen := none
		if byDay.Exceeds(c) && ownDay.Exceeds(c) && known.day[c] >= minDays && r.undecided(c) {
			if s.tells[c] == none {
				s.tells[c] = r.chooseGrouping(c, s.p)
			}
			chosen = s.tells[c]
		}
		for d := range 7 {
			at := d*r.perDay + c
			switch {
			case r.groups[at] != none:
			case chosen == everyDay,
				chosen == sameDay && own.week[at] > 0,
				chosen == sameKind && r.countKind(own.week, c, isWeekend(int64(d))) > 0:
				r.groups[at] = chosen
			case weeks && chosen == none && byWeek.Exceeds(at) && ownWeek.Exceeds(at):
				r.groups[at] = sameDay
			}
		}
	}
}

// undecided tells whether cell c of the day is not yet recurring on some day of the week.
func (r *Profile) undecided(c int) bool {
	for ; c < len(r.groups); c += r.perDay {
		if r.groups[c] == none {
			return true
		}
	}
	return false
}

// countKind returns how often cell c of the day was high on weekends, or else on workdays.
func (r *Profile) countKind(count []int32, c int, weekend bool) (n int32) {
	for d := range 7 {
		if isWeekend(int64(d)) == weekend {
			n += count[d*r.perDay+c]
		}
	}
	return n
}

// ofWeek returns the cell of the week of cell i, counted from the first one kept.
func (r *Profile) ofWeek(i int64) int {
	return r.wrap(i + r.first*int64(r.perDay))
}

// wrap returns the cell of the week of cell i, counted from the beginning of any week.
func (r *Profile) wrap(i int64) int {
	n := int64(len(r.groups))
	if i %= n; i < 0 {
		i += n
	}
	return int(i)
}
