package level

const (
	// scored is how many standard deviations a deviation of normal noise is that scores 0.8 at steps of an hour, of which
	// there are few. Their share has to be right though the noise is estimated.
	scored = 3
	// mostAlike bounds how alike neighbours are, as correlation. Chosen, not tuned: that of an autoregressive process with
	// a coefficient of 0.9. What is more alike is a shape, such as that of a season in an outage, and no chance.
	mostAlike = 0.8
)

// A spread is how large deviations from a level are: their mean, and how far it may be off.
type spread struct {
	count, sum, squares float64
	last, products      float64 // the last one, and the sum of products of neighbours
}

// add takes a deviation.
func (s *spread) add(d float64) {
	s.count++
	s.sum += d
	s.squares += d * d
	s.products += d * s.last
	s.last = d
}

// scale makes it that of deviations which are f times as large; f is positive.
func (s *spread) scale(f float64) {
	s.sum, s.squares, s.last, s.products = s.sum*f, s.squares*f*f, s.last*f, s.products*f*f
}

func (s *spread) mean() float64 { return s.sum / s.count }

// uncertainty returns the relative variance of the mean, where neighbours are as alike as those of an autoregressive
// process of the first order.
func (s *spread) uncertainty() float64 {
	squared := s.mean() * s.mean()
	variance := s.squares/s.count - squared
	if !(variance > 0) {
		return 0
	}
	alike := min(max((s.products/s.count-squared)/variance, 0), mostAlike)
	return variance / squared / s.count * (1 + alike) / (1 - alike)
}

// A noise is how large deviations from a level are, and those from the first one.
type noise struct {
	first spread // empty while that is the level
	now   spread
}

// factor returns how many times as large deviations are as those from the first level, at least 1. As long as they are
// known from few values, it is as much larger as large deviations would else be too frequent: where the scale may be
// off, those of a normal distribution are about those of Student's, whose tails are heavier.
func (n *noise) factor() float32 {
	if n.first.sum == 0 || n.now.sum == 0 {
		return 1
	}
	off := n.first.uncertainty() + n.now.uncertainty()
	return float32(max(n.now.mean()/n.first.mean()*(1+scored*scored/2.0*off), 1))
}
