package detector

import (
	"fmt"
	"math"
	"strings"

	"github.com/anomaly-exporter/anomaly-exporter/history"
	"github.com/anomaly-exporter/anomaly-exporter/scorer"
)

// vector scores the inputs of a series as one.
type vector struct {
	names  []string
	series *series
	values []float64 // of the step observed last; NaN where there is none
	scorer *scorer.Multivariate
}

func newVector(inputs []input, of *series) *vector {
	v := &vector{series: of, values: make([]float64, len(inputs))}
	for _, in := range inputs {
		v.names = append(v.names, in.name)
	}
	return v
}

// fit replaces the model by one fitted on the windows of all inputs; first is that of the first.
func (v *vector) fit(d *detection, first *history.Window) (err error) {
	inputs := make([]scorer.Input, len(v.names))
	for i, name := range v.names {
		w := first
		if i > 0 {
			w = &history.Window{}
			v.series.inputs[i].Window(v.series.at, w)
			d.passHolidays(w)
		}
		inputs[i] = scorer.Input{Name: name, Values: w.Values, Learn: w.Learn}
	}
	v.scorer, err = scorer.FitMultivariate(d.scorerOptions, first.Start, inputs)
	return err
}

// next takes the values of the next step, and scores them. The step is masked if one of them is.
func (v *vector) next(at int64) scorer.Score {
	learn := true
	for i, h := range v.series.inputs {
		value, masked := h.Value(at)
		v.values[i], learn = value, learn && !masked
	}
	if v.scorer == nil {
		return noScore()
	}
	return v.scorer.Score(v.values, learn)
}

func (v *vector) missing() bool {
	for _, value := range v.values {
		if math.IsNaN(value) {
			return true
		}
	}
	return false
}

// String is the values for the log.
func (v *vector) String() string {
	all := make([]string, 0, len(v.names))
	for i, name := range v.names {
		all = append(all, fmt.Sprintf("%s=%.4g", name, v.values[i]))
	}
	return strings.Join(all, " ")
}
