package history

import (
	"cmp"
	"iter"
	"math"
	"slices"
)

// View is a series as it was when Series.View was called. It never changes, while the series is appended to and
// trimmed: any number of goroutines may read it without a lock. It is a small value that shares its blocks of values
// with the series, and keeps them in memory for as long as it is held. The zero View is an empty series without a
// layout: nothing is known, and its windows have no values.
type View struct {
	contents
}

// Until returns the view without the values after ts: as the series was when that was its newest step.
func (v View) Until(ts int64) View {
	if !v.nonEmpty || v.last <= ts {
		return v
	}
	last, value, found := v.fine.before(ts)
	if !found {
		last, value, found = v.coarse.before(ts)
	}
	if !found {
		v.fine.blocks, v.coarse.blocks = nil, nil
	}
	v.last, v.lastValue, v.nonEmpty = last, float32(value), found
	return v
}

// Point is a value that was appended.
type Point struct {
	Time   int64 // ms
	Value  float64
	Masked bool // known, but not learned from
}

// contents is what is read of a Series and of a View alike. No method reads a value after the newest one, because the
// writer of the series may be writing there.
type contents struct {
	layout       Layout
	fine, coarse resolution
	last         int64 // time of the newest value
	lastValue    float32
	nonEmpty     bool    // there has been a value
	marks        *[]Mark // nil: none
}

// A Mark says whether the values of a period are masked. It overrides what they were appended with.
type Mark struct {
	From, To int64 // ms, both included
	Masked   bool
}

// masked returns whether a step is masked that was appended so or not.
func (c *contents) masked(ts int64, appended bool) bool {
	if c.marks == nil {
		return appended
	}
	marks := *c.marks
	i, _ := slices.BinarySearchFunc(marks, ts, func(m Mark, ts int64) int { return cmp.Compare(m.To, ts) })
	if i < len(marks) && marks[i].From <= ts {
		return marks[i].Masked
	}
	return appended
}

// Layout is that of the series.
func (c *contents) Layout() Layout { return c.layout }

// Empty says whether nothing is left that a window could show.
func (c *contents) Empty() bool { return len(c.fine.blocks) == 0 && len(c.coarse.blocks) == 0 }

// At returns the value of a step as it was appended, NaN in a gap, and whether it is masked. Only steps that are still
// kept at full resolution have one.
func (c *contents) At(ts int64) (v float64, masked bool) {
	f, masked := c.fine.at(ts, c.last)
	return float64(f), f == f && c.masked(ts, masked)
}

// Value returns the value of a step, with gaps filled as Layout.Missing says, and whether it is masked. It is NaN,
// whatever Layout.Missing says, if there was no value within Layout.Length before.
func (c *contents) Value(ts int64) (v float64, masked bool) {
	if v, masked := c.At(ts); v == v || c.layout.Missing == Drop {
		return v, masked
	}
	last, value, found := c.before(ts)
	if !found || last <= ts-c.layout.Length {
		return math.NaN(), false
	}
	if c.layout.Missing == Zero {
		return 0, false
	}
	return value, false
}

// before returns time and value of the newest value at or before ts, as a window that ends there would show it.
func (c *contents) before(ts int64) (int64, float64, bool) {
	if !c.nonEmpty {
		return 0, 0, false
	}
	split := ts - c.layout.Fine()
	if c.last <= ts && c.last > split {
		return c.last, float64(c.lastValue), true
	}
	ts = min(ts, c.last)
	if at, v, ok := c.fine.before(ts); ok && at > split {
		return at, v, true
	}
	return c.coarse.before(min(ts, split))
}

// First returns the time of the first value that a window ending at end shows; ok is false if there is none.
func (c *contents) First(end int64) (ts int64, ok bool) {
	c.each(end, func(at int64, _ float32, _ bool) bool {
		ts, ok = at, true
		return false
	})
	return ts, ok
}

// Oldest returns the time of the oldest value that is kept; ok is false if there is none.
func (c *contents) Oldest() (ts int64, ok bool) {
	ts = math.MaxInt64
	for _, r := range []*resolution{&c.coarse, &c.fine} {
		r.each(math.MinInt64/2, math.MaxInt64/2, func(at int64, _ float32, _ bool) bool {
			ts, ok = min(ts, at), true
			return false
		})
	}
	return ts, ok
}

// Last returns the time of the newest value, and false if there has never been one.
func (c *contents) Last() (int64, bool) { return c.last, c.nonEmpty }

// Points iterates over the values from mint to maxt, both included, in order and as they were appended: gaps are left
// out, masked values are not. It yields what is kept: every step of the Layout.Fine before the newest value, one in
// Layout.Coarse of what is older, and nothing older than Layout.Length.
func (c *contents) Points(mint, maxt int64) iter.Seq[Point] {
	return func(yield func(Point) bool) {
		if !c.nonEmpty {
			return
		}
		f := func(ts int64, v float32, masked bool) bool { return yield(Point{ts, float64(v), masked}) }
		after, maxt := max(mint, c.last-c.layout.Length+1)-1, min(maxt, c.last)
		split := c.last - c.layout.Fine()
		if len(c.fine.blocks) == 0 { // trimmed long after the newest value
			split = maxt
		} else {
			split = max(split, c.fine.blocks[0].start-1)
		}
		if c.coarse.each(after, min(split, maxt), f) {
			c.fine.each(max(after, split), maxt, f)
		}
	}
}

// each calls f for the values of the window that ends at end, in order: the coarse ones, then the fine ones, as long as
// f returns true.
func (c *contents) each(end int64, f func(ts int64, v float32, masked bool) bool) {
	if !c.nonEmpty {
		return
	}
	split := end - c.layout.Fine()
	if mint := end - c.layout.Length; mint < split && !c.coarse.each(mint, min(split, c.last), f) {
		return
	}
	c.fine.each(split, min(end, c.last), f)
}
