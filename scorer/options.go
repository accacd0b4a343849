package scorer

import (
	"errors"
	"fmt"
	"math"
	"time"
)

// Why a series cannot be scored. The text of each is the one-word reason that is shown to people.
var (
	// ErrShortHistory says that the window holds too few steps to know what is normal.
	ErrShortHistory = errors.New("short_history")
	// ErrGaps says that the window is long enough, but mostly empty.
	ErrGaps = errors.New("gaps")
	// ErrConstant says that the model asked for by name has no scale on a series that never changes.
	ErrConstant = errors.New("constant")
)

// Options say what is strange. The zero value of each field but Step is its default.
type Options struct {
	// Model is "auto" (the default), "seasonal", "isolation_forest", "mad" or "zscore".
	Model string
	// Step is the distance of two values on the grid.
	Step time.Duration
	// Location is the wall clock that seasons follow; nil is UTC.
	Location *time.Location
	// Holiday tells which local dates are expected to be like Sundays, and leave the recent level as it was; nil: none.
	// Which steps of the window are not learned from is for the caller to say.
	Holiday func(year int, month time.Month, day int) bool
	// Direction is "both" (the default), "above" or "below": on which side of the expected value something can be strange.
	Direction string
	// Contamination is the share of the training window that is left out of the forest's training as possible incidents.
	// It does not move the score.
	Contamination float64
	// Trees and Subsample are the size of the isolation forest and of the sample that each tree sees.
	Trees, Subsample int
	// MinDeviation and MinRelativeDeviation are the distances from the expected value, absolute and as a share of it,
	// under which a step is not strange.
	MinDeviation, MinRelativeDeviation float64
	// DataRange is the closed range of possible values; {0, 0} is no limit.
	DataRange [2]float64
	// ExplainThreshold is the score at or over which contributions are computed; 0 is always.
	ExplainThreshold float64
	// Seed makes the forest's random numbers; the same seed and data give the same model.
	Seed uint64
}

// validate checks the options and fills in defaults.
func (o *Options) validate() error {
	if o.Model == "" {
		o.Model = "auto"
	}
	if o.Direction == "" {
		o.Direction = "both"
	}
	if o.Location == nil {
		o.Location = time.UTC
	}
	if o.DataRange == [2]float64{} {
		o.DataRange = [2]float64{math.Inf(-1), math.Inf(1)}
	}
	if o.Trees == 0 {
		o.Trees = 100
	}
	if o.Subsample == 0 {
		o.Subsample = 256
	}
	switch o.Model {
	case "auto", "seasonal", "isolation_forest", "mad", "zscore":
	default:
		return fmt.Errorf("unknown model %q", o.Model)
	}
	switch o.Direction {
	case "above", "below", "both":
	default:
		return fmt.Errorf("unknown direction %q", o.Direction)
	}
	switch {
	case o.Step < time.Millisecond:
		return fmt.Errorf("step %s is below 1ms", o.Step)
	case !(o.Contamination >= 0 && o.Contamination < 0.5):
		return fmt.Errorf("contamination %g is not in [0, 0.5)", o.Contamination)
	case o.Trees < 1 || o.Subsample < 2:
		return fmt.Errorf("forest of %d trees of %d samples", o.Trees, o.Subsample)
	case !(o.MinDeviation >= 0 && o.MinRelativeDeviation >= 0):
		return fmt.Errorf("minimal deviation %g, relative %g: below 0", o.MinDeviation, o.MinRelativeDeviation)
	case !(o.DataRange[0] < o.DataRange[1]):
		return fmt.Errorf("data range [%g, %g] is empty", o.DataRange[0], o.DataRange[1])
	}
	return nil
}
