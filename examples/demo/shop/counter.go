package shop

import (
	"math"
	"sync"
)

// integral is the integral over time of a rate per second that is constant within each minute.
// It remembers the sums up to each full minute that has been asked for.
type integral struct {
	from int64 // a full minute
	rate func(ms int64) float64

	mu   sync.Mutex
	sums []float64 // at from, from + 1m, ...
}

func newIntegral(from int64, rate func(ms int64) float64) *integral {
	return &integral{from: floorDiv(from, minute) * minute, rate: rate, sums: []float64{0}}
}

// at returns the integral from the start to ms, which is not before the start.
func (i *integral) at(ms int64) float64 {
	n := (ms - i.from) / minute
	i.mu.Lock()
	defer i.mu.Unlock()
	for int64(len(i.sums)) <= n+1 {
		last := int64(len(i.sums) - 1)
		i.sums = append(i.sums, i.sums[last]+60*i.rate(i.from+last*minute))
	}
	within := float64(ms-i.from-n*minute) / float64(minute)
	return i.sums[n] + within*(i.sums[n+1]-i.sums[n])
}

// counter returns a counter of the pod. It starts from zero at each start of the container.
func (p *pod) counter(rate func(ms int64) float64) func(ms int64) float64 {
	total := newIntegral(p.from, rate)
	return func(ms int64) float64 {
		_, started := p.restarted(ms)
		return total.at(ms) - total.at(started)
	}
}

// events returns a counter of whole numbers.
func (p *pod) events(rate func(ms int64) float64) func(ms int64) float64 {
	count := p.counter(rate)
	return func(ms int64) float64 { return math.Floor(count(ms)) }
}
