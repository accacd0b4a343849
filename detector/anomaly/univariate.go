package anomaly

import (
	"github.com/anomaly-exporter/anomaly-exporter/detector/dataset"
	"github.com/anomaly-exporter/anomaly-exporter/detector/result"
	"github.com/anomaly-exporter/anomaly-exporter/history"
	"github.com/anomaly-exporter/anomaly-exporter/scorer"
)

// univariate scores a series of one input by its own past.
type univariate struct {
	o        scorer.Options
	weighted bool
	model    *scorer.Model // nil: none
}

func newUnivariate(o *options, seed uint64) *univariate {
	u := &univariate{o: o.scorer, weighted: o.weighted}
	u.o.Seed = seed
	return u
}

func (u *univariate) fit(s *dataset.Series, at int64, w *history.Window) (err error) {
	var events history.Window // without values if not weighted
	if u.weighted {
		s.AuxiliaryWindow(0, at, &events)
	}
	u.o.Normal = s.Normal()
	u.model, err = scorer.FitWeighted(u.o, w.Start, w.Values, w.Learn, events.Values)
	return err
}

func (u *univariate) reset() { u.model = nil }

func (u *univariate) next(s *dataset.Series, at int64) scorer.Score {
	if u.model == nil {
		return result.NoScore()
	}
	value, masked := s.Value(0, at)
	if !u.weighted {
		return u.model.Score(value, !masked)
	}
	return u.model.ScoreWeighted(value, s.Auxiliary(0, at), !masked)
}

func (u *univariate) missing() bool { return false }

func (u *univariate) name() string { return u.o.Model }
