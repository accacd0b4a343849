// Package scorer says how strange each value of a series is, from 0 to 1, and why.
//
// A value is compared with what its past makes normal: its season, as far as one shows, plus the level of the last hours.
// Three statistics of the deviation each get the probability that their own past gives them (a tail, see fitTail); the three
// together get one again, and with it a return period. So a score means the same for every series: 0.8 is
// once in five weeks of normal life.
//
// Everything is a function of the options and the values: no clock, no global state, no randomness but the seed.
package scorer

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"time"
)

const (
	unit = 5 * time.Minute // return period of score 0; each factor 10^5 adds 1
	// knee is where the score starts to approach 1 without reaching it: a window of weeks cannot tell once in three
	// years from once in ten, but it can tell which of two steps is stranger.
	knee = 0.8
	// bandScore is the score of the edge of the band around the expected value.
	bandScore = 0.6
)

// A Score tells how strange a step is.
type Score struct {
	// Value is 0 to 1: log10(R/5m)/5 of the return period R. NaN where there is none.
	Value float64
	// ReturnPeriod is how often normal life looks at least this strange, in seconds. NaN where there is none.
	ReturnPeriod float64
	// Expected is the value that the past makes normal; outside of Lower and Upper the size of the deviation is by itself
	// rarer than once in 3.5 days. All three are known before the step, in the unit of the series; NaN if unknown.
	Expected, Lower, Upper float64
	// From and To are the first and the last step (ms) that the model has learned from.
	From, To int64
	// Contributions tell what made the step strange, the largest first; nil below the explain threshold.
	Contributions []Contribution
}

// A Contribution is the share of a feature in a score; those of a score sum to 1. Features are "level", "trend",
// "volatility", "pattern", "change" of a series that was constant, and "range" for a value outside of the data range.
type Contribution struct {
	Feature string
	Share   float64
}

// Model scores the steps after its training window, one by one. It is not safe for concurrent use.
type Model struct {
	o      Options
	now    int64 // ms, the next step
	clock  clock
	stride int // steps in a slot

	from, to int64 // ms, first and last step learned from

	center, scale float64   // values are kept as (value-center)/scale
	fixed         bool      // what is expected is center, always
	first         int64     // slot of profile[0]
	profile       []float32 // season of the slots to come, a week around; nil = none
	leap          float32   // from slot to slot of the season, above which it is an edge
	recent        window    // values less their season

	uses      [statistics]bool
	phases    []phase
	histories []*history // by phase, for the forest
	forest    forest
	tails     [statistics]tail
	combined  tail
	holds     bool    // where a slot has steps, see hold
	chances   float64 // ln of how many times likelier one of its steps is strange than the first of them

	constant bool    // the window holds only center
	away     int     // steps since it moved
	unseen   float64 // log10 of the window's length in units
}

// Fit learns from the values y of the steps start (ms), start+step, ...: NaN is no value. Steps whose learn is false (nil:
// none) carry the state forward but are not learned from. The errors are ErrShortHistory, ErrGaps, ErrConstant, or tell
// which option is wrong.
func Fit(o Options, start int64, y []float64, learn []bool) (*Model, error) {
	if err := o.validate(); err != nil {
		return nil, fmt.Errorf("scorer: %w", err)
	}
	if learn != nil && len(learn) != len(y) {
		return nil, fmt.Errorf("scorer: %d values, %d learn marks", len(y), len(learn))
	}
	f := newFit(o, start, y, learn)
	if err := f.normal(); err != nil {
		return nil, err
	}
	if !f.constant {
		f.chooseSeason()
		f.replay()
		if len(f.sample) < leastValues {
			return nil, f.tooLittle()
		}
		f.plant()
		f.calibrate(f.settled(), f.apart())
		f.count()
	}
	f.now = start + int64(len(y))*o.Step.Milliseconds()
	f.forecast()
	return f.Model, nil
}

// Score scores the value of the step after the last one seen and takes it into the state. NaN and infinities have no
// score. A step whose learn is false is scored, but not learned from.
func (m *Model) Score(y float64, learn bool) Score {
	slot, ph := m.clock.at(m.now), m.phase(m.now)
	m.now += m.o.Step.Milliseconds()

	b := m.expect(slot, ph, nan32)
	s := Score{Value: math.NaN(), ReturnPeriod: math.NaN(), From: m.from, To: m.to}
	s.Expected, s.Lower, s.Upper = m.band(b)
	x := nan32
	if m.possible(y) {
		x = m.normalise(y)
	}
	if ph > 0 {
		b = m.expect(slot, ph, x)
	}
	m.advance(x, b, slot, ph, learn)
	switch {
	case y != y || math.IsInf(y, 0):
	case !m.possible(y):
		m.finish(&s, math.Inf(1))
		m.explain(&s, Contribution{"range", 1})
	case m.constant:
		m.scoreChange(&s, y)
	case b == b && x == x:
		m.score(&s, y, x, b, ph)
	}
	return s
}

// advance takes the value x, of which b was expected, into the state.
func (m *Model) advance(x, b float32, slot int64, ph int, learn bool) {
	m.phases[ph].next(x, b)
	if m.uses[pattern] && !m.constant && !(x-b == x-b) {
		m.histories[ph].add(x)
	}
	if ph != 0 || m.fixed || m.constant || m.clock.off(slot) {
		return
	}
	if !learn {
		x = nan32
	}
	m.recent.push(x - m.season(slot))
}

// score fills in s from the statistics of the value y, normalised x.
func (m *Model) score(s *Score, y float64, x, b float32, ph int) {
	var ft features
	if m.uses[pattern] {
		ft = m.histories[ph].take(x)
	}
	st := stats{}
	if m.onSide(y - s.Expected) {
		st = measure(m.phases, x-b)
		if m.uses[pattern] {
			st[pattern] = m.forest.score(&ft, 0, len(m.forest.roots))
		}
	}
	all, parts := m.combine(&st)
	if m.holds {
		all, parts = m.hold(all, parts, ph)
	}
	if !m.large(y-s.Expected, s.Expected) {
		m.finish(s, 0)
		return
	}
	m.finish(s, max(m.combined.strangeness(all)-m.chances, 0)/math.Ln10+m.slotUnits())
	if s.Value >= m.o.ExplainThreshold {
		s.Contributions = contributions(&parts)
	}
}

// hold is the strangest of the last steps, as many as a slot has: one event is one crossing, however its minutes flicker.
func (m *Model) hold(all float32, parts stats, ph int) (float32, stats) {
	m.phases[ph].held, m.phases[ph].parts = all, parts
	most := ph
	for i := range m.phases {
		if m.phases[i].held > m.phases[most].held {
			most = i
		}
	}
	return m.phases[most].held, m.phases[most].parts
}

// scoreChange scores a series that was constant: a first change is as rare as the window is long, and the longer the
// series stays away, the less it looks like a blip.
func (m *Model) scoreChange(s *Score, y float64) {
	if d := y - s.Expected; y == m.center || !m.onSide(d) || !m.large(d, s.Expected) {
		m.away = 0
		m.finish(s, 0)
		return
	}
	m.away = min(m.away+1, 60)
	m.finish(s, m.unseen+float64(m.away-1)*math.Log10(2))
	m.explain(s, Contribution{"change", 1})
}

// finish sets the score and the return period, whose log10 in units is r.
func (m *Model) finish(s *Score, r float64) {
	v := max(r/5, 0)
	if v > knee {
		v = 1 - (1-knee)*math.Exp(-(v-knee)/(1-knee))
	}
	s.Value = v
	s.ReturnPeriod = unit.Seconds() * math.Pow(10, 5*v)
}

func (m *Model) explain(s *Score, c Contribution) {
	if s.Value >= m.o.ExplainThreshold {
		s.Contributions = []Contribution{c}
	}
}

// slotUnits is log10 of a slot in units: return periods are counted in slots, not in steps, because at steps under 5
// minutes neighbours hardly differ in their strangeness.
func (m *Model) slotUnits() float64 {
	return math.Log10(float64(m.clock.slot) / float64(unit.Milliseconds()))
}

// phase is the position of a step within its slot.
func (m *Model) phase(t int64) int {
	if m.stride == 1 {
		return 0
	}
	within := t - floorDiv(t, m.clock.slot)*m.clock.slot
	return int(within/m.o.Step.Milliseconds()) % m.stride
}

// season is the seasonal value of a slot after the window.
func (m *Model) season(slot int64) float32 {
	n := int64(len(m.profile))
	if n == 0 {
		return 0
	}
	i := (m.clock.ordinary(slot) - m.first) % n
	if i < 0 {
		i += n
	}
	return m.profile[i]
}

// expect is what is normal at a step: the season and the recent level. Of the value x, if it is known, see between.
func (m *Model) expect(slot int64, ph int, x float32) float32 {
	if m.fixed || m.constant {
		return 0
	}
	s, level := m.season(slot), m.recent.median()
	if ph > 0 {
		s = m.between(s, m.season(slot+1), ph, x-level)
	}
	return s + level
}

// between is what is expected of x at a phase between two slots. Where a season leaps from one to the next, it may do so at any of their steps: of a
// value that is known the nearest is expected.
func (m *Model) between(slot, next float32, ph int, x float32) float32 {
	b := slot + (next-slot)*float32(ph)/float32(m.stride)
	if x == x && abs32(next-slot) > m.leap {
		for _, e := range [...]float32{slot, next} {
			if abs32(x-e) < abs32(x-b) {
				b = e
			}
		}
	}
	return b
}

// normalise is NaN for what is too far away to be reckoned with.
func (m *Model) normalise(y float64) float32 {
	x := y/m.scale - m.center/m.scale
	if math.Abs(x) < 1 {
		x = (y - m.center) / m.scale // exact near the centre
	}
	return float32(min(max(x, -1e15), 1e15))
}

// possible tells whether y is in the data range, and a number.
func (m *Model) possible(y float64) bool {
	return y >= m.o.DataRange[0] && y <= m.o.DataRange[1] && !math.IsInf(y, 0)
}

// band is the expected value and what is normal around it.
func (m *Model) band(b float32) (expected, lower, upper float64) {
	expected = m.center + m.scale*float64(b)
	width := 0.0
	if !m.constant {
		width = m.scale * float64(m.tails[size].quantile((5*bandScore-m.slotUnits())*math.Ln10))
	}
	width = max(width, m.o.MinDeviation, m.o.MinRelativeDeviation*math.Abs(expected))
	clip := func(v float64) float64 { return min(max(v, m.o.DataRange[0]), m.o.DataRange[1]) }
	return clip(expected), clip(expected - width), clip(expected + width)
}

// onSide tells whether a deviation is on the side that the options ask for. The other side is left out before calibration: how far values stray
// there says nothing of this one.
func (m *Model) onSide(d float64) bool {
	return !(m.o.Direction == "above" && d <= 0 || m.o.Direction == "below" && d >= 0)
}

// large tells whether a deviation is of the size that the options ask for. It holds scores back and leaves the calibration alone: tails are known
// the better, the more deviations they are made from.
func (m *Model) large(d, expected float64) bool {
	d = math.Abs(d)
	return d >= m.o.MinDeviation && d >= m.o.MinRelativeDeviation*math.Abs(expected)
}

// combine is the strangeness of the statistics in use together, and that of each. Their mean is taken for that of three independent ones (as R. A.
// Fisher's method of combining tests does; by its variance on normal life of many shapes there are 1.6 to 2.7 of them). What that gets wrong the tail of
// the result puts right, the less of it the better.
func (m *Model) combine(st *stats) (all float32, parts stats) {
	var sum, n float64
	for i, used := range m.uses {
		if used {
			p := m.tails[i].strangeness(st[i])
			parts[i] = float32(p)
			sum += p
			n++
		}
	}
	if n > 1 {
		sum *= 3 / n
		sum -= math.Log1p(sum + sum*sum/2)
	}
	return float32(sum), parts
}

func contributions(parts *stats) []Contribution {
	var sum float64
	for _, p := range parts {
		sum += float64(p)
	}
	if sum == 0 {
		return nil
	}
	c := make([]Contribution, 0, statistics)
	for i, p := range parts {
		if p > 0 {
			c = append(c, Contribution{featureNames[i], float64(p) / sum})
		}
	}
	slices.SortStableFunc(c, func(a, b Contribution) int { return cmp.Compare(b.Share, a.Share) })
	return c
}
