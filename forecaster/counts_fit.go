package forecaster

import (
	"math"
	"slices"
)

// alike is how near to each other values count as one, as a share: what PromQL makes of counts is a little off.
const alike = 0.005

// recurring says whether the values over zero, n of them, come twice on average, as counts do.
func recurring(y []float64, learn []bool, n int) bool {
	events := make([]float64, 0, n)
	for i, v := range y {
		if finite(v) && v != 0 && (learn == nil || learn[i]) {
			events = append(events, math.Round(math.Log(v)/alike))
		}
	}
	slices.Sort(events)
	return 2*len(slices.Compact(events)) <= n+1
}

const (
	countEvidence  = 3 // in log likelihood, that the next kind has to be better by
	leastLikely    = 1e-6
	clumpingPrior  = 5 // windows of independent steps
	leastClumping  = 0.01
	mostClumping   = 1
	clumpingRounds = 30
)

// chooseCounts chooses a kind by how probable it made each step of w, given those before it.
func chooseCounts(w *window, o *Options) countKind {
	var likelihood, product [len(countKinds)]float64
	for k := range product {
		product[k] = 1
	}
	p := newCounts(w, countKind{}, o)
	var recent, rates [len(countKinds)]float64
	for k, kind := range countKinds {
		rates[k] = kind.rate(w)
	}
	for t, y := range w.y {
		if !w.ok[t] {
			p.pass()
			for k := range recent {
				recent[k] -= rates[k] * recent[k]
			}
			continue
		}
		event := 0.0
		if y > p.zero {
			event = 1
		}
		p.kind.daily = true
		hourly := p.base(t)
		for k, kind := range countKinds {
			base := p.long
			if kind.daily {
				base = hourly
			}
			if t >= len(w.y)/4 {
				likely := min(max(base+recent[k], leastLikely), 1-leastLikely)
				if product[k] *= 1 - event + (2*event-1)*likely; product[k] < 1e-200 {
					likelihood[k] += math.Log(product[k])
					product[k] = 1
				}
			}
			recent[k] += rates[k] * (event - base - recent[k])
		}
		p.advance(y)
	}
	best := 0
	for k := range likelihood {
		if likelihood[k] += math.Log(product[k]); likelihood[k] > likelihood[best]+countEvidence {
			best = k
		}
	}
	return countKinds[best]
}

// A countWindow is a window of the past: how likely an event was in each step, and whether there was one.
type countWindow struct {
	probability, weight float64
	happened            bool // an event
}

// clump makes the i-th horizon's windows have events as often as they had: those that come in clumps make fewer of them
// than those that come alone.
func (p *counts) clump(i int, windows []countWindow) {
	likely := func(clumping float64) (sum float64) {
		p.clumping[i] = clumping
		steps := p.independent(i, p.horizons[i])
		for _, c := range windows {
			sum -= c.weight * math.Expm1(steps*math.Log1p(-min(c.probability, 1-leastLikely)))
		}
		return sum
	}
	total, seen := 0.0, 0.0
	for _, c := range windows {
		total += c.weight
		if c.happened {
			seen += c.weight
		}
	}
	if total == 0 {
		return
	}
	prior := likely(1) / total
	share := (seen + clumpingPrior*prior) / (total + clumpingPrior)
	low, high := leastClumping, float64(mostClumping)
	for range clumpingRounds {
		if middle := math.Sqrt(low * high); likely(middle) < share*total {
			low = middle
		} else {
			high = middle
		}
	}
	p.clumping[i] = math.Sqrt(low * high)
}

// count fits counts to w, and returns their mean loss in rows, if there are any.
func (m *Model) count(w *window, r *rows) float64 {
	p := newCounts(w, chooseCounts(w, &m.options), &m.options)
	m.name, m.p, m.counts, m.offsets = modelCounts, p, p, offsets{}
	hs := m.options.Horizons
	windows := make([][]countWindow, len(hs))
	origins := w.extremeOrigins(len(w.y)/4, hs)
	out := judged{rows: r}
	for t, y := range w.y {
		if w.ok[t] {
			p.advance(y)
		} else {
			p.pass()
		}
		out.ask(w, p, t)
		if len(origins) == 0 || int(origins[0]) != t {
			continue
		}
		origins = origins[1:]
		weight := w.halved(len(w.y)-1-t, errorHalfLife)
		from, happened := t+1, false
		for i, h := range hs {
			if t+h >= len(w.y) {
				break
			}
			for ; from <= t+h; from++ {
				happened = happened || w.ok[from] && w.y[from] > p.zero
			}
			windows[i] = append(windows[i], countWindow{p.among(h), weight, happened})
		}
	}
	for i := range hs {
		p.clump(i, windows[i])
	}
	return out.mean()
}
