// Package forecaster predicts the next minutes to days of one series, as distributions.
//
// A Model is fitted on a window of past values on a fixed grid. It then advances by one value a step, in constant
// time, and answers for any horizon up to the longest configured one: quantiles of the value at that step, quantiles
// of the largest value up to it, and the probability that a bound is crossed on the way.
//
// The parts are packages of their own, from the bottom up:
//
//   - window prepares the past values for fitting;
//   - rolling, autoregression and intervals are the numerics: running medians and lines, least squares, quantiles of
//     errors;
//   - rollingorigin evaluates forecasts at past origins;
//   - candidates makes some thirty closed-form forecasts, and combination, the default model "auto", combines them by
//     the errors that they made inside the window;
//   - counts is the model for what is mostly zero;
//   - classical has the textbook models, for those who name one.
//
// All models take their intervals from measured out-of-sample errors, except for counts, which has a distribution of
// its own. No bell curve is assumed.
//
// Everything is a function of the arguments: no clock, no randomness, and no state outside of the Model, only memory
// that fits use again. A Model is not safe for concurrent use.
//
// Comments at constants speak of a prototype. It is the numpy program that the combination was designed with, and not
// part of this repository.
package forecaster

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"time"

	"github.com/anomaly-exporter/anomaly-exporter/forecaster/classical"
	"github.com/anomaly-exporter/anomaly-exporter/forecaster/window"
)

// ErrNoValues is returned by Fit for a window without a single finite value.
var ErrNoValues = errors.New("no values")

// Options say what to forecast and how.
type Options struct {
	// Model is "auto" (the default) or one of Models.
	Model string
	// Step is the distance of two values, in whole milliseconds.
	Step time.Duration
	// Location is the wall clock that daily and weekly seasons follow; nil is UTC.
	Location *time.Location
	// Holiday tells which local dates are holidays: neither learned from nor forecast as ordinary days; nil: none.
	Holiday func(year int, month time.Month, day int) bool
	// Refit is how many steps apart fits are; 0: no fit is held against the one before it.
	Refit int
	// Horizons are the steps to forecast, ascending. The last one bounds every question put to the Model.
	Horizons []int
	// Level is the probability of the interval [Lower, Upper]; 0 means 0.8.
	Level float64
	// MaxProbability is the quantile published as Point.Max; 0 means 0.9.
	MaxProbability float64
	// KeepDays keeps what Model.EarlierMaxQuantile needs.
	KeepDays bool
	// DataRange is what values can be at all; forecasts never leave it. Two zeros mean no limits.
	DataRange [2]float64
}

const (
	modelAuto   = "auto"
	modelCounts = "counts"
)

// Models returns the names that Options.Model may have, sorted. Beside them there is "arima(p,d,q)", with orders up to
// 5, 2 and 5; "arima" is "arima(5,1,0)".
func Models() []string {
	names := append(classical.Names(), modelAuto, modelCounts)
	slices.Sort(names)
	return names
}

// maxHorizon is a guard: it keeps mistaken horizons from taking all memory.
const maxHorizon = 1 << 20

func (o *Options) setDefaults() {
	if o.Model == "" {
		o.Model = modelAuto
	}
	if o.Level == 0 {
		o.Level = 0.8
	}
	if o.MaxProbability == 0 {
		o.MaxProbability = 0.9
	}
	if o.DataRange == [2]float64{} {
		o.DataRange = [2]float64{math.Inf(-1), math.Inf(1)}
	}
}

func (o *Options) validate() error {
	if _, named := classical.FitterOf(o.Model); !named && o.Model != modelAuto && o.Model != modelCounts {
		return fmt.Errorf("unknown model %q", o.Model)
	}
	switch {
	case o.Step <= 0 || o.Step%time.Millisecond != 0:
		return fmt.Errorf("step %v is not a positive number of milliseconds", o.Step)
	case o.Refit < 0:
		return fmt.Errorf("refit after %d steps", o.Refit)
	case len(o.Horizons) == 0:
		return errors.New("no horizons")
	case o.Horizons[0] < 1 || !slices.IsSorted(o.Horizons):
		return fmt.Errorf("horizons %v are not positive and ascending", o.Horizons)
	case o.longest() > maxHorizon:
		return fmt.Errorf("horizon of %d steps is over %d", o.longest(), maxHorizon)
	case !(o.Level > 0 && o.Level < 1):
		return fmt.Errorf("level %v is not between 0 and 1", o.Level)
	case !(o.MaxProbability > 0 && o.MaxProbability < 1):
		return fmt.Errorf("max probability %v is not between 0 and 1", o.MaxProbability)
	case !(o.DataRange[0] <= o.DataRange[1]):
		return fmt.Errorf("data range %v is empty", o.DataRange)
	}
	return nil
}

// longest is the last horizon.
func (o *Options) longest() int { return o.Horizons[len(o.Horizons)-1] }

// newWindow prepares the values that Fit takes; nil if none is finite.
func (o *Options) newWindow(start int64, y []float64, learn []bool) *window.Window {
	return window.New(window.Options{
		Step: o.Step, Location: o.Location, Holiday: o.Holiday, DataRange: o.DataRange,
		Integers: o.Model == modelCounts,
	}, start, y, learn)
}

// A Forecast is what Model.Forecast fills in: one Point for each of Options.Horizons.
type Forecast struct {
	Points []Point
}

// A Point is the forecast for one horizon, in the unit of the series.
type Point struct {
	Steps                int     // the horizon
	Median, Lower, Upper float64 // of the value Steps ahead; [Lower, Upper] is the interval of Options.Level
	Max                  float64 // quantile Options.MaxProbability of the largest value over the next Steps
}
