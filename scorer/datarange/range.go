// Package datarange says which values a series can have.
package datarange

import "math"

// A Range is the closed range of possible values.
type Range [2]float64

// Contains tells whether y is a finite number in the range.
func (r Range) Contains(y float64) bool { return y >= r[0] && y <= r[1] && !math.IsInf(y, 0) }

// beside is the part of a finite range by which values may lie outside it and still be at its end. Chosen, not tuned: a
// disk of 100.0001 % is full.
const beside = 1e-5

// AtEnd returns the end of the range for a value right beside it, and else the value.
func (r Range) AtEnd(y float64) float64 {
	if y >= r[0] && y <= r[1] {
		return y
	}
	if c := r.Clip(y); math.Abs(y-c) <= beside*(r[1]-r[0]) && !math.IsInf(r[1]-r[0], 0) {
		return c
	}
	return y
}

// Clip returns the value of the range that is nearest to y.
func (r Range) Clip(y float64) float64 {
	if y > r[0] && y < r[1] { // mostly
		return y
	}
	return min(max(y, r[0]), r[1])
}
