// Package edge says what is expected between two slots of a season.
//
// The expected value is on the line from one slot to the next, unless the season jumps there or one of them is not
// known. A job that starts by the clock may start at any step between the two. Until then the values continue as they
// were: those of a sawtooth rise up to its edge.
package edge

import "math"

const (
	// factor is how many times the usual difference of neighbouring slots an edge is. Chosen, not tuned.
	factor = 6
	// usualShare is the share of the differences that are usual ones. Chosen, not tuned: a sawtooth of an hour jumps at
	// one of 12 slots, and would hide its jumps in the mean of all.
	usualShare = 3.0 / 4
)

// Jump returns how large the difference of two neighbouring slots must be to count as an edge. sorted are the
// differences of all neighbours, in ascending order.
func Jump(sorted []float32) float32 {
	for _, n := range [...]int{int(usualShare * float64(len(sorted))), len(sorted)} {
		sum := float32(0)
		for _, d := range sorted[:n] {
			sum += d
		}
		if sum > 0 { // else most slots are alike
			return factor * sum / float32(n)
		}
	}
	return 0
}

// Slots are the values of two slots, From and To, and of those beside them; NaN is not known.
type Slots struct {
	Before, From, To, After float32
	Jump                    float32 // a larger difference of neighbours is an edge
}

// At returns the k-th of values and the next, and those beside them.
func At(values []float32, k int) Slots {
	nan := float32(math.NaN())
	s := Slots{Before: nan, From: values[k], To: values[k+1], After: nan}
	if k > 0 {
		s.Before = values[k-1]
	}
	if k+2 < len(values) {
		s.After = values[k+2]
	}
	return s
}

// Prefer makes a slot that others stand in for unknown, if the other one is known by itself.
func (s *Slots) Prefer(fromStandsIn, toStandsIn bool) {
	nan := float32(math.NaN())
	switch {
	case fromStandsIn && !toStandsIn && s.To == s.To:
		s.From = nan
	case toStandsIn && !fromStandsIn && s.From == s.From:
		s.To = nan
	}
}

// IsEdge tells whether an edge is between two slots, or one of them is not known.
func (s *Slots) IsEdge() bool { return !(distance(s.From, s.To) <= s.Jump) }

// Line returns what is expected at a share of the way where there is no edge.
func (s *Slots) Line(share float32) float32 { return s.From + share*(s.To-s.From) }

// Between returns what is expected at a share of the way at an edge: of what either side makes expected, and the
// line between them, that which is nearest to the value x. NaN: the value is not known.
func (s *Slots) Between(share, x float32) float32 {
	from, to := s.ahead(share)
	left, right := nearest(s.From, from, x), nearest(s.To, to, x)
	if s.From != s.From {
		return right
	}
	if s.To != s.To {
		return left
	}
	e := s.Line(share)
	for _, side := range [...]float32{left, right} {
		if distance(x, side) < distance(x, e) { // false for NaN
			e = side
		}
	}
	return e
}

// Range returns from where to where that can be.
func (s *Slots) Range(share float32) (low, high float32) {
	from, to := s.ahead(share)
	switch {
	case s.From != s.From:
		return min(s.To, to), max(s.To, to)
	case s.To != s.To:
		return min(s.From, from), max(s.From, from)
	}
	return min(s.From, from, s.To, to), max(s.From, from, s.To, to)
}

// ahead returns the values to which either side goes on.
func (s *Slots) ahead(share float32) (from, to float32) {
	return s.From + share*s.slope(s.Before, s.From), s.To - (1-share)*s.slope(s.To, s.After)
}

// slope returns the difference from one slot to the next; 0 if it is not known, or an edge.
func (s *Slots) slope(from, to float32) float32 {
	if d := to - from; distance(from, to) <= s.Jump {
		return d
	}
	return 0
}

// nearest returns what is nearest to x of all that lies between a and b, and a if x is not known.
func nearest(a, b, x float32) float32 {
	if x != x {
		return a
	}
	return min(max(x, min(a, b)), max(a, b))
}

func distance(a, b float32) float32 { return float32(math.Abs(float64(a - b))) }
