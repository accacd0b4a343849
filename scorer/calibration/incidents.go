package calibration

import "github.com/anomaly-exporter/anomaly-exporter/scorer/orderstat"

const (
	// incidentShare is the largest part of a sample that may be incidents. Chosen, not tuned: more than a tenth of two
	// weeks is no exception.
	incidentShare = 1.0 / 10
	// incidentFactor is how many times farther than the largest distance of normal life those of an incident are. Chosen,
	// not tuned: what is nearer makes the band no more than that many times wider.
	incidentFactor = 3
)

// withoutIncidents returns a sample without the incidents that are longer than what a tail can censor: after an outage
// of six hours, a tail of 80 values of 5 minutes would be that outage. What is known to be normal stays.
func withoutIncidents(o *Options, sample []Statistics, scratch *orderstat.Scratch) []Statistics {
	distances := make([]float32, len(sample))
	for i := range sample {
		distances[i] = sample[i].Size(0)
	}
	isIncident := findIncidents(distances, o.Normal, o.Separation, scratch)
	if isIncident == nil {
		return sample
	}
	o.Normal, o.Early = keep(o.Normal, isIncident), len(keep(sample[:o.Early], isIncident))
	return keep(sample, isIncident)
}

// keep returns a copy of values, one for each step or none, without those of incidents.
func keep[T any](values []T, isIncident []bool) (kept []T) {
	for i, v := range values {
		if !isIncident[i] {
			kept = append(kept, v)
		}
	}
	return kept
}

// findIncidents tells which values of a sample belong to incidents that are longer than what a tail can censor; nil:
// none. An incident is one cluster, half of which at least is far out.
func findIncidents(sizes []float32, normal []bool, separation int, scratch *orderstat.Scratch) (isIncident []bool) {
	n := len(sizes)
	sorted := scratch.Sorted(sizes)
	most, mostFar := mostCensored(tailSize(n)), int(incidentShare*float64(n))
	if clusteredTop(sizes, sorted[n-most:], separation) < most {
		return nil
	}
	far := clusteredTop(sizes, sorted[n-mostFar:], separation)
	if far == mostFar {
		return nil
	}
	limit := incidentFactor * sorted[n-1-far]
	for from := 0; from < n; from++ {
		if sizes[from] <= limit {
			continue
		}
		to, count := from, 0
		for i := from; i < n && i <= to+separation; i++ {
			if sizes[i] > limit {
				to = i
				count++
			}
		}
		if length := to - from + 1; count > most && 2*count >= length {
			if isIncident == nil {
				isIncident = make([]bool, n)
			}
			for i := from; i <= to; i++ {
				isIncident[i] = normal == nil || !normal[i]
			}
		}
		from = to
	}
	return isIncident
}
