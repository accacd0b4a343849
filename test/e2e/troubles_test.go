package e2e_test

import (
	"fmt"
	"math/rand/v2"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/prometheus/prometheus/model/labels"

	"github.com/anomaly-exporter/anomaly-exporter/test/servers"
)

// troubledShop has series in which troubles are planted: a worker that crashes, a pod that leaks, a service that is
// slow, one whose cache fails while it is asked for more, and one that answers with errors. What its other workloads do
// is normal life.
type troubledShop struct {
	start  time.Time // of what is live; history is before
	series []shopSeries

	mu         sync.Mutex
	begin, end time.Time // of the troubles
}

// shopSeries is a series with its value over time; false means that it is not there.
type shopSeries struct {
	name   string
	labels []string // pairs
	value  func(at time.Time) (float64, bool)
}

const (
	troubledHistory = 50 * time.Hour
	leakingSince    = 29 * time.Hour
	leakingUntil    = 2 * time.Hour // after the live series begin, the leak is at the limit
	mebibyte        = 1 << 20
)

func newTroubledShop(start time.Time) *troubledShop {
	never := start.AddDate(1, 0, 0)
	s := &troubledShop{start: start.Truncate(time.Second), begin: never, end: never}
	for _, job := range []string{"frontend", "gateway", "checkout", "api"} {
		service := []string{"namespace", "shop", "job", job}
		s.add("job:http_requests:rate5m", service, s.level(100, job == "gateway", 2))
		s.add("job:cache_hits:ratio", service, s.level(0.7, job == "gateway", 0.6))
		s.add("job:http_latency_seconds:p99", service, s.level(0.2, job == "checkout", 3))
		s.add("job:http_errors:ratio", service, s.level(0.01, job == "api", 15))
	}
	for _, container := range []string{"worker", "payments", "frontend"} {
		for i := range 2 {
			pod := []string{"namespace", "shop", "container", container, "pod", fmt.Sprintf("%s-%d", container, i)}
			s.add("kube_pod_container_status_restarts_total", pod, s.restarts(uint64(i), container == "worker"))
			if container == "payments" && i == 1 {
				s.addLeak(pod)
				continue
			}
			s.add("container_memory_working_set_bytes", pod, s.level(300*mebibyte, false, 0))
			s.add("kube_pod_container_resource_limits", append(pod, "resource", "memory"), always(1024*mebibyte))
		}
	}
	return s
}

func (s *troubledShop) add(name string, lset []string, value func(at time.Time) (float64, bool)) {
	s.series = append(s.series, shopSeries{name, lset, value})
}

// trouble has the troubles begin now, for a while.
func (s *troubledShop) trouble(lasting time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.begin = time.Now()
	s.end = s.begin.Add(lasting)
}

// troubled tells for how long there has been trouble at a time, and whether there is still.
func (s *troubledShop) troubled(at time.Time) (lasted time.Duration, still bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return max(0, min(at.Sub(s.begin), s.end.Sub(s.begin))), !at.Before(s.begin) && at.Before(s.end)
}

func always(v float64) func(time.Time) (float64, bool) {
	return func(time.Time) (float64, bool) { return v, true }
}

// level is a level with noise of a hundredth; in trouble, if it has any, a multiple of it.
func (s *troubledShop) level(level float64, troubles bool, factor float64) func(time.Time) (float64, bool) {
	seed := uint64(len(s.series))
	return func(at time.Time) (float64, bool) {
		noise := rand.New(rand.NewPCG(seed, uint64(at.Unix()))).NormFloat64()
		v := level * (1 + 0.01*noise)
		if _, still := s.troubled(at); still && troubles {
			v *= factor
		}
		return v, true
	}
}

// restarts are one in half an hour, and in trouble two a second.
func (s *troubledShop) restarts(seed uint64, troubles bool) func(time.Time) (float64, bool) {
	return func(at time.Time) (float64, bool) {
		n := at.Unix() / (1777 + 24*int64(seed))
		if lasted, _ := s.troubled(at); troubles {
			n += int64(lasted.Seconds() * 2)
		}
		return float64(n), true
	}
}

// addLeak adds a pod whose memory has grown since its start and will reach its limit. When the trouble is over, the pod
// has been replaced.
func (s *troubledShop) addLeak(pod []string) {
	const (
		limit  = 1024 * mebibyte
		base   = 300 * mebibyte
		growth = float64(limit-base) / float64(leakingSince+leakingUntil)
	)
	noise := s.level(base, false, 0)
	there := func(value func(at time.Time) float64) func(at time.Time) (float64, bool) {
		return func(at time.Time) (float64, bool) {
			lasted, still := s.troubled(at)
			return value(at), at.After(s.start.Add(-leakingSince)) && (lasted == 0 || still)
		}
	}
	s.add("container_memory_working_set_bytes", pod, there(func(at time.Time) float64 {
		v, _ := noise(at)
		return min(limit, v+growth*float64(at.Sub(s.start.Add(-leakingSince))))
	}))
	s.add("kube_pod_container_resource_limits", append(pod, "resource", "memory"),
		there(func(time.Time) float64 { return limit }))
}

// history are the series until the live ones begin.
func (s *troubledShop) history() []servers.Series {
	var all []servers.Series
	for _, one := range s.series {
		lset := labels.FromStrings(append([]string{labels.MetricName, one.name}, one.labels...)...)
		all = append(all, servers.Series{Labels: lset, Samples: func(yield func(int64, float64) bool) {
			for at := s.start.Add(-troubledHistory); at.Before(s.start); at = at.Add(15 * time.Second) {
				if v, ok := one.value(at); ok && !yield(at.UnixMilli(), v) {
					return
				}
			}
		}})
	}
	return all
}

// expose writes the series as they are now. Those without an instance say so, or the target's own labels would be put
// in.
func (s *troubledShop) expose(now time.Time) string {
	var b strings.Builder
	for _, one := range s.series {
		v, ok := one.value(now)
		if !ok {
			continue
		}
		lset := map[string]string{"job": "", "instance": ""}
		for i := 0; i < len(one.labels); i += 2 {
			lset[one.labels[i]] = one.labels[i+1]
		}
		b.WriteString(one.name + "{")
		for name, value := range lset {
			b.WriteString(name + "=" + strconv.Quote(value) + ",")
		}
		b.WriteString("} " + strconv.FormatFloat(v, 'g', -1, 64) + "\n")
	}
	return b.String()
}
