package history

import "math"

// Window is a stretch of a series on its fixed grid, which models are fitted on. It can be reused for other series and
// ends.
type Window struct {
	Start  int64     // time of Values[0]
	Values []float64 // oldest first; NaN in a gap that is too long to interpolate
	Learn  []bool    // whether the value was observed, and is not masked

	known []bool // whether there is a value, masked or not: what is masked is not missing
}

// Window fills w with the values of the Layout.Length up to end, a multiple of the step. Masked values are gaps, and so
// are the steps between the values that are kept of the older part. Gaps of up to three values, at the resolution of
// that part, are interpolated linearly, with Learn false. Before the first value everything is a gap.
func (c *contents) Window(end int64, w *Window) {
	l := c.layout
	if l.Step == 0 { // the zero View
		w.Start, w.Values, w.Learn, w.known = end, w.Values[:0], w.Learn[:0], w.known[:0]
		return
	}
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
	c.each(end, func(ts int64, v float32, masked bool) bool {
		i := (ts - w.Start) / l.Step
		w.known[i] = true
		if !c.masked(ts, masked) {
			w.Values[i], w.Learn[i] = float64(v), true
		}
		return true
	})

	lastCoarse := int((split - w.Start) / l.Step) // index; negative if all of the window is fine
	ratio := int(l.Coarse() / l.Step)
	if l.Missing != Drop {
		c.fill(w, lastCoarse)
	}
	interpolate(w, lastCoarse, ratio)
}

// fill gives missing steps the value that Layout.Missing says, from the first value on. In the coarse part, which ends
// at index lastCoarse, only the steps that could have been kept are missing.
func (c *contents) fill(w *Window, lastCoarse int) {
	var last float64
	seen := false
	for i := range w.Values {
		ts := w.Start + int64(i)*c.layout.Step
		kept := i > lastCoarse || mod(ts, c.coarse.step) == 0
		switch {
		case w.known[i]:
			if w.Learn[i] {
				last, seen = w.Values[i], true
			}
			seen = seen || c.layout.Missing == Zero
		case seen && kept && c.layout.Missing == Zero:
			w.Values[i], w.Learn[i] = 0, true
		case seen && kept:
			w.Values[i], w.Learn[i] = last, true
		}
	}
}

// interpolate closes gaps of up to shortGap values. In the coarse part, which ends at index lastCoarse, one step in
// ratio has a value.
func interpolate(w *Window, lastCoarse, ratio int) {
	prev := -1
	for i, learn := range w.Learn {
		if !learn {
			continue
		}
		resolution := 1
		if prev <= lastCoarse {
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
