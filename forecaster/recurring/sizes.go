package recurring

import (
	"math"
	"slices"
)

// minRatios is how many sizes tell how sizes vary. Guard: fewer tell no upper quantile.
const minRatios = 30

// sizeRatios returns, sorted, how many times as large each occurrence was as the median of the others that come in the
// same cells. What lasts for longer than can stand out is the shape of the day. It is nil if there are too few.
func (r *Profile) sizeRatios() (ratios []float32) {
	steps := r.steps
	of, count := make([]int, r.perDay), make([]int, r.perDay) // the first of the recurring cells around each, how many
	for c := range of {
		switch {
		case r.never(c):
			of[c] = -1
		case c > 0 && of[c-1] >= 0:
			of[c] = of[c-1]
		default:
			of[c] = c
		}
		if of[c] >= 0 {
			count[of[c]]++
		}
	}
	sizes := make([][]float32, r.perDay)
	longest := int(blockLength / 2 / r.length)
	for _, o := range r.occurrences.past {
		size := o.peaks[len(o.peaks)-1]
		for cell := o.begin / steps; cell <= o.end/steps && size > 0; cell++ {
			if at := of[r.ofDay(int64(cell))]; at >= 0 && count[at] <= longest {
				sizes[at] = append(sizes[at], size)
				break
			}
		}
	}
	for _, s := range sizes {
		if len(s) <= minDays {
			continue
		}
		slices.Sort(s)
		for i, v := range s {
			middle := (len(s) - 1) / 2 // of the others
			if middle >= i {
				middle++
			}
			ratios = append(ratios, v/s[middle])
		}
	}
	if len(ratios) < minRatios {
		return nil
	}
	slices.Sort(ratios)
	return ratios
}

// never tells whether cell c of the day recurs on no day of the week.
func (r *Profile) never(c int) bool {
	for ; c < len(r.groups); c += r.perDay {
		if r.groups[c] != none {
			return false
		}
	}
	return true
}

// quantile returns the quantile p of what the window holds, of which s are the values on other days: -Inf if there are
// none. It sorts them.
//
// The split conformal quantile 0.9 of 14 days is between the largest two values. If sizes have a heavy tail, these are
// far larger than what comes. So how sizes vary is told by all times of day: the quantile is that of the ratios times
// the median size, and p is among all days, also those on which nothing came. At some times of day sizes vary more than
// at others, so it is kept between the split conformal quantile and the middle between that and the quantile of the
// sample (R's type 7). For log-normal sizes (sigma 0.3 to 0.8) and for Pareto distributed ones (index 2), what came was
// below it in 89.5 to 90.8 % of 2,400 windows of each kind.
func (w *Window) quantile(s *sample, p float64) float64 {
	if s.n == 0 {
		return math.Inf(-1)
	}
	upper, c := s.quantile(p), w.r.occurrences
	if c == nil || c.ratios == nil {
		return upper
	}
	lower := interpolate(s.values[:s.n], p*float64(s.n-1))
	usual, high := math.NaN(), math.NaN()
	for cell := w.first; cell <= w.last && !(high > 0); cell++ {
		if l := c.limits[c.level[w.r.ofWeek(cell)]]; l != (limit{}) {
			usual, high = float64(c.usual[w.r.ofDay(cell)]), float64(l.high)
		}
	}
	first, _ := slices.BinarySearch(s.values[:s.n], float32(usual+high))
	n := s.n - first
	if !(high > 0) || math.IsNaN(usual) || n < minDays {
		return upper
	}
	share := 1 - (1-p)*float64(s.n+1)/(float64(n)+0.5) // of those that come
	ratio := interpolate(c.ratios, share*float64(len(c.ratios)+1)-1)
	v := usual + (float64(s.values[first+n/2])-usual)*ratio
	return min(max(v, (lower+upper)/2), upper)
}
