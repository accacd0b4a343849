// Package hours says where the values of a series usually are at an hour of the day, however often they burst.
package hours

import (
	"math"

	"github.com/anomaly-exporter/anomaly-exporter/scorer/envelope"
	"github.com/anomaly-exporter/anomaly-exporter/scorer/orderstat"
	"github.com/anomaly-exporter/anomaly-exporter/scorer/season"
)

const (
	perDay = 24
	// minDays is how many days have to be known for the range of an hour to be known. Chosen, not tuned, as in package
	// envelope.
	minDays = 4
	// fortnight is how many days have to be known for one of days that are alike to be an exception: those of two weeks.
	// Until then it may be the only one of its weekday.
	fortnight = 13
	// quarters is how many values of each hour tell its center, where there are as many. Chosen, not tuned: neighbours are
	// much alike.
	quarters = 4
)

var nan32 = float32(math.NaN())

// An Hour is where values usually are at an hour of the day.
type Hour struct {
	// Center is the median of the values less their levels, up to an hour earlier or later. A season expects what few
	// days had at a time of day, and a burst may be most of that; it is not most of an hour of many days. NaN: not known.
	Center float32
	// Range holds the values of the same hours, to either side without the day that went farthest, if two weeks are known.
	// So after an outage, the next one is beyond it like the first. None: not known.
	Range envelope.Interval
}

// Nearest returns the usual value that is nearest to x: all between what was expected and the center, if that is known,
// is usual.
func Nearest(x, expected, center float32) float32 {
	return envelope.Interval{Low: center, High: center}.Nearest(expected, x)
}

// Hours are those of the day, or of workdays and days off.
type Hours struct {
	slots  int64                 // a day
	dayOff func(slot int64) bool // nil: days are alike
	kinds  [2][perDay]Hour
}

// New returns the hours of values, and of these less their levels; nil: no center is known. If days are not alike, they
// are those of workdays and days off.
func New(values *season.Values, levelled []float32, alike bool) *Hours {
	h := &Hours{slots: int64(values.PerDay)}
	if !alike {
		h.dayOff = values.DayOff
	}
	cells := newCells(h, values.First, values.Values, levelled)
	var scratch orderstat.Scratch
	for kind := range h.kinds {
		for hour := range h.kinds[kind] {
			h.kinds[kind][hour] = cells.summarize(kind, hour, alike, &scratch)
		}
	}
	return h
}

// At returns the hour that a slot is in. Nothing is known of a series without hours (nil).
func (h *Hours) At(slot int64) Hour {
	if h == nil {
		return Hour{Center: nan32, Range: envelope.None()}
	}
	hour := h.cell(slot) % perDay
	if hour < 0 {
		hour += perDay
	}
	return h.kinds[h.kind(slot)][hour]
}

// cell returns which hour since the beginning of time a slot is in.
func (h *Hours) cell(slot int64) int64 {
	cell := slot * perDay / h.slots
	if cell*h.slots > slot*perDay { // rounded up, before time began
		cell--
	}
	return cell
}

func (h *Hours) kind(slot int64) int {
	if h.dayOff != nil && h.dayOff(slot) {
		return 1
	}
	return 0
}

// cells are the hours of the days of a window, from the first one on.
type cells struct {
	first    int64
	kinds    []int
	ranges   []envelope.Interval
	levelled [][]float32
	known    []float32 // memory for the next use
}

func newCells(h *Hours, first int64, values, levelled []float32) *cells {
	c := &cells{first: h.cell(first)}
	for from := 0; from < len(values); {
		slot := first + int64(from)
		cell, to := h.cell(slot), from+1
		for to < len(values) && h.cell(first+int64(to)) == cell {
			to++
		}
		in := envelope.None()
		for _, x := range values[from:to] {
			if x == x {
				in = in.Join(envelope.Interval{Low: x, High: x})
			}
		}
		for c.first+int64(len(c.kinds)) <= cell { // slots may be longer than an hour
			c.kinds, c.ranges = append(c.kinds, h.kind(slot)), append(c.ranges, envelope.None())
			c.levelled = append(c.levelled, nil)
		}
		last := len(c.kinds) - 1
		c.ranges[last] = in
		if levelled != nil {
			c.levelled[last] = levelled[from:to]
		}
		from = to
	}
	return c
}

// summarize returns the hour of days of a kind.
func (c *cells) summarize(kind, hour int, alike bool, scratch *orderstat.Scratch) Hour {
	var lows, highs []float32
	c.known = c.known[:0]
	for i := int((int64(hour) - c.first%perDay + perDay) % perDay); i < len(c.kinds); i += perDay {
		if c.kinds[i] != kind {
			continue
		}
		isKnown, in := !c.ranges[i].IsNone(), envelope.None()
		for near := max(i-1, 0); near < min(i+2, len(c.ranges)); near++ {
			in = in.Join(c.ranges[near])
			levelled := c.levelled[near]
			for k := 0; k < len(levelled); k += (len(levelled) + quarters - 1) / quarters {
				if x := levelled[k]; x == x {
					c.known = append(c.known, x)
				}
			}
		}
		if isKnown {
			lows, highs = append(lows, in.Low), append(highs, in.High)
		}
	}
	h := Hour{Center: nan32, Range: envelope.None()}
	if len(c.known) > 0 {
		scratch.Sort(c.known)
		h.Center = orderstat.Quantile(c.known, 0.5)
	}
	if n := len(lows); n >= minDays {
		exceptions := 1
		if alike && n < fortnight {
			exceptions = 0
		}
		orderstat.Sort(lows)
		orderstat.Sort(highs)
		h.Range = envelope.Interval{Low: lows[exceptions], High: highs[n-1-exceptions]}
	}
	return h
}
