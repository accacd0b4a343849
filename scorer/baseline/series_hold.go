package baseline

import (
	"math"
	"slices"

	"github.com/anomaly-exporter/anomaly-exporter/scorer/level"
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
	if begin.Away {
		l.Begin(begin.Level)
	} else {
		from = b.undisturbed(&l, begin.Settles)
	}
	if begin.Apart {
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
	begin  level.Beginning
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
	if held := l.HeldFor(); held < h.series.Grid.Slots(lastingFrom) && k < h.count-h.series.Grid.Slots(Holdback) {
		h.heldFor = max(h.heldFor, held)
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
	switch {
	case moved && h.season.Days > 0:
		h.move(before, h.away.Since)
	case is == 0 && now == h.begin.Settles:
		h.move(h.composed.Neutral(), h.begin.First)
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
	n := h.series.Grid.Slots(level.JumpIn)
	back := now - int64(n) + 1
	if h.season.Days == 7 && h.begin.Away && h.away.Since <= h.begin.First && h.away.Away >= n &&
		(standIn || !h.jumped(back)) {
		h.values.Accept(h.away.Since, back)
	}
}

// move moves the values before a slot with the level, which has moved there from one to another.
func (h *holdPass) move(from float32, at int64) {
	to := h.level.Now()
	h.lost = h.lost || h.composed.Lost(from, to)
	by, since := h.composed.Difference(to, from), h.values.First
	switch {
	case !h.begin.Apart || !h.level.IsNear(to, h.composed.Neutral(), h.begin.Unit):
		h.composed.MoveLevel(&h.level, from, to)
	case h.season.Days == 7 && h.jumped(at): // the level is back from the incident that it began with
		since = min(h.begin.First, at)
	default: // what jumped was the season, at the same time of the period before
		since = at
	}
	h.values.Move(since, at, func(x float32) float32 { return h.composed.Join(x, by) }, h.isOdd)
	h.begin.Apart = false
}

// jumped tells whether the values jumped around a slot, and not those of the period before.
func (b *Backtest) jumped(slot int64) bool {
	return b.slots.Jumped(slot, b.series.Grid.Slots(level.JumpIn), b.season.Days, b.composed.LevelOf)
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

// beginning finds where the level begins.
func (b *Backtest) beginning(l *level.Level) level.Beginning {
	first := make([]level.First, 0, b.series.Grid.Slots(level.BeginsFor))
	for at := range b.Positions(0) {
		sv := b.seasonal[at.Slot]
		x := b.composed.LevelOf(b.Values[at.Index], sv.Value)
		if x != x || !teaches(&b.composed, sv) {
			continue
		}
		unit := b.composed.LevelUnit(b.composed.Unit(b.expected[at.Slot]), sv.Value)
		first = append(first, level.First{Slot: b.series.slots.At(at.Time), Level: x, Unit: unit})
		if len(first) == cap(first) {
			break
		}
	}
	return l.FindBeginning(first, level.Season{
		Days: b.season.Days, Settles: b.season.Days == 1 && b.knownFor() < season.WeeklyOnlyAfter.Milliseconds(),
		Neutral: b.composed.Neutral(), Odd: b.slots.Odd, Slots: b.series.Grid.Slots, Jumped: b.jumped,
	})
}

// undisturbed returns the slot from which on values stray until one is away from the level or from what is expected, or
// until the last one, of local time, that is looked at; 0: the end. Until then, a level that holds is where one is that
// follows, and l is made to be there.
func (b *Backtest) undisturbed(l *level.Level, last int64) (until int) {
	c, follows := &b.composed, *l
	learned, known, slots := b.learned[:0], 0, 0
	for at := range b.Positions(0) {
		x, e, sv := b.Values[at.Index], b.expected[at.Slot], b.seasonal[at.Slot]
		now, unit := b.levels[at.Slot], c.Unit(e)
		if x == x && e == e && !l.IsNear(x, e, unit) || last > 0 && b.series.slots.At(at.Time) >= last {
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
