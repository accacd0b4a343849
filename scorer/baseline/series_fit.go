package baseline

import (
	"math"
	"slices"
	"time"

	"github.com/anomaly-exporter/anomaly-exporter/scorer/edge"
	"github.com/anomaly-exporter/anomaly-exporter/scorer/envelope"
	"github.com/anomaly-exporter/anomaly-exporter/scorer/level"
	"github.com/anomaly-exporter/anomaly-exporter/scorer/orderstat"
	"github.com/anomaly-exporter/anomaly-exporter/scorer/season"
)

const (
	// choiceWindow is the part of the window, at its end, over which the season is chosen. Chosen, not tuned: two weeks
	// hold two weekends.
	choiceWindow = 14 * 24 * time.Hour
	// weeklyOnlyAfter is how long a series has to be known until a weekly season speaks for itself. Before that, slots
	// whose last week is not known are expected by the days, so that the tails know more than the last few days. Chosen,
	// not tuned: a little less than two weeks, so that a window of two weeks qualifies though its first hours are empty.
	weeklyOnlyAfter = 320 * time.Hour
	// A season has to show by itself at least half a day of slots (minOwnDays), and a quarter of those that it is compared
	// on (minOwnShare). Guard: a smaller part says nothing of the rest.
	minOwnDays, minOwnShare = 1.0 / 2, 1.0 / 4
	// unseen is the scaled deviation that counts at most when seasons are compared. Guard: one corrupt sample does not
	// choose the season.
	unseen = 100
	// neighbourhood is how far from a time of day its neighbours are, which stand in for it while it is not known. Chosen,
	// not tuned: an hour earlier or later most series are still much the same.
	neighbourhood = time.Hour
	// again is by how much what happens again may be earlier or later. Chosen, not tuned, as in package envelope.
	again = 10 * time.Minute
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
	choice
	added  choice              // if season and level are multiplied: what it was before
	normal []envelope.Interval // by slot, the envelope with the level; nil: none
	// sampleSizeFactor is by number of periods: how much smaller deviations are from the median of as many as are known
	// now. 1 where there is no season.
	sampleSizeFactor [8]float32
	ordinary         float32 // see Ordinary
}

// FitSeries learns from a window. The errors are ErrShortHistory, ErrGaps and, unless the method is Seasonal,
// ErrConstant.
func FitSeries(o Options, w Window) (*Series, *Backtest, error) {
	grid := NewGrid(o.Step)
	s := &Series{
		Grid: grid, Learned: EmptySpan, possible: o.Possible, side: o.Side,
		slots: newLocalSlots(grid, o.Location, o.Holiday),
		fixed: o.Method != Seasonal, now: w.Start + int64(len(w.Values))*grid.Step(),
	}
	b := &Backtest{series: s, start: w.Start}
	if err := b.learn(w); err != nil {
		return nil, nil, err
	}
	if err := b.scale(w, o.Method); err != nil {
		return nil, nil, err
	}
	s.first = s.slots.at(s.now)
	if s.constant || s.fixed {
		b.expected = make([]float32, len(w.Values)/grid.stride+1)
		b.setOrdinary()
		return s, b, nil
	}
	b.chooseSeason()
	b.chooseLine(w)
	b.chooseComposition()
	b.holdLevel()
	b.setOrdinary()
	b.setProfile()
	if !o.OneValue {
		b.setEnvelope()
	}
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
	e := b.between(b.expected, at, x)
	if b.former != nil {
		if old := b.between(b.former, at, x); old == old {
			e = b.series.choose(e, old, x, b.Unit(at))
		}
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
	return b.series.resolve(e, x)
}

// Unit returns how large a deviation at a position is that counts as 1.
func (b *Backtest) Unit(at Position) float32 {
	if b.gain == 0 {
		return 1
	}
	return b.unit(b.between(b.expected, at, nan32))
}

// between returns what was expected at a position by what was expected at slots.
func (b *Backtest) between(expected []float32, at Position, x float32) float32 {
	k, s := at.Slot, b.series
	if at.Phase == 0 || k+1 >= len(expected) {
		return expected[k]
	}
	slots := edge.Slots{From: expected[k], To: expected[k+1], Before: nan32, After: nan32}
	if s.profile != nil {
		slots.Prefer(b.periods[k] == 0, b.periods[k+1] == 0)
	}
	if !slots.IsEdge(s.jump) {
		return slots.Line(s.share(at.Phase))
	}
	if k > 0 {
		slots.Before = expected[k-1]
	}
	if k+2 < len(expected) {
		slots.After = expected[k+2]
	}
	return slots.Between(s.share(at.Phase), s.jump, x)
}

// Lasting tells whether a position lies in an episode of hours in which the values were away from the level.
func (b *Backtest) Lasting(at Position) bool {
	for _, e := range b.lasting {
		if at.Slot >= e.first && at.Slot <= e.last {
			return true
		}
	}
	return false
}

// Ordinary returns the scaled deviation that is as large as ordinary ones get: larger ones need not have a larger
// effect on what comes after them. +Inf if there are none.
func (b *Backtest) Ordinary() float32 { return b.ordinary }

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
	slots := 0
	for at := range b.Positions(0) {
		slots++
		if b.Values[at.Index] == 0 {
			b.Learned++
		}
	}
	switch {
	case slots < MinValues:
		return ErrShortHistory
	case b.Learned < MinValues:
		return ErrGaps
	}
	return nil
}

// scale finds centre and scale of the values around a line with the slope of the series, and scales them.
func (b *Backtest) scale(w Window, method Method) error {
	s := b.series
	s.origin = s.now
	known := make([]float64, 0, b.Learned)
	var values []float64 // not less the line
	for at := range b.Positions(0) {
		if b.Values[at.Index] == b.Values[at.Index] {
			y := w.Values[at.Index]
			known = append(known, y-s.slope*float64(at.Time-s.origin))
			if s.slope != 0 {
				values = append(values, y)
			}
		}
	}
	orderstat.Sort64(known)
	if s.slope == 0 {
		values = known
	} else {
		orderstat.Sort64(values)
	}
	s.center, s.scale = orderstat.Quantile(known, 0.5), orderstat.Spread(known)
	if method == Mean {
		s.center = mean(known)
	}
	s.constant = s.slope == 0 && known[0] == known[len(known)-1]
	if s.constant && s.fixed {
		return ErrConstant
	}
	s.resolution = float32(digits * sizeQuantile(values, 0.9) / s.scale)
	for i, x := range b.Values {
		if x == x {
			b.Values[i] = s.Scaled(w.Start+int64(i)*s.Grid.Step(), w.Values[i])
		}
	}
	return nil
}

// sizeQuantile returns the q-quantile of the absolute values of ascending values.
func sizeQuantile(sorted []float64, q float64) float64 {
	low, high := 0, len(sorted)-1
	for range len(sorted) - 1 - orderstat.QuantileIndex(len(sorted), q) { // the largest is at either end
		if -sorted[low] > sorted[high] {
			low++
		} else {
			high--
		}
	}
	return max(-sorted[low], sorted[high])
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
func (b *Backtest) bySlot() *season.Values {
	s := b.series
	perDay := int(s.slots.perDay) // room for clocks that are put back
	n := int64(len(b.Values))*s.Grid.Step()/s.Grid.slot + 1 + 2*int64(perDay)
	v := season.New(s.slots.at(b.start)-int64(perDay), int(n), perDay, s.Grid.Slots(neighbourhood), s.Grid.Slots(again))
	for at := range b.Positions(0) {
		v.Values[s.slots.at(at.Time)-v.First] = b.Values[at.Index]
	}
	return v
}

// A choice is a season, how it makes the expected value with the level, and what the window looks like with it.
type choice struct {
	season season.Season
	composition
	slots *season.Values
	seasonTest
}

// chooseSeason takes the season with the smallest mean deviation.
func (b *Backtest) chooseSeason() {
	s := b.series
	values := b.bySlot()
	follow := level.New(s.Grid.Slots, infinite, infinite)
	b.choice = choice{}
	for _, candidate := range season.Candidates {
		if !b.shows(candidate) {
			continue
		}
		follow.Reset()
		t := b.backtestSeason(values, candidate, &composition{}, follow)
		if t.meanDeviation < b.meanDeviation || b.expected == nil {
			b.choice = choice{season: candidate, slots: values, seasonTest: t}
			follow = level.New(s.Grid.Slots, infinite, infinite)
		}
	}
}

// shows tells whether the window is long enough to show a season, other than on holidays.
func (b *Backtest) shows(s season.Season) bool {
	const clockChange = time.Hour
	least := float64(s.Days) + minOwnDays
	return s.Days == 0 || float64(b.knownFor()) >= least*float64(day.Milliseconds())-float64(clockChange.Milliseconds())
}

// seasonTest is what a season would have expected of the slots of a window.
type seasonTest struct {
	expected      []float32   // by slot; NaN where it would say nothing of how far values stray
	former        []float32   // the same by the former level; NaN where none is remembered; nil: nowhere
	levels        []float32   // by slot
	periods       []uint8     // by slot, of how many periods the season was the median; 0: others stood in for it
	lasting       []episode   // of hours
	level         level.Level // after the last slot
	lost          bool        // the season would have been multiplied by next to nothing
	meanDeviation float64     // infinite if the season is not covered, or lost
}

// backtestSeason expects every slot of the window by a season and by the level of the slots before. As the level moves
// away for good, it moves the values before that as well.
func (b *Backtest) backtestSeason(
	values *season.Values, candidate season.Season, c *composition, start level.Level,
) seasonTest {
	s := b.series
	n := len(b.Values)/s.Grid.stride + 1
	t := seasonTest{
		expected: make([]float32, 0, n), levels: make([]float32, 0, n), periods: make([]uint8, 0, n), level: start,
	}
	weekly := candidate.Days == 7
	weeklyOnly := weekly && b.knownFor() >= weeklyOnlyAfter.Milliseconds()
	compared := coverage{from: len(b.Values) - s.Grid.Steps(choiceWindow), resolution: s.resolution}
	var away episode
	lasts := s.Grid.Slots(lastingFrom)
	for at := range b.Positions(0) {
		x := b.Values[at.Index]
		now := s.slots.at(at.Time)
		isHoliday := s.slots.isHoliday(now)
		slot := now
		if weekly {
			slot = s.slots.seasonSlot(slot)
		}
		v, days, periods := values.Expected(candidate, slot)
		if days == 0 {
			periods = 0
		}
		if weeklyOnly && days != candidate.Days {
			v = nan32 // tells nothing of how far values stray from the season
		}
		e := c.join(v, t.level.Now())
		t.expected, t.periods = append(t.expected, e), append(t.periods, uint8(periods))
		t.levels = append(t.levels, t.level.Now())
		t.addFormer(c.join(v, t.level.Before()), n)
		if !isHoliday {
			was, _ := t.level.Away()
			from, moved := c.take(&t.level, x, v)
			is, begun := t.level.Away()
			if begun {
				t.lasting = away.end(t.lasting, lasts)
				away = episode{first: at.Slot, since: now, up: x > e}
			}
			if moved || begun || is > was {
				away.last = at.Slot
				away.away++
			}
			if moved && candidate.Days > 0 {
				to := t.level.Now()
				t.lost = t.lost || c.lost(from, to)
				by := c.difference(to, from)
				values.Move(away.since, func(x float32) float32 { return c.join(x, by) })
				c.moveLevel(&t.level, from, to)
			}
			if moved || was > 0 && is == 0 {
				t.lasting = away.end(t.lasting, lasts)
			}
		}
		own := days == candidate.Days
		compared.add(at.Index, x, e, own)
		unit := c.unit(e)
		if own && days > 0 && !isHoliday && abs(x-e) > values.Odd*unit && !t.level.IsNear(x, e, unit) {
			values.MarkOdd(now, candidate, e)
		}
	}
	t.lasting = away.end(t.lasting, lasts)
	t.meanDeviation = compared.sum / float64(max(compared.known, 1))
	if t.lost || candidate.Days > 0 && !compared.enough(values.PerDay) {
		t.meanDeviation = math.Inf(1)
	}
	return t
}

// addFormer adds what the former level would have made expected of a slot.
func (t *seasonTest) addFormer(e float32, n int) {
	if t.former == nil {
		if e != e {
			return
		}
		t.former = make([]float32, 0, n)
	}
	for len(t.former) < len(t.expected)-1 {
		t.former = append(t.former, nan32)
	}
	t.former = append(t.former, e)
}

// coverage sums the deviations from a season, and counts the slots that the season covers by itself.
type coverage struct {
	from              int // the index of the first step that counts
	slots, known, own int // with a value; with an expected value; expected by the period of the season itself
	sum               float64
	resolution        float32
}

func (c *coverage) add(i int, x, expected float32, own bool) {
	if i < c.from || x != x {
		return
	}
	c.slots++
	if d := abs(x - expected); d == d {
		if d > c.resolution {
			c.sum += float64(min(d, unseen))
		}
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
func (b *Backtest) setProfile() {
	s, values := b.series, b.slots
	s.level, s.composition = b.level, b.composition
	if b.season.Days == 0 {
		return
	}
	s.profile = make([]float32, b.season.Days*values.PerDay)
	most, differences := 0, make([]float32, 0, len(s.profile))
	for i := range s.profile {
		v, days, periods := values.Expected(b.season, s.first+int64(i))
		s.profile[i] = v
		most = max(most, periods)
		if days == 0 {
			if s.standIns == nil {
				s.standIns = make([]bool, len(s.profile))
			}
			s.standIns[i] = true
		}
		if i > 0 && v == v && s.profile[i-1] == s.profile[i-1] {
			differences = append(differences, abs(v-s.profile[i-1]))
		}
	}
	orderstat.Sort(differences)
	s.jump = edge.Jump(differences)
	b.sampleSizeFactor = season.SampleSizeFactors(most)
}

// setEnvelope finds the times of day at which the days of the window differ, by values less their levels. Where they no
// longer do after the window, they are not looked for in it.
func (b *Backtest) setEnvelope() {
	s, values, weekly := b.series, b.slots.Clone(), b.season.Days == 7
	level := nan32
	if b.season.Days > 0 {
		level = b.neutral() // the first days are what the season begins with
	}
	// As the level moved for good, it moved the values before that: the envelope is that of the moved ones.
	moved := make([]float32, len(b.levels))
	shift := b.neutral()
	for at := range b.Positions(0) {
		if l := b.levels[at.Slot]; l == l {
			level = l
		}
		i := s.slots.at(at.Time) - values.First
		if d := b.levelOf(values.Values[i], b.Values[at.Index]); d == d {
			shift = d
		}
		moved[at.Slot] = shift
		values.Values[i] = b.without(values.Values[i], level)
	}
	o := envelope.Options{First: values.First, Slot: time.Duration(s.Grid.slot) * time.Millisecond, PerDay: values.PerDay}
	if weekly {
		o.Alike = func(slot, earlier int64) bool { return s.slots.isWeekend(slot) == s.slots.isWeekend(earlier) }
	}
	days := envelope.New(o, values.Values)
	if s.envelope = days.After(s.first, max(b.season.Days, 1)*values.PerDay); s.envelope.Empty() {
		return
	}
	slots := make([]int64, 0, len(b.levels))
	for at := range b.Positions(0) {
		slot := s.slots.at(at.Time)
		if weekly {
			slot = s.slots.seasonSlot(slot)
		}
		slots = append(slots, slot)
	}
	b.normal = days.Replay(slots)
	for i := range b.normal {
		b.normal[i] = b.at(b.normal[i], b.difference(b.levels[i], moved[i]))
	}
}
