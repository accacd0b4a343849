package resources

import (
	"fmt"
	"math"
	"slices"
	"strings"

	"github.com/anomaly-exporter/anomaly-exporter/detector/result"
)

// The resources that are compared, as they are called everywhere.
const (
	cpu    = "cpu"
	memory = "memory"
)

// A recommendation is that of one series of a scaler.
type recommendation struct {
	labels   result.Labels
	resource string
	value    float64 // NaN if there is none
	why      string  // there is none
	fits     int     // workloads with containers that it is for
}

func newRecommendation(b *result.Batch, i int) *recommendation {
	s := &b.Series[i]
	r := &recommendation{labels: s.Labels, resource: b.Source.Resource, value: s.Request}
	if s.State != (result.State{}) {
		r.value, r.why = math.NaN(), s.State.State
		if s.State.Reason != "" {
			r.why += ": " + s.State.Reason
		}
	}
	return r
}

// text returns the labels for people.
func (r *recommendation) text() string {
	var all []string
	for _, l := range r.labels {
		if l.Value != "" {
			all = append(all, fmt.Sprintf("%s=%q", l.Name, l.Value))
		}
	}
	return "{" + strings.Join(all, ", ") + "}"
}

// isFor returns whether the recommendation is for a container. Its labels namespace and container have to be that
// container's; the pod and the name of the workload as well, if it has such labels.
func (r *recommendation) isFor(c *container) bool {
	if r.labels.Get("namespace") != c.namespace || r.labels.Get("container") != c.name {
		return false
	}
	if pod := r.labels.Get("pod"); pod != "" && !c.pods[pod] {
		return false
	}
	if name := r.labels.Get("workload"); name != "" && name != c.workload.name {
		return false
	}
	if kind := r.labels.Get("workload_type"); kind != "" && !strings.EqualFold(kind, c.kind) {
		return false
	}
	for _, kind := range []string{"Deployment", "StatefulSet", "DaemonSet"} {
		name := r.labels.Get(strings.ToLower(kind))
		if name != "" && (kind != c.kind || name != c.workload.name) {
			return false
		}
	}
	return true
}

// A row is the comparison of one resource of a container.
type row struct {
	*container
	resource    string
	current     float64 // NaN if nothing is requested
	recommended float64 // NaN if it is not known
	target      float64 // what to request; NaN: no change
	note        string
}

// compare returns a row for each resource of a container that has a recommendation, in the order of the containers,
// and the recommendations that are for none of them.
func compare(
	containers []*container, all []*recommendation, minChange float64,
) (rows []row, unmatched []*recommendation) {
	fitting := make([][]*recommendation, len(containers))
	for _, r := range all {
		var last workload
		for i, c := range containers {
			if !r.isFor(c) {
				continue
			}
			fitting[i] = append(fitting[i], r)
			if r.fits == 0 || c.workload != last {
				r.fits++
			}
			last = c.workload
		}
		if r.fits == 0 {
			unmatched = append(unmatched, r)
		}
	}
	for i, c := range containers {
		for _, resource := range []string{cpu, memory} {
			of := slices.DeleteFunc(slices.Clone(fitting[i]), func(r *recommendation) bool { return r.resource != resource })
			if len(of) > 0 {
				rows = append(rows, newRow(c, resource, of, minChange))
			}
		}
	}
	return rows, unmatched
}

// newRow compares the largest of the recommendations for a container: those of its pods, or of several scalers.
func newRow(c *container, resource string, of []*recommendation, minChange float64) row {
	w := row{container: c, resource: resource, current: math.NaN(), recommended: math.NaN(), target: math.NaN()}
	if v, ok := c.requests[resource]; ok {
		w.current = v
	}
	shared := 0
	for _, r := range of {
		if !math.IsNaN(r.value) && !(r.value <= w.recommended) {
			w.recommended = r.value
		}
		shared = max(shared, r.fits-1)
	}
	limit, limited := c.limits[resource]
	switch {
	case math.IsNaN(w.recommended):
		w.note = of[0].why
		return w
	case shared > 0:
		// It is the largest of all of them, which is too much for the others.
		w.note = "shared with " + count(shared, "other workload")
		return w
	case !slices.Contains([]string{"Deployment", "StatefulSet", "DaemonSet"}, c.kind):
		w.note = "kustomize does not know this kind"
		return w
	}
	target := w.recommended
	if limited && target > limit {
		// The API server refuses requests above the limit. Whether to raise that is not ours to say.
		target, w.note = limit, "limit "+quantity(resource, limit)
	}
	if math.IsNaN(w.current) || math.Abs(target-w.current) > minChange*w.current {
		w.target = target
	}
	return w
}

func count(n int, what string) string {
	if n != 1 {
		what += "s"
	}
	return fmt.Sprintf("%d %s", n, what)
}
