package result

import (
	"math"
	"slices"
	"time"

	"github.com/anomaly-exporter/anomaly-exporter/scorer"
)

// Value returns the value of an input at the step; NaN if there is none.
func (b *Batch) Value(s *Series, input int) float64 {
	if input >= len(s.History) {
		return math.NaN() // the results are stale
	}
	v, _ := s.History[input].Value(b.Step)
	return v
}

// Before returns the value of the first input d before the step, as it was read; NaN if there is none. d is at most two
// days.
func (b *Batch) Before(s *Series, d time.Duration) float64 {
	if len(s.History) == 0 {
		return math.NaN()
	}
	v, _ := s.History[0].At(b.Step - d.Milliseconds())
	return v
}

// Explain explains the score of a series. Of several inputs it describes the one that contributes most, and returns its
// name as leading; leading is "" if that is not known or there is only one input.
func (b *Batch) Explain(s *Series) (e scorer.Explanation, leading string) {
	input := 0
	if len(b.Format.Inputs) > 1 {
		if len(s.Score.Contributions) == 0 {
			return scorer.Explain(s.Score, b.Format.Step, 0, func(int) float64 { return math.NaN() }), ""
		}
		leading = s.Score.Contributions[0].Feature
		input = slices.IndexFunc(b.Format.Inputs, func(in Input) bool { return in.Name == leading })
	}
	value := func(back int) float64 {
		before := time.Duration(back) * b.Format.Step
		// How much more than Fine is known depends on when the program was started.
		if before >= b.Format.Fine || input >= len(s.History) {
			return math.NaN()
		}
		v, _ := s.History[input].Value(b.Step - before.Milliseconds())
		return v
	}
	return scorer.Explain(s.Score, b.Format.Step, b.Format.Inputs[input].Counts, value), leading
}
