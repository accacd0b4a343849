package config

import "math"

// Scorer says how a value becomes a score.
type Scorer struct {
	Model                string  `yaml:"model"`
	Direction            string  `yaml:"direction"`              // above, below, both: what is strange
	Contamination        float64 `yaml:"contamination"`          // share of the history taken as incidents
	Trees                int     `yaml:"trees"`                  // of an isolation forest
	Subsample            int     `yaml:"subsample"`              // points a tree is grown from
	MinDeviation         float64 `yaml:"min_deviation"`          // in the unit of the series
	MinRelativeDeviation float64 `yaml:"min_relative_deviation"` // as a share of what was expected
}

func defaultScorer() Scorer {
	return Scorer{Model: "auto", Direction: "both", Contamination: 0.05, Trees: 100, Subsample: 256}
}

func (sc Scorer) check(s *section) {
	s.oneOf("scorer.model", sc.Model, "auto", "seasonal", "isolation_forest", "mad", "zscore")
	s.oneOf("scorer.direction", sc.Direction, "above", "below", "both")
	s.require(sc.Contamination >= 0 && sc.Contamination < 0.5, "scorer.contamination",
		"%v is not at least 0 and below 0.5", sc.Contamination)
	s.require(sc.Trees >= 1 && sc.Trees <= 10_000, "scorer.trees", "%d is not within 1 and 10000", sc.Trees)
	s.require(sc.Subsample >= 2 && sc.Subsample <= 65_536, "scorer.subsample",
		"%d is not within 2 and 65536", sc.Subsample)
	checkDeviation(s, "scorer.min_deviation", sc.MinDeviation)
	checkDeviation(s, "scorer.min_relative_deviation", sc.MinRelativeDeviation)
}

func checkDeviation(s *section, key string, v float64) {
	s.require(v >= 0 && !math.IsInf(v, 1), key, "%v is negative or not finite", v)
}

// checkShare requires a number between 0 and 1, neither included.
func checkShare(s *section, key string, v float64) {
	s.require(v > 0 && v < 1, key, "%v is not between 0 and 1", v)
}
