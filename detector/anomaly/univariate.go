package anomaly

import (
	"github.com/anomaly-exporter/anomaly-exporter/detector/dataset"
	"github.com/anomaly-exporter/anomaly-exporter/detector/result"
	"github.com/anomaly-exporter/anomaly-exporter/history"
	"github.com/anomaly-exporter/anomaly-exporter/scorer"
)

// univariate scores a series of one input by its own past.
type univariate struct {
	o     scorer.Options
	model *scorer.Model // nil: none
}

func newUnivariate(o *options, seed uint64) *univariate {
	u := &univariate{o: o.scorer}
	u.o.Seed = seed
	return u
}

func (u *univariate) fit(_ *dataset.Series, _ int64, w *history.Window) (err error) {
	u.model, err = scorer.Fit(u.o, w.Start, w.Values, w.Learn)
	return err
}

func (u *univariate) reset() { u.model = nil }

func (u *univariate) next(s *dataset.Series, at int64) scorer.Score {
	if u.model == nil {
		return result.NoScore()
	}
	value, masked := s.Value(0, at)
	return u.model.Score(value, !masked)
}

func (u *univariate) missing() bool { return false }

func (u *univariate) name() string { return u.o.Model }
