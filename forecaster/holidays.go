package forecaster

import (
	"math"
	"time"
)

// A calendar tells which steps are on a holiday.
type calendar struct {
	holiday func(year int, month time.Month, day int) bool // nil: none is
	date    int64                                          // asked last, in days since the epoch
	found   bool
}

func newCalendar(o *Options) calendar { return calendar{holiday: o.Holiday, date: math.MinInt64} }

// off says whether step i of c is on a holiday.
func (k *calendar) off(c *clock, i int) bool {
	if k.holiday == nil {
		return false
	}
	if date := floorDiv(c.local(i), dayMillis); date != k.date {
		k.date, k.found = date, k.holiday(time.UnixMilli(date*dayMillis).UTC().Date())
	}
	return k.found
}

// days says which of n steps of c are on a holiday; nil if there are no holidays.
func (k calendar) days(c *clock, n int) []bool {
	if k.holiday == nil {
		return nil
	}
	days := make([]bool, n)
	for i := range days {
		days[i] = k.off(c, i)
	}
	return days
}

func floorDiv(a, b int64) int64 {
	q := a / b
	if a%b < 0 {
		q--
	}
	return q
}

// daysOff forecasts holidays beside a model that sees ordinary days alone: that one passes a holiday with what it would
// have expected of an ordinary day. From there a holiday is as far away as the last holidays were from that day of the
// week or, as long as there were none, as its Sunday is.
type daysOff struct {
	predictor
	clock    clock
	calendar calendar
	now      int
	next     lead // of one step

	cell       int64     // milliseconds
	week       []float32 // ordinary days, by cell of the week; NaN where nothing is known yet
	holidays   []float32 // by cell of the day
	open       int       // the cell of the week that the last value went to
	sum, count float64   // of its values

	departure float64 // of the holiday that is now from what was expected of it
	rate      float64 // of that mean
}

const (
	offCell      = 15  // minutes, or a step
	offBlend     = 0.6 // weight of the newest day
	offDeparture = 30  // minutes, half-life
	offDoubt     = 0.5 // of the way to a Sunday: a holiday need not be one
)

// newDaysOff puts what forecasts ordinary days, which has seen w, beside the holidays of the window: y holds the values
// of w's steps as they are, holidays included, and u is the unit of the model.
func newDaysOff(p predictor, w *window, u *unit, o *Options, y []float64) *daysOff {
	d := &daysOff{
		predictor: p, clock: w.clock, calendar: newCalendar(o), now: -1, next: newLead(1, o),
		cell: max(offCell*minuteMillis, w.clock.step), rate: w.decay(offDeparture),
	}
	perDay := int((dayMillis + d.cell - 1) / d.cell)
	cells := make([]float32, 8*perDay)
	for i := range cells {
		cells[i] = nan32
	}
	d.week, d.holidays = cells[:7*perDay], cells[7*perDay:]
	for i, v := range y {
		d.now = i
		if finite(v) {
			d.learn(u.in(v), d.calendar.off(&d.clock, i))
		}
	}
	return d
}

// learn adds the value of now to its cell, and files that when it is over.
func (d *daysOff) learn(y float64, off bool) {
	if slot := d.clock.slot(d.now, weekMillis, d.cell); slot != d.open {
		d.open, d.sum, d.count = slot, 0, 0
	}
	d.sum += y
	d.count++
	if d.clock.slot(d.now+1, weekMillis, d.cell) == d.open && d.cell > d.clock.step {
		return
	}
	cell := &d.week[d.open]
	if off {
		cell = &d.holidays[d.open%len(d.holidays)]
	}
	mean := d.sum / d.count
	if known := float64(*cell); known == known {
		mean = known + offBlend*(mean-known)
	}
	*cell = float32(mean)
}

// sundays are on this day of a week of the clock, counted from 0: the epoch was a Thursday.
const sundays = 3

// effect is how far a holiday at step i is from an ordinary day, and how much doubt there is of it.
func (d *daysOff) effect(i int) (distance, doubt float64) {
	slot, perDay := d.clock.slot(i, weekMillis, d.cell), len(d.holidays)
	day := slot % perDay
	ordinary, sunday := d.week[slot], d.week[sundays*perDay+day]
	if v := d.holidays[day]; v == v && ordinary == ordinary {
		return float64(v - ordinary), 0
	}
	if sunday != sunday || ordinary != ordinary {
		return 0, 0
	}
	distance = float64(sunday - ordinary)
	return distance, offDoubt * math.Abs(distance)
}

func (d *daysOff) advance(y float64) {
	d.now++
	off := d.calendar.off(&d.clock, d.now)
	if !off {
		d.departure = 0
		d.predictor.advance(y)
	} else {
		usual := d.predictor.predict(&d.next).median
		distance, _ := d.effect(d.now)
		d.departure += d.rate * (y - usual - distance - d.departure)
		d.predictor.advance(usual)
	}
	d.learn(y, off)
}

func (d *daysOff) predict(l *lead) outlook {
	o := d.predictor.predict(l)
	if !d.calendar.off(&d.clock, d.now+l.h) {
		return o
	}
	distance, doubt := d.effect(d.now + l.h)
	distance += l.fade[fade8h] * d.departure
	o.median += distance
	o.reach += distance
	o.doubt += doubt
	return o
}
