package config

import (
	"errors"
	"math"

	"go.yaml.in/yaml/v3"

	"github.com/anomaly-exporter/anomaly-exporter/config/document"
)

// Scorer says how to score values.
type Scorer struct {
	Model                string  `yaml:"model"`
	Direction            string  `yaml:"direction"`              // which deviations are anomalous: above, below or both
	Contamination        float64 `yaml:"contamination"`          // share of the history that is taken for incidents
	Trees                int     `yaml:"trees"`                  // of an isolation forest
	Subsample            int     `yaml:"subsample"`              // number of points that a tree is grown from
	MinDeviation         float64 `yaml:"min_deviation"`          // in the unit of the series
	MinRelativeDeviation float64 `yaml:"min_relative_deviation"` // as a share of the expected value
	Weight               *Weight `yaml:"weight,omitempty"`       // how many events are behind a value
}

// Weight is an expression whose result is joined to the series of a detector.
type Weight struct {
	Expr Expr
	On   []string // nil: all labels that both have
}

// UnmarshalYAML accepts an expression or a Selector.
func (w *Weight) UnmarshalYAML(unmarshal func(any) error) error {
	*w = Weight{}
	var sel Selector
	err := unmarshal(&sel)
	if err == nil {
		w.Expr, w.On = sel.Expr, sel.On
		return nil
	}
	if _, ok := errors.AsType[*yaml.TypeError](err); !ok {
		return err
	}
	return unmarshal(&w.Expr)
}

// MarshalYAML returns an expression or a Selector.
func (w Weight) MarshalYAML() (any, error) {
	if w.On == nil {
		return w.Expr, nil
	}
	return Selector(w), nil
}

// defaultScorer returns the defaults. Trees and Subsample are those of the isolation forest paper (Liu, Ting and Zhou
// 2008, section 4).
func defaultScorer() Scorer {
	return Scorer{Model: "auto", Direction: "both", Contamination: 0.05, Trees: 100, Subsample: 256}
}

func (sc Scorer) check(s *document.Section) {
	s.OneOf("scorer.model", sc.Model, "auto", "seasonal", "isolation_forest", "mad", "zscore")
	s.OneOf("scorer.direction", sc.Direction, "above", "below", "both")
	s.Require(sc.Contamination >= 0 && sc.Contamination < 0.5, "scorer.contamination",
		"%v is not at least 0 and below 0.5", sc.Contamination)
	s.Require(sc.Trees >= 1 && sc.Trees <= 10_000, "scorer.trees", "%d is not in the range 1 to 10000", sc.Trees)
	s.Require(sc.Subsample >= 2 && sc.Subsample <= 32_768, "scorer.subsample",
		"%d is not in the range 2 to 32768", sc.Subsample)
	checkDeviation(s, "scorer.min_deviation", sc.MinDeviation)
	checkDeviation(s, "scorer.min_relative_deviation", sc.MinRelativeDeviation)
	(*Selector)(sc.Weight).check(s, "scorer.weight")
}

func checkDeviation(s *document.Section, key string, v float64) {
	s.Require(v >= 0 && !math.IsInf(v, 1), key, "%v is negative or not finite", v)
}

// checkShare requires a number above 0 and below 1.
func checkShare(s *document.Section, key string, v float64) {
	s.Require(v > 0 && v < 1, key, "%v is not between 0 and 1", v)
}
