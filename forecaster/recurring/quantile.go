package recurring

import (
	"math"
	"slices"
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
	var groups [7]sample
	for g := everyDay; g < groupings; g++ {
		for i := range groups {
			groups[i].n = 0
		}
		for i, v := range known.values[:known.n] {
			groups[r.group(g, days[i])].add(v)
		}
		loss := 0.0
		var before [7]int // how many of each group there were
		for i, v := range known.values[:known.n] {
			d := r.group(g, days[i])
			same := groups[d].values[:groups[d].n] // in the place of the first one, the day itself
			if len(same) == 1 {
				loss = math.Inf(1) // a day without another of its group
				break
			}
			missed := float64(v) - sortedQuantile(same[1:], p)
			loss += max(p*missed, (p-1)*missed)
			if before[d]++; before[d] < len(same) {
				same[before[d]] = v // takes the place of the next day
			}
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
		if j >= 0 && j < len(r.cells) {
			most = larger(most, r.cells[j])
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
	return sortedQuantile(s.values[:s.n], p)
}

// sortedQuantile is quantile of values that are sorted, and at least one.
func sortedQuantile(v []float32, p float64) float64 { return interpolate(v, p*float64(len(v)+1)-1) }

// interpolate returns what is at a rank of sorted values, of which the first has rank 0; within them.
func interpolate(sorted []float32, rank float64) float64 {
	i := int(math.Floor(rank))
	switch {
	case i < 0:
		return float64(sorted[0])
	case i >= len(sorted)-1:
		return float64(sorted[len(sorted)-1])
	}
	x := rank - float64(i)
	return float64(sorted[i]) + x*float64(sorted[i+1]-sorted[i])
}

// atMost is quantile, or infinite if there are no values.
func (s *sample) atMost(p float64) float64 {
	if s.n == 0 {
		return math.Inf(1)
	}
	return s.quantile(p)
}

// exceeding returns the share of values that are more than x.
func (s *sample) exceeding(x float64) float64 {
	n := 0
	for _, v := range s.values[:s.n] {
		if float64(v) > x {
			n++
		}
	}
	return float64(n) / float64(max(s.n, 1))
}
