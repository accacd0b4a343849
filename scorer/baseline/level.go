package baseline

import (
	"math"
	"time"

	"github.com/anomaly-exporter/anomaly-exporter/scorer/orderstat"
)

const (
	// levelWindow is how far back the level looks. Chosen, not tuned.
	levelWindow = 16 * time.Hour
	// believeAfter is how long values have to stay away from the level to become the new one. Chosen, not tuned: an
	// outage of a day, with its recovery on the next morning, is an anomaly from end to end.
	believeAfter = 36 * time.Hour
	// backAfter is how long values have to be back for an episode away from the level to be over, and how long values
	// have to be at the former level to make it the level again. Chosen, not tuned: a service that flaps has one episode.
	backAfter = 3 * time.Hour
	// rememberFor is how long a return to the former level is no news. Chosen, not tuned: what was done one day, or by a
	// release of this week, is often undone.
	rememberFor = 7 * 24 * time.Hour
	// awayFactor is how many median deviations from the level a value is away from it: of normal noise it is 6 standard
	// deviations. Tuned among 6, 8, 9 and 12 on the developing series (test/accuracy anomaly), whose levels were held too
	// often with less; the figures of 8 and 9 were alike.
	awayFactor = 9
)

// A level is what values are at beside their season. It is the median of the last hours, but values that are far away
// from it do not move it. Only when they have stayed away for a day and a half, it moves there. For some days it then
// remembers where it was.
type level struct {
	// below and above are how far a value may be from the level before it is away; +Inf: the level follows at once.
	below, above float32

	values  orderstat.RollingMedian // that make the level
	episode orderstat.RollingMedian // all values since one was away, if there is an episode

	away   int  // slots of the episode that were away; 0: there is none
	near   int  // slots since then that were not
	former int  // slots of the episode that were at the former level: all or none
	begun  bool // the last slot was the first of the episode

	old        float32 // the former level
	remembered int     // for how many slots more it is

	believeAfter, backAfter, rememberFor int // slots
}

func newLevel(grid Grid, below, above float32) level {
	n := grid.Slots(levelWindow)
	return level{
		below: below, above: above,
		values: orderstat.NewRollingMedian(n), episode: orderstat.NewRollingMedian(n),
		believeAfter: grid.Slots(believeAfter), backAfter: grid.Slots(backAfter), rememberFor: grid.Slots(rememberFor),
	}
}

// now returns the level, NaN if it is not known.
func (l *level) now() float32 { return l.values.Median() }

// next returns the level that the next value is expected at: the former one while values are there.
func (l *level) next() float32 {
	if l.away > 0 && l.former > 0 && l.remembered > 0 {
		return l.old
	}
	return l.now()
}

// before returns the former level, NaN if there is none that is remembered.
func (l *level) before() float32 {
	if l.remembered == 0 {
		return nan32
	}
	return l.old
}

// isNear tells whether a value is as near to a level as values usually are.
func (l *level) isNear(x, level float32) bool { return x-level <= l.above && level-x <= l.below }

// push takes the value of the next slot, without its season; NaN is none. If the level then moves to a new one it
// returns by how much.
func (l *level) push(x float32) (jump float32, moved bool) {
	l.remembered = max(l.remembered-1, 0)
	l.begun = false
	now := l.now()
	former := l.remembered > 0 && l.isNear(x, l.old) && abs(x-l.old) < abs(x-now)
	// A level of a few hours is none yet: what a window begins with may be an incident.
	known := 2*l.values.Len() >= l.values.Size()
	if x != x || !known || l.isNear(x, now) && !former {
		l.values.Push(x)
		if l.away > 0 {
			l.episode.Push(x)
			if l.near++; l.near >= l.backAfter {
				l.away = 0
			}
		}
		return 0, false
	}
	if l.begun = l.away == 0 || former != (l.former > 0); l.begun {
		l.episode.Reset()
		l.away, l.former = 0, 0
	}
	l.episode.Push(x)
	l.away++
	l.near = 0
	if former {
		l.former++
	}
	back := l.former >= l.backAfter
	if !back && l.away < l.believeAfter {
		return 0, false
	}
	switch {
	case back:
		l.remembered = 0
	case l.remembered == 0: // else it was on its way
		l.old, l.remembered = now, l.rememberFor
	}
	l.values, l.episode = l.episode, l.values
	l.away = 0
	return l.now() - now, true
}

// shift makes the level that of values which are larger by d.
func (l *level) shift(d float32) {
	l.values.Shift(d)
	l.old += d
}

var infinite = float32(math.Inf(1))
