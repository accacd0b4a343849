package history

import "math"

// Window is a stretch of a series on its fixed grid, as models are fitted on. It can be reused.
type Window struct {
	Start  int64     // time of Values[0]
	Values []float64 // oldest first; NaN in a gap that is too long to interpolate
	Learn  []bool    // whether the value was observed, and is not masked

	known []bool // whether there is a value, masked or not: what is masked is not missing
}

// Window fills w with the values of the Layout.Length up to end, a multiple of the step. Masked values and those that the older, coarser part
// does not hold are gaps; gaps of up to three values of the resolution at hand are interpolated linearly, with Learn false. Before the
// first value everything is a gap. The result depends on nothing but what was appended for these steps.
func (s *Series) Window(end int64, w *Window) {
	l := s.layout
	n := l.Len()
	if cap(w.Values) < n {
		w.Values, w.Learn = make([]float64, n), make([]bool, n)
	}
	w.Values, w.Learn = w.Values[:n], w.Learn[:n]
	for i := range w.Values {
		w.Values[i], w.Learn[i] = math.NaN(), false
	}
	w.Start = end - int64(n-1)*l.Step
	split := end - l.Fine()

	w.known = append(w.known[:0], make([]bool, n)...)
	s.each(end, func(ts int64, v float32, masked bool) bool {
		i := (ts - w.Start) / l.Step
		w.known[i] = true
		if !masked {
			w.Values[i], w.Learn[i] = float64(v), true
		}
		return true
	})

	coarse := int((split - w.Start) / l.Step) // last index of the coarse part, or negative
	ratio := int(l.Coarse() / l.Step)
	if l.Missing != Drop {
		s.fill(w, coarse)
	}
	interpolate(w, coarse, ratio)
}

// fill gives missing steps the value that Layout.Missing says, from the first value on.
func (s *Series) fill(w *Window, coarse int) {
	var last float64
	seen := false
	for i := range w.Values {
		ts := w.Start + int64(i)*s.layout.Step
		onGrid := i > coarse || mod(ts, s.coarse.step) == 0
		switch {
		case w.known[i]:
			if w.Learn[i] {
				last, seen = w.Values[i], true
			}
			seen = seen || s.layout.Missing == Zero
		case seen && onGrid && s.layout.Missing == Zero:
			w.Values[i], w.Learn[i] = 0, true
		case seen && onGrid:
			w.Values[i], w.Learn[i] = last, true
		}
	}
}

// interpolate closes gaps of up to shortGap values; up to index coarse there is only one value in ratio steps to be had.
func interpolate(w *Window, coarse, ratio int) {
	prev := -1
	for i, learn := range w.Learn {
		if !learn {
			continue
		}
		resolution := 1
		if prev <= coarse {
			resolution = ratio
		}
		if gap := i - prev; prev >= 0 && gap > 1 && gap <= (shortGap+1)*resolution {
			from, slope := w.Values[prev], (w.Values[i]-w.Values[prev])/float64(gap)
			for j := 1; j < gap; j++ {
				w.Values[prev+j] = from + slope*float64(j)
			}
		}
		prev = i
	}
}
