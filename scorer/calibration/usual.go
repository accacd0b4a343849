package calibration

import (
	"slices"

	"github.com/anomaly-exporter/anomaly-exporter/scorer/orderstat"
)

// Usual returns from where to where values are, in order of time and not empty, but for one incident on either side:
// its steps may be so many places apart. So after an outage, the next one is beyond all values like the first.
func Usual(values []float32, separation int) (low, high float32) {
	distances := slices.Clone(values)
	orderstat.Sort(distances)
	middle := orderstat.Quantile(distances, 0.5)
	farthest := func(side float32) float32 {
		for i, x := range values {
			distances[i] = side * (x - middle)
		}
		return middle + side*farthestButOne(distances, separation)
	}
	return farthest(-1), farthest(1)
}

// farthestButOne returns the largest distance outside of the incident that holds the largest one. All that is farther
// than half of that belongs to it, with no more than so many places in between.
func farthestButOne(distances []float32, separation int) (most float32) {
	farthest := slices.Max(distances)
	first, limit := slices.Index(distances, farthest), farthest/2
	last := first
	for i := first; i < len(distances) && i <= last+separation; i++ {
		if distances[i] > limit {
			last = i
		}
	}
	for i := first; i >= 0 && i >= first-separation; i-- {
		if distances[i] > limit {
			first = i
		}
	}
	for i, d := range distances {
		if i < first || i > last {
			most = max(most, d)
		}
	}
	return most
}
