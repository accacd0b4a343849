package recurring

import (
	"math"
	"slices"

	"github.com/anomaly-exporter/anomaly-exporter/calendar"
)

// maxDays is how many days are looked back on at most. Guard: it bounds the work of a step.
const maxDays = 64

// A sample is the largest values that a cell or a window held, by day.
type sample struct {
	values [maxDays]float32
	n      int
}

func (s *sample) add(v float32) {
	s.values[s.n] = v
	s.n++
}

// chooseGrouping returns which days tell most of cell c of the day: by the pinball loss of quantile p of each day, as
// the other days of its group would have told it.
func (r *Profile) chooseGrouping(c int, p float64) grouping {
	var known sample
	var days [maxDays]int
	for k := max(0, r.days-maxDays); k < r.days; k++ {
		v := r.around(k*r.perDay + c)
		if v != v {
			continue
		}
		known.add(v)
		i := known.n - 1
		for ; i > 0 && known.values[i-1] > v; i-- { // keep them sorted
			known.values[i], days[i] = known.values[i-1], days[i-1]
		}
		known.values[i], days[i] = v, k
	}
	best, least := everyDay, math.Inf(1)
	for g := everyDay; g < groupings; g++ {
		var groups [7]sample
		for i, v := range known.values[:known.n] {
			groups[r.group(g, days[i])].add(v)
		}
		loss := 0.0
		var before [7]int // how many of each group there were
		for i, v := range known.values[:known.n] {
			d := r.group(g, days[i])
			if groups[d].n == 1 {
				loss = math.Inf(1) // a day without another of its group
				break
			}
			others := groups[d].without(before[d])
			missed := float64(v) - others.sortedQuantile(p)
			loss += max(p*missed, (p-1)*missed)
			before[d]++
		}
		if g == everyDay || loss < splitLoss*least {
			best, least = g, loss
		}
	}
	return best
}

// around returns the largest value of cell i and the cells beside it.
func (r *Profile) around(i int) float32 {
	most := r.cells[i]
	for _, j := range [...]int{i - 1, i + 1} {
		if j >= 0 && j < len(r.cells) && !(most >= r.cells[j]) {
			most = r.cells[j]
		}
	}
	return most
}

// comparable reports whether day j is evidence for day i under a grouping. Days are counted from the first one kept.
func (r *Profile) comparable(g grouping, i, j int) bool { return r.group(g, i) == r.group(g, j) }

// group returns which of up to seven groups a day is in. It is counted from the first one kept.
func (r *Profile) group(g grouping, day int) int {
	date := r.first + int64(day)
	switch {
	case g == sameDay:
		return weekday(date)
	case g == sameKind && isWeekend(date):
		return 1
	}
	return 0
}

// quantile returns the quantile p, at which the value to come counts as one more, beyond all of them: the split
// conformal rule. NaN if there are no values. It sorts the values.
func (s *sample) quantile(p float64) float64 {
	if s.n == 0 {
		return math.NaN()
	}
	slices.Sort(s.values[:s.n])
	return s.sortedQuantile(p)
}

// sortedQuantile is quantile of values that are sorted, and at least one.
func (s *sample) sortedQuantile(p float64) float64 {
	v := s.values[:s.n]
	rank := p*float64(s.n+1) - 1
	i := int(math.Floor(rank))
	switch {
	case i < 0:
		return float64(v[0])
	case i >= s.n-1:
		return float64(v[s.n-1])
	}
	x := rank - float64(i)
	return float64(v[i]) + x*float64(v[i+1]-v[i])
}

// without returns s without its value i.
func (s *sample) without(i int) sample {
	others := *s
	copy(others.values[i:s.n], s.values[i+1:s.n])
	others.n--
	return others
}

// A Window has the recurring cells of a stretch of steps.
type Window struct {
	r        *Profile
	from, to int64 // cells, counted from the first one kept; to is included
	// Those without the outermost ones, if what recurs in them is over before the stretch or comes after it.
	first, last int64
}

// Over returns the window of the steps from one up to and including another; ok is false if nothing recurs in it.
func (r *Profile) Over(from, to int) (w Window, ok bool) {
	w.r = r
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
		if int(r.bounds[r.ofDay(w.last)].first) > ends {
			w.last--
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

// ofDay returns the cell of the day of cell i, counted from the first one kept.
func (r *Profile) ofDay(i int64) int {
	return int(i - calendar.Slot(i, int64(r.perDay))*int64(r.perDay))
}

// QuantileOfDays returns the quantile p of the largest value that the window held on other days, whether anything in it
// recurs or not, or only of the cells where nothing does; -Inf if no day is known.
func (w *Window) QuantileOfDays(p float64, all bool) float64 {
	s := w.collect(none, all)
	if q := s.quantile(p); q == q {
		return q
	}
	return math.Inf(-1)
}

// Quantile returns the quantile p of the largest value that the recurring cells of the window hold, as other days tell
// it; -Inf if none does.
func (w *Window) Quantile(p float64) float64 {
	most := math.Inf(-1)
	for g := everyDay; g < groupings; g++ {
		if w.recurs(g) {
			s := w.collect(g, false)
			if q := s.quantile(p); q > most {
				most = q
			}
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
		s := w.collect(g, false)
		n := 0
		for _, v := range s.values[:s.n] {
			if float64(v) > x {
				n++
			}
		}
		most = max(most, float64(n)/float64(max(s.n, 1)))
	}
	return most
}

// recurs reports whether the window has a cell that recurs under a grouping.
func (w *Window) recurs(g grouping) bool {
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
// the window begins on. For none it takes the cells where nothing recurs; if all is true, all cells.
func (w *Window) collect(g grouping, all bool) (s sample) {
	r, perDay := w.r, w.r.perDay
	begin, end := w.first, w.last
	if begin > end {
		begin, end = w.from, w.to
	}
	day, oldest := int(calendar.Slot(begin, int64(perDay))), max(0, r.days-maxDays)
	var most [maxDays]float32 // by day
	for k := range most {
		most[k] = nan
	}
	at := r.ofWeek(begin)
	for cell := int(begin); cell <= int(end); cell++ {
		if all || r.groups[at] == g {
			for k := oldest; k < r.days; k++ {
				c := cell + (k-day)*perDay
				if c >= 0 && c < len(r.cells) && !(most[k-oldest] >= r.cells[c]) {
					most[k-oldest] = r.cells[c]
				}
			}
		}
		if at++; at == len(r.groups) {
			at = 0
		}
	}
	for k := oldest; k < r.days; k++ {
		if v := most[k-oldest]; v == v && k != day && r.comparable(g, day, k) {
			s.add(v)
		}
	}
	return s
}
