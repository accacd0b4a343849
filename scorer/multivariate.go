package scorer

import (
	"fmt"

	"github.com/anomaly-exporter/anomaly-exporter/scorer/baseline"
	"github.com/anomaly-exporter/anomaly-exporter/scorer/burst"
	"github.com/anomaly-exporter/anomaly-exporter/scorer/calibration"
	"github.com/anomaly-exporter/anomaly-exporter/scorer/ewma"
	"github.com/anomaly-exporter/anomaly-exporter/scorer/grid"
	"github.com/anomaly-exporter/anomaly-exporter/scorer/isolationforest"
	"github.com/anomaly-exporter/anomaly-exporter/scorer/pca"
)

// MaxInputs is how many signals a Multivariate can take.
const MaxInputs = pca.MaxInputs

// Input is one of the signals of a Multivariate over its window: as y and learn of Fit.
type Input struct {
	Name   string
	Values []float64
	Learn  []bool // nil: learn from all
}

// The statistics of a vector.
const (
	t2     = iota // root of T², the distance from what is usual
	mewma         // the same of the exponentially weighted mean
	spe           // root of SPE, the distance from what the usual components explain
	forest        // how isolated it is in a forest
)

// A Multivariate scores several signals of one entity as one vector, step by step: what none of them shows by itself
// can be anomalous as a combination. It is not safe for concurrent use.
//
// Of each signal it takes the deviation from season and level, as a standard normal value that is as rare. Four
// statistics of the vector of these are calibrated as those of a Model are: T² and its exponentially weighted form
// MEWMA (Lowry and others, "A multivariate exponentially weighted moving average control chart", Technometrics 1992),
// the distance from the centre in units of how the signals usually vary together; SPE, which grows when they cease to
// vary together (see package pca); and the isolation in a forest.
type Multivariate struct {
	o           Options
	names       []string
	baselines   []*baseline.Series
	bursts      []burst.Normal         // of the deviations
	marginals   []calibration.Marginal // of the deviations
	pca         *pca.Model
	means       []ewmaVector   // by phase
	corrupt     []ewma.Corrupt // by signal; nil at steps of up to 15 minutes
	meanGain    float64        // the part that the newest slot has in them
	forest      isolationforest.Forest
	calibration calibration.Calibration
	learned     grid.Span
}

// farthest is how far a deviate moves the mean at most. Chosen, not tuned: an incident hardly goes as far, and at 5
// minutes what does is forgotten within half an hour.
const farthest = 30

// ewmaVector is the exponentially weighted mean of vectors.
type ewmaVector [MaxInputs]float64

func (m *ewmaVector) next(v *pca.Vector, gain float64) {
	for d, z := range v {
		m[d] += gain * (min(max(float64(z), -farthest), farthest) - m[d])
	}
}

// averageVector returns what the phases see together.
func averageVector(means []ewmaVector) (v pca.Vector) {
	for d := range v {
		sum := 0.0
		for i := range means {
			sum += means[i][d]
		}
		v[d] = float32(sum / float64(len(means)))
	}
	return v
}

// FitMultivariate learns from the values of 2 to MaxInputs signals at the steps start (ms), start+step, ... The
// errors are those of Fit, with the name of the signal; ErrConstant if none of them ever changes. Direction,
// MinDeviation, MinRelativeDeviation and DataRange have no meaning for a vector: leave them at their zero values, and
// Model at "auto".
func FitMultivariate(o Options, start int64, inputs []Input) (*Multivariate, error) {
	if err := o.validate(); err != nil {
		return nil, fmt.Errorf("scorer: %w", err)
	}
	if err := validateInputs(inputs); err != nil {
		return nil, fmt.Errorf("scorer: %w", err)
	}
	m := &Multivariate{o: o}
	backtests := make([]*baseline.Backtest, 0, len(inputs))
	allConstant := true
	for _, in := range inputs {
		window := baseline.Window{Start: start, Values: in.Values, Learn: in.Learn}
		b := o.baseline()
		b.OneValue = true
		series, backtest, err := baseline.FitSeries(b, window)
		if err != nil {
			return nil, fmt.Errorf("input %q: %w", in.Name, err)
		}
		backtest.DropWarmup()
		_, constant := series.Constant()
		allConstant = allConstant && constant
		m.names, m.baselines = append(m.names, in.Name), append(m.baselines, series)
		end := start + int64(len(in.Values))*series.Grid.Step()
		m.bursts = append(m.bursts, burst.Find(series.Grid, backtest, end, func(int) float32 { return 1 }).Next())
		backtests = append(backtests, backtest)
		if within := ewma.NewBounds(backtest.Ordinary(), 0, series.Grid.Slot()); within.OnlyCorrupt {
			m.corrupt = append(m.corrupt, ewma.NewCorrupt(within))
		}
	}
	if allConstant {
		return nil, ErrConstant
	}
	if err := m.fit(completeVectors(backtests)); err != nil {
		return nil, err
	}
	return m, nil
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

// vector is what the signals are at a step: their deviations, or what these become.
type vector struct {
	time   int64 // ms
	phase  int
	values pca.Vector
}

// completeVectors returns the deviations at all slots of the window at which all signals are learned from, and at the
// end of the window those at all such steps.
func completeVectors(backtests []*baseline.Backtest) []vector {
	var all []vector
	for at := range backtests[0].Positions(grid.WarmUp) {
		v := vector{time: at.Time, phase: at.Phase}
		complete := true
		for d, b := range backtests {
			x := b.Values[at.Index]
			v.values[d] = (x - b.Expected(at, x)) / b.Unit(at)
			complete = complete && v.values[d] == v.values[d]
		}
		if complete {
			all = append(all, v)
		}
	}
	return all
}

// fit fits marginals, components, forest and tails to the vectors of the window.
func (m *Multivariate) fit(vectors []vector) error {
	in := m.baselines[0].Grid
	apart := separation(in)
	s := &sample{}
	for _, v := range vectors {
		if v.phase == 0 {
			s.points, s.times = append(s.points, v.values), append(s.times, v.time)
		}
	}
	if len(s.points) < baseline.MinValues {
		return ErrGaps
	}
	m.fitMarginals(s.points, apart)
	for i := range s.points {
		m.toDeviates(&s.points[i])
	}
	var err error
	if m.pca, err = pca.Fit(s.points, len(m.names)); err != nil {
		return err
	}
	m.means, m.meanGain = make([]ewmaVector, in.Stride()), ewma.TrendGain(in.Slot())
	for _, v := range vectors {
		m.advance(v.phase, &v.values)
		if v.phase == 0 {
			s.statistics = append(s.statistics, m.measure(&v.values, m.means[:1]))
		}
	}
	m.forest = s.fitForest(m.o, len(m.names))
	m.calibration = calibration.Fit(calibration.Options{
		Enabled:    [calibration.MaxStatistics]bool{t2: true, mewma: true, spe: m.pca.Reduces(), forest: true},
		Slot:       in.Slot(),
		Separation: apart,
		Normal:     m.o.Normal.Of(s.times),
	}, s.statistics, s.span())
	m.learned = m.baselines[0].Learned
	for _, b := range m.baselines[1:] {
		m.learned = m.learned.Union(b.Learned)
	}
	return nil
}

func (m *Multivariate) fitMarginals(vectors []pca.Vector, separation int) {
	column := make([]float32, len(vectors))
	for d := range m.names {
		for i := range vectors {
			column[i] = vectors[i][d]
		}
		m.marginals = append(m.marginals, calibration.FitMarginal(column, separation))
	}
}

// toDeviates turns deviations into the standard normal values that are as rare.
func (m *Multivariate) toDeviates(v *pca.Vector) {
	for d := range m.marginals {
		v[d] = m.marginals[d].Deviate(v[d])
	}
}

// advance takes the deviations of a step into the mean, and turns them into deviates.
func (m *Multivariate) advance(phase int, v *pca.Vector) {
	mean := &m.means[phase]
	for d := range m.corrupt {
		mean[d] = m.corrupt[d].Undo(v[d], mean[d])
	}
	m.toDeviates(v)
	mean.next(v, m.meanGain)
}

// measure returns the statistics of a vector, without the forest, and of the mean of the phases given.
func (m *Multivariate) measure(v *pca.Vector, means []ewmaVector) calibration.Statistics {
	mean := averageVector(means)
	distance, outside := m.pca.Statistics(v)
	distanceOfMean, _ := m.pca.Statistics(&mean)
	return calibration.Statistics{t2: float32(distance), mewma: float32(distanceOfMean), spe: float32(outside)}
}

// Score scores the values of the step after the last one seen, in the order of the inputs, and takes them into the
// state. There is no score if a value is NaN or infinite, or if nothing is known to expect of it. A step whose learn
// is false is scored, but not learned from. The score has neither an expected value nor a band; the features of its
// contributions are the names of the inputs. Score does not allocate, except for contributions.
func (m *Multivariate) Score(values []float64, learn bool) Score {
	s := unknown(m.learned)
	var v pca.Vector
	phase, complete := 0, true
	for i, b := range m.baselines {
		at := b.Next(values[i], learn)
		v[i] = (at.Value - at.Expected) / at.Unit
		v[i] -= m.bursts[i].At(at.Time).Nearest(0, v[i])
		phase, complete = at.Phase, complete && v[i] == v[i]
	}
	if !complete {
		return s
	}
	m.advance(phase, &v)
	st := m.measure(&v, m.means)
	st[forest] = m.forest.Score(&v, 0, m.forest.Trees())
	all, parts := m.calibration.Combine(&st)
	s.setSupported(m.calibration.LogPeriod(all, &parts))
	if s.Value >= m.o.ExplainThreshold {
		s.Contributions = m.explain(&v)
	}
	return s
}

// explain shares the score among the inputs, by how much smaller T² and MEWMA would be if an input took its conditional
// expectation given the others. The mean varies less than single vectors by the factor g/(2-g), where g is the gain.
func (m *Multivariate) explain(v *pca.Vector) []Contribution {
	var parts [MaxInputs]float64
	mean := averageVector(m.means)
	m.pca.AddContributions(&parts, v, 1)
	m.pca.AddContributions(&parts, &mean, (2-m.meanGain)/m.meanGain)
	return contributions(m.names, parts[:])
}

// The values of a vector are the features of a point. This does not compile otherwise.
var _ isolationforest.Point = pca.Vector{}
