package dataset

// occupancy counts, for each step of a slice, the series that take a place within the limit.
//
// A series holds its place from its first value until it has had no value for Options.Vacant. Shorter gaps do not free
// the place. Otherwise every failed scrape would admit another series, and none would ever leave.
type occupancy struct {
	first, step int64 // ms
	taken       []int32
}

func newOccupancy(s *Slice) *occupancy {
	return &occupancy{first: s.First, step: s.step, taken: make([]int32, (s.Last-s.First)/s.step+1)}
}

// steps returns the range of steps that lie between two times, both included.
func (o *occupancy) steps(from, to int64) []int32 {
	i := max(0, (from-o.first+o.step-1)/o.step)
	j := min(int64(len(o.taken)), (to-o.first)/o.step+1)
	if to < o.first || i >= j {
		return nil
	}
	return o.taken[i:j]
}

// take takes a place from one time to another, both included.
func (o *occupancy) take(from, to int64) {
	steps := o.steps(from, to)
	for i := range steps {
		steps[i]++
	}
}

// vacancy returns the first step between two times, both included, at which fewer than limit places are taken; ok is
// false if there is none.
func (o *occupancy) vacancy(from, to int64, limit int) (at int64, ok bool) {
	for i, taken := range o.steps(from, to) {
		if int(taken) < limit {
			return max(o.first, (from-o.first+o.step-1)/o.step*o.step+o.first) + int64(i)*o.step, true
		}
	}
	return 0, false
}
