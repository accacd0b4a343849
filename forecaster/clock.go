package forecaster

import "time"

// A clock tells the local time of steps, daylight saving included.
type clock struct {
	loc         *time.Location // nil is UTC
	start, step int64          // milliseconds
	offset      int64          // of local time within [from, until)
	from, until int64
}

func newClock(loc *time.Location, start, step int64) clock {
	if loc == time.UTC {
		loc = nil
	}
	return clock{loc: loc, start: start, step: step}
}

// local returns the local time of step i, in milliseconds since the epoch as a wall clock reads.
func (c *clock) local(i int) int64 {
	ms := c.start + int64(i)*c.step
	if c.loc == nil {
		return ms
	}
	if ms < c.from || ms >= c.until {
		c.lookUp(ms)
	}
	return ms + c.offset
}

const forever = int64(1) << 62

func (c *clock) lookUp(ms int64) {
	t := time.UnixMilli(ms).In(c.loc)
	_, seconds := t.Zone()
	c.offset, c.from, c.until = int64(seconds)*1000, -forever, forever
	from, until := t.ZoneBounds()
	if !from.IsZero() {
		c.from = from.UnixMilli()
	}
	if !until.IsZero() {
		c.until = until.UnixMilli()
	}
}

// slot returns which part of length of the period (a day, a week from Thursday on) step i falls into.
func (c *clock) slot(i int, period, length int64) int {
	in := c.local(i) % period
	if in < 0 {
		in += period
	}
	return int(in / length)
}
