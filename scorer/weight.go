package scorer

// priorEvents is how many events the past counts for against those of a step. Chosen, not tuned: one event then moves a
// share by less than 5 %, and a value with hundreds of events behind it counts almost fully.
const priorEvents = 20

// credibility returns the part of its deviation that a value with n events behind it counts for: n/(n+20), which is the
// weight of an observation in a posterior mean (Bühlmann, "Experience rating and credibility", ASTIN Bulletin 1967). So
// with few events a deviation is as large as the number of events too many, and with many as the share of them. NaN is
// an unknown number: the value counts fully.
func credibility(n float64) float64 {
	if n != n {
		return 1
	}
	return 1 / (1 + priorEvents/max(n, 0))
}

// credibilityAt returns the credibility of the value with an index of a window, whose weights are known or nil.
func credibilityAt(weights []float64, index int) float32 {
	if weights == nil {
		return 1
	}
	return float32(credibility(weights[index]))
}

// minCredibility bounds how many times wider the expected range is with few events (guard: it stays finite).
const minCredibility = 1e-3

// towards returns the value that lies the given part of the way from expected to x.
func towards(x, expected, part float32) float32 {
	if part == 1 { // exact
		return x
	}
	return expected + part*(x-expected)
}
