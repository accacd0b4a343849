package baseline

import (
	"math"
	"slices"

	"github.com/anomaly-exporter/anomaly-exporter/scorer/level"
	"github.com/anomaly-exporter/anomaly-exporter/scorer/orderstat"
	"github.com/anomaly-exporter/anomaly-exporter/scorer/season"
)

// hold expects every slot of the window as follow has, but by a level that stays where it is while values are farther
// than that below or above it. As the level moves away for good, it moves the values before that as well.
func (b *Backtest) hold(below, above, runShare float32) (*season.Values, seasonTest) {
	l := level.New(b.series.Grid.Slots, below, above, runShare)
	switch {
	case b.flat:
		l.ExpectFlat(awayFactor)
	case b.composed.Gain == 0: // else the unit grows with what is expected
		l.ExpectNoise(awayFactor)
	}
	begin, from := b.beginning(&l), 0
	if begin.away {
		l.Begin(begin.level)
	} else {
		from = b.undisturbed(&l)
	}
	if begin.apart {
		l.Remember(b.composed.Neutral(), b.series.Grid.Slots(apartFor))
	}
	t := b.seasonTest
	if t.level = l; from == b.count {
		return b.slots, t
	}
	t.seasonal, t.expected, t.levels = slices.Clone(t.seasonal), slices.Clone(t.expected), slices.Clone(t.levels)
	h := holdPass{Backtest: b, seasonTest: t, values: b.slots.Clone(), begin: begin}
	reader, compared := b.seasonReader(b.season, h.values), b.coverage(b.season)
	for at := range b.Positions(0) {
		k, x := at.Slot, b.Values[at.Index]
		if k >= from {
			h.expect(k, x, b.series.slots.At(at.Time), &reader)
		}
		compared.Add(at.Index, x, h.expected[k], int(h.seasonal[k].Days))
	}
	h.endEpisode()
	if h.meanDeviation = compared.MeanDeviation(); h.lost {
		h.meanDeviation = math.Inf(1)
	}
	return h.values, h.seasonTest
}

// A holdPass is a pass over the window with a level that holds.
type holdPass struct {
	*Backtest
	seasonTest
	values *season.Values
	begin  beginning
	away   level.Episode
	strays level.Strays // from what was expected
}

// expect expects the value x of a slot, the k-th, and takes it into the state. now is its local time.
func (h *holdPass) expect(k int, x float32, now int64, reader *season.Reader) {
	if h.values.Changed(now) {
		h.seasonal[k] = reader.At(now)
	}
	sv, l := h.seasonal[k], &h.level
	e := h.composed.Join(sv.Value, l.Now())
	odd := h.remembers(sv, now) && !sv.Holiday && h.isOdd(x, e)
	other := nan32
	if odd && h.season.Days == 7 && !h.season.ByKind {
		if other = h.otherDay(x, e, now); other == other { // what last week had was odd
			sv.Value, odd = other, false
			e = h.composed.Join(other, l.Now())
		}
	}
	h.expected[k], h.levels[k] = e, l.Now()
	h.noise = set(h.noise, k, h.count, l.Noise(), 1)
	h.former = set(h.former, k, h.count, h.composed.Join(sv.Value, l.Before()), nan32)
	if sv.Holiday {
		return
	}
	was, _ := l.Away()
	unit := h.composed.Unit(e) * l.Noise()
	before, moved := h.composed.Take(l, x, sv.Value)
	is, begun := l.Away()
	if begun {
		h.endEpisode()
		h.away = level.Episode{First: k - h.strays.Slots, Since: now, Up: x > e, Away: h.strays.Slots}
	}
	h.strays.Add(l.Strays(x, e, unit))
	if moved || begun || is > was {
		h.away.Last, h.away.Settled = k, moved
		h.away.Away++
	}
	if moved {
		e := h.composed.Join(sv.Value, l.Now())
		h.moves = append(h.moves, move{k, h.composed.Unit(e) * l.Noise() / unit})
	}
	if moved && h.season.Days > 0 {
		h.move(before)
	}
	if was > 0 && is == 0 && !moved {
		h.returned(now, other == other)
	}
	if moved || was > 0 && is == 0 {
		h.endEpisode()
	}
	if odd {
		if is == 0 {
			h.away.Since = now
		}
		h.values.MarkOdd(now, h.season, e, h.away.Since)
	}
}

// remembers tells whether the season expects a value again. Days of the same kind are many, but for those off.
func (h *holdPass) remembers(sv season.Value, now int64) bool {
	if h.season.ByKind {
		return sv.Days > 0 && h.series.slots.IsDayOff(now)
	}
	return sv.Days > 0 && int(sv.Days) == h.season.Days
}

func (h *holdPass) endEpisode() { h.lasting = h.away.End(h.lasting, h.series.Grid.Slots(lastingFrom)) }

// returned ends an episode without a new level. If the window began with it, and what changed at its end was last week,
// or what stands in for it, the values are after a step that is later in last week: they are not odd.
func (h *holdPass) returned(now int64, standIn bool) {
	n := h.series.Grid.Slots(jumpIn)
	back := now - int64(n) + 1
	if h.season.Days == 7 && h.begin.away && h.away.Since <= h.begin.first && h.away.Away >= n &&
		(standIn || !h.jumped(back)) {
		h.values.Accept(h.away.Since, back)
	}
}

// move moves the values before the episode with the level, which has moved from one to another.
func (h *holdPass) move(from float32) {
	to := h.level.Now()
	h.lost = h.lost || h.composed.Lost(from, to)
	by, since := h.composed.Difference(to, from), h.values.First
	switch {
	case !h.begin.apart || !h.level.IsNear(to, h.composed.Neutral(), h.begin.unit):
		h.composed.MoveLevel(&h.level, from, to)
	case h.season.Days == 7 && h.jumped(h.away.Since): // the level is back from the incident that it began with
		since = min(h.begin.first, h.away.Since)
	default: // what jumped was the season, at the same time of the period before
		since = h.away.Since
	}
	h.values.Move(since, h.away.Since, func(x float32) float32 { return h.composed.Join(x, by) }, h.isOdd)
	h.begin.apart = false
}

// jumped tells whether the values jumped around a slot, and not those of the period before.
func (b *Backtest) jumped(slot int64) bool {
	return b.slots.Jumped(slot, b.series.Grid.Slots(jumpIn), b.season.Days, b.composed.LevelOf)
}

// isOdd tells whether the value x is odd where e is expected.
func (h *holdPass) isOdd(x, e float32) bool {
	unit := h.composed.Unit(e) * h.level.Noise()
	return abs(x-e) > h.values.Odd*unit && !h.level.IsNear(x, e, unit)
}

// otherDay returns the value of another day since last week that agrees with the value x of a slot, if none agrees with
// e, which is what last week makes expected: then that was odd, and not x. Else it returns NaN. For a workday, days off
// do not count: that last week's workday was like one is odd.
func (h *holdPass) otherDay(x, e float32, now int64) float32 {
	agrees := nan32
	for _, other := range h.values.OtherDays(now) {
		expected := h.composed.Join(other, h.level.Now())
		if !h.isOdd(e, expected) {
			return nan32
		}
		if !h.isOdd(x, expected) {
			agrees = other
		}
	}
	return agrees
}

// A beginning is where most of the first values are, beside the season.
type beginning struct {
	level float32
	unit  float32 // how large a deviation of the level is that counts as 1
	first int64   // the first slot at this level, of local time
	away  bool    // some of the values from which a level that follows becomes known are far from it
	apart bool    // the values before are at another level
}

// A firstSlot is one of the first that tell the level.
type firstSlot struct {
	at          int64 // local time
	level, unit float32
}

// beginning finds where a level begins, if that is clear. As the window moves on, every incident and every step is once
// where the window begins, and where its second week does.
func (b *Backtest) beginning(l *level.Level) (begin beginning) {
	in, seasonal := b.series.Grid, b.season.Days > 0
	known, n := in.Slots(level.Window)/2, in.Slots(beginsFor)|1 // odd: the median of two levels is one of them
	first := make([]firstSlot, 0, n)
	for at := range b.Positions(0) {
		sv := b.seasonal[at.Slot]
		x := b.composed.LevelOf(b.Values[at.Index], sv.Value)
		if x != x || !teaches(&b.composed, sv) {
			continue
		}
		unit := b.composed.LevelUnit(b.composed.Unit(b.expected[at.Slot]), sv.Value)
		if first = append(first, firstSlot{b.series.slots.At(at.Time), x, unit}); len(first) == n {
			break
		}
	}
	if len(first) < n {
		return beginning{}
	}
	begin.level = orderstat.MedianOf(first, func(f firstSlot) float32 { return f.level })
	near, far := 0, 0
	for i, f := range first {
		switch {
		case l.IsNear(f.level, begin.level, f.unit):
			near++
		case seasonal && l.IsNear(f.level, b.composed.Neutral(), f.unit): // a step comes soon
			near++
		// What drifts is not far from where it began, and where bursts are frequent, one is no incident.
		case i < known && !l.IsNear(f.level, begin.level, 2*f.unit) && abs(f.level-begin.level) > b.slots.Odd*f.unit:
			far++
		}
	}
	if 2*near < n {
		return beginning{}
	}
	begin.unit = orderstat.MedianOf(first, func(f firstSlot) float32 { return f.unit })
	begin.away = far > in.Slots(farFor)
	if b.season.Days == 7 && l.IsNear(begin.level, b.composed.Neutral(), begin.unit) {
		b.beginEarlier(l, &begin, first)
	}
	begin.apart = seasonal && !l.IsNear(begin.level, b.composed.Neutral(), begin.unit)
	followed := orderstat.MedianOf(first[:known], func(f firstSlot) float32 { return f.level })
	if seasonal && !begin.apart && !l.IsNear(followed, begin.level, 2*begin.unit) {
		begin.away = true
	}
	begin.first = first[max(0, slices.IndexFunc(first, func(f firstSlot) bool {
		return l.IsNear(f.level, begin.level, f.unit)
	}))].at
	return begin
}

// beginEarlier makes a level begin where the values of the first hours are, before they come to the level of most: if
// these are at one level, and it was the week before in which the values then jumped. After an outage in that week they
// are not at one level, and are expected by other days.
func (b *Backtest) beginEarlier(l *level.Level, begin *beginning, first []firstSlot) {
	there, n := 0, b.series.Grid.Slots(jumpIn)
	for i, f := range first {
		if there++; !l.IsNear(f.level, begin.level, f.unit) {
			there = 0
		}
		if there < n {
			continue
		}
		before := first[:i+1-there]
		if len(before) < n && !(begin.away && len(before) > 0) || b.jumped(first[len(before)].at) {
			return
		}
		earlier := orderstat.MedianOf(before, func(f firstSlot) float32 { return f.level })
		stray := orderstat.MedianOf(before, func(f firstSlot) float32 { return abs(f.level - earlier) })
		if stray < oneLevel*abs(earlier-begin.level) {
			begin.level, begin.away = earlier, false
		}
		return
	}
}

// undisturbed returns the slot from which on values stray until one is away from the level or from what is expected.
// Until then, a level that holds is where one is that follows, and l is made to be there.
func (b *Backtest) undisturbed(l *level.Level) (until int) {
	c, follows := &b.composed, *l
	learned, known, slots := b.learned[:0], 0, 0
	for at := range b.Positions(0) {
		x, e, sv := b.Values[at.Index], b.expected[at.Slot], b.seasonal[at.Slot]
		now, unit := b.levels[at.Slot], c.Unit(e)
		if x == x && e == e && !l.IsNear(x, e, unit) {
			break
		}
		if teaches(c, sv) {
			d := c.LevelOf(x, sv.Value)
			if d == d && now == now && follows.IsAway(d, now, c.LevelUnit(unit, sv.Value)) {
				break
			}
			learned = append(learned, d)
		}
		if slots++; l.Strays(x, e, unit) == 0 {
			until, known = slots, len(learned)
			l.KnowNoise(&follows)
		}
	}
	for _, x := range learned[max(0, known-b.series.Grid.Slots(level.Window)):known] {
		l.Follow(x)
	}
	return until
}

// set sets the value of one of n slots where most have another one, and tell nothing: nil is that for all.
func set(values []float32, slot, n int, x, most float32) []float32 {
	if values == nil {
		if x == most || x != x {
			return nil
		}
		values = slices.Repeat([]float32{most}, n)
	}
	values[slot] = x
	return values
}
