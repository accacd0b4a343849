package anomaly

import (
	"math"
	"slices"

	"github.com/anomaly-exporter/anomaly-exporter/detector/dataset"
	"github.com/anomaly-exporter/anomaly-exporter/detector/result"
	"github.com/anomaly-exporter/anomaly-exporter/history"
	"github.com/anomaly-exporter/anomaly-exporter/scorer"
)

// multivariate scores the inputs of a series as one vector.
type multivariate struct {
	options *options
	o       scorer.Options
	values  []float64 // by input, at the last step scored; NaN: no value
	model   *scorer.Multivariate
}

func newMultivariate(o *options, seed uint64) *multivariate {
	m := &multivariate{options: o, o: o.scorer, values: make([]float64, len(o.inputs))}
	m.o.Seed = seed
	return m
}

func (m *multivariate) fit(s *dataset.Series, at int64, first *history.Window) (err error) {
	inputs := make([]scorer.Input, len(m.options.inputs))
	for i, name := range m.options.inputs {
		w := first
		if i > 0 {
			w = &history.Window{}
			s.Window(i, at, w)
			m.options.skipHolidays(w)
		}
		inputs[i] = scorer.Input{Name: name, Values: w.Values, Learn: w.Learn}
	}
	m.o.Normal = s.Normal()
	m.model, err = scorer.FitMultivariate(m.o, first.Start, inputs)
	return err
}

func (m *multivariate) reset() { m.model = nil }

// next scores the values of the next step. The step is masked if one of them is.
func (m *multivariate) next(s *dataset.Series, at int64) scorer.Score {
	learn := true
	for i := range m.values {
		value, masked := s.Value(i, at)
		m.values[i], learn = value, learn && !masked
	}
	if m.model == nil {
		return result.NoScore()
	}
	return m.model.Score(m.values, learn)
}

func (m *multivariate) missing() bool { return slices.ContainsFunc(m.values, math.IsNaN) }

func (m *multivariate) name() string { return "joint" }
