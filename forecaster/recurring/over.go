package recurring

import (
	"math"

	"github.com/anomaly-exporter/anomaly-exporter/calendar"
)

// A Window has the recurring cells of a stretch of steps.
type Window struct {
	r        *Profile
	from, to int64 // cells, counted from the first one kept; to is included
	// Those without the outermost ones, if what recurs in them is over before the stretch or comes after it.
	first, last int64

	days        uint64 // that tell of it, by day from the oldest of maxDays on
	conditioned bool   // whether the step now is known
	now         int
}

// Over returns the window of the steps from one up to and including another; ok is false if nothing recurs in it.
func (r *Profile) Over(from, to int) (w Window, ok bool) {
	w.r, w.days = r, math.MaxUint64
	var begins, ends int
	w.from, begins = r.locateStep(from)
	w.to, ends = r.locateStep(to)
	w.first, w.last = w.from, w.to
	n := int64(len(r.groups))
	if w.to-w.from >= n {
		return w, true
	}
	if r.bounds != nil {
		if int(r.bounds[r.ofDay(w.first)].last) < begins {
			w.first++
		}
		switch {
		case int(r.bounds[r.ofDay(w.last)].first) > ends:
			w.last--
		case r.groups[r.ofWeek(w.last)] == none && int(r.bounds[r.ofDay(w.last+1)].first) <= ends-r.steps:
			w.last++ // what is in the next cell may come earlier than ever
		}
		if w.first > w.last {
			return w, false
		}
	}
	a, b := r.ofWeek(w.first), r.ofWeek(w.last)
	count := r.through[b+1] - r.through[a]
	if b < a {
		count += r.through[n]
	}
	return w, count > 0
}

// locateStep returns the cell of a step, counted from the first one kept, and which step of the cell it is.
func (r *Profile) locateStep(step int) (cell int64, offset int) {
	local := r.grid.Local(step)
	cell = calendar.Slot(local, r.length)
	return cell - r.first*int64(r.perDay), int((local - cell*r.length) / r.grid.Step)
}

// A place is where a step lies: its cell, counted from the first one kept, and which step of the cell it is.
type place struct {
	step   int
	cell   int64
	offset int
}

// nowhere is before all steps.
var nowhere = place{step: math.MinInt}

// next returns the place of a step. It is quick where before is that of the step before, in the same cell: clocks are
// changed between cells.
func (r *Profile) next(before place, step int) place {
	if step == before.step+1 && before.offset+1 < r.steps {
		return place{step, before.cell, before.offset + 1}
	}
	cell, offset := r.locateStep(step)
	return place{step, cell, offset}
}

// ofDay returns the cell of the day of cell i, counted from the first one kept.
func (r *Profile) ofDay(i int64) int {
	return int(i - calendar.Slot(i, int64(r.perDay))*int64(r.perDay))
}

// QuantileOfDays returns the quantile p of the largest value that the window held on other days, whether anything in it
// recurs or not, or only of the cells where nothing does; -Inf if no day is known.
func (w *Window) QuantileOfDays(p float64, all bool) float64 {
	s, _ := w.collect(none, all, nil)
	if q := s.quantile(p); q == q {
		return q
	}
	return math.Inf(-1)
}

// Given returns the window as it looks at a step before it: of what recurs around that step, or soon after it, only
// those days tell on which it was as far then as it is on this day: it had not come, was there, or was over.
func (w Window) Given(now int) Window {
	w.now, w.conditioned = now, true
	return w
}

// Quantile returns the quantile p of the largest value that the recurring cells of the window hold, as other days tell
// it; -Inf if none does.
func (w *Window) Quantile(p float64) float64 {
	most := math.Inf(-1)
	for g := everyDay; g < groupings; g++ {
		if !w.recurs(g) {
			continue
		}
		near, rest, today := w.given(g)
		if near.recurs(g) {
			s, scaled := near.collect(g, false, &today)
			most = max(most, min(near.quantile(&s, p), scaled.atMost(p)))
		}
		if rest.recurs(g) {
			s, _ := rest.collect(g, false, nil)
			most = max(most, rest.quantile(&s, p))
		}
	}
	return most
}

// Exceeding returns the share of days on which the recurring cells of the window held more than x: the largest over all
// groups of days.
func (w *Window) Exceeding(x float64) float64 {
	most := 0.0
	for g := everyDay; g < groupings; g++ {
		if !w.recurs(g) {
			continue
		}
		near, rest, today := w.given(g)
		if near.recurs(g) {
			s, scaled := near.collect(g, false, &today)
			share := s.exceeding(x)
			if scaled.n > 0 {
				share = min(share, scaled.exceeding(x))
			}
			most = max(most, share)
		}
		if rest.recurs(g) {
			s, _ := rest.collect(g, false, nil)
			most = max(most, s.exceeding(x))
		}
	}
	return most
}

// recurs reports whether the window has a cell that recurs under a grouping.
func (w *Window) recurs(g grouping) bool {
	if w.first > w.last {
		return false
	}
	at := w.r.ofWeek(w.first)
	for range w.last - w.first + 1 {
		if w.r.groups[at] == g {
			return true
		}
		if at++; at == len(w.r.groups) {
			at = 0
		}
	}
	return false
}

// collect returns the largest values of the cells of the window that a grouping tells of, by day, without the day that
// the window begins on. For none it takes the cells where nothing recurs; if all is true, all cells. What recurs is as
// much larger as the level is higher now than it was at this time of each day. scaled are these values, made as large
// as what is there today, unless that is nil.
func (w *Window) collect(g grouping, all bool, today *scales) (s, scaled sample) {
	r, perDay := w.r, w.r.perDay
	begin, end := w.first, w.last
	if begin > end {
		begin, end = w.from, w.to
	}
	day, oldest := int(calendar.Slot(begin, int64(perDay))), max(0, r.days-maxDays)
	var room [maxDays]float32
	most := room[:r.days-oldest] // by day
	for k := range most {
		most[k] = lowest
	}
	at := r.ofWeek(begin)
	for cell := int(begin); cell <= int(end); cell++ {
		if all || r.groups[at] == g {
			for k, c := 0, cell+(oldest-day)*perDay; k < len(most); k, c = k+1, c+perDay {
				if c >= 0 && c < len(r.cells) && r.cells[c] > most[k] { // not if it is NaN
					most[k] = r.cells[c]
				}
			}
		}
		if at++; at == len(r.groups) {
			at = 0
		}
	}
	var of [maxDays]int
	for k := oldest; k < r.days; k++ {
		if v := most[k-oldest]; v > lowest && k != day && w.days>>(k-oldest)&1 != 0 && r.comparable(g, day, k) {
			if g != none {
				v += r.occurrences.lifts.Since(r.occurrences.at/r.steps + (k-day)*perDay)
			}
			of[s.n] = k
			s.add(v)
			if today != nil && today.known() && today.by[k-oldest] > 0 {
				scaled.add(today.usual + max(v-today.usual, 0)*today.by[k-oldest])
			}
		}
	}
	if g != none {
		w.grow(&s, of[:s.n], day)
	}
	return s, scaled
}
