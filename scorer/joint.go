package scorer

import (
	"cmp"
	"fmt"
	"math"
	"slices"
)

// MaxInputs is how many signals a Joint can take.
const MaxInputs = featCount

// Input is one of the signals of a Joint over its window: as y and learn of Fit.
type Input struct {
	Name   string
	Values []float64
	Learn  []bool // nil: learn from all
}

// Joint scores several signals of one entity as one vector, step by step: what none of them shows by itself can be strange as a combination. It is not
// safe for concurrent use.
//
// Of each signal it takes what its own season and level do not explain. Three statistics of the vector of these are calibrated as those of a Model
// are: its distance from what is usual, in units of how the signals usually spread together; its distance from the few directions in which they
// usually move, which grows when they cease to move together (T² and Q of process control: Jackson and Mudholkar, "Control procedures for residuals
// associated with principal component analysis", Technometrics 1979); and how isolated it is in a forest.
type Joint struct {
	names  []string
	inputs []*Model // know what is normal of each signal
	space  *space
	model  *Model  // of the statistics
	units  float64 // log10 of how long a vector stands for, in units
}

// The statistics of a vector, in the places of those of a value.
const (
	distance = size
	breach   = volatility
)

// FitJoint learns from the values of 2 to MaxInputs signals at the steps start (ms), start+step, ... The errors are those of Fit, with the name of the
// signal; ErrConstant if none of them ever changes. Direction, MinDeviation, MinRelativeDeviation and DataRange have no meaning for a vector: they are
// to be left at their zero values, and Model at "auto".
func FitJoint(o Options, start int64, inputs []Input) (*Joint, error) {
	if err := o.validate(); err != nil {
		return nil, fmt.Errorf("scorer: %w", err)
	}
	if err := validateInputs(inputs); err != nil {
		return nil, fmt.Errorf("scorer: %w", err)
	}
	j := &Joint{}
	residuals := make([][]float32, len(inputs))
	constant := true
	for i, in := range inputs {
		f := newFit(o, start, in.Values, in.Learn)
		if err := f.normal(); err != nil {
			return nil, fmt.Errorf("input %q: %w", in.Name, err)
		}
		if !f.constant {
			f.chooseSeason()
		}
		f.now = f.time(len(f.y))
		f.forecast()
		residuals[i] = f.residuals()
		constant = constant && f.constant
		j.names, j.inputs = append(j.names, in.Name), append(j.inputs, f.Model)
	}
	if constant {
		return nil, ErrConstant
	}
	if err := j.calibrate(newFit(o, start, inputs[0].Values, nil), residuals); err != nil {
		return nil, err
	}
	return j, nil
}

func validateInputs(inputs []Input) error {
	if len(inputs) < 2 || len(inputs) > MaxInputs {
		return fmt.Errorf("%d inputs, not 2 to %d", len(inputs), MaxInputs)
	}
	for _, in := range inputs {
		if len(in.Values) != len(inputs[0].Values) {
			return fmt.Errorf("input %q: %d values, another has %d", in.Name, len(in.Values), len(inputs[0].Values))
		}
		if in.Learn != nil && len(in.Learn) != len(in.Values) {
			return fmt.Errorf("input %q: %d values, %d learn marks", in.Name, len(in.Values), len(in.Learn))
		}
	}
	return nil
}

// residuals is by slot of the window what the signal's own past does not explain; NaN where nothing is learned, and in the season's first days: as long
// as the recent level is that of slots whose season was not known, and then few days say what is usual, residuals are larger than they will be.
func (f *fit) residuals() []float32 {
	var r []float32
	settling := 0
	if f.profile != nil {
		known := 0
		for _, level := range f.level {
			if level == level {
				known++
			}
		}
		settling = min(max(f.clock.slots(recent), min(f.clock.slots(3*day), known/4)), known/2)
	}
	for i, x := range f.x {
		if f.phase(f.time(i)) != 0 {
			continue
		}
		level := float32(0)
		if !f.constant {
			level = f.level[len(r)]
		}
		if level == level && settling > 0 {
			level = nan32
			settling--
		}
		r = append(r, x-level)
	}
	return r
}

// calibrate fits the space of the residuals, the forest and the tails. f is a fit over the same window.
func (j *Joint) calibrate(f *fit, residuals [][]float32) error {
	var vectors []features
	k := -1
	for i := range f.y {
		t := f.time(i)
		if f.phase(t) != 0 {
			continue
		}
		k++
		v, whole := features{}, true
		for d, r := range residuals {
			v[d] = r[k]
			whole = whole && r[k] == r[k]
		}
		if whole {
			vectors, f.when = append(vectors, v), append(f.when, t)
		}
	}
	switch {
	case k+1 < leastValues:
		return ErrShortHistory
	case len(vectors) < leastValues:
		return ErrGaps
	}
	var err error
	if j.space, err = newSpace(vectors, len(residuals)); err != nil {
		return err
	}
	for i := range vectors {
		f.sample = append(f.sample, j.space.measure(&vectors[i]))
	}
	f.features = vectors
	f.uses = [statistics]bool{distance: true, breach: j.space.kept < j.space.width, pattern: true}
	f.forest.width = j.space.width
	f.plant()
	f.calibrate()
	j.model = f.Model
	// Within a slot the steps are neither alike, as they are where inputs are rates over minutes, nor independent, as those of noise.
	j.units = f.slotUnits() - math.Log10(float64(f.stride))/2
	return nil
}

// Score scores the values of the step after the last one seen, in the order of the inputs, and takes them into the state. Where a value is NaN, infinite
// or not yet to be expected there is no score. A step whose learn is false is scored, but not learned from. Score has neither an expected value nor
// a band; the features of its contributions are the names of the inputs.
func (j *Joint) Score(values []float64, learn bool) Score {
	nan := math.NaN()
	s := Score{Value: nan, ReturnPeriod: nan, Expected: nan, Lower: nan, Upper: nan}
	var v features
	whole := true
	for i, m := range j.inputs {
		v[i] = m.residual(values[i], learn)
		whole = whole && v[i] == v[i]
	}
	if !whole {
		return s
	}
	j.space.scale(&v)
	st := j.space.measure(&v)
	st[pattern] = j.model.forest.score(&v, 0, len(j.model.forest.roots))
	mean, _ := j.model.combine(&st)
	j.model.finish(&s, j.model.combined.strangeness(float32(mean))/math.Ln10+j.units)
	if s.Value >= j.model.o.ExplainThreshold {
		s.Contributions = j.explain(&v)
	}
	return s
}

// residual is what of the value of the next step was not expected, and takes it into the state.
func (m *Model) residual(y float64, learn bool) float32 {
	slot, ph := m.clock.at(m.now), m.phase(m.now)
	m.now += m.o.Step.Milliseconds()
	b := m.expect(slot, ph)
	x := nan32
	if m.possible(y) {
		x = m.normalise(y)
	}
	m.advance(x, b, slot, ph, learn)
	return x - b
}

// explain shares the score among the inputs by how much less strange the vector would be if an input were what the others make of it.
func (j *Joint) explain(v *features) []Contribution {
	var parts [MaxInputs]float64
	total := j.space.surprises(v, &parts)
	if total == 0 {
		return nil
	}
	c := make([]Contribution, 0, len(j.names))
	for i, name := range j.names {
		if parts[i] > 0 {
			c = append(c, Contribution{name, parts[i] / total})
		}
	}
	slices.SortStableFunc(c, func(a, b Contribution) int { return cmp.Compare(b.Share, a.Share) })
	return c
}
