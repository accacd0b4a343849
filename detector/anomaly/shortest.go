package anomaly

import (
	"errors"
	"fmt"
	"math"
	"sort"
	"time"

	"github.com/anomaly-exporter/anomaly-exporter/scorer"
)

const (
	// fewestSteps is how many steps are tried first. Chosen: no model can do with as few.
	fewestSteps = 16
	// mostSteps bounds what is tried. Chosen: a day at the shortest step, 1s; at longer ones, far more than models need.
	mostSteps = 86_400
)

// shortest returns the shortest history that a model can be fitted on, of values that are never missing: with less,
// min_history would promise a score that does not come. That depends on the model and the step. It is tried, with the
// model itself. 0: not known.
func (o *options) shortest() time.Duration {
	steps := 0
	for _, phase := range []int64{0, 1} { // a window may begin anywhere in a slot of the scorer
		enough := func(n int) bool {
			err := o.fitNoise(phase*o.scorer.Step.Milliseconds(), n)
			return !errors.Is(err, scorer.ErrShortHistory) && !errors.Is(err, scorer.ErrGaps)
		}
		least := fewestSteps
		for !enough(2 * least) {
			if least *= 2; least > mostSteps {
				return 0
			}
		}
		steps = max(steps, least+sort.Search(least, func(n int) bool { return enough(least + n) }))
	}
	return time.Duration(steps) * o.scorer.Step
}

// fitNoise fits a model on so many steps of which none is unusual. As elsewhere, a panic is an error.
func (o *options) fitNoise(start int64, steps int) (err error) {
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("fitting panics: %v", r)
		}
	}()
	of := o.scorer
	of.DataRange, of.MinDeviation, of.MinRelativeDeviation = [2]float64{math.Inf(-1), math.Inf(1)}, 0, 0
	learn := make([]bool, steps)
	for i := range learn {
		learn[i] = true
	}
	noise := func(seed int) []float64 {
		values := make([]float64, steps)
		for i := range values {
			values[i] = 10 + math.Sin(float64(1+seed)*float64(i*i)) // without a pattern
		}
		return values
	}
	switch {
	case o.poolBy != nil:
		_, _, err = scorer.FitGroup(of, start, steps, func(yield func([]float64, []bool) bool) {
			for i := range 4 {
				if !yield(noise(i), learn) {
					return
				}
			}
		})
	case len(o.inputs) > 0:
		inputs := make([]scorer.Input, len(o.inputs))
		for i, name := range o.inputs {
			inputs[i] = scorer.Input{Name: name, Values: noise(i), Learn: learn}
		}
		_, err = scorer.FitMultivariate(of, start, inputs)
	default:
		_, err = scorer.Fit(of, start, noise(0), learn)
	}
	return err
}
