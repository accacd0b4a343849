// Package envelope says what is normal at a time of day at which days differ.
//
// A job moves by some minutes, takes longer, is larger than on other days, is left out, or runs on one day of the week.
// No value can be expected of such a time of day, but a range of values can: what enough days had within some minutes
// of it, or the same day of every week.
package envelope

import (
	"math"
	"slices"
	"time"

	"github.com/anomaly-exporter/anomaly-exporter/scorer/orderstat"
)

const (
	// shift is how much earlier or later than on other days something may happen. Chosen, not tuned: what starts by the
	// clock and takes its time is some minutes off.
	shift = 10 * time.Minute
	// maxDays is how many earlier days count, and minDays and minWeeks how many days and weeks are needed. Chosen, not
	// tuned: two weeks hold two week-ends, and what was there in one week only may have been an incident.
	maxDays  = 14
	minDays  = 4
	minWeeks = 2
	// What happens on one of share days, but at least on minRank, is normal at its time of day. Chosen, not tuned:
	// a week-end is two days of seven, and one incident stays an incident.
	share   = 4
	minRank = 2
	// usualShare is the share of the times of day at which days differ no more than usual. Chosen, not tuned: it is not 0
	// where half of the day holds nothing, as nights without requests do.
	usualShare = 0.75
	// disagreeFactor is how many times more than usual the days have to differ at a time of day. Chosen, not tuned: noise
	// hardly gets beyond three times.
	disagreeFactor = 6
	// leastMargin is the part of its width by which an interval is larger at either end, at least. Chosen: of 14 normal
	// values, the largest is expected 0.44 times as far beyond the third largest as that is from the third smallest (David
	// and Nagaraja, "Order Statistics", 3rd edition, 2003: 1.70, 0.90 and -0.90).
	leastMargin = 1.0 / 2
	// beyondShare is the share of days that go beyond an interval with its margin at either end, and minBeyond how many
	// tell how far they go at least. From enoughBeyond on their median tells it, whatever the width: where bursts are what
	// makes the interval wide, they tell nothing of what is below it, and neither does one outage. Chosen, not tuned: a
	// score of 0.8 is once in 35 days.
	beyondShare  = 1.0 / 100
	minBeyond    = 3
	enoughBeyond = 10
)

var nan32 = float32(math.NaN())

// An Interval is a range of values. NaN: none.
type Interval struct{ Low, High float32 }

// None returns no interval.
func None() Interval { return Interval{nan32, nan32} }

// IsNone tells whether there is none.
func (i Interval) IsNone() bool { return i.Low != i.Low }

// Join returns the interval that contains both.
func (i Interval) Join(o Interval) Interval {
	if i.IsNone() {
		return o
	}
	if o.IsNone() {
		return i
	}
	return Interval{min(i.Low, o.Low), max(i.High, o.High)}
}

func (i Interval) width() float32 { return i.High - i.Low }

// widen returns the interval with margins at its ends.
func (i Interval) widen(low, high margin) Interval {
	return Interval{i.Low - low.of(i), i.High + high.of(i)}
}

// Moved returns the interval moved by d.
func (i Interval) Moved(d float32) Interval { return Interval{i.Low + d, i.High + d} }

// Around returns the interval of deviations, in units, as one of values around e.
func (i Interval) Around(e, unit float32) Interval { return Interval{e + i.Low*unit, e + i.High*unit} }

// Nearest returns what is nearest to x of the interval and of all that lies between it and e; e if there is no interval
// or no x.
func (i Interval) Nearest(e, x float32) float32 {
	if x != x || i.IsNone() {
		return e
	}
	return min(max(x, min(i.Low, e)), max(i.High, e))
}

// An Envelope holds the intervals of some slots, few of which have one.
type Envelope struct {
	slots     []int32 // those with an interval, in ascending order
	intervals []Interval
}

// Empty tells whether no slot has an interval.
func (e *Envelope) Empty() bool { return len(e.slots) == 0 }

// At returns the interval of a slot.
func (e *Envelope) At(slot int64) Interval {
	if i, ok := slices.BinarySearch(e.slots, int32(slot)); ok {
		return e.intervals[i]
	}
	return None()
}

// Include makes an interval normal at a slot, besides what is.
func (e *Envelope) Include(slot int64, in Interval) {
	i, ok := slices.BinarySearch(e.slots, int32(slot))
	if ok {
		e.intervals[i] = e.intervals[i].Join(in)
		return
	}
	e.slots, e.intervals = slices.Insert(e.slots, i, int32(slot)), slices.Insert(e.intervals, i, in)
}

// Options say how Days are made.
type Options struct {
	First  int64                          // the slot of the first value
	Slot   time.Duration                  // the length of a slot
	PerDay int                            // slots
	Alike  func(slot, earlier int64) bool // tells whether a slot is compared with one of an earlier day; nil: always
}

// Days are those of a window.
type Days struct {
	o          Options
	exact      []float32 // by slot
	most       []float32 // the largest and the smallest of these within the shift of a slot that has a value
	least      []float32
	center     []float32 // of each day that the values begin with, by day
	reach      int       // slots in the shift
	difference float32   // by which days have to differ
}

// New returns the days of values by slot, less their levels. NaN is no value.
func New(o Options, values []float32) *Days {
	d := &Days{o: o, exact: values, most: values, least: values, reach: int(shift / o.Slot)}
	d.setCenters()
	if d.reach == 0 {
		return d
	}
	d.most, d.least = slices.Clone(values), slices.Clone(values)
	for shift := 1; shift <= d.reach; shift++ {
		for i, x := range values[:max(len(values)-shift, 0)] {
			later := values[i+shift]
			if x != x || later != later {
				continue
			}
			d.most[i], d.most[i+shift] = max(d.most[i], later), max(d.most[i+shift], x)
			d.least[i], d.least[i+shift] = min(d.least[i], later), min(d.least[i+shift], x)
		}
	}
	return d
}

// setCenters sets the medians of the days.
func (d *Days) setCenters() {
	var known []float32
	var scratch orderstat.Scratch
	for i := 0; i < len(d.exact); i += d.o.PerDay {
		known = known[:0]
		for _, x := range d.exact[i:min(i+d.o.PerDay, len(d.exact))] {
			if x == x {
				known = append(known, x)
			}
		}
		c := nan32
		if len(known) > 0 {
			scratch.Sort(known)
			c = known[len(known)/2]
		}
		d.center = append(d.center, c)
	}
}

// Find returns the envelope of n slots from one after the window on, which is counted as 0, and the interval that each
// of some slots of the window, in order of time, had by the days before it; nil if none had one. Days that would differ
// enough after the window differ enough in it.
func (d *Days) Find(slot int64, n int, window []int64) (after Envelope, replay []Interval) {
	coming := make([]int64, n)
	for i := range coming {
		coming[i] = slot + int64(i)
	}
	differences := d.differences(coming)
	usual := make([]float32, 0, n)
	for _, x := range differences {
		if x == x {
			usual = append(usual, x)
		}
	}
	if len(usual) == 0 {
		return after, nil
	}
	orderstat.Sort(usual)
	d.difference = disagreeFactor * orderstat.Quantile(usual, usualShare)
	intervals := d.intervals(differences, coming)
	if intervals == nil {
		return after, nil
	}
	replay = d.intervals(d.differences(window), window)
	low, high := d.margins(replay, window)
	for i, in := range intervals {
		if !in.IsNone() {
			after.slots, after.intervals = append(after.slots, int32(i)), append(after.intervals, in.widen(low, high))
		}
	}
	for i, in := range replay {
		replay[i] = in.widen(low, high)
	}
	return after, replay
}

// A margin is by how much an interval is larger at an end: a part of its width, and a distance.
type margin struct{ part, distance float32 }

func (m margin) of(i Interval) float32 { return m.part*i.width() + m.distance }

// margins returns those that intervals have to have, by how far beyond them the days of a window went.
func (d *Days) margins(intervals []Interval, window []int64) (low, high margin) {
	var below, above excesses
	for i, in := range intervals {
		if in.IsNone() {
			continue
		}
		if k := window[i] - d.o.First; k >= 0 && k < int64(len(d.exact)) && d.exact[k] == d.exact[k] {
			below.add(in.Low-d.exact[k], in.width())
			above.add(d.exact[k]-in.High, in.width())
		}
		if i+1 == len(intervals) || intervals[i+1].IsNone() {
			below.end()
			above.end()
		}
	}
	return below.margin(), above.margin()
}

// excesses are how far values went beyond intervals, also as parts of their width, and how often they could.
type excesses struct {
	part, distance   float32 // of the stretch of intervals that has begun
	n                int
	parts, distances []float32
}

func (e *excesses) add(distance, width float32) {
	e.part, e.distance = max(e.part, distance/width), max(e.distance, distance)
}

func (e *excesses) end() {
	e.n++
	if e.part > 0 {
		e.parts, e.distances = append(e.parts, e.part), append(e.distances, e.distance)
	}
	e.part, e.distance = 0, 0
}

// margin makes excesses fall off as an exponential distribution does. The farthest may have been an incident: it is
// counted but not measured.
func (e *excesses) margin() margin {
	n := len(e.parts)
	if n < minBeyond {
		return margin{part: leastMargin}
	}
	times := float32(math.Log(float64(n) / float64(e.n) / beyondShare))
	if n >= enoughBeyond {
		return margin{distance: orderstat.Median(e.distances) / math.Ln2 * times}
	}
	slices.Sort(e.parts)
	sum := e.parts[n-2] // for the farthest
	for _, x := range e.parts[:n-1] {
		sum += x
	}
	return margin{part: max(leastMargin, sum/float32(n-1)*times)}
}

// earlier is what earlier days had around a time of day: at this very time, at most and at least.
type earlier struct {
	days        int
	values      [3][maxDays]float32
	centers     [maxDays]float32 // of the days
	sameWeekday [maxDays]bool
}

// around returns what earlier days had around the time of a slot.
func (d *Days) around(slot int64) (e earlier) {
	for k := 1; k <= maxDays; k++ {
		before := slot - int64(k*d.o.PerDay)
		i := before - d.o.First
		if i < 0 {
			break
		}
		if i >= int64(len(d.exact)) || d.exact[i] != d.exact[i] || d.o.Alike != nil && !d.o.Alike(slot, before) {
			continue
		}
		e.values[0][e.days], e.values[1][e.days], e.values[2][e.days] = d.exact[i], d.most[i], d.least[i]
		e.centers[e.days], e.sameWeekday[e.days] = d.center[i/int64(d.o.PerDay)], k%7 == 0
		e.days++
	}
	return e
}

// differences returns how much earlier days differ around the times of slots, see differenceAt.
func (d *Days) differences(slots []int64) []float32 {
	differences := make([]float32, len(slots))
	for i, slot := range slots {
		differences[i] = d.differenceAt(slot)
	}
	return differences
}

// differenceAt returns how much earlier days differ around the time of a slot, apart from what they differ by as a
// whole; NaN if it is not known.
func (d *Days) differenceAt(slot int64) float32 {
	e := d.around(slot)
	if e.days < minDays {
		return nan32
	}
	size := float32(0)
	for _, values := range e.values {
		for i, c := range e.centers[:e.days] {
			values[i] -= c
		}
		in := common(values[:e.days], e.sameWeekday[:e.days])
		size = max(size, in.width())
	}
	return size
}

// interval returns from where to where the days were. There have to be enough of them. It sorts the values.
func (e *earlier) interval() Interval {
	same := e.sameWeekday[:e.days]
	return Interval{common(e.values[2][:e.days], same).Low, common(e.values[1][:e.days], same).High}
}

// common returns from the least to the most that enough days had, or the same day of every week. It sorts the values.
func common(values []float32, sameWeekday []bool) Interval {
	week, weeks := None(), 0
	for i, x := range values {
		if sameWeekday[i] {
			week = week.Join(Interval{x, x})
			weeks++
		}
	}
	orderstat.Median(values) // sorts
	rank := max(len(values)/share, minRank)
	in := Interval{values[rank-1], values[len(values)-rank]}
	if weeks >= minWeeks { // every week reached at least as far as the one that reached least
		in = Interval{min(in.Low, week.High), max(in.High, week.Low)}
	}
	return in
}

// intervals returns those of slots around which days differ enough, by how much they do; nil if there are none.
func (d *Days) intervals(differences []float32, slots []int64) []Interval {
	var e []Interval
	n := len(slots)
	last := -n - d.reach // the last slot, as far as the reach of i, around which they do
	for ahead := range n + d.reach {
		if ahead < n && differences[ahead] > d.difference {
			last = ahead
		}
		i := ahead - d.reach
		if i < 0 || last < i-d.reach {
			continue
		}
		if differences[i] != differences[i] {
			continue
		}
		days := d.around(slots[i])
		in := days.interval()
		if !(in.width() > d.difference) {
			continue
		}
		if e == nil {
			e = slices.Repeat([]Interval{None()}, n)
		}
		e[i] = in
	}
	return e
}
