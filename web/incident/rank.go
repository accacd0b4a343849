package incident

// Both constants are the usual ones of their papers, and were not tuned.
const (
	// damping is the chance to go on, rather than to begin again at a symptom (Brin and Page, "The anatomy of a
	// large-scale hypertextual web search engine", 1998).
	damping = 0.85
	// backward is the weight of going back to a caller, so that a wrong turn is no dead end (Kim and others, "Root cause
	// detection in a service-oriented architecture", SIGMETRICS 2013).
	backward = 0.2
	// walkSteps is how often the distribution is followed. Guard: after 100 steps 0.85^100 = 1e-7 of it is left.
	walkSteps = 100
)

// suspicion returns the share of suspicion of each entity. surprise is how anomalous each is, 0 or more; calls are
// pairs of the indices of a caller and what it calls.
//
// Without calls it is proportional to surprise. With calls it is where somebody ends up who begins at the symptoms, and
// walks along the calls to what is anomalous, as in MonitorRank (Kim and others 2013): from an entity to what it calls,
// in proportion to the surprise there; with a smaller weight back to its callers; and staying, as far as it is more
// surprising than all that it calls.
func suspicion(surprise []float64, calls [][2]int) []float64 {
	total := 0.0
	for _, s := range surprise {
		total += s
	}
	start := make([]float64, len(surprise))
	if total == 0 {
		return start
	}
	for i, s := range surprise {
		start[i] = s / total
	}
	if len(calls) == 0 {
		return start
	}
	steps := transitions(surprise, calls)
	share := start
	for range walkSteps {
		next := make([]float64, len(share))
		for i, s := range start {
			next[i] += (1 - damping) * s
		}
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
func transitions(surprise []float64, calls [][2]int) [][]transition {
	steps := make([][]transition, len(surprise))
	most := make([]float64, len(surprise)) // surprise of what it calls
	add := func(from, to int, weight float64) {
		if weight > 0 {
			steps[from] = append(steps[from], transition{to, weight})
		}
	}
	for _, c := range calls {
		from, to := c[0], c[1]
		if from == to || surprise[from] == 0 || surprise[to] == 0 {
			continue
		}
		add(from, to, surprise[to])
		add(to, from, backward*surprise[from])
		most[from] = max(most[from], surprise[to])
	}
	for i, s := range surprise {
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
