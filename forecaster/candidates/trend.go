package candidates

import (
	"math"

	"github.com/anomaly-exporter/anomaly-exporter/forecaster/rolling"
	"github.com/anomaly-exporter/anomaly-exporter/forecaster/window"
)

// Lengths of the straight line through the newest cells of the day: minutes at fine steps, else steps. Chosen, not
// tuned.
const (
	valueTrend  = 60
	coarseTrend = 6
)

// newTrend returns that line; cell is the length of a cell in minutes.
func newTrend(w *window.Window, cell float64) rolling.Line {
	cells := coarseTrend
	if w.Fine() {
		cells = max(3, int(valueTrend/cell))
	}
	return rolling.NewLine(cells, cell/w.Minutes)
}

// rises are those of the values from one end of a cell to the next: a jump does not move their median.
type rises struct {
	rolling.Median
	rounding float64 // up to which difference two of them may be the same
	same     float64 // what usual returns; NaN until it is asked for
}

// risesApart times the resolution of values is how far a rise may be from another that is the same. Definition: each of
// the two is between two values, which are rounded by up to half of it.
const risesApart = 2

func (r *rises) add(rise float64) {
	r.Add(float32(rise))
	r.same = math.NaN()
}

// usual returns the median or, where most rises differ from it by nothing but rounding, their mean. Days ahead, a line
// along the median would miss by the rounding of one rise, hundreds of times. In the mean it cancels out.
func (r *rises) usual() float64 {
	if r.same == r.same {
		return r.same
	}
	r.same = r.Median.Median(0)
	sorted, sum := r.Sorted(), 0.0
	from := len(sorted) / 2
	to := from
	for ; from > 0 && r.same-float64(sorted[from-1]) <= r.rounding; from-- {
		sum += float64(sorted[from-1]) - r.same
	}
	for ; to < len(sorted) && float64(sorted[to])-r.same <= r.rounding; to++ {
		sum += float64(sorted[to]) - r.same
	}
	if n := to - from; 2*n > len(sorted) {
		r.same += sum / float64(n)
	}
	return r.same
}
