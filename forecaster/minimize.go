package forecaster

import (
	"cmp"
	"math"
	"slices"
)

const (
	evaluations = 600  // at most, of a function to be minimized
	nearest     = 1e-4 // to 0 and 1
)

// minimize looks for the least f over numbers between 0 and 1, by the simplex method of Nelder and Mead (1965) on their
// logits.
func minimize(f func([]float64) float64, initial []float64) []float64 {
	n := len(initial)
	inside := make([]float64, n)
	transform := func(logits []float64) []float64 {
		for i, v := range logits {
			inside[i] = min(max(1/(1+math.Exp(-v)), nearest), 1-nearest)
		}
		return inside
	}
	type vertex struct {
		at   []float64
		loss float64
	}
	left := evaluations
	eval := func(at []float64) vertex {
		left--
		return vertex{at, f(transform(at))}
	}
	start := make([]float64, n)
	for i, v := range initial {
		start[i] = math.Log(v / (1 - v))
	}
	simplex := []vertex{eval(start)}
	for i := range n {
		at := slices.Clone(start)
		at[i]++
		simplex = append(simplex, eval(at))
	}
	byLoss := func(a, b vertex) int { return cmp.Compare(a.loss, b.loss) }
	for left > 0 {
		slices.SortStableFunc(simplex, byLoss)
		best, worst := &simplex[0], &simplex[n]
		if worst.loss-best.loss <= 1e-10*math.Abs(best.loss) {
			break
		}
		center := make([]float64, n)
		for _, v := range simplex[:n] {
			for i, x := range v.at {
				center[i] += x / float64(n)
			}
		}
		along := func(x float64) vertex { // from the center away from the worst
			at := make([]float64, n)
			for i, c := range center {
				at[i] = c + x*(c-worst.at[i])
			}
			return eval(at)
		}
		switch mirrored := along(1); {
		case mirrored.loss < best.loss:
			if further := along(2); further.loss < mirrored.loss {
				mirrored = further
			}
			*worst = mirrored
		case mirrored.loss < simplex[n-1].loss:
			*worst = mirrored
		default:
			x := -0.5
			if mirrored.loss < worst.loss {
				x = 0.5
			}
			if inner := along(x); inner.loss < min(worst.loss, mirrored.loss) {
				*worst = inner
				continue
			}
			for k := 1; k <= n; k++ {
				at := make([]float64, n)
				for i, x := range simplex[k].at {
					at[i] = (x + best.at[i]) / 2
				}
				simplex[k] = eval(at)
			}
		}
	}
	return slices.Clone(transform(slices.MinFunc(simplex, byLoss).at))
}
