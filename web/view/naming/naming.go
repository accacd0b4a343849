// Package naming says what series are about, by their labels: a title, and the workload.
package naming

import (
	"cmp"
	"maps"
	"slices"
	"strings"

	"github.com/anomaly-exporter/anomaly-exporter/replicas"
)

// subject are the labels that name what a series is about, the widest first. They come first in titles.
var subject = []string{
	"cluster", "namespace", "workload", "deployment", "service", "job", "container", "pod", "instance",
}

// Title names a series for people: its detector or scaler, and what it is about.
func Title(source string, of map[string]string) string {
	names := make([]string, 0, len(of))
	for name := range of {
		if !slices.Contains([]string{"detector", "scaler", "metric_name"}, name) {
			names = append(names, name)
		}
	}
	rank := func(name string) int {
		if i := slices.Index(subject, name); i >= 0 {
			return i
		}
		return len(subject)
	}
	slices.SortFunc(names, func(a, b string) int { return cmp.Or(cmp.Compare(rank(a), rank(b)), cmp.Compare(a, b)) })
	values := make([]string, 0, len(names))
	for _, name := range names {
		values = append(values, of[name])
	}
	if len(values) == 0 {
		return source
	}
	return source + " of " + strings.Join(values, "/")
}

// workloadLabels tell workloads apart: where they run, and the first of those that say what it is.
var (
	placeLabels    = []string{"cluster", "namespace"}
	workloadLabels = []string{
		"workload", "deployment", "statefulset", "daemonset", "service", "container", "app", "job", "instance", "node",
	}
)

// WorkloadName returns the value of the label that names a workload; that of any label if none does.
func WorkloadName(of map[string]string) string {
	for _, name := range workloadLabels {
		if of[name] != "" {
			return of[name]
		}
	}
	for _, name := range slices.Sorted(maps.Keys(of)) {
		return of[name]
	}
	return ""
}

// Workload returns those of the labels of a series that tell its workload from others, and a key of them. get returns
// the value of a label.
func Workload(get func(name string) string) (labels map[string]string, key string) {
	labels = map[string]string{}
	var b strings.Builder
	add := func(name string) bool {
		value := get(name)
		if value == "" {
			return false
		}
		labels[name] = value
		b.WriteString(name + "\xff" + value + "\xff")
		return true
	}
	for _, name := range placeLabels {
		add(name)
	}
	for _, name := range workloadLabels {
		if add(name) {
			break
		}
	}
	return labels, b.String()
}

// deciders say what decided a recommendation.
var deciders = map[string]string{
	string(replicas.Forecast): "the forecast load", string(replicas.Current): "the load now",
	string(replicas.Min): "min_replicas", string(replicas.Max): "max_replicas",
	string(replicas.Stabilization): "the wait before it scales down",
}

// Decider says what decided a recommendation.
func Decider(source string) string { return cmp.Or(deciders[source], source) }
