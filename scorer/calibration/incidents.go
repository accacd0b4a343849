package calibration

import (
	"slices"
	"time"

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
// of six hours, a tail of 80 values of 5 minutes would be that outage. In a burst of noise, hardly any distance is far
// out by itself, but their mean over an hour is. If there is more than one, bursts are normal life. What is known to be
// normal stays.
func withoutIncidents(o *Options, sample []Statistics, scratch *orderstat.Scratch) []Statistics {
	sample = without(findIncidents(meanDistances(sample, 0), o.Normal, o.Separation, scratch), o, sample)
	if around := int(time.Hour.Milliseconds()/o.Slot) / 2; around > 0 {
		bursts := findIncidents(meanDistances(sample, around), o.Normal, o.Separation, scratch)
		if runs(bursts) == 1 {
			sample = without(bursts, o, sample)
		}
	}
	return sample
}

// without returns a sample without incidents; nil: there are none.
func without(isIncident []bool, o *Options, sample []Statistics) []Statistics {
	if isIncident == nil {
		return sample
	}
	o.Normal = keep(o.Normal, isIncident)
	return keep(sample, isIncident)
}

// meanDistances returns for each step the mean distance of it and of so many steps before it and after it.
func meanDistances(sample []Statistics, around int) []float32 {
	means := make([]float32, len(sample))
	for i := range sample {
		near, sum := sample[max(i-around, 0):min(i+around+1, len(sample))], 0.0
		for k := range near {
			sum += float64(near[k][0])
		}
		means[i] = float32(sum / float64(len(near)))
	}
	return means
}

// runs returns how many times in a row something is so.
func runs(is []bool) (n int) {
	for i, now := range is {
		if now && (i == 0 || !is[i-1]) {
			n++
		}
	}
	return n
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
	most, mostFar := mostCensored(tailSize(n)), int(incidentShare*float64(n))
	if near := nearLargest(sizes); near > mostFar { // as usual: nothing is beyond the limit
		return nil
	}
	sorted := scratch.Sorted(sizes)
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

// nearLargest returns how many sizes an incident with the largest one would not be far beyond.
func nearLargest(sizes []float32) (n int) {
	largest := slices.Max(sizes)
	for _, x := range sizes {
		if incidentFactor*x >= largest {
			n++
		}
	}
	return n
}
