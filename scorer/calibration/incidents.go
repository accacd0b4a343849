package calibration

import (
	"slices"

	"github.com/anomaly-exporter/anomaly-exporter/scorer/orderstat"
)

const (
	// incidentShare is the largest part of a sample that may be incidents. Chosen, not tuned: more than a tenth of two
	// weeks is no exception.
	incidentShare = 1.0 / 10
	// incidentFactor is how many times farther than the largest distance of normal life those of an incident are. Chosen,
	// not tuned: what is nearer makes the band no more than that many times wider.
	incidentFactor = 3
)

// withoutIncidents returns a sample without the incidents that are longer than what a tail can censor: after an outage
// of six hours, a tail of 80 values of 5 minutes would be that outage. An incident is one cluster, half of which at
// least is far out. What is known to be normal stays.
func withoutIncidents(
	sample []Statistics, normal []bool, separation int, scratch *orderstat.Scratch,
) ([]Statistics, []bool) {
	n := len(sample)
	distances := make([]float32, n)
	for i := range sample {
		distances[i] = sample[i][0]
	}
	sorted := scratch.Sorted(distances)
	most, mostFar := mostCensored(tailSize(n)), int(incidentShare*float64(n))
	if clusteredTop(distances, sorted[n-most:], separation) < most {
		return sample, normal
	}
	far := clusteredTop(distances, sorted[n-mostFar:], separation)
	if far == mostFar {
		return sample, normal
	}
	limit := incidentFactor * sorted[n-1-far]
	isIncident := make([]bool, n)
	for from := 0; from < n; from++ {
		if distances[from] <= limit {
			continue
		}
		to, count := from, 0
		for i := from; i < n && i <= to+separation; i++ {
			if distances[i] > limit {
				to = i
				count++
			}
		}
		if length := to - from + 1; count > most && 2*count >= length {
			for i := from; i <= to; i++ {
				isIncident[i] = normal == nil || !normal[i]
			}
		}
		from = to
	}
	if !slices.Contains(isIncident, true) {
		return sample, normal
	}
	var kept []Statistics
	var keptNormal []bool
	for i, st := range sample {
		if !isIncident[i] {
			kept = append(kept, st)
			if normal != nil {
				keptNormal = append(keptNormal, normal[i])
			}
		}
	}
	return kept, keptNormal
}
