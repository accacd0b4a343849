package resources

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/promql"
)

// A workload is what has the pod template of a container.
type workload struct{ namespace, kind, name string }

func (w workload) compare(other workload) int {
	return cmp.Or(
		strings.Compare(w.namespace, other.namespace), strings.Compare(w.kind, other.kind),
		strings.Compare(w.name, other.name),
	)
}

// A container is one in the pod template of a workload.
type container struct {
	workload
	name     string
	pods     map[string]bool
	requests map[string]float64 // by resource; the largest of the pods
	limits   map[string]float64 // by resource; the smallest of the pods
}

// query evaluates an expression.
type query func(ctx context.Context, expr string) (promql.Vector, error)

// readContainers returns the containers that run now, in order.
func readContainers(ctx context.Context, q query, match []*labels.Matcher) ([]*container, error) {
	// selector returns those series of a metric of kube-state-metrics that fit --match, by the labels that it has.
	selector := func(metric string, without []string, more ...string) string {
		all := slices.Clone(more)
		for _, m := range match {
			if !slices.Contains(without, m.Name) {
				all = append(all, m.String())
			}
		}
		return metric + "{" + strings.Join(all, ",") + "}"
	}
	ofPod, ofReplicaSet := []string{"container"}, []string{"container", "pod"}
	const either = `resource=~"cpu|memory"`
	requests := selector("kube_pod_container_resource_requests", nil, either)

	owners, err := readOwners(ctx, q, selector("kube_pod_owner", ofPod), selector("kube_replicaset_owner", ofReplicaSet))
	if err != nil {
		return nil, err
	}
	// A container without requests has no series but that of kube_pod_container_info.
	found, err := q(ctx, fmt.Sprintf(
		"group by (namespace, pod, container) (%s or %s) unless on (namespace, pod) %s == 1",
		selector("kube_pod_container_info", nil), requests,
		selector("kube_pod_status_phase", ofPod, `phase=~"Failed|Succeeded"`),
	))
	if err != nil {
		return nil, err
	}
	if len(found) == 0 {
		return nil, errors.New("kube_pod_container_info and kube_pod_container_resource_requests have no series now: " +
			"does the server scrape kube-state-metrics, and does --match fit?")
	}
	type key struct {
		workload
		name string
	}
	type ofPods struct{ namespace, pod, container string }
	byKey, byPod := map[key]*container{}, map[ofPods]*container{}
	for _, s := range found {
		at := ofPods{s.Metric.Get("namespace"), s.Metric.Get("pod"), s.Metric.Get("container")}
		owner, ok := owners[[2]string{at.namespace, at.pod}]
		if !ok {
			continue
		}
		k := key{owner, at.container}
		if byKey[k] == nil {
			byKey[k] = &container{owner, at.container, map[string]bool{}, map[string]float64{}, map[string]float64{}}
		}
		byKey[k].pods[at.pod] = true
		byPod[at] = byKey[k]
	}
	for _, of := range []struct {
		selector string
		into     func(c *container, resource string, value float64)
	}{
		{requests, func(c *container, r string, v float64) { c.requests[r] = max(c.requests[r], v) }},
		{selector("kube_pod_container_resource_limits", nil, either), func(c *container, r string, v float64) {
			if limit, ok := c.limits[r]; !ok || v < limit {
				c.limits[r] = v
			}
		}},
	} {
		found, err := q(ctx, "max by (namespace, pod, container, resource) ("+of.selector+")")
		if err != nil {
			return nil, err
		}
		for _, s := range found {
			c := byPod[ofPods{s.Metric.Get("namespace"), s.Metric.Get("pod"), s.Metric.Get("container")}]
			if c != nil {
				of.into(c, s.Metric.Get("resource"), s.F)
			}
		}
	}
	var all []*container
	for _, c := range byKey {
		all = append(all, c)
	}
	slices.SortFunc(all, func(a, b *container) int {
		return cmp.Or(a.compare(b.workload), strings.Compare(a.name, b.name))
	})
	return all, nil
}

// readOwners returns the workloads of pods by namespace and pod. A Deployment owns its pods through a ReplicaSet. Pods
// of jobs have none: their requests are those of the next run, which has another name.
func readOwners(ctx context.Context, q query, pods, replicaSets string) (map[[2]string]workload, error) {
	const by = "group by (namespace, %s, owner_kind, owner_name) (%s)"
	found, err := q(ctx, fmt.Sprintf(by, "replicaset", replicaSets))
	if err != nil {
		return nil, err
	}
	above := map[[2]string]workload{}
	for _, s := range found {
		if of, ok := owner(s.Metric); ok {
			above[[2]string{of.namespace, s.Metric.Get("replicaset")}] = of
		}
	}
	if found, err = q(ctx, fmt.Sprintf(by, "pod", pods)); err != nil {
		return nil, err
	}
	owners := map[[2]string]workload{}
	for _, s := range found {
		of, ok := owner(s.Metric)
		if !ok || of.kind == "Job" {
			continue
		}
		if of.kind == "ReplicaSet" {
			if deployment, ok := above[[2]string{of.namespace, of.name}]; ok {
				of = deployment
			}
		}
		owners[[2]string{of.namespace, s.Metric.Get("pod")}] = of
	}
	if len(owners) == 0 {
		return nil, errors.New("kube_pod_owner has no series of workloads now: does the server scrape kube-state-metrics, " +
			"with its own labels (honor_labels), and does --match fit?")
	}
	return owners, nil
}

// owner returns the workload that a series names as the owner, if there is one.
func owner(l labels.Labels) (workload, bool) {
	kind, name := l.Get("owner_kind"), l.Get("owner_name")
	const none = "<none>" // kube-state-metrics' word
	return workload{l.Get("namespace"), kind, name}, kind != "" && kind != none && name != ""
}
