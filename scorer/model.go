package scorer

import (
	"fmt"
	"math"
	"time"

	"github.com/anomaly-exporter/anomaly-exporter/scorer/baseline"
	"github.com/anomaly-exporter/anomaly-exporter/scorer/blip"
	"github.com/anomaly-exporter/anomaly-exporter/scorer/burst"
	"github.com/anomaly-exporter/anomaly-exporter/scorer/calibration"
	"github.com/anomaly-exporter/anomaly-exporter/scorer/change"
	"github.com/anomaly-exporter/anomaly-exporter/scorer/credibility"
	"github.com/anomaly-exporter/anomaly-exporter/scorer/datarange"
	"github.com/anomaly-exporter/anomaly-exporter/scorer/ewma"
	"github.com/anomaly-exporter/anomaly-exporter/scorer/grid"
	"github.com/anomaly-exporter/anomaly-exporter/scorer/hours"
	"github.com/anomaly-exporter/anomaly-exporter/scorer/isolationforest"
)

const (
	// fineWindow is the end of a window in which history keeps every step, if steps are under 5 minutes (layout: the same
	// as in package history; a test compares them).
	fineWindow = 48 * time.Hour
	// widestAfter is how long a window has to be for the range to be no wider than its largest deviation to either side.
	// Chosen, not tuned: what is once in 3.5 days has then happened, but for one case in seven. With a shorter one, it is
	// no wider than from the smallest to the largest value.
	widestAfter = 7 * 24 * time.Hour
	// heldFrom is the score from which a step can belong to an outage that is told by how long it lasts: that of what is
	// as rare as once in 26 hours. Chosen: 0 found no more on the developing series (test/accuracy anomaly), and more
	// normal life anomalous (TestModel_LearnsWhatIsKnownToBeNormal).
	heldFrom = 0.5
	// A sample that would lose more than a third to baseline.Holdback keeps all (guard: there is little else).
	heldbackPart, heldbackOf = 1, 3
)

var featureNames = []string{size: "level", trend: "trend", volatility: "volatility", pattern: "pattern"}

// A Model scores one series by its own past: the steps after its training window, one by one. It is not safe for
// concurrent use.
type Model struct {
	o           Options
	baseline    *baseline.Series
	deviations  deviations
	forest      isolationforest.Forest // without trees if the pattern does not count
	calibration calibration.Calibration
	maxOverSlot calibration.MaxOverSlot // nil where a slot is a step, and with a forest
	bursts      burst.Normal
	lowest      float64 // of the values learned from; -Inf if it does not matter
	band        band
	widest      float32 // deviation that the window supports
	exact       bool    // every value that counts in the tails was what was expected
	change      change.Change
	away        int // steps since the series is away, see countAway
	stuck       change.Stuck
	blips       blip.Usual
}

// Fit learns from the values y of the steps start (ms), start+step, ...: NaN is no value. Steps whose learn is false
// (nil: none) carry the state forward but are not learned from. The errors are ErrShortHistory, ErrGaps, ErrConstant,
// or tell which option is wrong.
func Fit(o Options, start int64, y []float64, learn []bool) (*Model, error) {
	return FitWeighted(o, start, y, learn, nil)
}

// FitWeighted is Fit for values that each stand for a number of events, such as a share of requests for the number of
// requests: deviations of values with few events count less. A value with the weight NaN counts fully, and so do all
// values if weights is nil.
func FitWeighted(o Options, start int64, y []float64, learn []bool, weights []float64) (*Model, error) {
	if err := o.validate(); err != nil {
		return nil, fmt.Errorf("scorer: %w", err)
	}
	if learn != nil && len(learn) != len(y) {
		return nil, fmt.Errorf("scorer: %d values, %d learn marks", len(y), len(learn))
	}
	if weights != nil && len(weights) != len(y) {
		return nil, fmt.Errorf("scorer: %d values, %d weights", len(y), len(weights))
	}
	o.usual = usualSize(y)
	series, backtest, err := baseline.FitSeries(o.baseline(), baseline.Window{Start: start, Values: y, Learn: learn})
	if err != nil {
		return nil, err
	}
	enabled := o.statistics()
	in, log := series.Grid, calibration.LogPeriod(backtest.Learned, series.Grid.Slot())
	m := &Model{
		o: o, baseline: series, lowest: math.Inf(-1), change: change.New(log),
		stuck:      change.NewStuck(log, in.Slots(time.Hour)),
		deviations: newDeviations(in, enabled[pattern], ewma.NewBounds(backtest.Ordinary(), o.side(), in.Slot()), true),
	}
	m.deviations.sizeOnly = enabled == [calibration.MaxStatistics]bool{size: true}
	end := start + int64(len(y))*in.Step()
	var bursts *burst.Days
	if enabled[trend] {
		bursts = burst.Find(in, backtest, end, func(i int) float32 { return credibility.At(weights, i) })
		m.bursts = bursts.Next()
	}
	if _, constant := series.Constant(); constant {
		m.exact = true
		return m, nil
	}
	if in.Stride() > 1 && !enabled[pattern] {
		m.maxOverSlot = make(calibration.MaxOverSlot, in.Stride())
	}
	m.change.LearnHeld(backtest.HeldFor())
	m.blips = blip.New(in.Stride())
	r := m.replay(backtest, bursts, y, weights)
	if len(r.statistics) < baseline.MinValues {
		return nil, backtest.Unusable()
	}
	if enabled[pattern] {
		m.forest = r.fitForest(o, isolationforest.MaxFeatures)
	}
	m.calibrate(r, enabled, end)
	m.blips.Fit(log)
	m.band = band{m.calibration.Band(), m.calibration.BandBeyond(-1), m.calibration.BandBeyond(1)}
	if m.widest = r.most - r.least; r.span() >= widestAfter.Milliseconds() {
		m.widest = r.widest
	}
	return m, nil
}

// statistics returns which statistics count.
func (o *Options) statistics() [calibration.MaxStatistics]bool {
	switch o.Model {
	case "isolation_forest":
		return [calibration.MaxStatistics]bool{pattern: true}
	case "mad", "zscore":
		return [calibration.MaxStatistics]bool{size: true}
	}
	return [calibration.MaxStatistics]bool{size: true, trend: true, volatility: true}
}

// baseline returns the options of a series.
func (o *Options) baseline() baseline.Options {
	b := baseline.Options{
		Step: o.Step, Location: o.Location, Holiday: o.Holiday, Possible: o.possible(),
		Nominal: o.DataRange, Side: o.side(),
	}
	switch o.Model {
	case "mad":
		b.Method = baseline.Median
	case "zscore":
		b.Method = baseline.Mean
	}
	return b
}

// replay is what the statistics were in the window.
type replay struct {
	sample
	steps  calibration.SlotSample // one by one, of the end of the window where maxOverSlot is used
	firsts int                    // index in sample from which it is as new as steps

	// Before baseline.Holdback: by slot with a value, how far that was from what was expected, on the side that matters;
	// and for how many steps in a row the series was away, as countAway counts them.
	distances   []float32
	longestAway int

	// widest is the largest deviation that does not belong to a lasting episode, least and most are such values.
	widest, least, most float32
	beyond              []calibration.Beyond // of the sample
}

// replay runs the statistics over the window.
func (m *Model) replay(b *baseline.Backtest, bursts *burst.Days, y, weights []float64) *replay {
	in := m.baseline.Grid
	m.lowest = math.Inf(1)
	r := &replay{sample: newSample(len(b.Values)/in.Stride() + 1)}
	r.least, r.most = float32(math.Inf(1)), float32(math.Inf(-1))
	while := grid.WarmUp
	if m.maxOverSlot != nil {
		while = fineWindow
	}
	fine := max(len(y)-in.Steps(while), 0)
	from := fine + in.Steps(grid.WarmUp)
	to := len(y) - in.Steps(baseline.Holdback)
	if n := to - from; m.maxOverSlot != nil && n > 0 {
		r.steps = calibration.SlotSample{Statistics: make([]calibration.Statistics, 0, n), Slots: make([]int, 0, n)}
	}
	longest := 0
	for at := range b.Positions(while) {
		x, part, unit := b.Values[at.Index], credibility.At(weights, at.Index), b.Unit(at)
		if at.Phase == 0 && !m.deviations.sizeOnly {
			m.stuck.Learn(x, at.Index < to)
		}
		if x != x && in.Stride() == 1 && m.o.possible().Contains(y[at.Index]) {
			x := m.baseline.Scaled(at.Time, y[at.Index]) // carries the state, but is not in the sample
			expected := b.Expected(at, x)
			m.deviations.next(at.Phase, credibility.Towards(x, expected, part), expected, unit)
			continue
		}
		if x == x {
			m.lowest = min(m.lowest, y[at.Index])
		}
		expected := b.Expected(at, x)
		x = credibility.Towards(x, expected, part)
		if at.Phase > 0 {
			expected = bursts.On(at.Time).Around(expected, unit).Nearest(expected, x)
		}
		point := m.deviations.replay(at.Phase, x, expected, unit)
		if moved := b.NewUnit(at); moved > 0 {
			m.deviations.phases.Moved(moved)
		}
		e := (x - expected) / unit
		if e == e {
			steps := 1
			if at.Index < fine {
				steps = in.Stride()
			}
			if m.countAway(at.Time, x, expected, unit, steps); at.Index < to {
				longest = max(longest, m.away)
			}
		}
		if m.away == 0 {
			r.longestAway = longest
		}
		if e != e {
			continue
		}
		if at.Phase == 0 && at.Index < to {
			isLarge, isFar := m.deviations.within.Blip(e)
			m.blips.Learn(e, isLarge, isFar)
		}
		counts := m.o.onSide(float64(e))
		st := m.deviations.sampleIf(counts, at.Phase, e)
		if at.Phase == 0 && at.Index < to {
			r.distances = append(r.distances, st[size])
		}
		if b.Lasting(at) && !m.o.Normal.At(at.Time) {
			continue
		}
		r.widest, r.least, r.most = max(r.widest, x-expected, expected-x), min(r.least, x), max(r.most, x)
		if m.maxOverSlot != nil && at.Index >= from && at.Index < to {
			if len(r.steps.Slots) == 0 {
				r.firsts = len(r.statistics)
			}
			r.steps.Add(at.Slot, st)
		}
		if at.Phase == 0 {
			r.add(at.Time, st)
			var far calibration.Beyond
			if counts {
				far = m.beyond(at.Time, x, hours.Nearest(x, expected, b.Usual(at)), unit)
			}
			r.beyond = append(r.beyond, far)
			if m.deviations.recent != nil {
				r.points = append(r.points, point)
			}
		}
	}
	return r
}

// calibrate makes the tails of the sample of a window that ends at end (ms).
func (m *Model) calibrate(r *replay, enabled [calibration.MaxStatistics]bool, end int64) {
	in := m.baseline.Grid
	known, until := m.o.Normal, end-baseline.Holdback.Milliseconds()
	times := calibration.Settled(known, r.times, r.times, until)
	if heldbackOf*len(times) < (heldbackOf-heldbackPart)*len(r.times) {
		until, times = end, r.times
	}
	settled := calibration.Settled(known, r.statistics, r.times, until)
	o := calibration.Options{Enabled: enabled, Slot: in.Slot(), Separation: separation(in), Normal: known.Of(times)}
	m.calibration = calibration.Fit(o, settled, r.span())
	m.calibration.EstimateCorrection(r.steps, in.Stride(), settled[min(r.firsts, len(settled)):])
	usual := float32(m.baseline.Share.Usual / m.baseline.Scale)
	m.calibration.FitSides(calibration.Settled(known, r.beyond, r.times, until), usual, o, r.span())
	m.exact = m.change.Learn(settled, in.Stride())
	m.change.LearnExcursions(change.Excursions{
		Distances: r.distances, Limit: m.calibration.Threshold(), Away: r.longestAway,
		Stride: in.Stride(), Hour: in.Steps(time.Hour),
	})
}

// Score scores the value of the step after the last one seen and takes it into the state. NaN and infinities have no
// score. A step whose learn is false is scored, but not learned from. It does not allocate, except for contributions.
func (m *Model) Score(y float64, learn bool) Score { return m.ScoreWeighted(y, math.NaN(), learn) }

// ScoreWeighted is Score for a value with a number of events behind it, see FitWeighted. The expected range is as much
// wider as deviations count less.
func (m *Model) ScoreWeighted(y, weight float64, learn bool) Score {
	at := m.baseline.Next(y, learn)
	s := unknown(m.baseline.Learned)
	m.stuck.Next(at.Value, at.Phase == 0)
	part := credibility.Of(weight)
	m.allowBurst(&at, float32(max(part, credibility.Least)))
	m.setBand(&s, &at, part)
	at.Value = credibility.Towards(at.Value, at.Expected, float32(part))
	m.advance(&at)
	switch {
	case y != y || math.IsInf(y, 0):
	case at.Value != at.Value && !m.o.possible().Contains(y):
		m.o.outside(&s, y)
	case at.Value != at.Value || at.Expected != at.Expected:
	default:
		if m.exact {
			s.set(0)
		} else {
			m.score(&s, part*(y-s.Expected), &at)
		}
		m.scoreChange(&s, &at)
	}
	if at.NewUnit > 0 {
		m.deviations.phases.Moved(at.NewUnit)
	}
	return s
}

// allowBurst makes what bursts of the last days make normal expected of a step, a part of whose deviations counts.
func (m *Model) allowBurst(at *baseline.Step, part float32) {
	normal := m.bursts.At(at.Time).Around(at.Forecast, at.Unit/part)
	if normal.IsNone() {
		return
	}
	at.Low, at.High = min(at.Low, normal.Low), max(at.High, normal.High)
	at.Expected = normal.Nearest(at.Expected, at.Value)
}

// beyond returns how far the value x at the time t (ms) is from the nearest usual one, where a deviation of unit counts
// as 1.
func (m *Model) beyond(t int64, x, usual, unit float32) calibration.Beyond {
	b := calibration.Beyond{Distance: (x - usual) / unit}
	if x < usual {
		b.Log = m.baseline.Share.Log(m.baseline.Value(t, x), m.baseline.Value(t, usual))
	}
	return b
}

// advance takes a step into the state.
func (m *Model) advance(at *baseline.Step) {
	m.deviations.next(at.Phase, at.Value, at.Expected, at.Unit)
	isBlip, lasts := m.deviations.phases.IsBlip()
	m.blips.Next((at.Value-at.Expected)/at.Unit, isBlip, lasts)
	if e := at.Value - at.Expected; e != e && m.deviations.recent != nil {
		m.deviations.recent[at.Phase].Add(at.Value) // others are added when they are scored
	}
	if m.maxOverSlot != nil {
		m.maxOverSlot[at.Phase] = calibration.Surprisals{}
	}
}

// score sets the score by the statistics of a value whose deviation counts for d, in the unit of the series.
func (m *Model) score(s *Score, d float64, at *baseline.Step) {
	e, recent := (at.Value-at.Expected)/at.Unit, m.deviations.recent
	var point isolationforest.Point
	if recent != nil {
		point = recent[at.Phase].Point(at.Value)
	}
	counts := m.o.onSide(d) && m.o.onSide(float64(e))
	st := m.deviations.measureIf(counts, at.Phase, e)
	if counts && recent != nil {
		st[pattern] = m.forest.Score(&point, 0, m.forest.Trees())
	}
	var all calibration.Surprisals
	if in := at.Usual.Range; counts && (at.Value < in.Low || at.Value > in.High) {
		all.Beyond = m.beyond(at.Time, at.Value, hours.Nearest(at.Value, at.Expected, at.Usual.Center), at.Unit)
	}
	all.Combined, all.Parts = m.calibration.Combine(&st)
	if m.maxOverSlot != nil {
		all = m.maxOverSlot.Put(at.Phase, all)
	}
	if at.Low < at.High { // the expected value is one of many
		d = m.baseline.Distance(at.Value - at.Expected)
	}
	if !m.o.large(d, s.Expected) {
		s.set(0)
		return
	}
	log, supported := m.calibration.LogPeriod(all.Combined, &all.Parts)
	bySize := false
	if all.Beyond.Distance != 0 {
		if own, far := m.calibration.LogPeriodBeyond(all.Beyond); own > log {
			log, supported, bySize = own, max(supported, far), true
		}
	}
	s.setSupported(m.blips.Limit(log), m.blips.Limit(supported))
	if bySize {
		s.explainBy(featureNames[size], m.o.ExplainThreshold)
	} else if s.Value >= m.o.ExplainThreshold {
		s.Contributions = contributions(featureNames, all.Parts[:])
	}
}

// scoreChange scores the value of a step by how long the series has been away from where it nearly always was, or has
// been stuck. It raises the return period of one that moves by how long that has been away from where it may be.
func (m *Model) scoreChange(s *Score, at *baseline.Step) {
	before := m.away
	m.countAway(at.Time, at.Value, at.Expected, at.Unit, 1)
	if log := m.change.Score(m.away); log > 0 && log > calibration.Inverse(s.Value) {
		s.set(log)
		s.explainBy("change", m.o.ExplainThreshold)
	}
	m.raise(s, at, m.stuck.Score(), "stuck")
	if s.Value >= heldFrom {
		m.raise(s, at, m.change.Held(m.baseline.HeldFor(at)), featureNames[size])
	}
	if log := m.change.Lasting(m.away); log > 0 && m.away > before {
		if m.blips.Known() { // they are as large in the tails as what lasts
			m.raise(s, at, log, featureNames[size])
		}
		if s.Value >= calibration.BandScore {
			s.support(log)
		}
	}
}

// raise raises the score of a step to what another statistic says, if the value is on the side that matters and far
// enough.
func (m *Model) raise(s *Score, at *baseline.Step, log float64, feature string) {
	if log == 0 || log <= calibration.Inverse(s.Value) {
		return
	}
	if d := m.baseline.Distance(at.Value - at.Expected); m.o.onSide(d) && m.o.large(d, s.Expected) {
		s.set(log)
		s.explainBy(feature, m.o.ExplainThreshold)
	}
}

// countAway counts so many steps from the time t (ms) on with a value x as away, if that is away from what was expected
// on the side that matters.
func (m *Model) countAway(t int64, x, expected, unit float32, steps int) {
	away := m.baseline.IsAway(x, expected, unit)
	if away {
		d := m.baseline.Distance(x - expected)
		away = m.o.onSide(d) && m.o.large(d, m.baseline.Value(t, expected))
	}
	m.away = change.Count(m.away, steps, away)
}

// A band is how far from what was expected values are no news: anywhere, and beyond the usual ones below or above it.
type band struct {
	anywhere     float32
	below, above calibration.Beyond
}

// setBand sets the expected value of a step and what is normal around it, where a part of deviations counts.
func (m *Model) setBand(s *Score, at *baseline.Step, part float64) {
	expected := m.baseline.Value(at.Time, at.Forecast)
	low, high := m.baseline.Value(at.Time, at.Low), m.baseline.Value(at.Time, at.High)
	least, part := m.o.minDeviation(expected), max(part, credibility.Least)
	counting := func(distance float64) float64 { return max(distance, least) / part }
	width := func(distance float32) float64 { return counting(m.baseline.Distance(min(distance*at.Unit, m.widest))) }
	lower, upper := low-width(m.band.anywhere), high+width(m.band.anywhere)
	if usual := at.Usual.Range; !usual.IsNone() {
		if center := m.baseline.Value(at.Time, at.Usual.Center); center == center {
			low, high = min(low, center), max(high, center)
		}
		below := width(m.band.below.Distance)
		if log := m.band.below.Log; log > 0 {
			below = min(below, counting(m.baseline.Share.Below(log, low)))
		}
		lower = max(lower, min(low-below, m.baseline.Value(at.Time, usual.Low)))
		upper = min(upper, max(high+width(m.band.above.Distance), m.baseline.Value(at.Time, usual.High)))
	}
	r := datarange.Range(m.o.DataRange)
	if m.lowest >= 0 { // as counts are
		r[0] = max(r[0], 0)
	}
	s.Expected, s.Lower, s.Upper = r.Clip(expected), r.Clip(lower), r.Clip(upper)
}
