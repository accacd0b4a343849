package scorer

import (
	"slices"
	"time"

	"github.com/anomaly-exporter/anomaly-exporter/calendar"
	"github.com/anomaly-exporter/anomaly-exporter/scorer/calibration"
	"github.com/anomaly-exporter/anomaly-exporter/scorer/grid"
	"github.com/anomaly-exporter/anomaly-exporter/scorer/isolationforest"
	"github.com/anomaly-exporter/anomaly-exporter/scorer/orderstat"
)

// incident is how far apart steps of the same incident may be. Chosen, not tuned.
const incident = 3 * time.Hour

// separation is how many places of a sample such steps may be apart.
func separation(grid grid.Grid) int { return max(2, grid.Slots(incident)) }

// A sample is what the slots of a window looked like in normal life, each knowing only what was before it, in order
// of time.
type sample struct {
	statistics []calibration.Statistics
	times      []int64                 // ms
	points     []isolationforest.Point // for the forest; nil without one
}

// newSample returns an empty sample with room for n slots.
func newSample(n int) sample {
	return sample{statistics: make([]calibration.Statistics, 0, n), times: make([]int64, 0, n)}
}

func (s *sample) add(t int64, st calibration.Statistics) {
	s.statistics, s.times = append(s.statistics, st), append(s.times, t)
}

// span returns how much time the sample covers, in ms.
func (s *sample) span() int64 { return s.times[len(s.times)-1] - s.times[0] }

// fitForest grows a forest, half of it from even days and half from odd ones, and sets the pattern of each slot by the
// half that has not seen its day. The slots with the largest deviations are left out of the training.
func (s *sample) fitForest(o Options, width int) isolationforest.Forest {
	forest := isolationforest.New(width)
	sizes := make([]float32, len(s.statistics))
	for i := range s.statistics {
		sizes[i] = s.statistics[i][size]
	}
	slices.Sort(sizes)
	limit := orderstat.Quantile(sizes, 1-o.Contamination)
	half := func(i int) int { return int(calendar.Slot(s.times[i], calendar.Day) & 1) }
	var days [2][]isolationforest.Point
	for i, p := range s.points {
		if s.statistics[i][size] <= limit {
			days[half(i)] = append(days[half(i)], p)
		}
	}
	if len(days[0]) < 2 || len(days[1]) < 2 {
		all := append(days[0], days[1]...)
		days[0], days[1] = all, all
	}
	r := isolationforest.Random(o.Seed)
	trees := max(o.Trees/2, 1)
	forest.Grow(days[0], trees, o.Subsample, &r)
	forest.Grow(days[1], trees, o.Subsample, &r)
	for i := range s.points {
		from := trees * (1 - half(i))
		if s.statistics[i] == (calibration.Statistics{}) { // on the side that does not count
			continue
		}
		s.statistics[i][pattern] = forest.Score(&s.points[i], from, from+trees)
	}
	return forest
}
