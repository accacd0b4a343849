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
// Of each signal it takes what its own season and level do not explain. Four statistics of the vector of these are calibrated as those of a Model
// are: its distance from what is usual, in units of how the signals usually spread together, now and in its exponential mean (T² and MEWMA of process
// control: Lowry and others, "A multivariate exponentially weighted moving average control chart", Technometrics 1992); its distance from the few
// directions in which they usually move, which grows when they cease to move together (Q: Jackson and Mudholkar, "Control procedures for residuals
// associated with principal component analysis", Technometrics 1979); and how isolated it is in a forest.
type Joint struct {
	names  []string
	inputs []*Model // know what is normal of each signal
	space  *space
	model  *Model  // of the statistics
	drifts []drift // by phase
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
	fits := make([]*fit, 0, len(inputs))
	constant := true
	for _, in := range inputs {
		f := newFit(o, start, in.Values, in.Learn)
		if err := f.normal(); err != nil {
			return nil, fmt.Errorf("input %q: %w", in.Name, err)
		}
		if !f.constant {
			f.chooseSeason()
		}
		f.now = f.time(len(f.y))
		f.forecast()
		f.settle()
		constant = constant && f.constant
		fits = append(fits, f)
		j.names, j.inputs = append(j.names, in.Name), append(j.inputs, f.Model)
	}
	if constant {
		return nil, ErrConstant
	}
	if err := j.calibrate(newFit(o, start, inputs[0].Values, nil), sights(fits)); err != nil {
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

// settle forgets what was expected in the season's first days. As long as the recent level is that of slots whose season was not known, and then as few
// days say what is usual, residuals are larger than they will be.
func (f *fit) settle() {
	if f.constant {
		f.level = make([]float32, len(f.y)/f.stride+1)
	}
	if f.profile == nil {
		return
	}
	known := 0
	for _, level := range f.level {
		if level == level {
			known++
		}
	}
	settling := min(max(f.clock.slots(recent), min(f.clock.slots(3*day), known/4)), known/2)
	for i, level := range f.level {
		if settling > 0 && level == level {
			f.level[i] = nan32
			settling--
		}
	}
}

// sight is a vector of the window.
type sight struct {
	at    int64 // ms
	phase int
	v     features // residuals, then deviates
}

// sights are the vectors of all slots of the window in which all signals are learned from, and at the end of those of all steps.
func sights(fits []*fit) []sight {
	f := fits[0]
	warm := len(f.y) - int(warmUp/f.o.Step)
	var all []sight
	k := -1
	for i := range f.y {
		s := sight{at: f.time(i)}
		if s.phase = f.phase(s.at); s.phase == 0 {
			k++
		} else if i < warm || k < 0 {
			continue
		}
		whole := true
		for d, f := range fits {
			s.v[d] = f.x[i] - f.expected(k, s.phase, f.x[i])
			whole = whole && s.v[d] == s.v[d]
		}
		if whole {
			all = append(all, s)
		}
	}
	return all
}

// calibrate fits the space of the residuals, the forest and the tails. f is a fit over the window.
func (j *Joint) calibrate(f *fit, all []sight) error {
	var vectors []features
	for _, s := range all {
		if s.phase == 0 {
			vectors, f.when = append(vectors, s.v), append(f.when, s.at)
		}
	}
	if len(vectors) < leastValues {
		return ErrGaps
	}
	var err error
	if j.space, err = newSpace(vectors, len(j.names), f.apart()); err != nil {
		return err
	}
	j.drifts = make([]drift, f.stride)
	for _, s := range all {
		j.space.scale(&s.v)
		j.drifts[s.phase].next(&s.v)
		if s.phase == 0 {
			f.sample = append(f.sample, j.space.measure(&s.v, j.drifts[:1]))
		}
	}
	f.features = vectors
	f.uses = [statistics]bool{distance: true, trend: true, breach: j.space.kept < j.space.width, pattern: true}
	f.forest.width = j.space.width
	f.plant()
	f.calibrate(f.sample, f.apart())
	j.model = f.Model
	for _, m := range j.inputs {
		j.model.learnedFrom(m.from)
		j.model.learnedFrom(m.to)
	}
	return nil
}

// Score scores the values of the step after the last one seen, in the order of the inputs, and takes them into the state. Where a value is NaN, infinite
// or not yet to be expected there is no score. A step whose learn is false is scored, but not learned from. Score has neither an expected value nor
// a band; the features of its contributions are the names of the inputs.
func (j *Joint) Score(values []float64, learn bool) Score {
	nan := math.NaN()
	s := Score{Value: nan, ReturnPeriod: nan, Expected: nan, Lower: nan, Upper: nan, From: j.model.from, To: j.model.to}
	var v features
	ph, whole := j.inputs[0].phase(j.inputs[0].now), true
	for i, m := range j.inputs {
		v[i] = m.residual(values[i], learn)
		whole = whole && v[i] == v[i]
	}
	if !whole {
		return s
	}
	j.space.scale(&v)
	j.drifts[ph].next(&v)
	st := j.space.measure(&v, j.drifts)
	st[pattern] = j.model.forest.score(&v, 0, len(j.model.forest.roots))
	all, _ := j.model.combine(&st)
	j.model.finish(&s, j.model.combined.strangeness(all)/math.Ln10+j.model.slotUnits())
	if s.Value >= j.model.o.ExplainThreshold {
		s.Contributions = j.explain(&v)
	}
	return s
}

// residual is what of the value of the next step was not expected, and takes it into the state.
func (m *Model) residual(y float64, learn bool) float32 {
	slot, ph := m.clock.at(m.now), m.phase(m.now)
	m.now += m.o.Step.Milliseconds()
	x := nan32
	if m.possible(y) {
		x = m.normalise(y)
	}
	b := m.expect(slot, ph, x)
	m.advance(x, b, slot, ph, learn)
	return x - b
}

// explain shares the score among the inputs by how much less strange the vector and the drift, which spreads less, would be if an input were what the
// others make of it.
func (j *Joint) explain(v *features) []Contribution {
	var parts [MaxInputs]float64
	mean := meanOf(j.drifts)
	j.space.surprises(v, 1, &parts)
	j.space.surprises(&mean, (2-trendGain)/trendGain, &parts)
	total := 0.0
	for _, p := range parts {
		total += p
	}
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
