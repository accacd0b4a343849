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
	// farFromZero is how many times its usual range a series is away from 0 where it makes no difference (guard).
	farFromZero = 10
)

// chooseComposition multiplies season and level if deviations are clearly smaller then.
func (b *Backtest) chooseComposition() {
	s := b.series
	zero := s.Scaled(s.origin, 0)
	if b.season.Days == 0 || s.slope != 0 || !(zero < 0 && zero > -farFromZero) {
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
	c := composition.Multiplied(zero, usual)
	test := b.follow(b.season, b.seasonal, &c)
	noise, multiplied, added := b.noiseOf(&c, &test)
	if len(noise) < MinValues || !(multiplied < multipliedGain*added) {
		return
	}
	c.FitUnit(noise, usual)
	b.added = b.choice
	b.composed, b.seasonTest = c, test
}

// noiseOf returns deviations of the steps by which seasons are chosen from a season times a level, their sum, and that
// of the same steps where season and level are added. Levels are those of the hours around a step: how long one takes
// to follow says nothing of the noise. Outages do not count: a level of 0 explains them whatever the season is.
func (b *Backtest) noiseOf(
	c *composition.Composition, test *seasonTest,
) (noise []composition.Noise, multiplied, added float64) {
	from := len(b.Values) - b.series.Grid.Steps(choiceWindow)
	noise = make([]composition.Noise, 0, b.count)
	for at := range b.Positions(0) {
		around := min(at.Slot+b.series.Grid.Slots(level.Window/2), b.count-1)
		if at.Index < from || !(test.levels[around] >= composition.Outage) {
			continue
		}
		x, e := b.Values[at.Index], c.Join(test.seasonal[at.Slot].value, test.levels[around])
		other := min(abs(x-b.composed.Join(b.seasonal[at.Slot].value, b.levels[around])), season.MaxDeviation)
		if d := min(abs(x-e), season.MaxDeviation); d == d && other == other {
			noise = append(noise, composition.Noise{Expected: e, Deviation: d})
			multiplied, added = multiplied+float64(d), added+float64(other)
		}
	}
	return noise, multiplied, added
}
