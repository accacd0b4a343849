// Package level says what the values of a series are at beside their season: a level that holds while values are away
// from it.
package level

import (
	"math"
	"time"

	"github.com/anomaly-exporter/anomaly-exporter/scorer/change"
	"github.com/anomaly-exporter/anomaly-exporter/scorer/orderstat"
)

const (
	// Window is how far back the level looks. Chosen, not tuned.
	Window = 16 * time.Hour
	// SettleAfter is how long values have to stay away from the level to become the new one. Chosen, not tuned: an
	// outage of a day, with its recovery on the next morning, is an anomaly from end to end.
	SettleAfter = 36 * time.Hour
	// backAfter is how long values have to be back for an episode away from the level to be over, and how long values
	// have to be at the former level to make it the level again. Chosen, not tuned: a service that flaps has one episode.
	backAfter = 3 * time.Hour
	// rememberFor is how long a return to the former level is no news. Chosen, not tuned: what was done one day, or by a
	// release of this week, is often undone.
	rememberFor = 7 * 24 * time.Hour
	// runOf is of how long a run of deviations the mean is taken, but at least of minRun slots. Chosen, not tuned: an
	// outage that only a run shows is found while the median of the last hours is still where it was.
	runOf  = time.Hour
	minRun = 6
	// MinRunShare is the least share of the distance from which a value is away that the mean has to have for a run to be
	// away: of normal noise, three standard deviations of a value. Chosen: a level that has moved by less is followed.
	MinRunShare = 1.0 / 2
)

// A Run is the exponential mean of deviations.
type Run struct{ mean, gain float32 }

// NewRun returns a run of no deviations. slots returns the number of slots in a duration.
func NewRun(slots func(d time.Duration) int) Run {
	return Run{gain: 1 / float32(RunLength(slots))}
}

// RunLength returns of how many slots a run is.
func RunLength(slots func(d time.Duration) int) int { return max(slots(runOf), minRun) }

// Add takes a deviation, which counts as no more than most, and returns the size of the mean. NaN is none.
func (r *Run) Add(d, most float32) float32 {
	if d == d {
		r.mean += r.gain * (min(max(d, -most), most) - r.mean)
	}
	return abs(r.mean)
}

// Strays counts the last values that are far from where they should be, on the same side.
type Strays struct{ Slots, side int }

// Add takes a side, 0 for a value that is not.
func (s *Strays) Add(side int) {
	if side != s.side {
		*s = Strays{side: side}
	}
	if side != 0 {
		s.Slots++
	}
}

// A Level is what values are at beside their season. It is the median of the last hours, but values that are far away
// from it do not move it. Only when they have stayed away for a day and a half, it moves there. For some days it then
// remembers where it was.
type Level struct {
	// below and above are how far a value may be from the level before it is away; +Inf: the level follows at once.
	below, above float32
	// flat is how many median deviations a value may be from a level that has changed, where values of the first one are
	// all alike; 0: they are not. belowFirst and aboveFirst are how far one may be from that.
	flat, belowFirst, aboveFirst float32
	mostNoise                    float32 // median deviations that count as noise; 0: levels have no noise of their own
	noise, oldNoise              noise   // of the level and of the former one
	factor                       float32 // of the noise
	runShare                     float32 // of these, from which a run is away
	run                          Run     // of deviations from the level

	values  orderstat.RollingMedian // that make the level
	episode orderstat.RollingMedian // all values since one was away, if there is an episode

	away   int  // slots of the episode that were away; 0: there is none
	near   int  // slots since then that were not
	former int  // slots of the episode that were at the former level: all or none
	begun  bool // the last slot was the first of the episode
	held   int  // see HeldFor

	first      float32 // the level before anything is known; NaN: none, or something is
	old        float32 // the former level
	remembered int     // for how many slots more it is

	settleAfter, backAfter, rememberFor int // slots
}

// New returns a level that is not known yet. slots returns the number of slots in a duration. A value is away if it is
// farther than that below or above the level; if that is infinite, the level follows at once. So is one that is farther
// than a share of that, if it belongs to a run whose mean is, too.
func New(slots func(d time.Duration) int, below, above, runShare float32) Level {
	n := slots(Window)
	return Level{
		below: below, above: above, runShare: runShare, run: NewRun(slots), first: float32(math.NaN()),
		factor: 1,
		values: orderstat.NewRollingMedian(n), episode: orderstat.NewRollingMedian(n),
		settleAfter: slots(SettleAfter), backAfter: slots(backAfter), rememberFor: slots(rememberFor),
	}
}

// Follow takes a value that is known not to be away; NaN is none.
func (l *Level) Follow(x float32) { l.values.Push(x) }

// Begin makes x the level from the first value on, as if values had been there until it was known.
func (l *Level) Begin(x float32) { l.first = x }

// ExpectFlat says that the values of the first level are all alike. Those of a level that they move to need not be:
// they are away if they are farther from it than so many median deviations.
func (l *Level) ExpectFlat(factor float32) {
	l.flat, l.belowFirst, l.aboveFirst = factor, l.below, l.above
}

// ExpectNoise says that a level to which values move may have noise of its own. What is farther from it than so many
// median deviations is no noise.
func (l *Level) ExpectNoise(most float32) { l.mostNoise = most }

// Noise returns how many times as large deviations from the level are as those from the first one, at least 1, with an
// allowance for how few values say so, see noise.
func (l *Level) Noise() float32 { return max(l.factor, 1) }

// KnowNoise takes the noise that another level, of the same values, has seen.
func (l *Level) KnowNoise(other *Level) { l.noise = other.noise }

// Remember makes old the former level for so many slots.
func (l *Level) Remember(old float32, slots int) { l.old, l.remembered = old, slots }

// Away returns how many slots of the episode were away, 0 if there is none, and whether the last slot was the first.
func (l *Level) Away() (slots int, begun bool) { return l.away, l.begun }

// HeldFor returns for how many slots the level has held, as change.Count counts those whose value was away. Where
// values are at the former level it does not.
func (l *Level) HeldFor() int { return l.held }

// Now returns the level, NaN if it is not known.
func (l *Level) Now() float32 {
	if l.first == l.first {
		return l.first
	}
	return l.values.Median()
}

// Next returns the level that the next value is expected at: the former one while values are there.
func (l *Level) Next() float32 {
	if l.away > 0 && l.former > 0 && l.remembered > 0 {
		return l.old
	}
	return l.Now()
}

// Before returns the former level, NaN if there is none that is remembered.
func (l *Level) Before() float32 {
	if l.remembered == 0 {
		return float32(math.NaN())
	}
	return l.old
}

// IsNear tells whether a value is as near to a level as values usually are, where a deviation of unit is one of 1.
func (l *Level) IsNear(x, level, unit float32) bool {
	return x-level <= l.above*unit && level-x <= l.below*unit
}

// Strays returns on which side a value is as far from a level as those of a run have to be that is away: 1 above it, -1
// below it, 0 on neither.
func (l *Level) Strays(x, level, unit float32) int {
	switch d := (x - level) / unit; {
	case d > l.runShare*l.above:
		return 1
	case d < -l.runShare*l.below:
		return -1
	}
	return 0
}

// IsAway tells whether the next value is away from a level. It takes it into the run, and if it is not, into the noise.
func (l *Level) IsAway(x, level, unit float32) bool {
	l.run.Add((x-level)/unit, min(l.below, l.above))
	if !l.IsNear(x, level, unit) {
		return true
	}
	if side := l.Strays(x, level, unit); side != 0 && side == l.Strays(l.run.mean, 0, 1) {
		return true
	}
	if l.mostNoise > 0 {
		l.noise.now.add(float64(min(abs(x-level), min(l.below, l.above)*unit)))
		l.factor = l.noise.factor()
	}
	return false
}

// Pass takes a slot that tells nothing about the level, such as one of a night without requests. It does not end an
// episode.
func (l *Level) Pass() (from float32, moved bool) {
	l.remembered = max(l.remembered-1, 0)
	l.begun = false
	if l.away == 0 || l.near > 0 {
		return 0, false
	}
	l.away++
	return l.settle()
}

// Push takes the value of the next slot, without its season; NaN is none. A deviation of unit from the level counts as
// 1, and one of formerUnit from the former level. If the level then moves to a new one it returns from where.
func (l *Level) Push(x, unit, formerUnit float32) (from float32, moved bool) {
	l.remembered = max(l.remembered-1, 0)
	l.begun = false
	if x == x && l.first == l.first {
		for range (l.values.Size() + 1) / 2 {
			l.values.Push(l.first)
		}
		l.first = float32(math.NaN())
	}
	now := l.Now()
	former := l.remembered > 0 && l.IsNear(x, l.old, formerUnit) && abs(x-l.old) < abs(x-now)
	// A level of a few hours is none yet: what a window begins with may be an incident.
	known := 2*l.values.Len() >= l.values.Size()
	if x != x || !known || !l.IsAway(x, now, unit) && !former {
		l.held = change.Count(l.held, 1, false)
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
	l.held++
	if former {
		l.former++
		l.held = 0
	}
	return l.settle()
}

// settle makes the episode the level if it has lasted.
func (l *Level) settle() (from float32, moved bool) {
	now := l.Now()
	back := l.former >= l.backAfter
	if !back && l.away < l.settleAfter {
		return 0, false
	}
	switch {
	case back:
		l.remembered = 0
	case l.remembered == 0: // else it was on its way
		l.old, l.remembered, l.oldNoise = now, l.rememberFor, l.noise
	}
	l.values, l.episode = l.episode, l.values
	l.away, l.held, l.run.mean = 0, 0, 0
	if back {
		l.noise = l.oldNoise
	} else if l.mostNoise > 0 {
		if l.noise.first.count == 0 {
			l.noise.first = l.noise.now
		}
		l.noise.now = l.spread()
	}
	l.factor = l.noise.factor()
	if l.flat > 0 {
		noise := l.flat * l.values.MedianDeviation(l.Now())
		l.below, l.above = max(l.belowFirst, noise), max(l.aboveFirst, noise)
	}
	return now, true
}

// spread returns how large deviations of the last hours from the level are.
func (l *Level) spread() (s spread) {
	now := l.Now()
	most := l.mostNoise * l.values.MedianDeviation(now)
	for x := range l.values.All() {
		s.add(float64(min(abs(x-now), most)))
	}
	return s
}

// Shift makes the level that of values which are larger by d.
func (l *Level) Shift(d float32) {
	l.values.Shift(d)
	l.old += d
}

// Scale makes the level that of values which are f times as large; f is positive.
func (l *Level) Scale(f float32) {
	l.values.Scale(f)
	l.old *= f
	for _, s := range [...]*spread{&l.noise.first, &l.noise.now, &l.oldNoise.first, &l.oldNoise.now} {
		s.scale(float64(f))
	}
}

func abs(x float32) float32 { return math.Float32frombits(math.Float32bits(x) &^ (1 << 31)) }
