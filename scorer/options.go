package scorer

import (
	"fmt"
	"math"
	"slices"
	"time"

	"github.com/anomaly-exporter/anomaly-exporter/scorer/calibration"
	"github.com/anomaly-exporter/anomaly-exporter/scorer/datarange"
)

// Options say what is anomalous. The zero value of each field but Step is its default.
type Options struct {
	// Model is "auto" (the default), "seasonal", "isolation_forest", "mad" or "zscore".
	Model string
	// Step is the distance of two values.
	Step time.Duration
	// Location is the wall clock that seasons follow; nil is UTC.
	Location *time.Location
	// Holiday tells which local dates are expected to be like Sundays, and do not move the recent level; nil: none. It
	// does not keep the window from learning from them: the caller has to clear their learn marks.
	Holiday func(year int, month time.Month, day int) bool
	// Direction is "both" (the default), "above" or "below": the side of the expected value on which a value can be
	// anomalous.
	Direction string
	// Contamination is the share of the training window that is left out of the forest's training as possible incidents,
	// 0 to less than 0.5. It does not move the score.
	Contamination float64
	// Trees and Subsample are the size of the isolation forest and of the sample that each tree sees; 100 and 256, as in
	// the paper, by default.
	Trees, Subsample int
	// MinDeviation and MinRelativeDeviation are the distances from the expected value, absolute and as a share of it,
	// below which a step has score 0.
	MinDeviation, MinRelativeDeviation float64
	// DataRange is the closed range of possible values; {0, 0} is no limit. Values may lie outside it by a deviation that
	// does not count, and by rounding: see Possible.
	DataRange [2]float64
	// ExplainThreshold is the score from which contributions are computed; 0: always.
	ExplainThreshold float64
	// Normal reports whether the value at a time (ms) is known to be normal, however anomalous it looks. Such a value is
	// never taken for an incident. nil: nothing is known.
	Normal calibration.Normal
	// Seed makes the forest's random numbers; the same seed and data give the same model.
	Seed uint64

	usual float64 // size of the values of a window; 0: not known
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

// roundingShare is the share of a finite DataRange by which values may lie outside it, or of the usual size of values
// if the range is not finite. Chosen: rate() extrapolates to the ends of its window, and so finds shares of up to about
// 1.01.
const roundingShare = 0.01

// usualSize returns the median size of a hundred of the values, or a few more; 0 if there are none.
func usualSize(y []float64) float64 {
	var sizes []float64
	for i := 0; i < len(y); i += max(1, len(y)/100) {
		if y[i] == y[i] {
			sizes = append(sizes, math.Abs(y[i]))
		}
	}
	if len(sizes) == 0 {
		return 0
	}
	slices.Sort(sizes)
	return sizes[len(sizes)/2]
}

// Possible is the range of the values that are scored and learned from like all others: DataRange, and beyond its
// ends what rounding and deviations that do not count allow. A value outside it has score 1, if it lies on the side
// of Direction.
func (o *Options) Possible() [2]float64 {
	low, high := o.DataRange[0], o.DataRange[1]
	rounding := roundingShare * o.usual
	if width := high - low; !math.IsInf(width, 0) {
		rounding = roundingShare * width
	}
	if !math.IsInf(low, 0) {
		low -= max(rounding, o.minDeviation(low))
	}
	if !math.IsInf(high, 0) {
		high += max(rounding, o.minDeviation(high))
	}
	return [2]float64{low, high}
}

func (o *Options) possible() datarange.Range { return o.Possible() }

// outside sets the score of a value that is not possible.
func (o *Options) outside(s *Score, y float64) {
	if !o.onSide(y - o.DataRange[0]) { // of a value above DataRange that is positive, of one below it negative
		s.set(0)
		return
	}
	s.set(math.Inf(1))
	s.explainBy("range", o.ExplainThreshold)
}

// onSide tells whether a deviation is on the side that is asked for. The other side is left out before calibration:
// how far values stray there says nothing of this one.
func (o *Options) onSide(d float64) bool {
	return !(o.Direction == "above" && d <= 0 || o.Direction == "below" && d >= 0)
}

// side returns 1 if deviations upwards can be anomalous, -1 if those downwards can, 0 if both can.
func (o *Options) side() int { return map[string]int{"above": 1, "below": -1}[o.Direction] }

// large tells whether a deviation from an expected value is as large as is asked for. It holds scores back and leaves
// the calibration alone: the more deviations a tail is made from, the better it is known.
func (o *Options) large(d, expected float64) bool {
	return math.Abs(d) >= o.minDeviation(expected)
}

// minDeviation returns the smallest deviation from an expected value that counts.
func (o *Options) minDeviation(expected float64) float64 {
	return max(o.MinDeviation, o.MinRelativeDeviation*math.Abs(expected))
}
