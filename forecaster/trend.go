package forecaster

import "math"

// A trend is the straight line through the newest cells, and through their departures from the usual day, by running
// sums.
type trend struct {
	values  line    // through the cells
	excess  line    // through the departures
	typical float64 // exponential mean of the size of departures, over days
	rate    float64 // of it; 0 at coarse steps, where a few values make no trend

	breakout float64 // how much this is a steady trend that the series has not known, 0 to 1
	slope    float64 // per step
}

// The lines' lengths: minutes at fine steps, else steps.
const (
	valueTrend  = 60
	excessTrend = 120
	coarseTrend = 6
)

func newTrend(w *window, cell float64) trend {
	values, excess := coarseTrend, coarseTrend
	if w.fine() {
		values, excess = max(3, int(valueTrend/cell)), max(3, int(excessTrend/cell))
	}
	t := trend{values: newLine(values, cell/w.minutes), excess: newLine(excess, cell/w.minutes)}
	if w.fine() {
		t.rate = -math.Expm1(-math.Ln2 * cell / typicalHalfLife)
	}
	return t
}

// A trend that no candidate has learned, such as a leak that began hours ago, is told by its straightness, and by a
// size that departures from the usual day do not have in this series.
const (
	typicalHalfLife = 2 * 24 * 60 // minutes
	bentShare       = 0.8         // of the variance explained by a line: no trend
	straightShare   = 0.92        // a trend
	usualSize       = 2           // rise over the line in typical departures: no trend
	unusualSize     = 4           // a trend
	trendHours      = 48          // in which it fades
	trendDoubt      = 0.4         // of the growth foreseen
)

func (t *trend) add(cell, departure float64) {
	t.values.add(cell)
	t.excess.add(departure)
	slope, explained := t.excess.slope()
	straight := (explained - bentShare) / (straightShare - bentShare)
	t.breakout = 0
	if straight > 0 && t.typical > 0 {
		rise := math.Abs(slope) * t.excess.steps * float64(len(t.excess.points)) / t.typical
		t.breakout = min(straight, 1) * min(max((rise-usualSize)/(unusualSize-usualSize), 0), 1)
	}
	t.slope = slope
	t.typical += t.rate * (math.Abs(departure) - t.typical)
}

// breakOut moves an outlook towards the straight line that the series has taken to.
func (s *state) breakOut(o *outlook, t *target) {
	if math.IsNaN(s.day.robust) {
		return
	}
	hours := float64(t.h) * 24 / s.perDay
	growth := s.trend.slope * trendHours * -math.Expm1(-hours/trendHours) * s.perDay / 24
	at := s.levels[0] + t.usual - s.day.robust + growth
	o.median += s.trend.breakout * (at - o.median)
	o.reach += s.trend.breakout * (at - o.reach)
	o.doubt = s.trend.breakout * trendDoubt * math.Abs(growth)
}

// A line is the least-squares line through the newest points, which are cells apart.
type line struct {
	points       []float32
	head, filled int
	steps        float64 // in a cell
	sum, moment  float64 // of the points; of the points times their position, 0 for the oldest
	squares      float64
}

func newLine(n int, steps float64) line { return line{points: make([]float32, n), steps: steps} }

func (l *line) add(v float64) {
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

// renew forms the sums anew when the points are in order, lest rounding add up, or outlive a huge value.
func (l *line) renew() {
	l.sum, l.moment, l.squares = 0, 0, 0
	for i, p := range l.points {
		v := float64(p)
		l.sum += v
		l.moment += float64(i) * v
		l.squares += v * v
	}
}

// slope per step, and the share of the variance that the line explains; 0 until there are all points.
func (l *line) slope() (perStep, explained float64) {
	n := float64(l.filled)
	if l.filled < len(l.points) || l.filled < 3 {
		return 0, 0
	}
	spread := n * (n*n - 1) / 12 // sum of squares of the positions about their mean
	covariance := l.moment - (n-1)/2*l.sum
	variance := l.squares - l.sum*l.sum/n
	if variance <= 1e-12*l.squares || variance <= 0 {
		return 0, 0
	}
	return covariance / spread / l.steps, min(1, covariance*covariance/(spread*variance))
}
