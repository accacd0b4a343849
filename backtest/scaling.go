package backtest

import (
	"math"
	"slices"

	"github.com/anomaly-exporter/anomaly-exporter/config"
)

// scaling follows what a workload would have had, had its recommendations been followed, and beside it what a reactive autoscaler would have given
// it: the load now over the capacity, held as long as the scaler holds. Either way a replica serves once it has been wanted for the horizon,
// and leaves at once.
type scaling struct {
	config               *config.Scaler
	wanted               recent // reactively, before it is held
	recommended, current recent // over the horizon
	steps, sum, max      int
	compared             int // steps with a load and a capacity
	sumReactive          int
	judged               int // of those compared, once the horizon has passed
	under, underReactive int
}

func newScaling(c *config.Scaler) *scaling {
	horizon := int(c.Horizon.Duration / c.Step)
	return &scaling{
		config:      c,
		wanted:      recent{size: int(c.ScaleDownStabilization/c.Step) + 1},
		recommended: recent{size: horizon + 1},
		current:     recent{size: horizon + 1},
	}
}

// add takes a step. The load is NaN if it came late: then only the recommendation counts.
func (s *scaling) add(replicas int, load float64) {
	s.steps++
	s.sum += replicas
	s.max = max(s.max, replicas)
	capacity := s.config.CapacityPerReplica.Value
	if math.IsNaN(load) || !(capacity > 0) {
		return
	}
	reactive := math.Ceil(load/capacity - 1e-9) // forgives rounding, as the scaler does
	s.wanted.push(int(min(max(reactive, float64(s.config.MinReplicas)), float64(s.config.MaxReplicas))))
	held := slices.Max(s.wanted.values)
	s.compared++
	s.sumReactive += held
	s.current.push(held)
	s.recommended.push(replicas)
	if len(s.recommended.values) < s.recommended.size {
		return
	}
	short := func(r recent) int {
		if load > float64(slices.Min(r.values))*capacity*(1+1e-9) {
			return 1
		}
		return 0
	}
	s.judged++
	s.under += short(s.recommended)
	s.underReactive += short(s.current)
}

// recent holds the last values pushed.
type recent struct {
	size   int
	values []int
}

func (r *recent) push(v int) {
	if len(r.values) == r.size {
		r.values = append(r.values[:0], r.values[1:]...)
	}
	r.values = append(r.values, v)
}
