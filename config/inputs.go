package config

import (
	"maps"
	"math"
	"reflect"
	"slices"
)

// maxInputs is how many signals fit into one vector.
const maxInputs = 8

// Joint says whether the detector scores several signals as one: its Inputs.
func (d *Detector) Joint() bool { return len(d.Inputs) > 0 }

// Exprs are what is read: Expr, or the Inputs in the order of their names.
func (d *Detector) Exprs() []Expr {
	if !d.Joint() {
		return []Expr{d.Expr}
	}
	var all []Expr
	for _, name := range d.InputNames() {
		all = append(all, d.Inputs[name])
	}
	return all
}

// InputNames are the names of the inputs, in the order in which a vector has them.
func (d *Detector) InputNames() []string { return slices.Sorted(maps.Keys(d.Inputs)) }

// checkInputs checks where the series come from: one expression, or inputs and how
// they are joined.
func (d *Detector) checkInputs(s *section) {
	_, given := s.lines["inputs"]
	if !given {
		s.require(!d.Expr.IsZero(), "expr", "is missing")
		s.require(s.lines["by"] == 0, "by", "is of no use without inputs")
		return
	}
	if !d.Expr.IsZero() {
		s.errorf(s.mentioned("expr inputs"), "only one of expr and inputs may be set")
		return
	}
	s.require(len(d.Inputs) >= 2 && len(d.Inputs) <= maxInputs, "inputs", "%d of them, not 2 to %d", len(d.Inputs), maxInputs)
	for _, name := range d.InputNames() {
		key := "inputs." + name
		s.require(legalName.MatchString(name), key, "%q must match %s", name, legalName)
		s.require(!d.Inputs[name].IsZero(), key, "is empty")
	}
	checkLabelNames(s, "by", d.By)
	d.checkJoint(s)
}

// checkJoint refuses what has no meaning for a vector: it has no unit, no direction
// and no future.
func (d *Detector) checkJoint(s *section) {
	const useless = "has no meaning with inputs"
	plain := defaultScorer()
	s.require(d.Scorer.Model == plain.Model, "scorer.model", useless)
	s.require(d.Scorer.Direction == plain.Direction, "scorer.direction", useless)
	s.require(d.Scorer.MinDeviation == 0, "scorer.min_deviation", useless)
	s.require(d.Scorer.MinRelativeDeviation == 0, "scorer.min_relative_deviation", useless)
	s.require(d.Bounds == Bounds{}, "bounds", useless)
	s.require(len(d.Forecaster.Horizons) == 0, "forecaster.horizons", useless)
	plainForecaster := defaultForecaster()
	plainForecaster.Horizons = d.Forecaster.Horizons
	s.require(reflect.DeepEqual(d.Forecaster, plainForecaster), "forecaster", useless)
	s.require(d.PoolBy == nil, "pool_by", useless)
	s.require(d.DataRange == unlimited(), "data_range", useless)
}

// unlimited is the range of any number.
func unlimited() [2]float64 { return [2]float64{math.Inf(-1), math.Inf(1)} }
