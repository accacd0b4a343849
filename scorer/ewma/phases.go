package ewma

import "time"

const (
	// back is the part of the largest ordinary deviation beyond which a series is not back. Chosen, not tuned: of normal
	// noise it is four standard deviations.
	back = 1.0 / 2
	// again is for how long after something far from what was expected a blip belongs to it. Chosen, not tuned: what comes
	// again within the hour flickers, and that is what volatility is for.
	again = time.Hour
	// longest is the longest slot for which all that is far from what was expected may be a blip. Chosen: what an hour
	// tells is no moment, unless it is corrupt. With all of it at steps of an hour, the average precision on the
	// developing series of that step (test/accuracy anomaly) was .264 instead of .362 (nab) and .585 instead of .594 (ms).
	longest = 15 * time.Minute
	// afterLong is for how many steps at least what lasted counts once the series is back. Chosen, not tuned: at steps of
	// half an hour and more, two values do not tell yet that it is over.
	afterLong = 3
	// afterFirst is for how many steps after the first blip it counts, where a step is a slot. So what comes at every
	// third step is not interrupted, and an alert may want two steps in a row. Chosen: with one, recall at 0.8 on nab was
	// .500 instead of .517. Of long steps there are fewer: after an hour it is over.
	afterFirst = 2
)

// Phases follow one series step by step. At steps under 5 minutes every phase of a slot has a state, so that each sees
// the series at 5 minutes: the older history is known at no finer resolution.
//
// What is far from expected for less than a slot, or for a single step where that is the slot, is a blip, such as a
// corrupt sample; of a step of more than 15 minutes, only that. It says nothing about the values that come after it. So
// while there are blips, two states follow each phase: for one of them they are values, for the other one missing
// values. The first one counts in a blip, and for as long after it as it ever took from one to the next: blips that
// come again are one event, which ends with the last. Then the second one counts.
//
// What is larger than ordinary for two steps in a row, or for more than a slot where steps are shorter, lasts. The
// first state counts until an hour after its end, or three steps. Then the second one does, which has not seen it.
type Phases struct {
	all  []State
	calm []State // without the blips, or what lasted, if there are any
	blips
}

// blips are those of the last hour, or more if one came within an hour of another.
type blips struct {
	any   bool
	now   bool // the series is in one
	phase int  // in which it began
	hold  int  // for how many steps after one it counts
	first int  // hold of the first one

	isLong bool // the series is not back yet from what is no blip
	since  int  // steps since one was large
	again  int  // steps
}

// NewPhases returns the state of a series that has so many steps in a slot of that length (ms). A blip within a slot
// counts for as long as the slot, unless all scores of that time count together.
func NewPhases(stride int, slot int64, together bool) Phases {
	states := make([]State, 2*stride)
	p := Phases{all: states[:stride], calm: states[stride:]}
	slots := max(int(again.Milliseconds()/slot), 1)
	p.again = slots * stride
	switch {
	case stride == 1:
		p.first = min(afterFirst, slots-1)
	case !together:
		p.first = stride - 1
	}
	for i := range p.all {
		p.all[i].forget()
	}
	return p
}

// At returns the state of a phase.
func (p *Phases) At(phase int) *State { return &p.states()[phase] }

// WithBlips returns the state of a phase for which blips are values as others, for as long as there are any.
func (p *Phases) WithBlips(phase int) *State { return &p.all[phase] }

// states returns those that count.
func (p *Phases) states() []State {
	if p.any && !p.now && !p.isLong && p.since > p.hold {
		return p.calm
	}
	return p.all
}

// IsBlip tells whether the series is in what may be a blip, and whether in what lasts.
func (p *Phases) IsBlip() (is, lasts bool) { return p.any && p.now, p.isLong }

// Average returns what the phases see together.
func (p *Phases) Average() State {
	var s State
	states := p.states()
	n := float64(len(states))
	for i := range states {
		s.mean += states[i].mean / n
		s.change += states[i].change / n
		s.raw += states[i].raw / n
	}
	return s
}

// Next takes the value x of a phase, for which b was expected; a deviation of unit counts as 1. NaN is no value. It
// tells whether the value before was a blip by itself.
func (p *Phases) Next(phase int, x, b, unit float32, within *Bounds) (wasBlip bool) {
	if d := within.side((x - b) / unit); d == d {
		was := p.now
		p.look(phase, within.isLarge(d), within.isFar(d), within.isBack(d))
		wasBlip = was && p.any && !p.now && !p.isLong
	}
	switch {
	case p.now || p.isLong:
		p.calm[phase].forget()
	case p.any:
		p.calm[phase].next(x, b, unit, within)
	}
	p.all[phase].next(x, b, unit, within)
	return wasBlip
}

// Moved forgets what deviations have been from a level that has moved, as a deviation of unit now counts as 1. Where
// the new level has less noise, the states do not grow: what they have seen was ordinary at the last level.
func (p *Phases) Moved(unit float32) {
	unit = max(unit, 1)
	squared := float64(unit) * float64(unit)
	for i := range p.all {
		s := &p.all[i]
		s.mean, s.change, s.raw = 0, s.change/squared, s.raw/squared
		s.forget()
	}
	p.any, p.now, p.isLong = false, false, false
}

// look looks at the next value for blips, and for what lasts.
func (p *Phases) look(phase int, isLarge, isFar, isBack bool) {
	before := p.since
	if p.since++; isLarge {
		p.since = 0
	}
	if p.any && !p.isLong && before >= max(p.again, p.hold) {
		copy(p.all, p.calm)
		p.any = false
	}
	switch {
	case p.isLong:
		p.isLong = !isBack
	case p.now:
		p.now = !isBack
		switch {
		case phase != p.phase: // within a slot
		case p.now:
			p.lasts()
		case len(p.all) > 1: // as long as a slot: no blip
			p.any = false
		}
	case !isLarge:
	case before == 0:
		p.lasts()
	case p.any && isFar:
		p.now, p.phase, p.hold = true, phase, max(p.hold, before+1)
	case p.any:
	default:
		copy(p.calm, p.all)
		if isFar && before >= p.again {
			p.any, p.now, p.phase, p.hold = true, true, phase, p.first
		}
	}
}

// lasts says that what is large is no blip.
func (p *Phases) lasts() {
	p.any, p.now, p.isLong = true, false, true
	p.hold = max(p.again, afterLong)
}
