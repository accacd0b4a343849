// Package calendar turns instants into wall-clock time: daylight saving, slots of a day or a week, and holidays.
//
// Instants are milliseconds since the epoch. Wall-clock time is what a clock on the wall reads, also as milliseconds
// since the epoch, as if the place were in UTC. It is not unique: it skips an hour when clocks are put forward, and
// repeats one when they are put back.
//
// The package is pure: the location and the holidays are passed in, and nothing asks for the current time.
package calendar

import "time"

// Lengths in milliseconds.
const (
	Day  int64 = 24 * 60 * 60 * 1000
	Week       = 7 * Day
)

// Sunday is the day of the week on which Sundays fall when weeks are counted from the epoch, which was a Thursday:
// day 0 is Thursday, day 3 is Sunday.
const Sunday = 3

// A Clock reads the wall clock of one location. It remembers the offset that it used last, so that successive readings
// cost next to nothing. Copies are independent. The zero value reads UTC.
type Clock struct {
	location    *time.Location // nil: UTC
	offset      int64          // of the wall clock, for instants in [from, until)
	from, until int64
}

// NewClock returns the wall clock of a location; nil is UTC.
func NewClock(location *time.Location) Clock {
	if location == time.UTC {
		location = nil
	}
	return Clock{location: location}
}

// Local returns the wall-clock time of the instant t. Instants may be asked for in any order.
func (c *Clock) Local(t int64) int64 {
	if c.location != nil && (t < c.from || t >= c.until) {
		c.lookUp(t)
	}
	return t + c.offset
}

// unbounded is beyond every instant that can be asked for. It leaves room to add an offset without an overflow.
const unbounded = int64(1) << 62

// lookUp sets the offset at t, and between which instants it holds.
func (c *Clock) lookUp(t int64) {
	at := time.UnixMilli(t).In(c.location)
	_, seconds := at.Zone()
	c.offset, c.from, c.until = int64(seconds)*1000, -unbounded, unbounded
	from, until := at.ZoneBounds()
	if !from.IsZero() {
		c.from = from.UnixMilli()
	}
	if !until.IsZero() {
		c.until = until.UnixMilli()
	}
}

// Slot returns the number of the slot that t lies in, counted from the epoch, where all slots have the same length. It
// works on instants and on wall-clock time.
func Slot(t, length int64) int64 {
	slot := t / length
	if t%length < 0 {
		slot--
	}
	return slot
}

// SlotIn returns the number of the slot that t lies in, counted from the beginning of its period: a Day, or a Week from
// Thursday on. The last slot of a period is shorter where the length does not divide it.
func SlotIn(t, period, length int64) int {
	within := t % Week // what the compiler knows it divides by faster
	if within < 0 {
		within += Week
	}
	if period == Day {
		within %= Day
	}
	return int(within / length)
}
