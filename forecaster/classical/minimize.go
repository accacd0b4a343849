// gonum's optimize.NelderMead gives other results: it rounds differently, and in 40 of 40 fits ended up elsewhere.

package classical

import (
	"cmp"
	"math"
	"slices"
)

// Guards, chosen: of time, of logits that run away, and against polishing what is found.
const (
	maxEvaluations = 600   // of the function to be minimized
	edge           = 1e-4  // how near arguments come to 0 and 1
	tolerance      = 1e-10 // relative difference of the best and the worst vertex
)

// minimize looks for the least f over numbers between 0 and 1, by the simplex method of Nelder and Mead ("A Simplex
// Method for Function Minimization", 1965) on their logits.
func minimize(f func([]float64) float64, initial []float64) []float64 {
	s := newSimplex(f, initial)
	for s.left > 0 && s.step() {
	}
	return slices.Clone(s.arguments(slices.MinFunc(s.vertices, byLoss).logits))
}

type vertex struct {
	logits []float64
	loss   float64
}

func byLoss(a, b vertex) int { return cmp.Compare(a.loss, b.loss) }

// A simplex is one more vertex than there are arguments.
type simplex struct {
	f        func([]float64) float64
	left     int // evaluations
	vertices []vertex
	room     []float64 // for arguments
}

// newSimplex makes one of the initial arguments, and of one step of 1 from there along the logit of each.
func newSimplex(f func([]float64) float64, initial []float64) *simplex {
	n := len(initial)
	s := &simplex{f: f, left: maxEvaluations, room: make([]float64, n)}
	start := make([]float64, n)
	for i, v := range initial {
		start[i] = math.Log(v / (1 - v))
	}
	s.vertices = []vertex{s.evaluate(start)}
	for i := range n {
		logits := slices.Clone(start)
		logits[i]++
		s.vertices = append(s.vertices, s.evaluate(logits))
	}
	return s
}

func (s *simplex) evaluate(logits []float64) vertex {
	s.left--
	return vertex{logits, s.f(s.arguments(logits))}
}

// arguments maps logits to numbers between 0 and 1. The result is valid until the next call.
func (s *simplex) arguments(logits []float64) []float64 {
	for i, v := range logits {
		s.room[i] = min(max(1/(1+math.Exp(-v)), edge), 1-edge)
	}
	return s.room
}

// step replaces the worst vertex or shrinks the simplex. It reports false if all vertices are equally good.
func (s *simplex) step() bool {
	slices.SortStableFunc(s.vertices, byLoss)
	n := len(s.vertices) - 1
	best, worst := &s.vertices[0], &s.vertices[n]
	if worst.loss-best.loss <= tolerance*math.Abs(best.loss) {
		return false
	}
	center := s.center()
	switch reflected := s.along(center, 1); {
	case reflected.loss < best.loss:
		if expanded := s.along(center, 2); expanded.loss < reflected.loss {
			reflected = expanded
		}
		*worst = reflected
	case reflected.loss < s.vertices[n-1].loss:
		*worst = reflected
	default:
		x := -0.5
		if reflected.loss < worst.loss {
			x = 0.5
		}
		if contracted := s.along(center, x); contracted.loss < min(worst.loss, reflected.loss) {
			*worst = contracted
		} else {
			s.shrink()
		}
	}
	return true
}

// center is the mean of all vertices but the worst.
func (s *simplex) center() []float64 {
	n := len(s.vertices) - 1
	center := make([]float64, n)
	for _, v := range s.vertices[:n] {
		for i, x := range v.logits {
			center[i] += x / float64(n)
		}
	}
	return center
}

// along evaluates the point x times as far from the center as the worst vertex is, on the other side.
func (s *simplex) along(center []float64, x float64) vertex {
	worst := s.vertices[len(s.vertices)-1].logits
	logits := make([]float64, len(center))
	for i, c := range center {
		logits[i] = c + x*(c-worst[i])
	}
	return s.evaluate(logits)
}

// shrink moves all vertices half the way to the best.
func (s *simplex) shrink() {
	best := s.vertices[0].logits
	for k := 1; k < len(s.vertices); k++ {
		logits := make([]float64, len(best))
		for i, x := range s.vertices[k].logits {
			logits[i] = (x + best[i]) / 2
		}
		s.vertices[k] = s.evaluate(logits)
	}
}
