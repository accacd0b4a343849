package scorer

import (
	"math"
	"time"
)

const (
	day = 24 * time.Hour
	// coarse is the resolution of what is remembered at finer steps: most of the history is known at no other.
	coarse = 5 * time.Minute
	// recent is how far back the recent level looks; its median follows a lasting change after half of it.
	recent = 16 * time.Hour
)

// stride is the number of steps in a slot: 1, or as many as make 5 minutes.
func stride(step time.Duration) int {
	if step >= coarse {
		return 1
	}
	return int((coarse + step/2) / step)
}

// clock turns instants into slots of local time.
type clock struct {
	loc    *time.Location
	slot   int64 // ms
	offset int64 // ms, of the local time
	until  int64 // ms, when the offset may change

	holiday func(year int, month time.Month, day int) bool
	date    int64 // asked last, in days since the epoch
	found   bool
	sunday  int64 // days from it to the next Sunday
}

func newClock(o Options) clock {
	slot := o.Step * time.Duration(stride(o.Step))
	return clock{loc: o.Location, slot: slot.Milliseconds(), until: math.MinInt64, holiday: o.Holiday, date: math.MinInt64}
}

// at returns the slot of local time in which t (ms) lies. Times must not go back.
func (c *clock) at(t int64) int64 {
	if t >= c.until {
		u := time.UnixMilli(t).In(c.loc)
		_, off := u.Zone()
		c.offset = int64(off) * 1000
		c.until = math.MaxInt64
		if _, end := u.ZoneBounds(); !end.IsZero() {
			c.until = end.UnixMilli()
		}
	}
	return floorDiv(t+c.offset, c.slot)
}

// off says whether a slot is on a holiday.
func (c *clock) off(slot int64) bool {
	if c.holiday == nil {
		return false
	}
	if date := floorDiv(slot*c.slot, day.Milliseconds()); date != c.date {
		d := time.UnixMilli(date * day.Milliseconds()).UTC()
		c.date, c.found, c.sunday = date, c.holiday(d.Date()), (7-int64(d.Weekday()))%7
	}
	return c.found
}

// ordinary is the slot whose season a slot has: its own or, on a holiday, that of the next Sunday.
func (c *clock) ordinary(slot int64) int64 {
	if c.off(slot) {
		slot += c.sunday * int64(c.slots(day))
	}
	return slot
}

// slots is the number of slots in d, at least one.
func (c *clock) slots(d time.Duration) int {
	return int(max(1, (d.Milliseconds()+c.slot/2)/c.slot))
}

func floorDiv(a, b int64) int64 {
	q := a / b
	if a%b < 0 {
		q--
	}
	return q
}

// A season is a way of expecting a value from those at the same time of earlier days or weeks.
type season struct {
	days  int // period; 0 = no season
	count int // how many periods back
	least int // how many of these must be known
}

var daily = season{days: 1, count: 7, least: 2}

// seasons are tried from the plainest on.
var seasons = [...]season{{}, daily, {days: 7, count: 1, least: 1}, {days: 7, count: 4, least: 2}}

// calendar holds the values of the window by slot of local time.
type calendar struct {
	first   int64 // slot of values[0]
	values  []float32
	day     int // slots
	scratch [7]float32
}

func (c *calendar) at(slot int64) float32 {
	if i := slot - c.first; i >= 0 && i < int64(len(c.values)) {
		return c.values[i]
	}
	return nan32
}

// expected is the median of the values at the same time of earlier periods, known of them. Where too few are known it is that of the days before; where
// these are not known either it is 0, the centre of the values. The number of days that it comes from is 0, 1 or 7.
func (c *calendar) expected(s season, slot int64) (v float32, days, known int) {
	for ; s.days > 0; s = daily {
		values := c.scratch[:0]
		for k := 1; k <= s.count; k++ {
			if x := c.at(slot - int64(k*s.days*c.day)); x == x {
				values = append(values, x)
			}
		}
		if len(values) >= s.least {
			return median(values), s.days, len(values)
		}
		if s.days == daily.days {
			break
		}
	}
	return 0, 0, 0
}

// wander is the variance of the median of so many values, in units of theirs (David and Nagaraja, "Order Statistics", 2003: normal distribution).
var wander = [...]float64{1: 1, 2: 0.5, 3: 0.4487, 4: 0.2982, 5: 0.2868, 6: 0.2147, 7: 0.2104}
