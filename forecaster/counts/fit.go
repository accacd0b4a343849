package counts

import (
	"math"

	"github.com/anomaly-exporter/anomaly-exporter/forecaster/rollingorigin"
	"github.com/anomaly-exporter/anomaly-exporter/forecaster/window"
)

// Fit fits a Model to w, and returns it as it is after w, with its mean loss in set; 0 if set is nil. horizons are in
// steps, ascending.
func Fit(w *window.Window, horizons []int, set *rollingorigin.EvaluationSet) (m *Model, loss float64) {
	m = newModel(w, chooseKind(w, horizons), horizons)
	past := make([][]pastWindow, len(horizons))
	origins := rollingorigin.WindowOrigins(w, len(w.Values)/4, horizons)
	quantile := m.Quantile
	var l rollingorigin.Loss
	for t, y := range w.Values {
		if w.Learn[t] {
			m.Advance(y)
		} else {
			m.Skip()
		}
		if set != nil {
			l.Evaluate(w, set, t, quantile)
		}
		if len(origins) > 0 && int(origins[0]) == t {
			origins = origins[1:]
			m.lookAhead(w, t, past)
		}
	}
	for i := range horizons {
		m.fitExtremalIndex(i, past[i])
	}
	return m, l.Mean()
}

// Guards, chosen and not tuned.
const (
	minGain     = 3      // by which the log likelihood has to be better for a less plain kind: else it may be chance
	leastLikely = 1e-6   // probability of what happened: one surprise must not decide
	minProduct  = 1e-200 // of probabilities, to stay clear of underflow
)

// A likelihood is the probability of many things together. It takes a logarithm only when the product gets small.
type likelihood struct{ log, product float64 }

func (l *likelihood) multiply(p float64) {
	if l.product *= p; l.product < minProduct {
		l.log += math.Log(l.product)
		l.product = 1
	}
}

// A trial is a kind with what it would have followed.
type trial struct {
	kind
	rate, recent float64
	likelihood   likelihood
}

// advance takes whether there was an event, where it has the usual probability base. With learn the step counts in the
// likelihood.
func (t *trial) advance(event, base float64, learn bool) {
	if learn {
		likely := min(max(base+t.recent, leastLikely), 1-leastLikely)
		t.likelihood.multiply(1 - event + (2*event-1)*likely)
	}
	t.recent += t.rate * (event - base - t.recent)
}

// chooseKind chooses a kind by how probable it made each step of w, given those before it. The first quarter does not
// count: nothing is known yet.
func chooseKind(w *window.Window, horizons []int) kind {
	var trials [len(kinds)]trial
	for k, kind := range kinds {
		trials[k] = trial{kind: kind, rate: kind.rate(w), likelihood: likelihood{product: 1}}
	}
	m := newModel(w, kind{}, horizons)
	for t, y := range w.Values {
		if !w.Learn[t] {
			m.Skip()
			for k := range trials {
				trials[k].recent -= trials[k].rate * trials[k].recent
			}
			continue
		}
		event := 0.0
		if y > m.zero {
			event = 1
		}
		hourly, learn := m.hourlyBase(t), t >= len(w.Values)/4
		for k := range trials {
			base := m.long
			if trials[k].daily {
				base = hourly
			}
			trials[k].advance(event, base, learn)
		}
		m.Advance(y)
	}
	best, most := kind{}, math.Inf(-1)
	for k := range trials {
		l := &trials[k].likelihood
		if l.log += math.Log(l.product); k == 0 || l.log > most+minGain {
			best, most = trials[k].kind, l.log
		}
	}
	return best
}

// A pastWindow is a window of the past: how likely an event was in each step, and whether there was one.
type pastWindow struct {
	probability, weight float64
	happened            bool // an event
}

// lookAhead adds to past, by horizon, the windows that begin after step t, where the model is.
func (m *Model) lookAhead(w *window.Window, t int, past [][]pastWindow) {
	weight := rollingorigin.ErrorWeight(w, t)
	from, happened := t+1, false
	for i, h := range m.horizons {
		if t+h >= len(w.Values) {
			break
		}
		for ; from <= t+h; from++ {
			happened = happened || w.Learn[from] && w.Values[from] > m.zero
		}
		past[i] = append(past[i], pastWindow{m.meanProbability(h), weight, happened})
	}
}

// Chosen, not tuned.
const (
	priorWindows       = 5    // of independent steps, that are added to those of the past
	leastExtremalIndex = 0.01 // a hundred steps are worth one
	mostExtremalIndex  = 1.0  // all steps are independent
	bisections         = 30   // 100 times 2^-30: more than single precision
)

// fitExtremalIndex sets the i-th extremal index (Leadbetter, "Extremes and Local Dependence in Stationary Sequences",
// 1983), so that as many windows of the past would have had events as did have. Events that come in clusters make fewer
// such windows than events that come alone.
func (m *Model) fitExtremalIndex(i int, past []pastWindow) {
	expected := func(index float64) (sum float64) {
		m.extremalIndex[i] = index
		steps := m.independent(i, m.horizons[i])
		for _, c := range past {
			sum -= c.weight * math.Expm1(steps*math.Log1p(-min(c.probability, 1-leastLikely)))
		}
		return sum
	}
	total, seen := 0.0, 0.0
	for _, c := range past {
		total += c.weight
		if c.happened {
			seen += c.weight
		}
	}
	if total == 0 {
		return
	}
	prior := expected(1) / total
	share := (seen + priorWindows*prior) / (total + priorWindows)
	low, high := leastExtremalIndex, mostExtremalIndex
	for range bisections {
		if middle := math.Sqrt(low * high); expected(middle) < share*total {
			low = middle
		} else {
			high = middle
		}
	}
	m.extremalIndex[i] = math.Sqrt(low * high)
}
