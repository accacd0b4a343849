package baseline

import (
	"math"
	"slices"
	"time"

	"github.com/anomaly-exporter/anomaly-exporter/scorer/composition"
	"github.com/anomaly-exporter/anomaly-exporter/scorer/ewma"
	"github.com/anomaly-exporter/anomaly-exporter/scorer/level"
	"github.com/anomaly-exporter/anomaly-exporter/scorer/line"
	"github.com/anomaly-exporter/anomaly-exporter/scorer/orderstat"
	"github.com/anomaly-exporter/anomaly-exporter/scorer/sawtooth"
	"github.com/anomaly-exporter/anomaly-exporter/scorer/season"
)

const (
	// awayFactor is how many median deviations from the level a value is away from it: of normal noise it is 6 standard
	// deviations. Tuned on the developing series (test/accuracy anomaly): 6 held levels too often, 8 was as good.
	awayFactor = 9
	// oddFactor is how many times a typical large deviation (the quantile composition.TypicalQuantile) is odd, besides
	// being away: of normal noise that is 6 standard deviations, too. Chosen, not tuned: where bursts are frequent, they
	// are not odd.
	oddFactor = 5
	// farFactor is how many times farther than on other days a run is odd, and oddDays how many days may hold one: of
	// persistent normal noise that is more than four standard deviations of a run. Chosen on generated outages: one of a
	// day lies on two days, made the quantile larger, and was followed. With three days, what a step left unexplained was
	// held, and the first Saturday after it was anomalous.
	farFactor, oddDays = 1.6, 2
	// lastingFrom is how long values have to be away from the level for an episode to last. The tails do not learn of it.
	// Chosen, not tuned: half of the time that the level looks back.
	lastingFrom = level.Window / 2
	// apartFor is for how long a level that began apart from the season's may come to be there without being news. Chosen,
	// not tuned: a week after a step, both weeks are at the level after it, and the window begins up to a week later.
	apartFor = 15 * day
	// lastingPerWeek is how many of those a week may hold, and lastingAtLeast the window. Where there are more, levels
	// change as a matter of course, and are followed at once. Chosen, not tuned.
	lastingPerWeek, lastingAtLeast = 1, 2
	// lineFactor is the part of the usual deviation that a line has to move by while the level, which looks back 16 hours,
	// lags behind it. Chosen, not tuned: what moves by less is followed well enough.
	lineFactor = 1.0 / 2
	// lineGain is the part of other deviations that those from a line may have for the line to be taken. If the line of
	// days moves by clearlyVisible usual deviations from there in that time, lineTolerance is. Deviations from a season
	// that copies a line are as small, but they age. Chosen after looser limits had cost best F1 on the developing series
	// (test/accuracy anomaly).
	lineGain, clearlyVisible, lineTolerance = 0.8, 3, 1.02
	// manyResets is how many resets of a sawtooth say where it goes. Chosen, not tuned: a disk that was cleaned two or
	// three times goes on by its line, and is full if nobody cleans it.
	manyResets = 4
	// runsPerDay is how many slots a day tell what runs are usual: those of an hour. manyPerDay tell how noise grows with
	// the load, and which days are odd: those of a quarter of an hour. Chosen: with fewer for noise, ms has .008 less of
	// average precision (test/accuracy anomaly); for days, TestModel_ReturnPeriodsKeepTheirRateBeyondTheSample fails.
	runsPerDay, manyPerDay = 24, 96
)

// holdLevel repeats the pass over the window with a level that stays where it is while values are away.
func (b *Backtest) holdLevel() {
	s := b.series
	usual := b.deviations(0)
	median := orderstat.Quantile(usual, 0.5)
	away := max(awayFactor*median, 2*s.Resolution)
	b.slots.Odd = oddFactor * orderstat.Quantile(usual, composition.TypicalQuantile)
	b.flat = away <= 2*s.Resolution // most values are exactly where the level has followed to
	below, above, runShare := away, away, b.runShare(away)
	values, test := b.hold(below, above, runShare)
	weeks := float64(b.knownFor()) / float64((7 * day).Milliseconds())
	usually := max(lastingPerWeek*weeks, lastingAtLeast)
	if b.flat && float64(len(test.lasting)) > usually && b.slots.Odd > away {
		// As from day to day the age of a backup that ends a little earlier or later.
		below, above = b.slots.Odd, b.slots.Odd
		values, test = b.hold(below, above, runShare)
	}
	b.held = test.lasting
	if float64(level.Watched(test.lasting, s.side)) > usually {
		switch {
		case s.side > 0:
			above = infinite
		case s.side < 0:
			below = infinite
		default: // follow at once
			_, b.seasonTest = b.hold(infinite, infinite, runShare)
			return
		}
		values, test = b.hold(below, above, runShare)
	}
	if math.IsInf(test.meanDeviation, 1) && b.composed.Multiplied {
		b.choice = b.added
		b.holdLevel()
		return
	}
	if len(test.lasting) > 0 && b.season.Days > 0 {
		// What lasted made deviations larger than they usually are.
		followed := b.seasonTest
		b.seasonTest = test
		b.slots.Odd = oddFactor * orderstat.Quantile(b.deviations(0), composition.TypicalQuantile)
		b.seasonTest = followed
		values, test = b.hold(below, above, runShare)
	}
	b.slots, b.seasonTest = values, test
}

// runShare returns the share of the distance from which a value is away at which the mean of a run is, too: where it
// would be odd among those of the window. Where bursts or drifts are frequent, they are not.
func (b *Backtest) runShare(away float32) float32 {
	perDay, odd, leftOut := int(b.series.slots.PerDay), infinite, oddDays
	if perDay < manyPerDay {
		leftOut = 0
	}
	if perDay < runsPerDay || leftOut == 0 && b.knownFor() < season.WeeklyOnlyAfter.Milliseconds() {
		return 1
	}
	run, means := level.NewRun(b.series.Grid.Slots), b.medians[:0]
	for at := range b.Positions(0) {
		x, e := b.Values[at.Index], b.expected[at.Slot]
		if d := (x - e) / b.Unit(at); d == d && !b.Lasting(at) {
			means = append(means, run.Add(d, away))
		}
	}
	if len(means) == 0 {
		return 1
	}
	if farthest := orderstat.LargestOfEach(means, perDay); len(farthest) > 2*oddDays {
		odd = farFactor * farthest[len(farthest)-1-leftOut]
	}
	b.scratch.Sort(means)
	odd = min(odd, oddFactor*orderstat.Quantile(means, composition.TypicalQuantile))
	return min(max(odd/away, level.MinRunShare), 1)
}

// deviations returns the deviations of the slots of the window, but for the last so many steps, from what was expected,
// in order of size, without those of lasting episodes. There is at least one. They stay until b.medians is used again.
func (b *Backtest) deviations(last int) []float32 {
	all := b.medians[:0]
	for at := range b.Positions(0) {
		x := b.Values[at.Index]
		if at.Index >= len(b.Values)-last {
			break
		}
		if d := abs(x-b.series.Resolve(b.expected[at.Slot], x)) / b.Unit(at); d == d && !b.Lasting(at) {
			all = append(all, d)
		}
	}
	if len(all) == 0 {
		return append(all, 0)
	}
	b.scratch.Sort(all)
	return all
}

// setOrdinary sets the median deviation and the largest ordinary one: of those before Holdback, if these are two thirds
// of all at least. Else the deviations of an incident that is hardly over would be ordinary.
func (b *Backtest) setOrdinary() {
	settled := b.deviations(b.series.Grid.Steps(Holdback))
	n, ordinary := len(settled), ewma.Ordinary(settled)
	all := b.deviations(0)
	b.median, b.ordinary = orderstat.Quantile(all, 0.5), ordinary
	if 3*n < 2*len(all) || ordinary == infinite {
		b.ordinary = ewma.Ordinary(all)
	}
}

// chooseLine puts the values, those of slots as slotValues returns them, around a straight line, if deviations are then
// no larger.
func (b *Backtest) chooseLine(w Window, slots []float64) {
	s := b.series
	lag := float64((level.Window / 2).Milliseconds())
	usual := b.usualDeviation()
	for _, over := range [...]time.Duration{day, time.Hour} {
		perSlot := line.Slope(slots, s.Grid.Slots(over), &b.scratch)
		slope := perSlot / float64(s.Grid.Slot())
		turn := math.Abs(slope-s.Slope) * lag
		if !(turn > lineFactor*usual) ||
			over < level.Window/2 && !line.Keeps(perSlot, slots, s.Grid.Slots(level.Window/2), &b.scratch) {
			continue
		}
		before, values, choice := s.Standardizer, b.Values, b.choice
		b.Values = slices.Clone(values)
		s.Slope = slope
		if b.scale(w, Seasonal) == nil {
			b.chooseSeason()
			limit := lineGain
			if over == day && turn > clearlyVisible*usual {
				limit = lineTolerance
			}
			around, lined, without := b.usualDeviation(), b.choice, usual
			if lined.season != choice.season { // it is not the line's merit
				s.Standardizer, b.Values, b.choice, before, values = before, values, choice, s.Standardizer, b.Values
				without = min(usual, b.usualDeviationWith(lined.season))
				s.Standardizer, b.Values, b.choice, before, values = before, values, lined, s.Standardizer, b.Values
			}
			if around <= limit*without {
				usual = around
				continue
			}
		}
		s.Standardizer, b.Values, b.choice = before, values, choice
	}
}

// usualDeviation returns the median deviation in the unit of the series, at least what can be told apart. While a jump
// is in the window, the mean is mostly that of the jump.
func (b *Backtest) usualDeviation() float64 {
	return b.series.Distance(max(orderstat.Quantile(b.deviations(0), 0.5), b.series.Resolution))
}

// usualDeviationWith returns it for a season.
func (b *Backtest) usualDeviationWith(s season.Season) float64 {
	b.seasonTest = b.follow(s, b.seasonValues(s, b.slots), &composition.Composition{})
	return b.usualDeviation()
}

// sawtooth returns the values of the slots as those of what may be a sawtooth.
func (b *Backtest) sawtooth(slots []float64) sawtooth.Series {
	in := b.series.Grid
	return sawtooth.Series{
		Values: slots, Day: in.Slots(day), Hour: max(in.Slots(time.Hour), 1), Again: max(in.Slots(again), 1),
		Block: max(in.Slots(level.JumpIn), 1), New: in.Slots(level.SettleAfter),
	}
}

// slotValues returns the values of the slots in the unit of the series; NaN: missing.
func (b *Backtest) slotValues(w Window) []float64 {
	values := make([]float64, b.count)
	for at := range b.Positions(0) {
		values[at.Slot] = math.NaN()
		if x := b.Values[at.Index]; x == x {
			values[at.Slot] = w.Values[at.Index]
		}
	}
	return values
}
