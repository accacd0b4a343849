package anomaly

import (
	"errors"
	"math"

	"github.com/anomaly-exporter/anomaly-exporter/detector/result"
	"github.com/anomaly-exporter/anomaly-exporter/scorer"
	"github.com/anomaly-exporter/anomaly-exporter/scorer/onset"
)

var errFewSiblings = errors.New(result.ReasonFewSiblings)

// newestScore is the score of a series at the last step observed, or the reason why there is none.
type newestScore struct {
	score   scorer.Score
	onset   *onset.Onset // nil: not published
	lowered float64      // the score as lowered by the onset; NaN: none
	err     error        // why there is no scorer; nil: there is one
	why     error        // why there was none at the step, before the fit that may follow it
}

func newNewestScore(o *options) newestScore {
	short := scorer.ErrShortHistory
	n := newestScore{score: result.NoScore(), lowered: math.NaN(), err: short, why: short}
	if o.onset {
		n.onset = onset.New(o.scorer.Step)
	}
	return n
}

// set records the score of the next step.
func (n *newestScore) set(score scorer.Score) {
	n.score, n.why = score, n.err
	if n.onset != nil {
		n.lowered = n.onset.Next(score.Value)
	}
}

// state returns why there is no score; it is zero if there is one. missing reports whether one of several inputs has no
// value.
func (n *newestScore) state(missing bool) result.State {
	switch short := errors.Is(n.why, scorer.ErrShortHistory); {
	case !math.IsNaN(n.score.Value):
		return result.State{}
	case missing && short:
		return result.State{State: result.Learning, Reason: result.ReasonMissing}
	case short || errors.Is(n.why, errFewSiblings):
		return result.State{State: result.Learning, Reason: reason(n.why)}
	case n.why != nil:
		return result.State{State: result.Failed, Reason: reason(n.why)}
	case missing:
		return result.State{State: result.Failed, Reason: result.ReasonMissing}
	}
	return result.State{State: result.Failed, Reason: scorer.ErrGaps.Error()}
}

// reason returns the label value for an error.
func reason(err error) string {
	for _, known := range []error{scorer.ErrShortHistory, scorer.ErrGaps, scorer.ErrConstant, errFewSiblings} {
		if errors.Is(err, known) {
			return known.Error()
		}
	}
	return result.ReasonFitError
}
