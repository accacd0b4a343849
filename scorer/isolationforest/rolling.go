package isolationforest

import (
	"math"

	"github.com/anomaly-exporter/anomaly-exporter/scorer/orderstat"
)

// rollingWindow is the number of values that the rolling features describe. Chosen, not tuned: an hour at 5 minutes.
const rollingWindow = 12

var nan32 = float32(math.NaN())

// Rolling makes points of the values of a series: the value, its change and acceleration, and of the last 12 values
// mean, median, standard deviation, interquartile range, and the share that is known.
type Rolling struct {
	ring   [rollingWindow]float32
	next   int
	change float32 // NaN: not known
	last   float32 // NaN: not known
}

// NewRolling returns a Rolling that has seen nothing.
func NewRolling() *Rolling {
	r := &Rolling{change: nan32, last: nan32}
	for i := range r.ring {
		r.ring[i] = nan32
	}
	return r
}

// Add takes the next value without making a point of it; NaN: it is missing.
func (r *Rolling) Add(x float32) {
	r.ring[r.next] = x
	r.next = (r.next + 1) % rollingWindow
	if x != x {
		r.last, r.change = x, x
	}
}

// Replace replaces the last value that is known.
func (r *Rolling) Replace(x float32) {
	for i := 1; i <= rollingWindow; i++ {
		if y := &r.ring[(r.next+rollingWindow-i)%rollingWindow]; *y == *y {
			*y = x
			break
		}
	}
	if r.last == r.last {
		r.last, r.change = x, nan32
	}
}

// Point takes the next value x, and returns its point. x must not be NaN.
func (r *Rolling) Point(x float32) Point {
	r.Add(x)
	change := x - r.last
	if change != change {
		change = 0
	}
	acceleration := change - r.change
	if acceleration != acceleration {
		acceleration = 0
	}
	r.change, r.last = change, x
	var v [rollingWindow]float32
	n := 0
	var sum, square float64
	for _, y := range r.ring {
		if y == y {
			v[n] = y
			n++
			sum += float64(y)
			square += float64(y) * float64(y)
		}
	}
	known := v[:n]
	median := orderstat.Median(known) // sorts
	mean := sum / float64(n)
	deviation := math.Sqrt(max(square/float64(n)-mean*mean, 0))
	return Point{
		x, change, acceleration, float32(mean), median, float32(deviation),
		orderstat.Quantile(known, 0.75) - orderstat.Quantile(known, 0.25), float32(n) / rollingWindow,
	}
}
