package baseline

import (
	"math"
	"slices"
	"time"

	"github.com/anomaly-exporter/anomaly-exporter/scorer/envelope"
	"github.com/anomaly-exporter/anomaly-exporter/scorer/orderstat"
)

const (
	// choiceWindow is the part of the window, at its end, over which the season is chosen. Chosen, not tuned: two weeks
	// hold two weekends.
	choiceWindow = 14 * 24 * time.Hour
	// weeklyOnlyAfter is how long a series has to be known until a weekly season speaks for itself. Before that, slots
	// whose last week is not known are expected by the days, so that the tails know more than the last few days. Chosen,
	// not tuned: a little less than two weeks, so that a window of two weeks qualifies though its first hours are empty.
	weeklyOnlyAfter = 320 * time.Hour
	// jumpFactor is how many times the mean difference of neighbouring slots an edge of the season is. Chosen, not tuned.
	jumpFactor = 6
	// A season has to show by itself at least half a day of slots (minOwnDays), and a quarter of those that it is compared
	// on (minOwnShare). Guard: a smaller part says nothing of the rest.
	minOwnDays, minOwnShare = 1.0 / 2, 1.0 / 4
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

	series   *Series
	start    int64
	expected []float32           // by slot; NaN where it would say nothing of how far values stray
	periods  []uint8             // by slot, of how many periods the season was the median
	normal   []envelope.Interval // by slot, the envelope with the level; nil: none
	// sampleSizeFactor is by number of periods: how much smaller deviations are from the median of as many as are known
	// now. 1 where there is no season.
	sampleSizeFactor [8]float32
}

// FitSeries learns from a window. The errors are ErrShortHistory, ErrGaps and, unless the method is Seasonal,
// ErrConstant.
func FitSeries(o Options, w Window) (*Series, *Backtest, error) {
	grid := NewGrid(o.Step)
	s := &Series{
		Grid: grid, Learned: emptySpan, possible: o.Possible, slots: newLocalSlots(grid, o.Location, o.Holiday),
		fixed: o.Method != Seasonal, now: w.Start + int64(len(w.Values))*grid.Step(),
	}
	b := &Backtest{series: s, start: w.Start}
	if err := b.scale(w, o.Method); err != nil {
		return nil, nil, err
	}
	if s.constant || s.fixed {
		b.expected = make([]float32, len(w.Values)/grid.stride+1)
	} else {
		b.chooseSeason()
	}
	s.first = s.slots.at(s.now)
	return s, b, nil
}

// Positions yields the first step of each slot, and of the last while every step.
func (b *Backtest) Positions(lastWhile time.Duration) func(yield func(Position) bool) {
	n := len(b.Values)
	return b.series.Grid.Positions(b.start, n, n-b.series.Grid.Steps(lastWhile))
}

// Expected returns what was expected of the value x at a position. If the season was then the median of fewer periods
// than now, x strayed farther from it than it would today, and the difference is made smaller by as much.
func (b *Backtest) Expected(at Position, x float32) float32 {
	k := at.Slot
	e := b.expected[k]
	if at.Phase > 0 && k+1 < len(b.expected) {
		e = b.series.between(e, b.expected[k+1], at.Phase, x)
	}
	if b.normal != nil {
		normal := b.normal[k]
		if at.Phase > 0 && k+1 < len(b.normal) {
			normal = normal.Join(b.normal[k+1])
		}
		e = normal.Nearest(e, x)
	}
	if b.series.profile != nil && x == x {
		e = x - (x-e)*b.sampleSizeFactor[b.periods[k]]
	}
	return e
}

// Unusable returns why a window says too little although it has values: the series has not been known for a day, or its
// values are mostly missing.
func (b *Backtest) Unusable() error {
	if b.knownFor() < day.Milliseconds() {
		return ErrShortHistory
	}
	return ErrGaps
}

// DropWarmup forgets what was expected in the first days of a season. As long as the level is that of slots whose
// season was not known, and then as long as few days say what is usual, deviations are larger than they will be.
func (b *Backtest) DropWarmup() {
	s := b.series
	if s.profile == nil {
		return
	}
	known := 0
	for _, e := range b.expected {
		if e == e {
			known++
		}
	}
	drop := min(max(s.Grid.Slots(levelWindow), min(s.Grid.Slots(dropDays*day), known/dropShare)), known/2)
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

// scale finds centre and scale of the values, and scales them.
func (b *Backtest) scale(w Window, method Method) error {
	s := b.series
	learned := func(i int) bool { return (w.Learn == nil || w.Learn[i]) && s.possible.Contains(w.Values[i]) }
	known := make([]float64, 0, len(w.Values)/s.Grid.stride+1)
	slots := 0
	for at := range s.Grid.Positions(w.Start, len(w.Values), len(w.Values)) {
		slots++
		if learned(at.Index) {
			known = append(known, w.Values[at.Index])
		}
	}
	switch {
	case slots < MinValues:
		return ErrShortHistory
	case len(known) < MinValues:
		return ErrGaps
	}
	b.Learned = len(known)
	slices.Sort(known)
	s.center, s.scale = orderstat.Quantile(known, 0.5), spread(known)
	if method == Mean {
		s.center = mean(known)
	}
	s.constant = known[0] == known[len(known)-1]
	if s.constant && s.fixed {
		return ErrConstant
	}
	b.Values = make([]float32, len(w.Values))
	for i := range b.Values {
		b.Values[i] = nan32
		if learned(i) {
			b.Values[i] = s.Scaled(w.Values[i])
			s.Learned = s.Learned.Include(w.Start + int64(i)*s.Grid.Step())
		}
	}
	return nil
}

// spread is half the distance from the first to the last decile of ascending values: robust, and of the size of a
// standard deviation. Scores do not depend on it but for rounding. Where it is 0, it is half of the range, or else 1.
func spread(sorted []float64) float64 {
	scale := orderstat.Quantile(sorted, 0.9)/2 - orderstat.Quantile(sorted, 0.1)/2
	if scale == 0 {
		scale = sorted[len(sorted)-1]/2 - sorted[0]/2
	}
	if scale == 0 {
		scale = 1
	}
	return scale
}

// mean is computed as a running mean, which cannot overflow.
func mean(values []float64) float64 {
	m := 0.0
	for i, x := range values {
		m += (x - m) / float64(i+1)
	}
	return m
}

// bySlot puts the values into slots of local time.
func (b *Backtest) bySlot() *slotValues {
	s := b.series
	perDay := int(s.slots.perDay)
	v := &slotValues{first: s.slots.at(b.start) - int64(perDay), perDay: perDay} // room for clocks that are put back
	v.nearby = int64(s.Grid.Slots(neighbourhood))
	length := int64(len(b.Values)) * s.Grid.Step()
	v.values = make([]float32, length/s.Grid.slot+1+2*int64(perDay))
	for i := range v.values {
		v.values[i] = nan32
	}
	for at := range b.Positions(0) {
		v.values[s.slots.at(at.Time)-v.first] = b.Values[at.Index]
	}
	return v
}

// chooseSeason takes the season with the smallest mean deviation.
func (b *Backtest) chooseSeason() {
	s := b.series
	values := b.bySlot()
	best := math.Inf(1)
	var levels []float32
	var chosen season
	for _, candidate := range seasons {
		t := b.backtestSeason(values, candidate)
		if t.meanDeviation < best || b.expected == nil {
			best, b.expected, b.periods, s.level = t.meanDeviation, t.expected, t.periods, t.level
			s.profile, levels, chosen = nil, t.levels, candidate
			if candidate.days > 0 {
				b.setProfile(values, candidate)
			}
		}
	}
	b.setEnvelope(levels, chosen)
}

// seasonTest is what a season would have expected of the slots of a window.
type seasonTest struct {
	expected      []float32 // as of Backtest
	levels        []float32 // by slot
	periods       []uint8
	level         orderstat.RollingMedian // after the last slot
	meanDeviation float64                 // infinite if the season is not covered
}

// backtestSeason expects every slot of the window by a season and by the level of the slots before.
func (b *Backtest) backtestSeason(values *slotValues, candidate season) seasonTest {
	s := b.series
	n := len(b.Values)/s.Grid.stride + 1
	t := seasonTest{
		expected: make([]float32, 0, n), levels: make([]float32, 0, n), periods: make([]uint8, 0, n),
		level: orderstat.NewRollingMedian(s.Grid.Slots(levelWindow)),
	}
	weekly := candidate.days == 7
	weeklyOnly := weekly && b.knownFor() >= weeklyOnlyAfter.Milliseconds()
	compared := coverage{from: len(b.Values) - s.Grid.Steps(choiceWindow)}
	for at := range b.Positions(0) {
		x := b.Values[at.Index]
		slot := s.slots.at(at.Time)
		isHoliday := s.slots.isHoliday(slot)
		if weekly {
			slot = s.slots.seasonSlot(slot)
		}
		v, days, periods := values.expected(candidate, slot)
		if weeklyOnly && days != candidate.days {
			v = nan32 // tells nothing of how far values stray from the season
		}
		level := t.level.Median()
		e := v + level
		t.expected, t.levels, t.periods = append(t.expected, e), append(t.levels, level), append(t.periods, uint8(periods))
		if !isHoliday {
			t.level.Push(x - v)
		}
		compared.add(at.Index, x, e, days == candidate.days)
	}
	t.meanDeviation = compared.sum / float64(max(compared.known, 1))
	if candidate.days > 0 && !compared.enough(values.perDay) {
		t.meanDeviation = math.Inf(1)
	}
	return t
}

// coverage sums the deviations from a season, and counts the slots that the season covers by itself.
type coverage struct {
	from              int // the index of the first step that counts
	slots, known, own int // with a value; with an expected value; expected by the period of the season itself
	sum               float64
}

func (c *coverage) add(i int, x, expected float32, own bool) {
	if i < c.from || x != x {
		return
	}
	c.slots++
	if d := abs(x - expected); d == d {
		c.sum += float64(d)
		c.known++
		if own {
			c.own++
		}
	}
}

func (c *coverage) enough(perDay int) bool {
	own := float64(c.own)
	return own >= minOwnDays*float64(perDay) && own >= minOwnShare*float64(c.slots)
}

// setProfile sets the season of the day or week after the window, of which all that is known is in the window.
func (b *Backtest) setProfile(values *slotValues, candidate season) {
	s := b.series
	first := s.slots.at(s.now)
	s.profile = make([]float32, candidate.days*values.perDay)
	most, differences := 0, float32(0)
	for i := range s.profile {
		v, _, periods := values.expected(candidate, first+int64(i))
		s.profile[i] = v
		most = max(most, periods)
		if i > 0 && v == v && s.profile[i-1] == s.profile[i-1] {
			differences += abs(v - s.profile[i-1])
		}
	}
	s.jump = jumpFactor * differences / float32(len(s.profile))
	for n := range b.sampleSizeFactor {
		b.sampleSizeFactor[n] = 1
		if n > 0 && most > 0 {
			b.sampleSizeFactor[n] = float32(math.Sqrt((1 + medianVariance[most]) / (1 + medianVariance[n])))
		}
	}
}

// setEnvelope finds the times of day at which the days of the window differ, by values less their levels. Where they no
// longer do after the window, they are not looked for in it.
func (b *Backtest) setEnvelope(levels []float32, candidate season) {
	s := b.series
	values := b.bySlot()
	level := nan32
	if candidate.days > 0 {
		level = 0 // the first days are what the season begins with
	}
	for at := range b.Positions(0) {
		if l := levels[at.Slot]; l == l {
			level = l
		}
		values.values[s.slots.at(at.Time)-values.first] -= level
	}
	o := envelope.Options{First: values.first, Slot: time.Duration(s.Grid.slot) * time.Millisecond, PerDay: values.perDay}
	weekly := candidate.days == 7
	if weekly {
		o.Alike = func(slot, earlier int64) bool { return s.slots.isWeekend(slot) == s.slots.isWeekend(earlier) }
	}
	days := envelope.New(o, values.values)
	if s.envelope = days.After(s.slots.at(s.now), max(candidate.days, 1)*values.perDay); s.envelope.Empty() {
		return
	}
	slots := make([]int64, 0, len(levels))
	for at := range b.Positions(0) {
		slot := s.slots.at(at.Time)
		if weekly {
			slot = s.slots.seasonSlot(slot)
		}
		slots = append(slots, slot)
	}
	b.normal = days.Replay(slots)
	for i := range b.normal {
		b.normal[i] = b.normal[i].Moved(levels[i])
	}
}
