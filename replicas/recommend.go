// Package replicas says how many replicas a workload needs and how much CPU and memory its containers should request.
//
// A Workload turns the load, its forecast and the capacity of a replica into a number of replicas, step by step, and
// counts what following that number would have meant. Capacity and StartupSteps learn its inputs from a fleet.
// CPURequest and MemoryRequest turn the usage of a container into its resource requests.
package replicas

import (
	"errors"
	"fmt"
	"math"
	"time"
)

// roundingError is how much a quotient may exceed a whole number and still be rounded up to it: what float arithmetic
// adds is no replica. It is a guard.
const roundingError = 1e-9

// Source says what decided a recommendation.
type Source string

// What can decide a recommendation.
const (
	Forecast      Source = "forecast"      // the load that is forecast over the horizon
	Current       Source = "current"       // the load now
	Min           Source = "min"           // Options.Min
	Max           Source = "max"           // Options.Max
	Stabilization Source = "stabilization" // a larger number that was desired before
)

// Options of a workload.
type Options struct {
	Step          time.Duration // between two observations
	Min, Max      int           // bounds of the recommendation
	Horizon       int           // the longest horizon that an Observation may have, in steps
	Probability   float64       // of the quantiles in an Observation
	MaxError      float64       // Workload.Error above which the forecasts are not trusted
	Stabilization time.Duration // for how long a larger number holds a smaller one back
}

func (o Options) validate() error {
	switch {
	case o.Step <= 0:
		return errors.New("step must be positive")
	case o.Min < 0 || o.Max < o.Min:
		return fmt.Errorf("replicas from %d to %d are not a range", o.Min, o.Max)
	case o.Horizon < 1:
		return fmt.Errorf("horizon of %d steps must be at least one", o.Horizon)
	case !(o.Probability > 0 && o.Probability < 1):
		return fmt.Errorf("probability %v is not between 0 and 1", o.Probability)
	case !(o.MaxError > 0):
		return fmt.Errorf("max error %v must be positive", o.MaxError)
	case o.Stabilization < 0:
		return fmt.Errorf("stabilization %s must not be negative", o.Stabilization)
	}
	return nil
}

// Recommendation is a number of replicas and what decided it.
type Recommendation struct {
	Replicas int
	Source   Source
}

// desired returns the replicas for the load now and for the forecast load, whichever needs more, within the bounds.
// forecast is NaN if there is none to be trusted.
func (o Options) desired(load, forecast, capacity float64) Recommendation {
	r := Recommendation{replicasFor(load, capacity, o.Max), Current}
	if n := replicasFor(forecast, capacity, o.Max); n > r.Replicas {
		r = Recommendation{n, Forecast}
	}
	if r.Replicas < o.Min {
		r = Recommendation{o.Min, Min}
	}
	if r.Replicas > o.Max {
		r = Recommendation{o.Max, Max}
	}
	return r
}

// clamped returns the replicas for a load, within the bounds.
func (o Options) clamped(load, capacity float64) int {
	return min(max(replicasFor(load, capacity, o.Max), o.Min), o.Max)
}

// replicasFor returns how many replicas carry a load: none if the load is unknown, limit+1 if it needs more than limit.
func replicasFor(load, capacity float64, limit int) int {
	n := math.Ceil(load/capacity - roundingError)
	switch {
	case !(n > 0):
		return 0
	case n > float64(limit):
		return limit + 1
	}
	return int(n)
}

func isFinite(v float64) bool { return !math.IsNaN(v) && !math.IsInf(v, 0) }
