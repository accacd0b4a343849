// Package replicas turns a load, its forecast and what a replica can carry into a number of replicas.
package replicas

import (
	"errors"
	"fmt"
	"math"
	"time"
)

// Source says what decided a recommendation.
type Source string

// What can decide a recommendation.
const (
	Forecast      Source = "forecast"      // the load that is forecast over the horizon
	Current       Source = "current"       // the load now
	Min           Source = "min"           // Options.Min
	Max           Source = "max"           // Options.Max
	Stabilization Source = "stabilization" // a larger number within the stabilization window
)

// Options of a workload.
type Options struct {
	Step          time.Duration // between two observations
	Capacity      float64       // load that one replica carries, in the unit of the load
	Min, Max      int           // bounds of the recommendation
	Horizon       int           // steps ahead that the forecasts are made for
	MaxError      float64       // error relative to the seasonal naive from which forecasts are not trusted
	Stabilization time.Duration // how long a larger number holds a smaller one back
}

func (o Options) validate() error {
	switch {
	case o.Step <= 0:
		return errors.New("step must be positive")
	case !(o.Capacity > 0) || math.IsInf(o.Capacity, 0):
		return fmt.Errorf("capacity %v must be positive", o.Capacity)
	case o.Min < 0 || o.Max < o.Min:
		return fmt.Errorf("replicas from %d to %d are no range", o.Min, o.Max)
	case o.Horizon < 1:
		return fmt.Errorf("horizon of %d steps must be at least one", o.Horizon)
	case !(o.MaxError > 0):
		return fmt.Errorf("max error %v must be positive", o.MaxError)
	case o.Stabilization < 0:
		return fmt.Errorf("stabilization %s must not be negative", o.Stabilization)
	}
	return nil
}

// Input is what is known of a workload at one step.
type Input struct {
	Load     float64 // now
	Forecast float64 // upper quantile of the load's maximum over the horizon; NaN if there is none to be trusted
	Recent   int     // largest number wanted within the stabilization window before now
}

// Recommendation is a number of replicas and why.
type Recommendation struct {
	Replicas int    // to run
	Wanted   int    // the same before stabilization: what later steps compare with
	Source   Source // what decided Replicas
}

// Recommend returns the replicas that carry the load now and the load forecast over the horizon: clamp(max(predictive, reactive)). A number
// is lowered only once nothing within the stabilization window has asked for more, as the Kubernetes HPA does it. ok is false if the load is
// unknown: then nothing is recommended.
func Recommend(o Options, in Input) (r Recommendation, ok bool) {
	if math.IsNaN(in.Load) || math.IsInf(in.Load, 0) {
		return r, false
	}
	wanted, source := carry(in.Load, o), Current
	if f := carry(in.Forecast, o); f > wanted {
		wanted, source = f, Forecast
	}
	if wanted < o.Min {
		wanted, source = o.Min, Min
	}
	if wanted > o.Max {
		wanted, source = o.Max, Max
	}
	r = Recommendation{Replicas: wanted, Wanted: wanted, Source: source}
	if in.Recent > wanted {
		r.Replicas, r.Source = min(in.Recent, o.Max), Stabilization
	}
	return r, true
}

// carry returns how many replicas carry a load; none for a load that is unknown. Rounding up forgives what float arithmetic adds to a whole
// number of replicas.
func carry(load float64, o Options) int {
	n := math.Ceil(load/o.Capacity - 1e-9)
	switch {
	case !(n > 0):
		return 0
	case n > float64(o.Max):
		return o.Max + 1
	}
	return int(n)
}
