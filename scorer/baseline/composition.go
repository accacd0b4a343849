package baseline

import (
	"github.com/anomaly-exporter/anomaly-exporter/scorer/composition"
	"github.com/anomaly-exporter/anomaly-exporter/scorer/level"
	"github.com/anomaly-exporter/anomaly-exporter/scorer/season"
)

const (
	// multipliedGain is the part of other deviations that those from a season times a level may have for it to be taken:
	// where it hardly matters, season and level are added. Tuned with those of package composition.
	multipliedGain = 0.9
	// addedGain is the part of other deviations that those from a season plus a level may have for it to be taken, though
	// noise grows with the load. Chosen on generated traffic that wanders by 15 %: with 0.9, its nights were anomalous.
	addedGain = 1.0 / 2
	// farFromZero is how many times its usual range a series is away from 0 where it makes no difference (guard).
	farFromZero = 10
)

// chooseComposition multiplies season and level if deviations are clearly smaller then, or if noise grows with what is
// expected and they are not twice as large. If it grows, deviations count relative to that: what a day has less than
// others would be more than all that its night has.
func (b *Backtest) chooseComposition() {
	s := b.series
	zero := s.Scaled(s.Origin, 0)
	if b.season.Days == 0 || s.Slope != 0 || !(zero < 0 && zero > -farFromZero) {
		return
	}
	sum := 0.0
	for at := range b.Positions(0) {
		x := b.Values[at.Index]
		if x < zero {
			return
		}
		if x == x {
			sum += float64(x - zero)
		}
	}
	usual := float32(sum / float64(b.Learned))
	added, multiplied := composition.Added(zero), composition.Multiplied(zero, usual)
	test := b.follow(b.season, b.seasonal, &multiplied)
	noise, other := b.noiseOf(&multiplied, &test)
	if len(noise) < MinValues {
		return
	}
	take := multiplied.MeanDeviation(noise) < multipliedGain*added.MeanDeviation(other)
	perDay := int(s.slots.PerDay)
	if (take || perDay >= manyPerDay) && multiplied.FitUnit(noise, perDay, usual) {
		added.FitUnit(other, perDay, usual)
		take = take || addedGain*multiplied.MeanDeviation(noise) < added.MeanDeviation(other)
	}
	b.composed = added
	if take {
		b.added = b.choice
		b.composed, b.seasonTest = multiplied, test
	}
}

// noiseOf returns deviations of the steps by which seasons are chosen from a season times a level, and those of the
// same steps where season and level are added. Levels are those of the hours around a step: how long one takes to
// follow says nothing of the noise. Outages do not count: a level of 0 explains them whatever the season is.
func (b *Backtest) noiseOf(c *composition.Composition, test *seasonTest) (multiplied, added []composition.Noise) {
	s := b.series
	from := len(b.Values) - s.Grid.Steps(choiceWindow)
	multiplied, added = make([]composition.Noise, 0, b.count), make([]composition.Noise, 0, b.count)
	for at := range b.Positions(0) {
		around := min(at.Slot+s.Grid.Slots(level.Window/2), b.count-1)
		if at.Index < from || !(test.levels[around] >= composition.Outage) {
			continue
		}
		x, e := b.Values[at.Index], c.Join(test.seasonal[at.Slot].Value, test.levels[around])
		other := b.composed.Join(b.seasonal[at.Slot].Value, b.levels[around])
		if d, o := min(abs(x-e), season.MaxDeviation), min(abs(x-other), season.MaxDeviation); d == d && o == o {
			multiplied = append(multiplied, composition.Noise{Expected: e, Deviation: d})
			added = append(added, composition.Noise{Expected: other, Deviation: o})
		}
	}
	return multiplied, added
}
