// Package credibility says which part of the deviation of a value counts, by the number of events behind the value.
package credibility

// priorEvents is how many events the past counts for against those of a step. Chosen, not tuned: one event then moves a
// share by less than 5 %, and a value with hundreds of events behind it counts almost fully.
const priorEvents = 20

// Least bounds how many times wider the expected range is with few events (guard: it stays finite).
const Least = 1e-3

// Of returns the part of its deviation that a value with n events behind it counts for: n/(n+20), which is the weight
// of an observation in a posterior mean (Bühlmann, "Experience rating and credibility", ASTIN Bulletin 1967). So with
// few events a deviation is as large as the number of events too many, and with many as the share of them. NaN is an
// unknown number: the value counts fully.
func Of(n float64) float64 {
	if n != n {
		return 1
	}
	return 1 / (1 + priorEvents/max(n, 0))
}

// At returns the credibility of the value with an index of a window, whose weights are known or nil.
func At(weights []float64, index int) float32 {
	if weights == nil {
		return 1
	}
	return float32(Of(weights[index]))
}

// Towards returns the value that lies the given part of the way from expected to x.
func Towards(x, expected, part float32) float32 {
	if part == 1 { // exact
		return x
	}
	return expected + part*(x-expected)
}
