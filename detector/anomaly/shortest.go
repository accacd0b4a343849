package anomaly

import (
	"errors"
	"fmt"
	"math"
	"sort"
	"time"

	"github.com/anomaly-exporter/anomaly-exporter/history"
	"github.com/anomaly-exporter/anomaly-exporter/scorer"
)

const (
	// fewestSlots is how many slots are tried first. Chosen: no model can do with as few.
	fewestSlots = 16
	// mostSlots bounds what is tried. Chosen: ten times what models need.
	mostSlots = 512
)

// shortest returns the shortest history that a model can be fitted on, of values that are never missing: with less,
// min_history would promise a score that does not come. That depends on the model and on the slots of the scorer, which
// are steps of 5m or more. It is tried, with the model itself: some ten fits of few values, as reloads must be quick.
// 0: not known.
func (o *options) shortest() time.Duration {
	slot := time.Duration(history.Layout{Step: o.scorer.Step.Milliseconds()}.Coarse()) * time.Millisecond
	enough := func(n int) bool {
		err := o.fitNoise(slot, n)
		return !errors.Is(err, scorer.ErrShortHistory) && !errors.Is(err, scorer.ErrGaps)
	}
	least := fewestSlots
	for !enough(2 * least) {
		if least *= 2; least > mostSlots {
			return 0
		}
	}
	return time.Duration(least+sort.Search(least, func(n int) bool { return enough(least + n) })) * slot
}

// fitNoise fits a model on so many values, one a slot, of which none is unusual. As elsewhere, a panic is an error.
func (o *options) fitNoise(slot time.Duration, n int) (err error) {
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("fitting panics: %v", r)
		}
	}()
	of := o.scorer
	of.Step = slot
	of.DataRange, of.MinDeviation, of.MinRelativeDeviation = [2]float64{math.Inf(-1), math.Inf(1)}, 0, 0
	learn := make([]bool, n)
	for i := range learn {
		learn[i] = true
	}
	noise := func(seed int) []float64 {
		values := make([]float64, n)
		for i := range values {
			values[i] = 10 + math.Sin(float64(1+seed)*float64(i*i)) // without a pattern
		}
		return values
	}
	switch {
	case o.poolBy != nil:
		_, _, err = scorer.FitGroup(of, 0, n, func(yield func([]float64, []bool) bool) {
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
		_, err = scorer.FitMultivariate(of, 0, inputs)
	default:
		_, err = scorer.Fit(of, 0, noise(0), learn)
	}
	return err
}
