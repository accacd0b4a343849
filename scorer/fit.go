package scorer

import (
	"math"
	"slices"
	"time"
)

const (
	leastValues = 20                  // below it nothing is known
	choosing    = 14 * 24 * time.Hour // over which the season is chosen
	aloneAfter  = 320 * time.Hour     // nearly two weeks
	warmUp      = 3 * time.Hour       // of the phases that the older history does not know
	fine        = 48 * time.Hour      // of which the history knows every step, of what is older every fifth minute
	leapTimes   = 6                   // the usual difference of two slots of the season is an edge
)

// fit is a model in the making, with the window that it is made from.
type fit struct {
	*Model
	start    int64
	y        []float64
	learn    []bool
	x        []float32  // values by step, normalised; NaN where not learned from
	level    []float32  // what was expected of each slot
	periods  []uint8    // of how many periods' values
	calmer   [8]float32 // what deviations would be with as many periods as are known now, by how many there were
	steps    []stats    // of the newest slots, one by one
	slots    []int      // of steps
	firsts   int        // the first of the sample that is as new
	sample   []stats    // of the slots of the window, each knowing only what was before it
	when     []int64    // ms, of the sample
	features []features // of the sample, for the forest
}

func newFit(o Options, start int64, y []float64, learn []bool) *fit {
	m := &Model{o: o, clock: newClock(o), stride: stride(o.Step), from: math.MaxInt64, to: math.MinInt64}
	m.phases = newPhases(m.stride)
	switch o.Model {
	case "isolation_forest":
		m.uses[pattern] = true
		m.histories = make([]*history, m.stride)
		for i := range m.histories {
			m.histories[i] = newHistory()
		}
	case "mad", "zscore":
		m.uses[size], m.fixed = true, true
	default:
		m.uses = [statistics]bool{size: true, trend: true, volatility: true}
	}
	return &fit{Model: m, start: start, y: y, learn: learn}
}

func (f *fit) learned(i int) bool {
	return (f.learn == nil || f.learn[i]) && f.possible(f.y[i])
}

// learnedFrom notes that the step at t was.
func (m *Model) learnedFrom(t int64) { m.from, m.to = min(m.from, t), max(m.to, t) }

// time of a step, in ms.
func (f *fit) time(i int) int64 { return f.start + int64(i)*f.o.Step.Milliseconds() }

// normal finds the centre and the scale of the values and normalises them.
func (f *fit) normal() error {
	v := make([]float64, 0, len(f.y)/f.stride+1)
	slots := 0
	for i := range f.y {
		if f.phase(f.time(i)) == 0 {
			slots++
			if f.learned(i) {
				v = append(v, f.y[i])
			}
		}
	}
	switch {
	case slots < leastValues:
		return ErrShortHistory
	case len(v) < leastValues:
		return ErrGaps
	}
	slices.Sort(v)
	lo, hi := v[0], v[len(v)-1]
	f.center = quantile(v, 0.5)
	if f.o.Model == "zscore" {
		f.center = 0
		for i, x := range v {
			f.center += (x - f.center) / float64(i+1)
		}
	}
	f.constant = lo == hi
	f.unseen = math.Log10(float64(len(v)) * float64(f.clock.slot) / float64(unit.Milliseconds()))
	if f.constant && f.fixed {
		return ErrConstant
	}
	f.scale = quantile(v, 0.9)/2 - quantile(v, 0.1)/2
	if f.scale == 0 {
		f.scale = hi/2 - lo/2
	}
	if f.scale == 0 {
		f.scale = 1
	}
	f.x = make([]float32, len(f.y))
	for i := range f.x {
		f.x[i] = nan32
		if f.learned(i) {
			f.x[i] = f.normalise(f.y[i])
			f.learnedFrom(f.time(i))
		}
	}
	return nil
}

// tooLittle is why nothing is known of a series that has values: it has not had them for a day, or mostly none.
func (f *fit) tooLittle() error {
	first := slices.IndexFunc(f.x, func(x float32) bool { return x == x })
	if f.time(len(f.y))-f.time(first) < day.Milliseconds() {
		return ErrShortHistory
	}
	return ErrGaps
}

// calendar puts the values into slots of local time.
func (f *fit) calendar() calendar {
	c := f.clock
	perDay := c.slots(day)
	cal := calendar{first: c.at(f.start) - int64(perDay), day: perDay} // room for clocks that are put back
	cal.values = make([]float32, floorDiv(f.time(len(f.y))-f.start, c.slot)+1+2*int64(perDay))
	for i := range cal.values {
		cal.values[i] = nan32
	}
	for i, x := range f.x {
		if t := f.time(i); f.phase(t) == 0 {
			cal.values[c.at(t)-cal.first] = x
		}
	}
	return cal
}

// chooseSeason takes the season with the smallest mean deviation, and expects by it.
func (f *fit) chooseSeason() {
	f.recent = newWindow(f.clock.slots(recent))
	if f.fixed {
		f.level = make([]float32, len(f.y)/f.stride+1)
		return
	}
	cal := f.calendar()
	best := math.Inf(1)
	for _, s := range seasons {
		level, periods, w, err := f.expectBy(&cal, s)
		if err < best || f.level == nil {
			best, f.level, f.periods, f.recent = err, level, periods, w
			f.profile = nil
			if s.days > 0 {
				f.profileBy(&cal, s)
			}
		}
	}
}

// expectBy is what a season would have expected of every slot, the window of recent values after the last one, and the
// mean deviation; infinite if the season's past is not covered.
func (f *fit) expectBy(cal *calendar, s season) (level []float32, periods []uint8, w window, deviation float64) {
	c := f.clock
	w = newWindow(c.slots(recent))
	level = make([]float32, 0, len(f.y)/f.stride+1)
	periods = make([]uint8, 0, len(f.y)/f.stride+1)
	from := len(f.y) - int(choosing/f.o.Step)
	var sum float64
	slots, known, own := 0, 0, 0
	// A weekly season that is known for a week shows by itself how far values stray from it; before that the days speak for it.
	first := slices.IndexFunc(f.x, func(x float32) bool { return x == x })
	alone := s.days == 7 && f.time(len(f.y))-f.time(first) >= aloneAfter.Milliseconds()
	for i, x := range f.x {
		t := f.time(i)
		if f.phase(t) != 0 {
			continue
		}
		slot := c.at(t)
		off := c.off(slot)
		if s.days == 7 {
			slot = c.ordinary(slot)
		}
		v, days, n := cal.expected(s, slot)
		if s.days > 0 && days == 0 || alone && days != s.days {
			v = nan32 // tells nothing of how far values stray from the season
		}
		e := v + w.median()
		level, periods = append(level, e), append(periods, uint8(n))
		if !off {
			w.push(x - v)
		}
		if i < from || x != x {
			continue
		}
		slots++
		if d := abs32(x - e); d == d {
			sum += float64(d)
			known++
			if days == s.days {
				own++
			}
		}
	}
	if s.days > 0 && (2*own < cal.day || 4*own < slots) {
		return level, periods, w, math.Inf(1)
	}
	return level, periods, w, sum / float64(max(known, 1))
}

// profileBy sets the season of the week after the window.
func (f *fit) profileBy(cal *calendar, s season) {
	c := f.clock
	first := c.at(f.time(len(f.y)))
	f.profile = make([]float32, 7*cal.day)
	most, leaps := 0, float32(0)
	for i := range f.profile {
		v, _, n := cal.expected(s, first+int64(i))
		f.profile[i] = v
		most = max(most, n)
		if i > 0 {
			leaps += abs32(v - f.profile[i-1])
		}
	}
	f.leap = leapTimes * leaps / float32(len(f.profile))
	for n := range f.calmer {
		f.calmer[n] = 1
		if n > 0 && most > 0 {
			f.calmer[n] = float32(math.Sqrt((1 + wander[most]) / (1 + wander[n])))
		}
	}
}

// replay runs the statistics over the window.
func (f *fit) replay() {
	f.holds = f.stride > 1 && !f.uses[pattern]
	begin := len(f.y) - int(warmUp/f.o.Step)
	if f.holds {
		begin = len(f.y) - int(fine/f.o.Step)
	}
	warm, old := max(begin, 0)+int(warmUp/f.o.Step), len(f.y)-int(unsettled/f.o.Step)
	k := -1
	for i, x := range f.x {
		t := f.time(i)
		ph := f.phase(t)
		if ph == 0 {
			k++
		} else if i < begin || k < 0 {
			continue
		}
		if x != x && f.stride == 1 && f.possible(f.y[i]) { // carries the state, but is no sample
			x := f.normalise(f.y[i])
			f.phases[ph].next(x, f.expected(k, ph, x))
			continue
		}
		b := f.expected(k, ph, x)
		f.phases[ph].next(x, b)
		var ft features
		if f.uses[pattern] {
			if x != x {
				f.histories[ph].add(x)
			} else {
				ft = f.histories[ph].take(x)
			}
		}
		e := x - b
		if e != e {
			continue
		}
		var slot, step stats
		if f.onSide(f.y[i] - (f.center + f.scale*float64(b))) {
			slot, step = measure(f.phases[:1], e), measure(f.phases, e)
		}
		if f.holds && i >= warm && i < old {
			if len(f.steps) == 0 {
				f.firsts = len(f.sample)
			}
			f.steps, f.slots = append(f.steps, step), append(f.slots, k)
		}
		if ph == 0 {
			f.sample, f.when = append(f.sample, slot), append(f.when, t)
			if f.uses[pattern] {
				f.features = append(f.features, ft)
			}
		}
	}
}

// expected is what was normal of x at a phase of the k-th slot. Where fewer periods were known than are now, x strayed farther from their median than it
// would today.
func (f *fit) expected(k, ph int, x float32) float32 {
	b := f.level[k]
	if ph > 0 && k+1 < len(f.level) {
		b = f.between(b, f.level[k+1], ph, x)
	}
	if f.profile != nil && x == x {
		b = x - (x-b)*f.calmer[f.periods[k]]
	}
	return b
}

// plant grows the forest, half on even and half on odd days, and scores each day by the half that has not seen it.
func (f *fit) plant() {
	if !f.uses[pattern] {
		return
	}
	sizes := make([]float32, len(f.sample))
	for i := range f.sample {
		sizes[i] = f.sample[i][size]
	}
	slices.Sort(sizes)
	limit := quantile(sizes, 1-f.o.Contamination)
	var days [2][]features
	half := func(i int) int { return int(floorDiv(f.when[i], day.Milliseconds()) & 1) }
	for i, p := range f.features {
		if f.sample[i][size] <= limit {
			days[half(i)] = append(days[half(i)], p)
		}
	}
	if len(days[0]) < 2 || len(days[1]) < 2 {
		all := append(days[0], days[1]...)
		days[0], days[1] = all, all
	}
	r := random(f.o.Seed)
	trees := max(f.o.Trees/2, 1)
	f.forest.grow(days[0], trees, f.o.Subsample, &r)
	f.forest.grow(days[1], trees, f.o.Subsample, &r)
	for i := range f.features {
		from := trees * (1 - half(i))
		if f.sample[i] == (stats{}) { // did not count
			continue
		}
		f.sample[i][pattern] = f.forest.score(&f.features[i], from, from+trees)
	}
}

// forecast sets where the profile begins.
func (f *fit) forecast() {
	f.first = f.clock.at(f.now)
}
