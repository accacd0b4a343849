package config

import (
	"maps"
	"math"
	"reflect"
	"slices"

	"github.com/anomaly-exporter/anomaly-exporter/config/document"
)

// maxInputs is the largest number of inputs of a detector (chosen, not tuned).
const maxInputs = 8

// Multivariate reports whether the detector scores several signals, its Inputs, as one vector.
func (d *Detector) Multivariate() bool { return len(d.Inputs) > 0 }

// Exprs returns the expressions that are read: Expr, or the Inputs in the order of InputNames.
func (d *Detector) Exprs() []Expr {
	if !d.Multivariate() {
		return []Expr{d.Expr}
	}
	var all []Expr
	for _, name := range d.InputNames() {
		all = append(all, d.Inputs[name])
	}
	return all
}

// InputNames returns the names of the inputs, sorted. Vectors have the inputs in this order.
func (d *Detector) InputNames() []string { return slices.Sorted(maps.Keys(d.Inputs)) }

// checkInputs checks that there is either one expression, or inputs and how to join them.
func (d *Detector) checkInputs(s *document.Section) {
	if !s.Has("inputs") {
		s.Require(!d.Expr.IsZero(), "expr", "is missing")
		s.Require(!s.Has("by"), "by", "requires inputs")
		return
	}
	if !d.Expr.IsZero() {
		s.Errorf(s.LastOf("expr inputs"), "only one of expr and inputs may be set")
		return
	}
	s.Require(len(d.Inputs) >= 2 && len(d.Inputs) <= maxInputs, "inputs",
		"want 2 to %d of them, got %d", maxInputs, len(d.Inputs))
	for _, name := range d.InputNames() {
		key := "inputs." + name
		s.Require(legalName.MatchString(name), key, "%q must match %s", name, legalName)
		s.Require(!d.Inputs[name].IsZero(), key, "is empty")
	}
	checkLabelNames(s, "by", d.By)
	d.checkMultivariate(s)
}

// checkMultivariate reports settings that do not apply to a vector: it has no unit and no direction, and is not
// forecast.
func (d *Detector) checkMultivariate(s *document.Section) {
	const notAllowed = "cannot be used with inputs"
	plain := defaultScorer()
	s.Require(d.Scorer.Model == plain.Model, "scorer.model", notAllowed)
	s.Require(d.Scorer.Direction == plain.Direction, "scorer.direction", notAllowed)
	s.Require(d.Scorer.MinDeviation == 0, "scorer.min_deviation", notAllowed)
	s.Require(d.Scorer.MinRelativeDeviation == 0, "scorer.min_relative_deviation", notAllowed)
	s.Require(d.Scorer.Weight == nil, "scorer.weight", notAllowed)
	s.Require(d.Bounds == Bounds{}, "bounds", notAllowed)
	s.Require(len(d.Forecaster.Horizons) == 0, "forecaster.horizons", notAllowed)
	plainForecaster := defaultForecaster()
	plainForecaster.Horizons = d.Forecaster.Horizons
	s.Require(reflect.DeepEqual(d.Forecaster, plainForecaster), "forecaster", notAllowed)
	s.Require(d.PoolBy == nil, "pool_by", notAllowed)
	s.Require(d.DataRange == unlimited(), "data_range", notAllowed)
}

// unlimited returns the range of all numbers.
func unlimited() [2]float64 { return [2]float64{math.Inf(-1), math.Inf(1)} }
