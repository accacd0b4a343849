package baseline

import (
	"math"
	"slices"

	"github.com/anomaly-exporter/anomaly-exporter/scorer/composition"
	"github.com/anomaly-exporter/anomaly-exporter/scorer/level"
	"github.com/anomaly-exporter/anomaly-exporter/scorer/season"
)

// bySlot puts the values into slots of local time.
func (b *Backtest) bySlot() *season.Values {
	s := b.series
	perDay := int(s.slots.PerDay) // room for clocks that are put back
	n := int64(len(b.Values))*s.Grid.Step()/s.Grid.Slot() + 1 + 2*int64(perDay)
	v := season.New(s.slots.At(b.start)-int64(perDay), int(n), perDay, s.Grid.Slots(neighbourhood), s.Grid.Slots(again))
	v.DayOff = s.slots.IsDayOff
	for at := range b.Positions(0) {
		v.Values[s.slots.At(at.Time)-v.First] = b.Values[at.Index]
	}
	return v
}

// A choice is a season, how it makes the expected value with the level, and what the window looks like with it.
type choice struct {
	season   season.Season
	composed composition.Composition
	slots    *season.Values
	seasonTest
	held []level.Episode // that lasted where the level held, though it may follow at once because of them
}

const (
	// byKindImprovement is the largest ratio of deviations at which days of the same kind replace a daily season. Guard:
	// in a week there are few of each, and the first days off may be an incident. With 0.8, a tenth of the incidents of
	// the hourly developing series (test/accuracy anomaly) was not found at one false alert in four weeks.
	byKindImprovement = 0.6
	// kindImprovement is that ratio once weeks are known. Chosen: with 1, hourly series of the budget tests that should
	// reach a return period of 40 weeks 40 times did so 72 times, with 0.9 55 times, and without such days 49 times.
	kindImprovement = 0.9
	// explainedPart is the part of deviations at which another season explains an episode. Chosen, not tuned.
	explainedPart = 1.0 / 2
	// byKindUnknown is the part of the next day that may be known to the daily season only. Chosen, not tuned.
	byKindUnknown = 0.1
)

// chooseSeason takes the season with the smallest mean deviation.
func (b *Backtest) chooseSeason() {
	values := b.bySlot()
	b.choice, b.doubtful = choice{}, false
	for _, candidate := range season.Candidates {
		if !candidate.IsShownIn(b.knownFor()) {
			continue
		}
		t := b.follow(candidate, b.seasonValues(candidate, values), &composition.Composition{})
		if c := (choice{seasonTest: t}); b.season.Days == 1 && b.isNearer(&c, &b.choice, 1, nil) {
			b.doubtful = true
		}
		if t.meanDeviation < b.meanDeviation || b.expected == nil {
			b.choice = choice{season: candidate, slots: values, seasonTest: t}
		}
	}
	if b.season.Days != 7 && b.knownFor() < season.WeeklyOnlyAfter.Milliseconds() {
		b.chooseByKind(values)
	}
}

// chooseByKind takes days of the same kind instead of a daily season if the values are clearly nearer, and the next day
// is of a kind that is known as well.
func (b *Backtest) chooseByKind(values *season.Values) {
	c, unknown := choice{season: season.ByKind(), slots: values}, 0
	for i := range b.series.slots.PerDay {
		if v, _, _ := values.Expected(c.season, b.series.profile.First+i); v == v {
			continue
		}
		if daily, _, _ := values.Expected(b.season, b.series.profile.First+i); daily == daily {
			unknown++
		}
	}
	if float64(unknown) > byKindUnknown*float64(b.series.slots.PerDay) {
		return
	}
	c.seasonTest = b.follow(c.season, b.seasonValues(c.season, values), &composition.Composition{})
	if !math.IsInf(c.meanDeviation, 1) && b.isNearer(&c, &b.choice, byKindImprovement, nil) {
		b.choice = c
	}
}

// chooseWeeks takes a weekly season instead of a daily one if the level that holds then moves no more often, and the
// values are nearer. Seasons are chosen by a level that follows at once. After it has changed, this hides that weekends
// differ. Instead, it takes days of the same kind if values are clearly nearer, and what lasted does not contradict.
func (b *Backtest) chooseWeeks(values *season.Values) {
	if b.season.Days == 0 || b.season.ByKind || b.season.Days == 1 && !b.doubtful && len(b.held) == 0 {
		return
	}
	for _, candidate := range append(season.Candidates[:], season.ByKind()) {
		if candidate.Days != 7 || b.season.Days == 7 && !candidate.ByKind || !candidate.IsShownIn(b.knownFor()) {
			continue
		}
		before, t := b.choice, b.follow(candidate, b.seasonValues(candidate, values), &composition.Composition{})
		b.choice = choice{season: candidate, slots: values, seasonTest: t}
		b.chooseComposition()
		b.holdLevel()
		no, beside, factor := b.isContradicted, before.held, kindImprovement
		if !candidate.ByKind {
			no, beside, factor = b.movesMore, b.underWay(&before), 1
		}
		if math.IsInf(t.meanDeviation, 1) || no(&before) || before.season.Days == 1 && b.movesMore(&before) ||
			!b.isNearer(&b.choice, &before, factor, slices.Concat(beside, b.held)) {
			b.choice = before
		}
	}
}

// underWay returns the episodes of another choice that are none of the one that is taken: what was under way when its
// level became known. If the only one has not become the level, it may be an outage, which a level explains that
// follows it.
func (b *Backtest) underWay(other *choice) []level.Episode {
	episodes := b.unknown(other.held)
	if len(other.held) == 1 && !other.held[0].Settled {
		episodes = append(episodes, other.held[0])
	}
	return episodes
}

// unknown returns the episodes at whose beginning the level was not known yet.
func (b *Backtest) unknown(episodes []level.Episode) []level.Episode {
	return slices.DeleteFunc(slices.Clone(episodes), func(e level.Episode) bool {
		x := b.expected[max(e.First-b.series.Grid.Slots(level.Window), 0)]
		return x == x
	})
}

// movesMore tells whether the level moves more often than with another choice.
func (b *Backtest) movesMore(other *choice) bool {
	return len(b.held) > len(other.held)-len(b.unknown(other.held))
}

// isContradicted tells whether another choice explains what lasted, or levels moved for good in one of the two that the
// other one does not explain.
func (b *Backtest) isContradicted(by *choice) bool {
	for _, e := range b.held {
		if b.explains(by, &b.choice, e) || e.Settled && !e.Overlaps(by.held, true) {
			return true
		}
	}
	return slices.ContainsFunc(by.held, func(e level.Episode) bool {
		return e.Settled && !e.Overlaps(b.held, true) && !b.explains(&b.choice, by, e)
	})
}

// explains tells whether a choice explains an episode of another one, by its level before that.
func (b *Backtest) explains(c, other *choice, e level.Episode) bool {
	before, by := c.levels[e.First], 0.0
	for at := range b.Positions(0) {
		if k, x := at.Slot, b.Values[at.Index]; k >= e.First && k <= e.Last {
			d := min(abs(x-c.composed.Join(c.seasonal[k].Value, before)), season.MaxDeviation)
			if o := min(abs(x-other.expected[k]), season.MaxDeviation); d == d && o == o {
				by += float64(d) - explainedPart*float64(o)
			}
		}
	}
	return by < 0
}

// isNearer tells whether the values are nearer, by a factor, to what one choice makes expected than to what another
// does: where both expect something, and beside some episodes.
func (b *Backtest) isNearer(one, other *choice, factor float64, beside []level.Episode) bool {
	by := 0.0
	for at := range b.Positions(0) {
		x, k := b.Values[at.Index], at.Slot
		d, o := min(abs(x-one.expected[k]), season.MaxDeviation), min(abs(x-other.expected[k]), season.MaxDeviation)
		if d == d && o == o && !level.Lasts(beside, k) {
			by += float64(d) - factor*float64(o)
		}
	}
	return by < 0
}

// teaches tells whether the level learns from a slot with the value of a season.
func teaches(c *composition.Composition, v season.Value) bool { return !v.Holiday && c.Tells(v.Value) }

func (b *Backtest) seasonReader(s season.Season, values *season.Values) season.Reader {
	s.Alone = s.Days == 7 && b.knownFor() >= season.WeeklyOnlyAfter.Milliseconds()
	return season.Reader{Season: s, Values: values, Slots: &b.series.slots}
}

// seasonValues returns the values of a season by slot.
func (b *Backtest) seasonValues(s season.Season, values *season.Values) []season.Value {
	reader := b.seasonReader(s, values)
	seasonal := make([]season.Value, b.count)
	for at := range b.Positions(0) {
		seasonal[at.Slot] = reader.At(b.series.slots.At(at.Time))
	}
	return seasonal
}

// seasonTest is what a season would have expected of the slots of a window.
type seasonTest struct {
	seasonal      []season.Value  // by slot
	expected      []float32       // by slot; NaN where it would say nothing of how far values stray
	former        []float32       // the same by the former level; NaN where none is remembered; nil: nowhere
	levels        []float32       // by slot
	noise         []float32       // by slot, of the level; nil: 1 everywhere
	lasting       []level.Episode // of hours
	moves         []move          // of the level
	heldFor       int             // see HeldFor
	level         level.Level     // after the last slot; that of a level that follows at once is not known
	lost          bool            // the season would have been multiplied by next to nothing
	meanDeviation float64         // infinite if the season is not covered, or lost
}

// A move is one of the level with a slot, which makes the unit so many times as large.
type move struct {
	slot    int
	newUnit float32
}

// follow expects every slot of the window by a season and by a level of the slots before that follows at once.
func (b *Backtest) follow(s season.Season, seasonal []season.Value, c *composition.Composition) seasonTest {
	t := seasonTest{seasonal: seasonal, expected: make([]float32, b.count), levels: make([]float32, b.count)}
	learned := slices.Grow(b.learned[:0], b.count)
	for at := range b.Positions(0) {
		if sv := seasonal[at.Slot]; teaches(c, sv) {
			learned = append(learned, c.LevelOf(b.Values[at.Index], sv.Value))
		}
	}
	medians := slices.Grow(b.medians[:0], b.count+1)
	medians = b.scratch.AppendRollingMedians(medians, learned, b.series.Grid.Slots(level.Window))
	b.learned, b.medians = learned, medians
	compared := b.coverage(s)
	for at := range b.Positions(0) {
		sv := seasonal[at.Slot]
		e := c.Join(sv.Value, medians[0])
		t.expected[at.Slot], t.levels[at.Slot] = e, medians[0]
		compared.Add(at.Index, b.Values[at.Index], e, int(sv.Days))
		if teaches(c, sv) {
			medians = medians[1:]
		}
	}
	t.meanDeviation = compared.MeanDeviation()
	return t
}

func (b *Backtest) coverage(s season.Season) season.Coverage {
	return season.Coverage{
		Season: s, From: len(b.Values) - b.series.Grid.Steps(choiceWindow), PerDay: int(b.series.slots.PerDay),
		Resolution: b.series.Resolution,
	}
}
