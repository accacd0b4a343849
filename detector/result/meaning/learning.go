package meaning

import (
	"fmt"
	"math"
	"time"

	"github.com/anomaly-exporter/anomaly-exporter/detector/result"
	"github.com/anomaly-exporter/anomaly-exporter/detector/result/humanize"
)

// Learning is how much history a series has of what it needs for a first score.
type Learning struct {
	KnownSeconds  float64   `json:"knownSeconds"`
	NeededSeconds float64   `json:"neededSeconds"` // min_history, or more if the model needs more
	FirstScore    time.Time `json:"firstScore"`    // when there will be one, if values keep coming
}

// LearningOf returns how far a series is; nil: it does not wait for history, or it is not known when it will have
// enough.
func LearningOf(b *result.Batch, s *result.Series) *Learning {
	needed := b.Format.MinHistory
	waits := s.State.Reason == result.ReasonShortHistory || s.State.Reason == result.ReasonFewSiblings
	if !waits || needed == 0 || len(s.History) == 0 {
		return nil
	}
	first := int64(math.MinInt64)
	for _, h := range s.History {
		at, ok := h.First(b.Step)
		if !ok {
			return nil
		}
		first = max(first, at)
	}
	known := time.Duration(b.Step-first) * time.Millisecond
	if known >= needed {
		return nil // the next fit tells
	}
	// The model is fitted at the step at which the history is long enough, and scores those after it.
	return &Learning{known.Seconds(), needed.Seconds(), time.UnixMilli(first).UTC().Add(needed + b.Format.Step)}
}

// String says how far it is and until when it lasts.
func (l *Learning) String() string {
	duration := func(seconds float64) string { return humanize.Duration(time.Duration(seconds * float64(time.Second))) }
	return fmt.Sprintf("%s of %s; first score %s UTC", duration(l.KnownSeconds), duration(l.NeededSeconds),
		l.FirstScore.Format("2 Jan 15:04"))
}
