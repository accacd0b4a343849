// Package replicas turns a load, its forecast and what a replica can carry into a number of replicas, says what following that number would have
// meant, and turns the usage of containers into resource requests.
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
	Stabilization Source = "stabilization" // a larger number that was wanted before
)

// Options of a workload.
type Options struct {
	Step          time.Duration // between two observations
	Min, Max      int           // bounds of the recommendation
	Horizon       int           // the longest horizon that an Observation may have, in steps
	MaxError      float64       // error relative to the seasonal naive from which forecasts are not trusted
	Stabilization time.Duration // how long a larger number holds a smaller one back
}

func (o Options) validate() error {
	switch {
	case o.Step <= 0:
		return errors.New("step must be positive")
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

// Recommendation is a number of replicas and what decided it.
type Recommendation struct {
	Replicas int
	Source   Source
}

// want returns the replicas that carry the load now and the load forecast over the horizon: clamp(max(predictive, reactive)). forecast is NaN
// if there is none to be trusted.
func (o Options) want(load, forecast, capacity float64) Recommendation {
	r := Recommendation{carry(load, capacity, o.Max), Current}
	if n := carry(forecast, capacity, o.Max); n > r.Replicas {
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

// clamp returns the replicas that carry a load, within the bounds.
func (o Options) clamp(load, capacity float64) int {
	return min(max(carry(load, capacity, o.Max), o.Min), o.Max)
}

// carry returns how many replicas carry a load: none for a load that is unknown, limit+1 for all that is over the limit. Rounding up forgives
// what float arithmetic adds to a whole number of replicas.
func carry(load, capacity float64, limit int) int {
	n := math.Ceil(load/capacity - 1e-9)
	switch {
	case !(n > 0):
		return 0
	case n > float64(limit):
		return limit + 1
	}
	return int(n)
}

// known says whether v is a number.
func known(v float64) bool { return !math.IsNaN(v) && !math.IsInf(v, 0) }
