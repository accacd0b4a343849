// Package scorer says how anomalous each value of a series is, from 0 to 1, and why.
//
// Three models score the steps after a training window, one by one. Each is composed of the same parts:
//
//   - a baseline says which value is normal at a step (packages baseline and peergroup): a Model expects it from season
//     and recent level, a Group from the other members, a Multivariate from season and level of each of its inputs;
//   - statistics measure how far a step is from that (deviations here, and packages pca and isolationforest);
//   - a calibration turns the statistics into the return period that their own past gives them, and into a score
//     (package calibration). What is nearly always the same has no tails: there, the time counts for which it is
//     something else (package change).
//
// So a score means the same for every series: 0.8 is once in five weeks of normal life.
//
// Everything is a function of the options and the values: no clock, no global state, no randomness but the seed.
package scorer

import (
	"cmp"
	"math"
	"slices"

	"github.com/anomaly-exporter/anomaly-exporter/scorer/baseline"
	"github.com/anomaly-exporter/anomaly-exporter/scorer/calibration"
	"github.com/anomaly-exporter/anomaly-exporter/scorer/grid"
)

// Why a series cannot be scored. The text of each is the one-word reason that is shown to people.
var (
	// ErrShortHistory says that the window holds too few steps to know what is normal.
	ErrShortHistory = baseline.ErrShortHistory
	// ErrGaps says that the window is long enough, but mostly empty.
	ErrGaps = baseline.ErrGaps
	// ErrConstant says that the model asked for by name has no scale on a series that never changes.
	ErrConstant = baseline.ErrConstant
)

// A Score tells how anomalous a step is.
type Score struct {
	// Value is 0 to 1: log10(R / 5m) / 5 of the return period R, compressed above 0.8 so that it stays below 1. A value
	// outside of the data range has 1. NaN where there is no score.
	Value float64
	// ReturnPeriod is R in seconds: how often normal life looks at least this anomalous. It is never compressed: at a
	// Value of 0.9 it is up to 347 days. Beyond the length of the window it is an extrapolation. It goes no further than
	// the statistics support, alone or together, which Value does not mind, and ends at 100,000 times From to To: this
	// is also the period of a value outside of the data range. At least 300; NaN where there is no score.
	ReturnPeriod float64
	// Expected is the value that the past makes normal. Beyond Lower and Upper the distance from it is by itself rarer
	// than once in 3.5 days. They are in the unit of the series, and known before the step, but for those of a Group,
	// which come from the other members at the same step. NaN if unknown, and of a Multivariate.
	Expected, Lower, Upper float64
	// From and To are the first and the last step (ms) that the model has learned from.
	From, To int64
	// Contributions tell what made the step anomalous, the largest first; nil below the explain threshold.
	Contributions []Contribution
}

// A Contribution is the share of a feature in a score; those of a score sum to 1. Features are "level", "trend",
// "volatility", "pattern", "change" of a series that was constant, "stuck" of one that is now, and "range" outside
// of the data range. A Group has "peers" in place of "level", "change" and "stuck", a Multivariate its inputs' names.
type Contribution struct {
	Feature string
	Share   float64
}

// Surprise returns by how many powers of ten the return period exceeds 5 minutes, not capped as ReturnPeriod is; NaN
// where there is no score, +Inf outside of the data range.
func (s Score) Surprise() float64 { return calibration.Inverse(s.Value) }

// unknown returns a Score of a step that has none.
func unknown(learned grid.Span) Score {
	nan := math.NaN()
	return Score{Value: nan, ReturnPeriod: nan, Expected: nan, Lower: nan, Upper: nan, From: learned.From, To: learned.To}
}

const (
	// shortestPeriod is the return period of score 0 in seconds (protocol).
	shortestPeriod = 300
	// supported is how many times the length of a window a return period may be. Chosen: what is rarer than once in
	// 1,000 windows is too rare to be tested, but a fleet of 100,000 series that may have a false alert a week has to tell
	// it from what is rarer still.
	supported = 100_000
)

// set sets the score and the return period, whose decimal logarithm in units of 5 minutes is given.
func (s *Score) set(logPeriod float64) { s.setSupported(logPeriod, logPeriod) }

// setSupported sets the score by one return period, and the return period by the part of it that is supported. Only
// that one is capped: the score still tells which of two steps is more anomalous.
func (s *Score) setSupported(logPeriod, supportedLog float64) {
	s.Value = calibration.Score(logPeriod)
	s.ReturnPeriod = 0
	s.support(supportedLog)
}

// support raises the return period to one that is supported.
func (s *Score) support(log float64) {
	longest := max(supported*float64(s.To-s.From)/1000, shortestPeriod)
	s.ReturnPeriod = max(s.ReturnPeriod, min(calibration.Seconds(log), longest))
}

// explainBy makes a feature the only contribution, if the score is worth an explanation.
func (s *Score) explainBy(feature string, threshold float64) {
	if s.Value >= threshold {
		s.Contributions = []Contribution{{feature, 1}}
	}
}

// contributions returns the shares of the parts that are above 0, the largest first; nil if there are none.
func contributions[T float32 | float64](names []string, parts []T) []Contribution {
	var sum float64
	for _, p := range parts {
		sum += float64(p)
	}
	if sum == 0 {
		return nil
	}
	c := make([]Contribution, 0, len(names))
	for i, name := range names {
		if p := parts[i]; p > 0 {
			c = append(c, Contribution{name, float64(p) / sum})
		}
	}
	slices.SortStableFunc(c, func(a, b Contribution) int { return cmp.Compare(b.Share, a.Share) })
	return c
}
