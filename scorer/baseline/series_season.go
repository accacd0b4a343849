package baseline

import (
	"math"
	"slices"
	"time"

	"github.com/anomaly-exporter/anomaly-exporter/scorer/level"
	"github.com/anomaly-exporter/anomaly-exporter/scorer/season"
)

// bySlot puts the values into slots of local time.
func (b *Backtest) bySlot() *season.Values {
	s := b.series
	perDay := int(s.slots.perDay) // room for clocks that are put back
	n := int64(len(b.Values))*s.Grid.Step()/s.Grid.Slot() + 1 + 2*int64(perDay)
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
	values := b.bySlot()
	b.choice = choice{}
	for _, candidate := range season.Candidates {
		if !b.shows(candidate) {
			continue
		}
		t := b.follow(candidate, b.seasonValues(candidate, values), &composition{})
		if t.meanDeviation < b.meanDeviation || b.expected == nil {
			b.choice = choice{season: candidate, slots: values, seasonTest: t}
		}
	}
}

// shows tells whether the window is long enough to show a season, other than on holidays.
func (b *Backtest) shows(s season.Season) bool {
	const clockChange = time.Hour
	least := float64(s.Days) + season.MinOwnDays
	return s.Days == 0 || float64(b.knownFor()) >= least*float64(day.Milliseconds())-float64(clockChange.Milliseconds())
}

// A seasonValue is the value of a season at a slot.
type seasonValue struct {
	value   float32 // NaN: not known, or it says nothing of how far values stray
	days    uint8   // the period that it comes from
	periods uint8   // of how many the value is the median; 0: others stand in for it
	holiday bool    // the level does not learn from the slot
}

// A seasonReader returns the values of a season in a window, each by what was before it.
type seasonReader struct {
	season.Season
	values     *season.Values
	slots      *localSlots
	weeklyOnly bool // days do not stand in for weeks
}

func (b *Backtest) seasonReader(s season.Season, values *season.Values) seasonReader {
	return seasonReader{s, values, &b.series.slots, s.Days == 7 && b.knownFor() >= weeklyOnlyAfter.Milliseconds()}
}

func (r *seasonReader) at(now int64) seasonValue {
	slot := now
	if r.Days == 7 {
		slot = r.slots.seasonSlot(slot)
	}
	v, days, periods := r.values.Expected(r.Season, slot)
	if days == 0 {
		periods = 0
	}
	if r.weeklyOnly && days != r.Days {
		v = nan32
	}
	return seasonValue{v, uint8(days), uint8(periods), r.slots.isHoliday(now)}
}

// seasonValues returns the values of a season by slot.
func (b *Backtest) seasonValues(s season.Season, values *season.Values) []seasonValue {
	reader := b.seasonReader(s, values)
	seasonal := make([]seasonValue, b.count)
	for at := range b.Positions(0) {
		seasonal[at.Slot] = reader.at(b.series.slots.at(at.Time))
	}
	return seasonal
}

// seasonTest is what a season would have expected of the slots of a window.
type seasonTest struct {
	seasonal      []seasonValue // by slot
	expected      []float32     // by slot; NaN where it would say nothing of how far values stray
	former        []float32     // the same by the former level; NaN where none is remembered; nil: nowhere
	levels        []float32     // by slot
	lasting       []episode     // of hours
	level         level.Level   // after the last slot; that of a level that follows at once is not known
	lost          bool          // the season would have been multiplied by next to nothing
	meanDeviation float64       // infinite if the season is not covered, or lost
}

// follow expects every slot of the window by a season and by a level of the slots before that follows at once.
func (b *Backtest) follow(s season.Season, seasonal []seasonValue, c *composition) seasonTest {
	t := seasonTest{seasonal: seasonal, expected: make([]float32, b.count), levels: make([]float32, b.count)}
	learned := slices.Grow(b.learned[:0], b.count)
	for at := range b.Positions(0) {
		if sv := seasonal[at.Slot]; c.teaches(sv) {
			learned = append(learned, c.levelOf(b.Values[at.Index], sv.value))
		}
	}
	medians := slices.Grow(b.medians[:0], b.count+1)
	medians = b.scratch.AppendRollingMedians(medians, learned, b.series.Grid.Slots(level.Window))
	b.learned, b.medians = learned, medians
	compared := b.coverage(s)
	for at := range b.Positions(0) {
		sv := seasonal[at.Slot]
		e := c.join(sv.value, medians[0])
		t.expected[at.Slot], t.levels[at.Slot] = e, medians[0]
		compared.Add(at.Index, b.Values[at.Index], e, int(sv.days))
		if c.teaches(sv) {
			medians = medians[1:]
		}
	}
	t.meanDeviation = compared.MeanDeviation()
	return t
}

// hold expects every slot of the window as follow has, but by a level that stays where it is while values are farther
// than that below or above it. As the level moves away for good, it moves the values before that as well.
func (b *Backtest) hold(below, above float32) (*season.Values, seasonTest) {
	s, c := b.series, &b.composition
	l := level.New(s.Grid.Slots, below, above)
	from := b.undisturbed(&l)
	t := b.seasonTest
	t.level = l
	if from == b.count {
		return b.slots, t
	}
	values := b.slots.Clone()
	t.seasonal, t.expected, t.levels = slices.Clone(t.seasonal), slices.Clone(t.expected), slices.Clone(t.levels)
	reader := b.seasonReader(b.season, values)
	compared := b.coverage(b.season)
	isOdd := func(x, e float32) bool {
		unit := c.unit(e)
		return abs(x-e) > values.Odd*unit && !t.level.IsNear(x, e, unit)
	}
	var away episode
	lasts := s.Grid.Slots(lastingFrom)
	for at := range b.Positions(0) {
		k, x := at.Slot, b.Values[at.Index]
		if k < from {
			compared.Add(at.Index, x, t.expected[k], int(t.seasonal[k].days))
			continue
		}
		now := s.slots.at(at.Time)
		if values.Changed(now) {
			t.seasonal[k] = reader.at(now)
		}
		sv := t.seasonal[k]
		v := sv.value
		e := c.join(v, t.level.Now())
		t.expected[k], t.levels[k] = e, t.level.Now()
		t.addFormer(k, c.join(v, t.level.Before()))
		if !sv.holiday {
			was, _ := t.level.Away()
			before, moved := c.take(&t.level, x, v)
			is, begun := t.level.Away()
			if begun {
				t.lasting = away.end(t.lasting, lasts)
				away = episode{first: k, since: now, up: x > e}
			}
			if moved || begun || is > was {
				away.last = k
				away.away++
			}
			if moved && b.season.Days > 0 {
				to := t.level.Now()
				t.lost = t.lost || c.lost(before, to)
				by := c.difference(to, before)
				values.Move(away.since, func(x float32) float32 { return c.join(x, by) }, isOdd)
				c.moveLevel(&t.level, before, to)
			}
			if moved || was > 0 && is == 0 {
				t.lasting = away.end(t.lasting, lasts)
			}
		}
		compared.Add(at.Index, x, e, int(sv.days))
		if int(sv.days) == b.season.Days && sv.days > 0 && !sv.holiday && isOdd(x, e) {
			values.MarkOdd(now, b.season, e)
		}
	}
	t.lasting = away.end(t.lasting, lasts)
	t.meanDeviation = compared.MeanDeviation()
	if t.lost {
		t.meanDeviation = math.Inf(1)
	}
	return values, t
}

// undisturbed returns the first slot whose value is away from the level or from what is expected. Until then, a level
// that holds is where one is that follows, and l is made to be there.
func (b *Backtest) undisturbed(l *level.Level) (until int) {
	c := &b.composition
	learned := b.learned[:0]
	for at := range b.Positions(0) {
		x, e, sv := b.Values[at.Index], b.expected[at.Slot], b.seasonal[at.Slot]
		now, unit := b.levels[at.Slot], c.unit(e)
		if x == x && e == e && !l.IsNear(x, e, unit) {
			break
		}
		if c.teaches(sv) {
			d := c.levelOf(x, sv.value)
			if d == d && now == now && !l.IsNear(d, now, c.levelUnit(unit, sv.value)) {
				break
			}
			learned = append(learned, d)
		}
		until++
	}
	for _, x := range learned[max(0, len(learned)-b.series.Grid.Slots(level.Window)):] {
		l.Follow(x)
	}
	return until
}

// addFormer adds what the former level would have made expected of a slot.
func (t *seasonTest) addFormer(slot int, e float32) {
	if e != e {
		return
	}
	if t.former == nil {
		t.former = slices.Repeat([]float32{nan32}, len(t.expected))
	}
	t.former[slot] = e
}

func (b *Backtest) coverage(s season.Season) season.Coverage {
	return season.Coverage{
		Season: s, From: len(b.Values) - b.series.Grid.Steps(choiceWindow), PerDay: int(b.series.slots.perDay),
		Resolution: b.series.resolution,
	}
}
