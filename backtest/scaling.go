package backtest

import (
	"math"
	"time"

	"github.com/anomaly-exporter/anomaly-exporter/detector"
)

// Scaler is what the replay of a scaler has shown.
type Scaler struct {
	Name          string
	Series, Steps int // with a recommendation
	Up, Down      int // changes of the recommendation
	Strategies    [detector.NumStrategies]Strategy
}

// Strategy is what choosing the number of replicas in one way would have meant, as the program counts it while it runs.
type Strategy struct {
	Replicas     float64 // mean of a workload; NaN without a step with a known load
	ReplicaHours float64
	Cost         float64       // NaN if nobody knows what a replica costs
	Under        time.Duration // in which the load was over what the replicas carried that were there
	UnderShare   float64       // of the time; NaN without a step with a known load
}

func (r *replay) reportScaler() Scaler {
	s := Scaler{Name: r.name, Series: len(r.order), Up: r.account.Raised, Down: r.account.Lowered}
	for _, subject := range r.order {
		s.Steps += subject.recommended
	}
	for i := range s.Strategies {
		seconds := r.account.ReplicaSeconds[i]
		s.Strategies[i] = Strategy{
			Replicas:     seconds / r.account.Seconds,
			ReplicaHours: seconds / 3600,
			Cost:         seconds / 3600 * r.scaler.CostPerReplicaHour,
			Under:        time.Duration(r.account.UnderSeconds[i]) * time.Second,
			UnderShare:   r.account.UnderSeconds[i] / r.account.Seconds,
		}
		if r.scaler.CostPerReplicaHour == 0 {
			s.Strategies[i].Cost = math.NaN()
		}
	}
	return s
}
