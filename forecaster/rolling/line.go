package rolling

// A Line is the least-squares line through the newest points, which are evenly spaced, by running sums.
type Line struct {
	points       []float32 // a ring; the next point goes to head
	head, filled int
	spacing      float64 // of the points
	positions    float64 // sum of their squares, about their mean
	sum, moment  float64 // of the points; of the points times their position, 0 for the oldest
	squares      float64
}

// NewLine goes through the newest n points, spacing apart.
func NewLine(n int, spacing float64) Line {
	count := float64(n)
	return Line{points: make([]float32, n), spacing: spacing, positions: count * (count*count - 1) / 12}
}

// Add takes a point, in single precision.
func (l *Line) Add(v float64) {
	v = float64(float32(v))
	if l.filled < len(l.points) {
		l.moment += float64(l.filled) * v
		l.filled++
	} else {
		oldest := float64(l.points[l.head])
		l.sum -= oldest
		l.squares -= oldest * oldest
		l.moment += -l.sum + float64(l.filled-1)*v
	}
	l.sum += v
	l.squares += v * v
	l.points[l.head] = float32(v)
	if l.head++; l.head == len(l.points) {
		l.head = 0
		l.renew()
	}
}

// renew forms the sums anew when the points are in order, so that rounding does not add up or outlive a huge value.
func (l *Line) renew() {
	l.sum, l.moment, l.squares = 0, 0, 0
	for i, p := range l.points {
		v := float64(p)
		l.sum += v
		l.moment += float64(i) * v
		l.squares += v * v
	}
}

// leastVariance is the share of the squares below which the variance is rounding. Guard.
const leastVariance = 1e-12

// Slope returns the slope of the line, by the unit of the spacing; 0 until there are all points.
func (l *Line) Slope() float64 {
	n := float64(l.filled)
	if l.filled < len(l.points) || l.filled < 3 {
		return 0
	}
	covariance := l.moment - (n-1)/2*l.sum
	variance := l.squares - l.sum*l.sum/n
	if variance <= leastVariance*l.squares || variance <= 0 {
		return 0
	}
	return covariance / l.positions / l.spacing
}
