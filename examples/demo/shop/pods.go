package shop

import (
	"fmt"
	"math"
	"slices"
	"sort"
	"strconv"
)

// frontendCapacity is the number of requests per second that a frontend pod serves well.
const frontendCapacity = 100

// workload is a Deployment or a StatefulSet.
type workload struct {
	name     string
	replicas int
	stateful bool
	rollouts []int64 // each replaces all pods, one after the other
	drains   []drain // each moves one pod to another node
	memory   float64 // bytes that a pod has in use
	limit    float64
}

type drain struct {
	at   int64
	slot int
}

var (
	frontend = workload{
		name: "frontend", replicas: 5, memory: 210 * mebibyte, limit: 512 * mebibyte,
		rollouts: []int64{-12*day - 8*hour, -9*day - 5*hour, -5*day - 7*hour, -2*day - 8*hour},
		drains:   []drain{{-7*day - 3*hour, 2}},
	}
	api = workload{
		name: "api", replicas: 4, memory: 380 * mebibyte, limit: 768 * mebibyte,
		rollouts: []int64{-10*day - 6*hour, -6*day - 9*hour, -3*day - 4*hour},
		drains:   []drain{{-9 * hour, 3}},
	}
	payments = workload{
		name: "payments", replicas: 3, memory: 330 * mebibyte, limit: 1024 * mebibyte,
		rollouts: []int64{-8*day - 5*hour, leakRollout},
	}
	worker = workload{
		name: "worker", replicas: 3, memory: 190 * mebibyte, limit: 512 * mebibyte,
		rollouts: []int64{-11*day - 7*hour, -4*day - 6*hour},
	}
	redis = workload{name: "redis", replicas: 2, stateful: true, memory: 1200 * mebibyte, limit: 2048 * mebibyte}
)

// pod is a pod from its start to its end. Its container may restart in between.
type pod struct {
	of       *workload
	slot     int // its index among the replicas
	name     string
	node     string
	instance string
	seed     uint64
	from, to int64   // to is exclusive
	restarts []int64 // of the container, ascending
	leaks    bool
}

// rolloutPause is the time between the replacements of two pods.
const rolloutPause = 90 * second

// pods returns all pods that a workload ever has.
func (w *workload) pods() []*pod {
	var all []*pod
	for slot := range w.replicas {
		var replaced []int64
		for _, at := range w.rollouts {
			replaced = append(replaced, at+int64(slot)*rolloutPause)
		}
		for _, d := range w.drains {
			if d.slot == slot {
				replaced = append(replaced, d.at)
			}
		}
		slices.Sort(replaced)
		from := opened
		for i := 0; i <= len(replaced); i++ {
			to := int64(math.MaxInt64)
			if i < len(replaced) {
				to = replaced[i]
			}
			all = append(all, w.pod(slot, i, from, to))
			from = to
		}
	}
	return all
}

// generation is the number of times that the deployment was rolled out, and one for its creation.
func (w *workload) generation(ms int64) float64 {
	rolledOut, _ := slices.BinarySearch(w.rollouts, ms+1)
	return float64(1 + rolledOut)
}

func (w *workload) pod(slot, life int, from, to int64) *pod {
	p := &pod{of: w, slot: slot, from: from, to: to}
	p.seed = seedOf(w.name, strconv.Itoa(slot), strconv.Itoa(life))
	if w.stateful {
		p.name = fmt.Sprintf("%s-%d", w.name, slot)
	} else {
		revision, _ := slices.BinarySearch(w.rollouts, from-int64(slot)*rolloutPause+1)
		p.name = fmt.Sprintf("%s-%s-%s", w.name, letters(seedOf(w.name, strconv.Itoa(revision)), 9), letters(p.seed, 5))
	}
	p.node = fmt.Sprintf("node-%d", 1+p.seed%4)
	p.instance = fmt.Sprintf("10.0.%d.%d:8080", 1+p.seed%4, 10+p.seed>>8%200)
	p.leaks = w == &payments && slot == leakingSlot && from >= leakRollout
	p.restarts = p.crashes()
	return p
}

// letters returns a random suffix as Kubernetes does, from letters that do not form words.
func letters(seed uint64, n int) string {
	const alphabet = "bcdfghjklmnpqrstvwxz2456789"
	name := make([]byte, n)
	for i := range name {
		name[i] = alphabet[hash64(seed+uint64(i))%uint64(len(alphabet))]
	}
	return string(name)
}

// crashes returns when the container of the pod restarts: sometimes at random, and where the story requires it.
func (p *pod) crashes() []int64 {
	var at []int64
	for d := opened / day; d < 0; d++ {
		if uniform(p.seed, d) < 0.12 {
			at = append(at, d*day+int64(uniform(p.seed+1, d)*float64(12*hour)))
		}
	}
	if p.of == &worker {
		turn := 0 // the pods crash one after the other
		next := func(ms int64) {
			if turn%p.of.replicas == p.slot {
				at = append(at, ms)
			}
			turn++
		}
		for _, m := range crashes {
			next(m * minute)
		}
		for ms := int64(0); ms < crashUntil; ms += crashEvery {
			next(ms)
		}
	}
	if p.leaks {
		// The kernel kills it at its limit, and it starts over.
		full := int64((p.of.limit - p.of.memory) / leakPerHour * float64(hour))
		for ms := p.from + full; ms < crashUntil; ms += full {
			at = append(at, ms)
		}
	}
	slices.Sort(at)
	at = slices.DeleteFunc(at, func(ms int64) bool { return ms <= p.from || ms >= p.to })
	return at
}

// restarted returns how often the container has restarted by then, and when it last started.
func (p *pod) restarted(ms int64) (times int, last int64) {
	n := sort.Search(len(p.restarts), func(i int) bool { return p.restarts[i] > ms })
	if n == 0 {
		return 0, p.from
	}
	return n, p.restarts[n-1]
}

// workingSet returns the memory in use, in bytes.
func (p *pod) workingSet(ms int64) float64 {
	_, started := p.restarted(ms)
	if started == opened {
		started -= day // it ran before
	}
	warm := 0.7 + 0.3*(1-math.Exp(-float64(ms-started)/float64(20*minute)))
	swing := 1 + 0.02*drift(p.seed+3, ms, 3*hour) + 0.01*drift(p.seed+4, ms, 4*minute) + 0.015*(visitors(ms)-280)/280
	used := p.of.memory * warm * swing
	if p.leaks {
		used += leakPerHour * float64(ms-started) / float64(hour)
	}
	return math.Floor(min(used, p.of.limit)/4096) * 4096
}
