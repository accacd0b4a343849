package baseline

import (
	"slices"
	"time"

	"github.com/anomaly-exporter/anomaly-exporter/scorer/edge"
	"github.com/anomaly-exporter/anomaly-exporter/scorer/envelope"
	"github.com/anomaly-exporter/anomaly-exporter/scorer/grid"
	"github.com/anomaly-exporter/anomaly-exporter/scorer/hours"
	"github.com/anomaly-exporter/anomaly-exporter/scorer/level"
	"github.com/anomaly-exporter/anomaly-exporter/scorer/orderstat"
	"github.com/anomaly-exporter/anomaly-exporter/scorer/profile"
	"github.com/anomaly-exporter/anomaly-exporter/scorer/sawtooth"
	"github.com/anomaly-exporter/anomaly-exporter/scorer/season"
)

const (
	day = 24 * time.Hour
	// Holdback is how old a step has to be to say what is ordinary, and in the tails: the last hours may be the beginning
	// of an incident that goes on. Tuned for the tails: on the developing series (test/accuracy anomaly) recall at one
	// false alert in four weeks rose from .62 to .65 (nab) and from .41 to .47 (ms).
	Holdback = 12 * time.Hour
	// choiceWindow is the part of the window, at its end, over which the season is chosen. Chosen, not tuned: two weeks
	// hold two weekends.
	choiceWindow = 14 * 24 * time.Hour
	// neighbourhood is how far from a time of day its neighbours are, which stand in for it while it is not known. Chosen,
	// not tuned: an hour earlier or later most series are still much the same.
	neighbourhood = time.Hour
	// again is by how much what happens again may be earlier or later. Chosen, not tuned, as in package envelope.
	again = 10 * time.Minute
	// A level has moved if it is movedFactor times as far from the season's as wanderShare of the levels of the window are
	// from each other. Of one that wanders, that is five standard deviations. Chosen: 6 and 12 were much the same.
	movedFactor, wanderShare = 8, 1.0 / 4
	// dropDays and dropShare bound what DropWarmup leaves out: the days until a median of days is a usual one, but no more
	// than a quarter of what is known. Chosen, not tuned.
	dropDays, dropShare = 3, 4
)

// A Window is what a Series is fitted on.
type Window struct {
	Start  int64     // ms, the time of Values[0]
	Values []float64 // by step; NaN: missing
	Learn  []bool    // by step; false: not learned from; nil: learn from all
}

// A Backtest is what a Series would have expected at the steps of its window, each step knowing only what was before
// it.
type Backtest struct {
	// Values are scaled, by step; NaN where there is none to learn from.
	Values []float32
	// Learned is the number of slots with a value to learn from.
	Learned int

	series *Series
	start  int64
	count  int // of slots
	choice
	doubtful bool                // a weekly season may be better than the daily one, see chooseWeeks
	added    choice              // if season and level are multiplied: what it was before
	normal   []envelope.Interval // by slot, the envelope with the level; nil: none
	moved    []float32           // by slot, the level from the values as the level has moved them; nil: no season
	// sampleSizeFactor is by number of periods: how much smaller deviations are from the median of as many as are known
	// now. 1 where there is no season.
	sampleSizeFactor [8]float32
	ordinary         float32 // see Ordinary
	median           float32 // deviation
	flat             bool    // most values are exactly what is expected

	scratch          orderstat.Scratch
	learned, medians []float32 // memory for the next use
}

// FitSeries learns from a window. The errors are ErrShortHistory, ErrGaps and, unless the method is Seasonal,
// ErrConstant.
func FitSeries(o Options, w Window) (*Series, *Backtest, error) {
	g := grid.New(o.Step)
	s := &Series{
		Grid: g, Learned: grid.EmptySpan, possible: o.Possible, side: o.Side,
		slots: grid.NewLocalSlots(g, o.Location, o.Holiday),
		fixed: o.Method != Seasonal, now: w.Start + int64(len(w.Values))*g.Step(),
	}
	s.Nominal = o.Nominal
	b := &Backtest{series: s, start: w.Start}
	if err := b.learn(w); err != nil {
		return nil, nil, err
	}
	if err := b.scale(w, o.Method); err != nil {
		return nil, nil, err
	}
	s.profile = profile.New(&s.slots, g.Stride(), s.slots.At(s.now), &s.composed)
	if s.constant || s.fixed {
		b.expected = make([]float32, len(w.Values)/g.Stride()+1)
		b.setOrdinary()
		s.hours = hours.New(b.bySlot(), nil, true)
		return s, b, nil
	}
	b.chooseSeason()
	inUnit := b.slotValues(w)
	saw, teeth := b.sawtooth(inUnit), sawtooth.Teeth{}
	if !o.OneValue {
		teeth = saw.Find()
	}
	if teeth.Resets < manyResets {
		b.chooseLine(w, inUnit)
	}
	if teeth.Resets > 0 {
		s.sawtooth = &teeth
		if k, left := saw.Leaves(teeth); left {
			b.lasting = append(b.lasting, level.Episode{First: k, Last: b.count})
		}
	}
	if s.sawtooth != nil && s.Slope == 0 {
		s.fixed = true // nothing else is expected, between resets or after one
		s.hours = hours.New(b.slots, nil, true)
		b.choice = choice{seasonTest: seasonTest{expected: make([]float32, b.count), lasting: b.lasting}}
		b.setOrdinary()
		return s, b, nil
	}
	b.chooseComposition()
	values := b.slots
	b.holdLevel()
	b.chooseWeeks(values)
	b.rememberUsual()
	b.setOrdinary()
	once := b.setProfile()
	if known := b.knownFor(); known < season.WeeklyOnlyAfter.Milliseconds() {
		next, zero := s.profile.Values[:min(len(s.profile.Values), values.PerDay)], s.Scaled(s.Origin, 0)
		s.young.First = season.NewFirstDays(values, next, zero, known < (7*day).Milliseconds())
		near := awayFactor * b.median
		s.young.LastWeek = season.NewLastWeek(values.Clone(), s.profile.At, &s.composed, near, &b.scratch)
		if s.young.First.Known() && b.expects() < max(values.PerDay, MinValues) {
			s.young.LearnFirstDays()
		}
	}
	if !o.OneValue {
		b.setEnvelope()
		for i, x := range once {
			s.envelope.Include(int64(i), envelope.Interval{Low: x, High: x})
		}
	}
	return s, b, nil
}

// Positions yields the first step of each slot, and of the last while every step.
func (b *Backtest) Positions(lastWhile time.Duration) func(yield func(grid.Position) bool) {
	n := len(b.Values)
	return b.series.Grid.Positions(b.start, n, n-b.series.Grid.Steps(lastWhile))
}

// Expected returns what was expected of the value x at a position. If the season was then the median of fewer periods
// than now, x strayed farther from it than it would today, and the difference is made smaller by as much.
func (b *Backtest) Expected(at grid.Position, x float32) float32 {
	k := at.Slot
	e := b.between(b.expected, at, x)
	if b.former != nil {
		// What is near the level tells the tails how far values stray from it, also while a former one hides that.
		old, hidden := b.between(b.former, at, x), b.series.side != 0 && b.series.level.IsNear(x, e, b.Unit(at))
		if old == old && !hidden {
			e = b.series.choose(e, old, x)
		}
	}
	if b.normal != nil {
		normal := b.normal[k]
		if at.Phase > 0 && k+1 < len(b.normal) {
			normal = normal.Join(b.normal[k+1])
		}
		e = normal.Nearest(e, x)
	}
	if b.series.Slope != 0 {
		e = b.series.late(e).Nearest(e, x)
	}
	if b.series.sawtooth != nil {
		e = b.series.teeth(at.Time).Nearest(e, x)
	}
	if young := &b.series.young; young.Known() {
		e = young.Replayed(b.series.slots.At(at.Time), x, e, b.Unit(at))
	}
	if b.series.profile.Values != nil && x == x {
		e = x - (x-e)*b.sampleSizeFactor[b.seasonal[k].Periods]
	}
	return b.series.Resolve(e, x)
}

// expects returns of how many slots with a value it is known what was expected.
func (b *Backtest) expects() (n int) {
	for at := range b.Positions(0) {
		if x := b.Values[at.Index]; x == x {
			if e := b.Expected(at, x); e == e && !b.Lasting(at) {
				n++
			}
		}
	}
	return n
}

// rememberUsual makes what the season makes normal by itself as normal as a former level, if one side matters and the
// level has moved far away from there. While it moves, values are between the two, and season and level may not be told
// apart yet: then what is left after a fall may look like a rise.
func (b *Backtest) rememberUsual() {
	if b.series.side == 0 {
		return
	}
	levels := slices.DeleteFunc(append(b.medians[:0], b.levels...), func(l float32) bool { return l != l })
	b.scratch.Sort(levels)
	wander := orderstat.ShortestWidth(levels, wanderShare)
	if b.series.hasMoved = abs(b.level.Now()-b.composed.Neutral()) > movedFactor*wander; !b.series.hasMoved {
		return
	}
	for k, v := range b.seasonal {
		usual := v.Value
		if b.former != nil && b.former[k] == b.former[k] {
			usual = b.series.choose(usual, b.former[k], nan32)
		}
		b.former = set(b.former, k, b.count, usual, nan32)
	}
}

// Unit returns how large a deviation at a position is that counts as 1.
func (b *Backtest) Unit(at grid.Position) float32 {
	noise := float32(1)
	if b.noise != nil {
		noise = b.noise[at.Slot]
	}
	if b.composed.Gain == 0 {
		return noise
	}
	e := b.between(b.expected, at, nan32)
	if b.series.hasMoved {
		e = max(e, b.between(b.former, at, nan32))
	}
	return noise * b.composed.Unit(e)
}

// between returns what was expected at a position by what was expected at slots.
func (b *Backtest) between(expected []float32, at grid.Position, x float32) float32 {
	k, p := at.Slot, &b.series.profile
	if at.Phase == 0 || k+1 >= len(expected) {
		return expected[k]
	}
	slots := edge.At(expected, k)
	if p.Values != nil {
		slots.Prefer(b.seasonal[k].Periods == 0, b.seasonal[k+1].Periods == 0)
	}
	return p.BetweenSlots(&slots, at.Phase, x)
}

// Lasting tells whether a position lies in an episode of hours in which the values were away from the level.
func (b *Backtest) Lasting(at grid.Position) bool { return level.Lasts(b.lasting, at.Slot) }

// NewUnit returns by how many times the unit grows after the slot of a position, as the level has moved; 0: it has not.
func (b *Backtest) NewUnit(at grid.Position) float32 {
	for _, m := range b.moves {
		if m.slot == at.Slot && at.Phase == 0 {
			return m.newUnit
		}
	}
	return 0
}

// Ordinary returns the scaled deviation that is as large as ordinary ones get: larger ones need not have a larger
// effect on what comes after them. +Inf if there are none.
func (b *Backtest) Ordinary() float32 { return b.ordinary }

// HeldFor returns for how many slots the level held at most, see Series.HeldFor, and at least the length of a run. What
// lasted for hours does not count, nor do the last hours. It is 0 where slots are too long for runs.
func (b *Backtest) HeldFor() int {
	if b.flat || int(b.series.slots.PerDay) < runsPerDay {
		return 0
	}
	return max(b.heldFor, level.RunLength(b.series.Grid.Slots))
}

// Unusable returns why a window says too little although it has values: most of them are missing, or the series has not
// been known for long enough.
func (b *Backtest) Unusable() error {
	if known := b.knownFor() / b.series.Grid.Slot(); known >= MinValues && int64(2*b.Learned) < known {
		return ErrGaps
	}
	return ErrShortHistory
}

// Usual returns around what values usually are at the hour of a position, with the level; NaN: not known.
func (b *Backtest) Usual(at grid.Position) float32 {
	s := b.series
	if b.moved == nil {
		return nan32
	}
	return s.composed.Join(s.hours.At(s.slots.At(at.Time)).Center, b.moved[at.Slot])
}

// DropWarmup forgets what was expected in the first days of a season. As long as the level is that of slots whose
// season was not known, and then as long as few days say what is usual, deviations are larger than they will be.
func (b *Backtest) DropWarmup() {
	s := b.series
	if s.profile.Values == nil {
		return
	}
	known := len(slices.DeleteFunc(slices.Clone(b.expected), func(e float32) bool { return e != e }))
	drop := min(max(s.Grid.Slots(level.Window), min(s.Grid.Slots(dropDays*day), known/dropShare)), known/2)
	for i, e := range b.expected {
		if drop > 0 && e == e {
			b.expected[i] = nan32
			drop--
		}
	}
}

// knownFor returns for how long the series has had values, in ms.
func (b *Backtest) knownFor() int64 {
	first := slices.IndexFunc(b.Values, func(x float32) bool { return x == x })
	return int64(len(b.Values)-first) * b.series.Grid.Step()
}

// learn sets the steps that are learned from.
func (b *Backtest) learn(w Window) error {
	s := b.series
	b.Values = make([]float32, len(w.Values))
	for i, y := range w.Values {
		b.Values[i] = nan32
		if (w.Learn == nil || w.Learn[i]) && s.possible.Contains(y) {
			b.Values[i] = 0
			s.Learned = s.Learned.Include(w.Start + int64(i)*s.Grid.Step())
		}
	}
	for at := range b.Positions(0) {
		b.count++
		if b.Values[at.Index] == 0 {
			b.Learned++
		}
	}
	switch {
	case b.count < MinValues:
		return ErrShortHistory
	case b.Learned < MinValues:
		return ErrGaps
	}
	return nil
}

// scale finds centre and scale of the values around a line with the slope of the series, and scales them.
func (b *Backtest) scale(w Window, method Method) error {
	s := b.series
	s.Origin = s.now
	known := make([]float64, 0, b.Learned)
	var values []float64 // not less the line
	for at := range b.Positions(0) {
		if b.Values[at.Index] == b.Values[at.Index] {
			y := s.Nominal.AtEnd(w.Values[at.Index])
			known = append(known, y-s.Slope*float64(at.Time-s.Origin))
			if s.Slope != 0 {
				values = append(values, y)
			}
		}
	}
	b.scratch.Sort64(known)
	if s.Slope == 0 {
		values = known
	} else {
		b.scratch.Sort64(values)
	}
	if s.constant = s.Fit(known, values, method == Mean); s.constant && s.fixed {
		return ErrConstant
	}
	for i, x := range b.Values {
		if x == x {
			b.Values[i] = s.Scaled(w.Start+int64(i)*s.Grid.Step(), w.Values[i])
		}
	}
	return nil
}

// setProfile sets the season of the day or week after the window, of which all that is known is in the window. It
// returns what a slot of the season may have besides that, as only last week had it.
func (b *Backtest) setProfile() (once map[int]float32) {
	s, values := b.series, b.slots
	s.level, s.composed = b.level, b.composed
	if b.season.Days == 0 {
		return nil
	}
	p := &s.profile
	p.Values = make([]float32, b.season.Days*values.PerDay)
	most, least := 0, 7
	h := holdPass{Backtest: b, seasonTest: b.seasonTest, values: values}
	var instead []float32 // where last week alone is known
	isOdd := func(x, e float32) bool {
		return h.isOdd(h.composed.Join(x, h.level.Now()), h.composed.Join(e, h.level.Now()))
	}
	for i := range p.Values {
		v, days, periods := values.Expected(b.season, p.First+int64(i))
		p.Values[i] = v
		most = max(most, periods)
		if days == 7 && periods == 1 {
			instead = set(instead, i, len(p.Values), values.MedianIfOdd(p.First+int64(i), v, isOdd), nan32)
		}
		if days > 0 {
			least = min(least, periods)
		} else {
			p.StandIn(i)
		}
	}
	if instead != nil {
		once = season.ReplaceRuns(p.Values, instead, values.PerDay/2)
	}
	p.FindEdges(&b.scratch)
	if b.season.ByKind { // days off are fewer
		most = least
	}
	b.sampleSizeFactor = season.SampleSizeFactors(most)
	return once
}

// setEnvelope finds the times of day at which the days of the window differ, by values less their levels. Where they no
// longer do after the window, they are not looked for in it.
func (b *Backtest) setEnvelope() {
	s, values, weekly := b.series, b.slots, b.season.Days == 7 // they are not needed any more: in place
	level := nan32
	if b.season.Days > 0 {
		level = b.composed.Neutral() // the first days are what the season begins with
	}
	// As the level moved for good, it moved the values before that: the envelope is that of the moved ones.
	moved, slots := make([]float32, len(b.levels)), make([]int64, 0, len(b.levels))
	whole := values.Clone()
	shift := b.composed.Neutral()
	for at := range b.Positions(0) {
		if l := b.levels[at.Slot]; l == l {
			level = l
		}
		slot := s.slots.At(at.Time)
		i := slot - values.First
		if d := b.composed.LevelOf(values.Values[i], b.Values[at.Index]); d == d {
			shift = d
		}
		moved[at.Slot] = shift
		values.Values[i] = b.composed.Without(values.Values[i], level)
		if weekly {
			slot = s.slots.Season(slot)
		}
		slots = append(slots, slot)
	}
	o := envelope.Options{
		First: values.First, Slot: time.Duration(s.Grid.Slot()) * time.Millisecond, PerDay: values.PerDay,
	}
	if weekly {
		o.Alike = func(slot, earlier int64) bool { return s.slots.IsWeekend(slot) == s.slots.IsWeekend(earlier) }
	}
	s.hours = hours.New(whole, values.Values, !weekly)
	n := max(b.season.Days, 1) * values.PerDay
	s.envelope, b.normal = envelope.New(o, values.Values).Find(s.profile.First, n, slots)
	for i, l := range b.levels {
		moved[i] = b.composed.Difference(l, moved[i])
	}
	for i := range b.normal {
		b.normal[i] = b.composed.At(b.normal[i], moved[i])
	}
	b.moved = moved
}
