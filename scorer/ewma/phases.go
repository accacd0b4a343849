package ewma

import "time"

const (
	// back is the part of the largest ordinary deviation beyond which a series is not back. Chosen, not tuned: of normal
	// noise it is four standard deviations.
	back = 1.0 / 2
	// alone is for how long before a blip there is none like it. Chosen, not tuned: what comes again within the hour
	// flickers, and that is what volatility is for.
	alone = time.Hour
)

// Phases follow one series step by step. At steps under 5 minutes every phase of a slot has a state, so that each sees
// the series at 5 minutes: the older history is known at no finer resolution.
//
// What is far from expected for less than a slot is a blip, such as a corrupt sample. The other phases tell that there
// is nothing else. So once the series is back, a blip counts as missing values for what comes after it.
type Phases struct {
	states []State
	blip   []kept // how its phases were before it; empty: there is none
	isLong bool   // the series is not back yet, but it is no blip
	since  int    // steps since one was far from what was expected
	alone  int    // steps
}

// kept is the state of a phase.
type kept struct {
	phase int
	state State
}

// NewPhases returns the state of a series that has so many steps in a slot of that length (ms).
func NewPhases(stride int, slot int64) Phases {
	p := Phases{states: make([]State, stride), alone: int(alone.Milliseconds() / slot * int64(stride))}
	for i := range p.states {
		p.states[i].forget()
	}
	if stride > 1 {
		p.blip = make([]kept, 0, stride)
	}
	return p
}

// At returns the state of a phase.
func (p *Phases) At(phase int) *State { return &p.states[phase] }

// Average returns what the phases see together.
func (p *Phases) Average() State {
	var s State
	n := float64(len(p.states))
	for i := range p.states {
		s.mean += p.states[i].mean / n
		s.change += p.states[i].change / n
		s.raw += p.states[i].raw / n
	}
	return s
}

// Next takes the value x of a phase, for which b was expected; a deviation of unit counts as 1. NaN is no value.
func (p *Phases) Next(phase int, x, b, unit float32, within *Bounds) {
	if d := within.side((x - b) / unit); len(p.states) > 1 && d == d {
		p.look(phase, max(d, -d)/within.ordinary)
	}
	p.states[phase].next(x, b, unit, within)
}

// Moved forgets what deviations have been from a level that has moved, as a deviation of unit now counts as 1.
func (p *Phases) Moved(unit float32) {
	squared := float64(unit) * float64(unit)
	for i := range p.states {
		s := &p.states[i]
		s.mean, s.change, s.raw = 0, s.change/squared, s.raw/squared
		s.forget()
	}
	p.blip = p.blip[:0]
}

// look looks for blips at the next value, which is so many times as far from what was expected as ordinary ones get.
func (p *Phases) look(phase int, far float32) {
	before := p.since
	if p.since++; far > 1 {
		p.since = 0
	}
	switch {
	case p.isLong:
		p.isLong = far > back
	case len(p.blip) == 0:
		if far > 1 && before >= p.alone {
			p.keep(phase)
		}
	case phase == p.blip[0].phase: // a slot is over
		p.isLong, p.blip = far > back, p.blip[:0]
	case far > back:
		p.keep(phase)
	default:
		for i := range p.blip {
			p.states[p.blip[i].phase] = p.blip[i].state
		}
		p.blip = p.blip[:0]
	}
}

// keep keeps the state of a phase before it sees a blip.
func (p *Phases) keep(phase int) {
	p.blip = append(p.blip, kept{phase, p.states[phase]})
	p.blip[len(p.blip)-1].state.forget()
}
