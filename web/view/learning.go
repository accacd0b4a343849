package view

import (
	"time"

	"github.com/anomaly-exporter/anomaly-exporter/detector/result"
	"github.com/anomaly-exporter/anomaly-exporter/detector/result/meaning"
)

// Learning is how much history a series has of what it needs for a first score.
type Learning = meaning.Learning

// learning returns how far a series is; nil: it does not wait for history, or when it will have enough is not known.
func (v *View) learning(b *result.Batch, s *result.Series) *Learning {
	return meaning.LearningOf(b, s, v.needs(b.Source))
}

// needs returns the min_history of a detector or scaler; 0: not known.
func (v *View) needs(source result.Source) time.Duration {
	if c := v.scaler(source); c != nil {
		return time.Duration(c.MinHistory)
	}
	if d := v.detector(source); d != nil {
		return time.Duration(d.MinHistory)
	}
	return 0
}
