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

// Settled returns the part of a sample, with its times in order, that lies before until (ms) or is known to be normal
// life; and for Options.Normal which of it is known to be.
func (n Normal) Settled(sample []Statistics, times []int64, until int64) (settled []Statistics, normal []bool) {
	first, _ := slices.BinarySearch(times, until)
	if n == nil {
		return sample[:first], nil
	}
	settled = slices.Clone(sample[:first])
	for i, t := range times {
		known := n(t)
		if i >= first && known {
			settled = append(settled, sample[i])
		}
		if i < first || known {
			normal = append(normal, known)
		}
	}
	return settled, normal
}
