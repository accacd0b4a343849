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
func (b *Backtest) hold(below, above float32) (*season.Values, seasonTest) {
	l := level.New(b.series.Grid.Slots, below, above)
	begin, from := b.beginning(&l), 0
	if begin.away {
		l.Begin(begin.level)
	} else {
		from = b.undisturbed(&l)
	}
	if begin.apart {
		l.Remember(b.neutral(), b.series.Grid.Slots(apartFor))
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
		compared.Add(at.Index, x, h.expected[k], int(h.seasonal[k].days))
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
	away   episode
	moved  bool // the level is no more where it began
}

// expect expects the value x of a slot, the k-th, and takes it into the state. now is its local time.
func (h *holdPass) expect(k int, x float32, now int64, reader *seasonReader) {
	if h.values.Changed(now) {
		h.seasonal[k] = reader.at(now)
	}
	sv, l := h.seasonal[k], &h.level
	e := h.join(sv.value, l.Now())
	odd := sv.days > 0 && int(sv.days) == h.season.Days && !sv.holiday && h.isOdd(x, e)
	other := nan32
	if odd && h.season.Days == 7 {
		if other = h.otherDay(x, e, now); other == other { // what last week had was odd
			sv.value, odd = other, false
			e = h.join(other, l.Now())
		}
	}
	h.expected[k], h.levels[k] = e, l.Now()
	h.addFormer(k, h.join(sv.value, l.Before()))
	if sv.holiday {
		return
	}
	was, _ := l.Away()
	before, moved := h.take(l, x, sv.value)
	is, begun := l.Away()
	if begun {
		h.endEpisode()
		h.away = episode{first: k, since: now, up: x > e}
	}
	if moved || begun || is > was {
		h.away.last = k
		h.away.away++
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
		h.values.MarkOdd(now, h.season, e)
	}
}

func (h *holdPass) endEpisode() { h.lasting = h.away.end(h.lasting, h.series.Grid.Slots(lastingFrom)) }

// returned ends an episode without a new level. If the window began with it, and what changed at its end was last week,
// or what stands in for it, the values are after a step that is later in last week: they are not odd.
func (h *holdPass) returned(now int64, standIn bool) {
	n := h.series.Grid.Slots(jumpIn)
	back := now - int64(n) + 1
	if h.season.Days == 7 && h.begin.away && h.away.since <= h.begin.first && h.away.away >= n &&
		(standIn || !h.jumped(back)) {
		h.values.Accept(h.away.since, back)
	}
}

// move moves the values before the episode with the level, which has moved from one to another.
func (h *holdPass) move(from float32) {
	to := h.level.Now()
	h.lost = h.lost || h.composition.lost(from, to)
	by, since := h.difference(to, from), h.values.First
	switch {
	case h.moved || !h.level.IsNear(to, h.neutral(), h.begin.unit) || h.level.IsNear(from, h.neutral(), h.begin.unit):
		h.moveLevel(&h.level, from, to)
	case h.season.Days == 7 && h.jumped(h.away.since): // the level is back from the incident that it began with
		since = h.begin.first
	default: // what jumped was the season, at the same time of the period before
		since = h.away.since
	}
	h.values.Move(since, h.away.since, func(x float32) float32 { return h.join(x, by) }, h.isOdd)
	h.moved = true
}

// jumped tells whether the values jumped at a slot, or those of the period before did, by what other days do at this
// time.
func (h *holdPass) jumped(slot int64) bool {
	n, perDay := h.series.Grid.Slots(jumpIn), int64(h.values.PerDay)
	var usual []float32
	for k := int64(1); k < 7; k++ {
		if d := h.values.Step(slot-k*perDay, n); d == d {
			usual = append(usual, d)
		}
	}
	if len(usual) == 0 {
		return true
	}
	of := orderstat.Median(usual)
	return !(abs(h.values.Step(slot, n)-of) < abs(h.values.Step(slot-int64(h.season.Days)*perDay, n)-of))
}

// isOdd tells whether the value x is odd where e is expected.
func (h *holdPass) isOdd(x, e float32) bool {
	unit := h.unit(e)
	return abs(x-e) > h.values.Odd*unit && !h.level.IsNear(x, e, unit)
}

// otherDay returns the value of another day since last week that agrees with the value x of a slot, if none agrees with
// e, which is what last week makes expected: then that was odd, and not x. Else it returns NaN. For a workday, days off
// do not count: that last week's workday was like one is odd.
func (h *holdPass) otherDay(x, e float32, now int64) float32 {
	agrees, slots := nan32, &h.series.slots
	workday := !slots.IsDayOff(now)
	for k, other := range h.values.OtherDays(now) {
		if other != other || workday && slots.IsDayOff(now-int64(k+1)*slots.PerDay) {
			continue
		}
		expected := h.join(other, h.level.Now())
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
	first int64   // the first slot that is not at the season's level, of local time
	away  bool    // some of the values from which a level that follows becomes known are far from it
	apart bool    // the values before are at another level
}

// beginning finds where a level begins, if that is clear. As the window moves on, every incident and every step is once
// where the window begins, and where its second week does.
func (b *Backtest) beginning(l *level.Level) (begin beginning) {
	in, seasonal := b.series.Grid, b.season.Days > 0
	known, n := in.Slots(level.Window)/2, in.Slots(beginsFor)
	first, units, apart := make([]float32, 0, n), make([]float32, 0, n), false
	for at := range b.Positions(0) {
		sv := b.seasonal[at.Slot]
		x := b.levelOf(b.Values[at.Index], sv.value)
		if x != x || !b.teaches(sv) {
			continue
		}
		unit := b.levelUnit(b.unit(b.expected[at.Slot]), sv.value)
		if !apart {
			begin.first, apart = b.series.slots.At(at.Time), !l.IsNear(x, b.neutral(), unit)
		}
		units = append(units, unit)
		if first = append(first, x); len(first) == n {
			break
		}
	}
	if len(first) < n {
		return beginning{}
	}
	begin.level, begin.unit = orderstat.Median(slices.Clone(first)), orderstat.Median(slices.Clone(units))
	followed := orderstat.Median(slices.Clone(first[:known]))
	near, far := 0, 0
	for i, x := range first {
		switch unit := units[i]; {
		case l.IsNear(x, begin.level, unit):
			near++
		case seasonal && l.IsNear(x, b.neutral(), unit): // a step comes soon
		// What drifts is not far from where it began, and where bursts are frequent, one is no incident.
		case i < known && !l.IsNear(x, begin.level, 2*unit) && abs(x-begin.level) > b.slots.Odd*unit:
			far++
		}
	}
	if 2*near < n {
		return beginning{first: begin.first, unit: begin.unit}
	}
	begin.apart = seasonal && !l.IsNear(begin.level, b.neutral(), begin.unit)
	begin.away = far > in.Slots(farFor) ||
		seasonal && !begin.apart && !l.IsNear(followed, begin.level, 2*begin.unit)
	return begin
}

// undisturbed returns the first slot whose value is away from the level or from what is expected. Until then, a level
// that holds is where one is that follows, and l is made to be there.
func (b *Backtest) undisturbed(l *level.Level) (until int) {
	c := &b.composition
	learned := b.learned[:0]
	for at := range b.Positions(0) {
		x, e, sv := b.Values[at.Index], b.expected[at.Slot], b.seasonal[at.Slot]
		now, unit := b.levels[at.Slot], c.unit(e)
		if x == x && e == e && !l.IsNear(x, e, unit) {
			break
		}
		if c.teaches(sv) {
			d := c.levelOf(x, sv.value)
			if d == d && now == now && !l.IsNear(d, now, c.levelUnit(unit, sv.value)) {
				break
			}
			learned = append(learned, d)
		}
		until++
	}
	for _, x := range learned[max(0, len(learned)-b.series.Grid.Slots(level.Window)):] {
		l.Follow(x)
	}
	return until
}

// addFormer adds what the former level would have made expected of a slot.
func (t *seasonTest) addFormer(slot int, e float32) {
	if e == e && t.former == nil {
		t.former = slices.Repeat([]float32{nan32}, len(t.expected))
	}
	if t.former != nil {
		t.former[slot] = e
	}
}
