package backtest

import (
	"math"
	"time"

	"github.com/prometheus/prometheus/model/labels"

	"github.com/anomaly-exporter/anomaly-exporter/replicas"
)

// Scaler summarizes the replay of a scaler.
type Scaler struct {
	Name          string
	Series, Steps int // series, and steps with a recommendation
	Up, Down      int // changes of the recommendation
	Strategies    [replicas.NumStrategies]Strategy
	Largest       *labels.Labels // input of the workload that had the most replicas; nil: none
	Horizon       time.Duration  // of that workload, as it was known in the end
}

// Strategy describes what one way of choosing the number of replicas would have cost, counted as the live program
// counts it.
type Strategy struct {
	Replicas     float64 // mean per workload; NaN without a step with a known load
	ReplicaHours float64
	Cost         float64       // NaN: the cost of a replica is unknown
	Under        time.Duration // time in which the load exceeded the capacity of the replicas
	UnderShare   float64       // of the time; NaN without a step with a known load
}

func (r *replay) reportScaler() Scaler {
	s := Scaler{Name: r.source.Name, Series: len(r.order), Up: r.totals.Raised, Down: r.totals.Lowered}
	most := 0.0
	for _, series := range r.order {
		s.Steps += series.recommended
		if series.replicas > most {
			most, s.Largest, s.Horizon = series.replicas, &series.input, series.horizon
		}
	}
	for i := range s.Strategies {
		seconds := r.totals.ReplicaSeconds[i]
		s.Strategies[i] = Strategy{
			Replicas:     seconds / r.totals.Seconds,
			ReplicaHours: seconds / 3600,
			Cost:         seconds / 3600 * r.scaler.CostPerReplicaHour,
			Under:        time.Duration(r.totals.UnderSeconds[i]) * time.Second,
			UnderShare:   r.totals.UnderSeconds[i] / r.totals.Seconds,
		}
		if r.scaler.CostPerReplicaHour == 0 {
			s.Strategies[i].Cost = math.NaN()
		}
	}
	return s
}
