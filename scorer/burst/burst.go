// Package burst says when bursts are normal that are shorter than a slot.
//
// At steps under 5 minutes, history keeps one value of each slot of 5 minutes once it is older than two days. A job of
// a minute that always runs between these is in no season and in no tail. But the last two days are known step by step,
// so a burst is normal around a time of day at which one of them had one.
package burst

import (
	"math"
	"time"

	"github.com/anomaly-exporter/anomaly-exporter/calendar"
	"github.com/anomaly-exporter/anomaly-exporter/scorer/envelope"
)

const (
	// reach is how much earlier or later a burst may be on another day, and margin by which part of its size it may be
	// larger. Chosen, not tuned, as in package envelope.
	reach  = 10 * time.Minute
	margin = 1.0 / 2
)

var nan32 = float32(math.NaN())

// Days are the last two days of a window, as far as bursts of them are known.
type Days struct {
	end   int64   // ms
	slot  int64   // ms
	reach int     // slots
	large float32 // what a deviation has to exceed
	days  [2][]envelope.Interval

	before  float32           // deviation of the first step of the slot that is being added; NaN: not known
	within  envelope.Interval // large deviations of the other steps of that slot
	current struct {
		day, slot int
	}
}

// New returns days without bursts, of a window that ends at end (ms). slot is the length of a slot (ms). A burst is a
// deviation larger than large at steps between two first steps of slots without one.
func New(end, slot int64, large float32) *Days {
	return &Days{
		end: end, slot: slot, reach: int(reach.Milliseconds() / slot), large: large, before: nan32, within: envelope.None(),
	}
}

// dayOf returns in which of the two days a time (ms) is, the older one is 0; false if it is before them.
func (d *Days) dayOf(t int64) (day int, ok bool) {
	if before := d.end - t; before > calendar.Day {
		return 0, before <= 2*calendar.Day
	}
	return 1, true
}

// Add adds the deviation of the step at t (ms). Steps come in order of time. NaN is not known.
func (d *Days) Add(t int64, phase int, deviation float32) {
	day, ok := d.dayOf(t)
	if !ok {
		return
	}
	isLarge := deviation > d.large || deviation < -d.large
	switch {
	case phase == 0:
		if !isLarge && deviation == deviation && d.before == d.before && !d.within.IsNone() {
			d.keep()
		}
		d.before, d.within = deviation, envelope.None()
		if isLarge {
			d.before = nan32
		}
		d.current.day, d.current.slot = day, d.slotOf(t)
	case isLarge:
		d.within = d.within.Join(envelope.Interval{Low: deviation, High: deviation})
	}
}

// keep makes the burst of the current slot normal around its time.
func (d *Days) keep() {
	day := &d.days[d.current.day]
	if *day == nil {
		*day = make([]envelope.Interval, d.slotsOfDay())
		for i := range *day {
			(*day)[i] = envelope.None()
		}
	}
	for shift := -d.reach; shift <= d.reach; shift++ {
		i := (d.current.slot + shift + len(*day)) % len(*day)
		(*day)[i] = (*day)[i].Join(d.within)
	}
}

// slotsOfDay returns the number of slots in a day, the last of which may be shorter.
func (d *Days) slotsOfDay() int64 { return (calendar.Day + d.slot - 1) / d.slot }

func (d *Days) slotOf(t int64) int { return calendar.SlotIn(t, calendar.Day, d.slot) }

// On returns the deviations that bursts make normal at the time t (ms) of one of the days, by the other day: what a day
// has seen itself would hide how often bursts come at any time. Nil days had no bursts.
func (d *Days) On(t int64) envelope.Interval {
	if d == nil {
		return envelope.None()
	}
	day, ok := d.dayOf(t)
	if !ok {
		return envelope.None()
	}
	return at(d.days[1-day], d.slotOf(t))
}

// Next returns what bursts make normal after the window.
func (d *Days) Next() Normal {
	if d == nil || d.days[0] == nil && d.days[1] == nil {
		return Normal{}
	}
	n := Normal{slot: d.slot, intervals: make([]envelope.Interval, d.slotsOfDay())}
	for i := range n.intervals {
		n.intervals[i] = at(d.days[0], i).Join(at(d.days[1], i))
	}
	return n
}

// at returns the interval of a slot with its margin, which always contains no deviation.
func at(day []envelope.Interval, slot int) envelope.Interval {
	if day == nil || day[slot].IsNone() {
		return envelope.None()
	}
	return envelope.Interval{Low: min(day[slot].Low, 0) * (1 + margin), High: max(day[slot].High, 0) * (1 + margin)}
}

// Normal holds the deviations that bursts make normal by time of day.
type Normal struct {
	slot      int64
	intervals []envelope.Interval // by slot of the day; nil: none
}

// At returns the deviations that bursts make normal at the time t (ms).
func (n *Normal) At(t int64) envelope.Interval {
	if n.intervals == nil {
		return envelope.None()
	}
	return n.intervals[calendar.SlotIn(t, calendar.Day, n.slot)]
}
