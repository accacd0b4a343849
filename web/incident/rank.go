package incident

import (
	"math"
	"slices"
)

// Both constants are the usual ones of their papers, and were not tuned.
const (
	// damping is the chance to go on, rather than to begin again anywhere (Brin and Page, "The anatomy of a
	// large-scale hypertextual web search engine", 1998).
	damping = 0.85
	// backward is the weight of going back to a caller, so that a wrong turn is no dead end (Kim and others, "Root cause
	// detection in a service-oriented architecture", SIGMETRICS 2013).
	backward = 0.2
	// walkSteps is how often the distribution is followed. Guard: after 100 steps 0.85^100 = 1e-7 of it is left.
	walkSteps = 100
)

const (
	// maxSurprise bounds how surprising a series can be. Guard: outside of the data range it is infinite.
	maxSurprise = 30
	// maxSize bounds how many times as large as usual a deviation can be. Guard: where a value never changed, nothing is
	// usual.
	maxSize = 100
	// leastUsual is which share of the expected value is usual at least. Guard: what was always at 100 % is twice as
	// unusual at 90 % as at 95 %, however little it changed.
	leastUsual = 0.01
	// agreeing is what the next series of an entity counts, relative to the one before. Chosen: ranks hardly depend on it
	// from 0.3 to 0.7; the least was taken, because percentiles of one latency hardly add to each other.
	agreeing = 0.3
)

// evidenceOf returns how anomalous a series is: the geometric mean of how rare its deviation is, and of how large. What
// is rare may be small, and what is large may be common. Both are logarithms.
func evidenceOf(surprise, value, expected, lower, upper float64) float64 {
	rare := min(max(surprise, 0), maxSurprise)
	deviation := math.Abs(value - expected)
	size := deviation / max((upper-lower)/2, leastUsual*math.Abs(expected))
	switch {
	case deviation == 0:
		size = 0
	case math.IsNaN(size): // several signals together have no range: the size that is usual at this rarity
		size = rare * rare / 3
	}
	return math.Sqrt(rare * math.Log1p(min(size, maxSize)))
}

// agreement returns the evidence of several series of an entity. Each counts less than the one before: ten percentiles
// of a latency are not ten times the evidence.
func agreement(of []float64) (sum float64) {
	slices.Sort(of)
	weight := 1.0
	for _, one := range slices.Backward(of) {
		sum += weight * one
		weight *= agreeing
	}
	return sum
}

// suspicion returns the share of suspicion of each entity. evidence is how anomalous each is, 0 or more; calls are
// pairs of the indices of a caller and what it calls.
//
// Without calls it is proportional to the evidence. With calls it is where a random walk ends that begins anywhere and
// follows the calls to what is anomalous, as in MonitorRank (Kim and others 2013). From an entity the walk goes to what
// it calls, in proportion to the evidence there. With a smaller weight it goes back to the callers. It stays if there
// is more evidence than in all that the entity calls. The end of the walk is weighted by the square root of the
// evidence there, which also ranks what no call reaches.
//
// MonitorRank begins at the front, which nobody has named here. To begin in proportion to the evidence follows the
// noise instead: docs/accuracy.md has the figures.
func suspicion(evidence []float64, calls [][2]int) []float64 {
	share := make([]float64, len(evidence))
	if len(calls) == 0 {
		copy(share, evidence)
	} else {
		for i, end := range walk(evidence, calls) {
			share[i] = end * math.Sqrt(evidence[i])
		}
	}
	total := 0.0
	for _, s := range share {
		total += s
	}
	if total > 0 {
		for i := range share {
			share[i] /= total
		}
	}
	return share
}

// walk returns the chance to end at each entity.
func walk(evidence []float64, calls [][2]int) []float64 {
	steps := transitions(evidence, calls)
	start := 1 / float64(len(evidence))
	share := slices.Repeat([]float64{start}, len(evidence))
	for range walkSteps {
		next := slices.Repeat([]float64{(1 - damping) * start}, len(share))
		for i, to := range steps {
			if len(to) == 0 {
				next[i] += damping * share[i]
			}
			for _, t := range to {
				next[t.to] += damping * share[i] * t.probability
			}
		}
		share = next
	}
	return share
}

// transition is a step of the walk.
type transition struct {
	to          int
	probability float64
}

// transitions returns the steps from each entity.
func transitions(evidence []float64, calls [][2]int) [][]transition {
	steps := make([][]transition, len(evidence))
	most := make([]float64, len(evidence)) // evidence of what it calls
	add := func(from, to int, weight float64) {
		if weight > 0 {
			steps[from] = append(steps[from], transition{to, weight})
		}
	}
	for _, c := range calls {
		from, to := c[0], c[1]
		if from == to || evidence[from] == 0 || evidence[to] == 0 {
			continue
		}
		add(from, to, evidence[to])
		add(to, from, backward*evidence[from])
		most[from] = max(most[from], evidence[to])
	}
	for i, s := range evidence {
		add(i, i, s-most[i])
		total := 0.0
		for _, t := range steps[i] {
			total += t.probability
		}
		for k := range steps[i] {
			steps[i][k].probability /= total
		}
	}
	return steps
}
