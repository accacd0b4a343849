// Package shop is a small online shop on Kubernetes as its metrics show it: a frontend, an api, payments, workers and
// redis.
//
// Every metric is a pure function of the time since an anchor. So a history that is written to disk and the live
// /metrics are consistent, and the story is the same at any time of the day. At the anchor the clocks of the shop
// show a Wednesday, 18:20, and the shop is getting into trouble: see Story.
package shop

import (
	"cmp"
	"iter"
	"slices"
	"strconv"
	"time"

	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/model/labels"
)

// Shop is the shop for one anchor.
type Shop struct {
	anchor int64
	series []*Series
}

// Series is a series. It exists as long as the pod or workload that it describes.
type Series struct {
	Labels labels.Labels

	family *family
	anchor int64
	from   int64 // since the anchor
	to     int64 // since the anchor, exclusive
	value  func(ms int64) float64
}

// family is a metric with its type, as in the exposition.
type family struct {
	name, kind, help string
}

var (
	requestsTotal   = &family{"http_requests_total", "counter", "Requests served."}
	requestDuration = &family{"http_request_duration_seconds", "histogram", "Time to serve a request."}
	restartsTotal   = &family{"kube_pod_container_status_restarts_total", "counter", "Restarts of the container."}
	resourceLimits  = &family{"kube_pod_container_resource_limits", "gauge", "Limit of a resource."}
	replicasNow     = &family{"kube_deployment_status_replicas", "gauge", "Replicas of the deployment."}
	generationNow   = &family{"kube_deployment_status_observed_generation", "gauge", "Changes of the deployment."}
	workingSet      = &family{"container_memory_working_set_bytes", "gauge", "Memory in use that cannot be reclaimed."}
	poolWaitSeconds = &family{"db_pool_wait_seconds", "summary", "Time until a connection of the pool was free."}
	cacheHits       = &family{"redis_keyspace_hits_total", "counter", "Look-ups that found their key."}
	cacheMisses     = &family{"redis_keyspace_misses_total", "counter", "Look-ups that did not find their key."}
)

// New returns the shop whose story is anchored at a time, rounded down to a full minute.
func New(anchor time.Time) *Shop {
	s := &Shop{anchor: anchor.Truncate(time.Minute).UnixMilli()}
	for _, w := range []*workload{&frontend, &api, &payments, &worker, &redis} {
		pods := w.pods()
		for _, p := range pods {
			s.addKubernetes(p)
			s.addApplication(p)
		}
		if !w.stateful {
			lset := []string{
				"job", "kube-state-metrics", "instance", "kube-state-metrics:8080", "namespace", "shop", "deployment", w.name,
			}
			s.add(replicasNow, "", opened, pods[len(pods)-1].to, func(int64) float64 { return float64(w.replicas) }, lset...)
			s.add(generationNow, "", opened, pods[len(pods)-1].to, w.generation, lset...)
		}
	}
	slices.SortFunc(s.series, func(a, b *Series) int {
		return cmp.Or(cmp.Compare(a.family.name, b.family.name), labels.Compare(a.Labels, b.Labels))
	})
	return s
}

// Anchor returns the time at which the story is anchored, a full minute.
func (s *Shop) Anchor() time.Time { return time.UnixMilli(s.anchor) }

// Series returns all series that the shop ever has, ordered by metric and labels.
func (s *Shop) Series() []*Series { return s.series }

// At returns the value at a time, and whether there is one.
func (s *Series) At(t time.Time) (float64, bool) {
	ms := t.UnixMilli() - s.anchor
	if ms < s.from || ms >= s.to {
		return 0, false
	}
	return s.value(ms), true
}

// Samples returns the values on the multiples of step in [from, to), as timestamps in milliseconds since the epoch
// and values.
func (s *Series) Samples(from, to time.Time, step time.Duration) iter.Seq2[int64, float64] {
	start := max(from.UnixMilli(), s.anchor+s.from)
	end := to.UnixMilli()
	if s.to < end-s.anchor {
		end = s.anchor + s.to
	}
	every := step.Milliseconds()
	return func(yield func(int64, float64) bool) {
		for t := -floorDiv(-start, every) * every; t < end; t += every {
			if !yield(t, s.value(t-s.anchor)) {
				return
			}
		}
	}
}

func (s *Shop) add(f *family, suffix string, from, to int64, value func(ms int64) float64, lset ...string) {
	lset = append(lset, model.MetricNameLabel, f.name+suffix)
	s.series = append(s.series, &Series{
		Labels: labels.FromStrings(lset...), family: f, anchor: s.anchor, from: from, to: to, value: value,
	})
}

// addKubernetes adds the metrics of kube-state-metrics and the kubelet about a pod.
func (s *Shop) addKubernetes(p *pod) {
	lset := []string{
		"job", "kube-state-metrics", "instance", "kube-state-metrics:8080",
		"namespace", "shop", "pod", p.name, "container", p.of.name,
	}
	s.add(
		restartsTotal, "", p.from, p.to,
		func(ms int64) float64 { times, _ := p.restarted(ms); return float64(times) }, lset...,
	)
	s.add(resourceLimits, "", p.from, p.to, func(int64) float64 { return p.of.limit },
		append(slices.Clone(lset), "node", p.node, "resource", "memory", "unit", "byte")...)
	s.add(
		workingSet, "", p.from, p.to, p.workingSet, "job", "kubelet", "instance", p.node+":10250", "namespace",
		"shop", "pod", p.name, "container", p.of.name, "node", p.node,
	)
}

// addApplication adds the metrics of the pod itself.
func (s *Shop) addApplication(p *pod) {
	switch p.of {
	case &frontend:
		s.addHTTP(p, frontendRequests, frontendLatency)
	case &api:
		s.addHTTP(p, apiRequests, apiLatency)
		orders := p.share(func(ms int64) float64 { return 0.02 * apiRequests(ms) })
		lset := append(p.identity(), "pool", "orders")
		s.add(poolWaitSeconds, "_count", p.from, p.to, p.events(orders), lset...)
		s.add(
			poolWaitSeconds, "_sum", p.from, p.to,
			p.counter(func(ms int64) float64 { return orders(ms) * poolWait(ms) }), lset...,
		)
	case &payments:
		s.addHTTP(p, paymentsRequests, paymentsLatency)
	case &redis:
		lookups := p.share(func(ms int64) float64 { return 3 * apiRequests(ms) })
		s.add(
			cacheHits, "", p.from, p.to, p.events(func(ms int64) float64 { return lookups(ms) * hitRatio(ms) }),
			p.identity()...,
		)
		s.add(
			cacheMisses, "", p.from, p.to,
			p.events(func(ms int64) float64 { return lookups(ms) * (1 - hitRatio(ms)) }), p.identity()...,
		)
	}
}

// bounds are the bucket bounds of the latency histogram, in seconds. They are written as Prometheus writes them: it
// turns a scraped le="1" into 1.0, which would be another series than that on disk.
var bounds = []string{"0.025", "0.05", "0.1", "0.25", "0.5", "1.0"}

func (s *Shop) addHTTP(p *pod, requests, latency func(ms int64) float64) {
	rate := p.share(requests)
	errors := func(ms int64) float64 { return rate(ms) * errorRatio(p.seed+5, ms) }
	s.add(
		requestsTotal, "", p.from, p.to, p.events(func(ms int64) float64 { return rate(ms) - errors(ms) }),
		append(p.identity(), "code", "200")...,
	)
	s.add(requestsTotal, "", p.from, p.to, p.events(errors), append(p.identity(), "code", "500")...)

	for _, le := range bounds {
		bound, _ := strconv.ParseFloat(le, 64)
		below := func(ms int64) float64 { return rate(ms) * fasterThan(bound, latency(ms)) }
		s.add(requestDuration, "_bucket", p.from, p.to, p.events(below), append(p.identity(), "le", le)...)
	}
	s.add(requestDuration, "_bucket", p.from, p.to, p.events(rate), append(p.identity(), "le", "+Inf")...)
	s.add(requestDuration, "_count", p.from, p.to, p.events(rate), p.identity()...)
	s.add(
		requestDuration, "_sum", p.from, p.to,
		p.counter(func(ms int64) float64 { return rate(ms) * meanOverMedian * latency(ms) }), p.identity()...,
	)
}

func (p *pod) identity() []string {
	return []string{"job", p.of.name, "instance", p.instance, "namespace", "shop", "pod", p.name}
}

// share returns the part of a load over all pods that this pod gets.
func (p *pod) share(load func(ms int64) float64) func(ms int64) float64 {
	return func(ms int64) float64 {
		return load(ms) / float64(p.of.replicas) * (1 + 0.02*noise(p.seed+6, ms))
	}
}

// Latencies have a log-logistic distribution of shape 3, which has a closed form and a long tail.

// meanOverMedian is (pi/3) / sin(pi/3).
const meanOverMedian = 1.2091995761561452

// fasterThan is the share of requests that take less than the bound.
func fasterThan(bound, median float64) float64 {
	x := median / bound
	return 1 / (1 + x*x*x)
}
