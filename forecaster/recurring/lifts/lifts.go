// Package lifts tells how much higher a series is than it was on other days. What recurs comes on top of that.
package lifts

import (
	"math"
	"slices"
)

const (
	// halfLife is that of Lifts.Now, in milliseconds. Chosen, not tuned: it follows the level, and not single values.
	halfLife = 30 * 60 * 1000
	// noisy is up to how many times the median change in a half-life two lifts may differ by chance. Chosen, not tuned:
	// white noise does in 19 of 20 cases. Else what is expected would change with every value.
	noisy = 4
)

// Lifts are by how much a series was over the usual lately, without what recurs: now, and in the window.
type Lifts struct {
	Now float32

	share float32   // of Now that a step renews
	past  []float32 // NaN where it is unknown
	cells int       // of each of past
	noise float32   // up to which two lifts differ by chance
}

var nan = float32(math.NaN())

// New returns lifts that are 0, for steps and cells of so many milliseconds; the window has so many cells.
func New(step, cell int64, cells int) Lifts {
	l := Lifts{share: float32(1 - math.Exp2(-float64(step)/halfLife)), cells: max(1, int(halfLife/cell))}
	l.past = slices.Repeat([]float32{nan}, (cells+l.cells-1)/l.cells)
	return l
}

// Advance takes a value, as what it is over the usual.
func (l *Lifts) Advance(over float32) {
	if over == over {
		l.Now += l.share * (over - l.Now)
	}
}

// Keep remembers Now as that of a cell of the window, where it is over another usual value. The first cell in a
// half-life counts.
func (l *Lifts) Keep(cell int, usual float32) {
	if v := &l.past[cell/l.cells]; *v != *v {
		*v = usual + l.Now
	}
}

// Finish makes of what was kept what it is over the usual of a cell; and of Now, which is over another at the last one.
func (l *Lifts) Finish(other float32, last int, usual func(cell int) float32) {
	if by := other - usual(last); by == by {
		l.Now += by
	}
	changes, before := make([]float32, 0, len(l.past)), nan
	for i := range l.past {
		l.past[i] -= usual(i * l.cells)
		if by := l.past[i] - before; by == by {
			changes = append(changes, max(by, -by))
		}
		before = l.past[i]
	}
	if len(changes) > 0 {
		slices.Sort(changes)
		l.noise = noisy * changes[len(changes)/2]
	}
}

// Up returns by how much the level is over the usual: 0 if it is below.
func (l *Lifts) Up() float32 { return max(l.Now, 0) }

// Since returns by how much the level is higher than in a cell of the window; 0 if it is not, if that is unknown, or if
// it may be chance. A level that is lower, as at night or in an outage, may be back before anything comes. What is far
// from chance is not reduced by it (James and Stein, "Estimation with quadratic loss", 1961).
func (l *Lifts) Since(cell int) float32 {
	if cell < 0 || cell/l.cells >= len(l.past) {
		return 0
	}
	by := l.Now - l.past[cell/l.cells]
	if !(by > l.noise) { // it may be NaN
		return 0
	}
	return by - l.noise*l.noise/by
}
