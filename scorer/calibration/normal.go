package calibration

import "slices"

// Normal reports whether a time (ms) is known to be normal life; nil: none is known.
type Normal func(t int64) bool

// At reports whether a time (ms) is known to be normal life.
func (n Normal) At(t int64) bool { return n != nil && n(t) }

// Of returns which times (ms) are known to be normal life, for Options.Normal.
func (n Normal) Of(times []int64) (normal []bool) {
	if n == nil {
		return nil
	}
	for _, t := range times {
		normal = append(normal, n(t))
	}
	return normal
}

// Settled returns what belongs to the times (ms, in order) that lie before until or are known to be normal life.
func Settled[T any](n Normal, of []T, times []int64, until int64) []T {
	first, _ := slices.BinarySearch(times, until)
	if n == nil {
		return of[:first]
	}
	settled := slices.Clone(of[:first])
	for i, t := range times[first:] {
		if n(t) {
			settled = append(settled, of[first+i])
		}
	}
	return settled
}
