package recurring

import (
	"math/bits"
	"slices"
	"sort"

	"github.com/anomaly-exporter/anomaly-exporter/calendar"
	"github.com/anomaly-exporter/anomaly-exporter/forecaster/recurring/lifts"
	"github.com/anomaly-exporter/anomaly-exporter/forecaster/recurring/sizes"
	"github.com/anomaly-exporter/anomaly-exporter/forecaster/window"
)

const (
	// highShare is how far from the usual to what made a cell recur a value must be to count as high there. Chosen, not
	// tuned: what recurs is smaller on some days, and noise is not as large.
	highShare = 0.5
	// lowShare is how far from the usual to a limit a value must be to belong to what is over the limit beside it.
	// Chosen, not tuned: a rate over some minutes rises and falls in as many steps, and replicas are needed from the
	// first one.
	lowShare = 0.25
	// minReach is on how many days occurrences must reach into a cell beside a recurring one for it to recur, too. Guard:
	// what one did may have been chance.
	minReach = 2
	// longestEpisode is how far around a cell its episode is looked for: as far as what recurs can stand out. Guard: it
	// bounds the work of a step.
	longestEpisode = blockLength
)

// smearLength is how far around what recurs the forecasts of other models hold something of it, in milliseconds:
// candidates of package forecaster/candidates keep a week in cells of half an hour. Protocol.
const smearLength = 30 * 60 * 1000

// A limit is from how much over the usual on a value is high, and from how much on it belongs to high values beside it.
// It is zero where nothing recurs.
type limit struct{ high, low float32 }

// An occurrence is a stretch of values over the low limit, some of them over the high one, from one position up to and
// including another.
//
// A position is a step by the wall clock, counted from the first day kept.
type occurrence struct {
	begin, end int
	// peaks are by how much the largest value of the first 1, 2, 4, ... steps exceeded the usual.
	peaks [8]float32
}

// add takes the value at a position, as what it is over the usual.
func (o *occurrence) add(at int, over float32) {
	o.end = at
	for k := bits.Len(uint(at - o.begin)); k < len(o.peaks); k++ { //nolint:gosec // it has begun
		o.peaks[k] = max(o.peaks[k], over)
	}
}

// peak returns the largest of the steps up to a position, as far as it is known: which of peaks, and its value.
func (o *occurrence) peak(at int) (k int, over float32) {
	k = min(bits.Len(uint(at-o.begin+1))-1, len(o.peaks)-1) //nolint:gosec // it has begun
	return k, o.peaks[k]
}

// occurrences know when on each day what recurs was there, and whether it is there now.
type occurrences struct {
	limits []limit      // that there are; the first one is zero
	level  []uint8      // which of limits holds, by cell of the week: near what recurs, too
	near   []bool       // by cell of the week: whether forecasts hold something of what recurs
	usual  []float32    // by cell of the day
	past   []occurrence // in the window
	until  int          // the last position of the window

	place   place      // of the last step that Advance took
	at      int        // its position
	newest  occurrence // ends before the window if there was none
	open    occurrence // what may become the newest: values over the low limit up to now
	limit   limit      // of open
	isOpen  bool
	reached bool // whether open was high

	ratios []float32 // of sizes to the typical size at their time of day, sorted
	growth float64   // of the logarithm of sizes, a day; 0 if they do not grow

	lifts lifts.Lifts // without what recurs
}

// phase is how far what recurs has come.
type phase uint8

const (
	waiting phase = iota // it has not come yet
	running
	over
)

// trace finds when what recurs was there. over is by how much each cell exceeds the usual, limits are those of
// recurring cells.
func (r *Profile) trace(w *window.Window, over []float32, limits []limit) {
	if slices.IndexFunc(limits, func(l limit) bool { return l != limit{} }) < 0 {
		return
	}
	c := &occurrences{
		limits: []limit{{}}, level: make([]uint8, len(limits)), newest: occurrence{begin: -1, end: -1}, place: nowhere,
		lifts: lifts.New(r.grid.Step, r.length, len(r.cells)),
	}
	for at, l := range widenLimits(limits) {
		if !slices.Contains(c.limits, l) {
			c.limits = append(c.limits, l)
		}
		c.level[at] = uint8(slices.Index(c.limits, l)) //nolint:gosec // one for each of highShares
	}
	at, around := nowhere, nan
	for i, v := range w.Values {
		at = r.next(at, i)
		c.until = r.position(at.cell, at.offset)
		if !w.Learn[i] {
			continue
		}
		around = r.cells[at.cell] - over[at.cell]
		c.observe(c.until, float32(v)-around, 0, c.limits[c.level[r.ofWeek(at.cell)]])
		if at.offset == 0 {
			c.lifts.Keep(int(at.cell), around)
		}
		switch n := len(c.past); {
		case c.newest.end < c.until:
		case n > 0 && c.past[n-1].begin == c.newest.begin:
			c.past[n-1] = c.newest
		default:
			c.past = append(c.past, c.newest)
		}
	}
	r.occurrences = c
	r.extend()
	r.locate()
	all := r.sizes()
	c.usual, c.growth = r.usual(over), sizes.Growth(all, r.days)
	c.ratios = sizes.Ratios(all, c.growth)
	c.lifts.Finish(around, int(at.cell), func(cell int) float32 { return c.usual[r.ofDay(int64(cell))] })
	c.near = make([]bool, len(limits))
	smeared := smearLength / r.length
	for at, l := range limits {
		for d := -smeared; d <= smeared && l != (limit{}); d++ {
			c.near[r.wrap(int64(at)+d)] = true
		}
	}
}

// widenLimits gives each cell near a recurring one a limit: the largest of those near the latter, so that beside what
// recurs noise does not count as high.
func widenLimits(limits []limit) []limit {
	wide := raise(limits)
	for c, l := range limits {
		if l == (limit{}) {
			wide[c] = l
		}
	}
	return raise(wide)
}

// raise returns limits raised to the largest one that is near.
func raise(limits []limit) []limit {
	raised, n := slices.Clone(limits), len(limits)
	for c, l := range limits {
		if l == (limit{}) {
			continue
		}
		for d := -nearCells; d <= nearCells; d++ {
			if at := (c + d + n) % n; raised[at].high < l.high {
				raised[at] = l
			}
		}
	}
	return raised
}

// usual returns by cell of the day the median of the days on which nothing that recurs was there. Where there are too
// few it is what is usual around the cell.
func (r *Profile) usual(over []float32) []float32 {
	there, steps := make([]bool, len(r.cells)), r.steps
	for _, o := range r.occurrences.past {
		for cell := o.begin / steps; cell <= o.end/steps; cell++ {
			there[cell] = true
		}
	}
	usual := make([]float32, r.perDay)
	without, around := make([]float32, 0, r.days), make([]float32, 0, r.days)
	for c := range usual {
		without, around = without[:0], around[:0]
		for i := c; i < len(r.cells); i += r.perDay {
			v := r.cells[i]
			if v != v {
				continue
			}
			around = append(around, v-over[i])
			if !there[i] {
				without = append(without, v)
			}
		}
		if len(without) < minDays {
			without = around
		}
		usual[c] = nan
		if len(without) > 0 {
			usual[c] = nthSmallest(without, len(without)/2)
		}
	}
	return usual
}

// observe takes a value at a position, as what it is over the usual. What recurs is that less the level.
func (c *occurrences) observe(at int, over, level float32, l limit) {
	c.at = at
	if c.isOpen && l == (limit{}) {
		l = c.limit // it lasts for longer than on other days
	}
	above := over - level
	if l == (limit{}) || !(above >= l.low) {
		c.isOpen = false
		c.lifts.Advance(over)
		return
	}
	if !c.isOpen {
		c.open, c.isOpen, c.reached = occurrence{begin: at}, true, false
	}
	c.open.add(at, above)
	c.limit, c.reached = l, c.reached || above >= l.high
	if c.reached {
		c.newest = c.open
	}
}

// Advance takes a value after the window, at a step. r may be nil.
func (r *Profile) Advance(step int, v float64) {
	if r == nil || r.occurrences == nil {
		return
	}
	c := r.occurrences
	c.place = r.next(c.place, step)
	cell := c.place.cell
	at, over := r.position(cell, c.place.offset), float32(v)-c.usual[r.ofDay(cell)]
	c.observe(at, over, c.lifts.Up(), c.limits[c.level[r.ofWeek(cell)]])
}

// Rewind forgets what was there, to take the values of the window again. r may be nil.
func (r *Profile) Rewind() {
	if r != nil && r.occurrences != nil {
		c := r.occurrences
		c.isOpen, c.newest, c.lifts.Now, c.place = false, occurrence{begin: -1, end: -1}, 0, nowhere
	}
}

// Ordinary returns what to expect at a step to come without what recurs: the usual, moved by how far from it the series
// was lately. ok is false where a forecast need not be kept from what recurs: while it is there, where it is neither
// near nor has just been there, for no longer than its length, and where the series was as far from the usual as the
// low limit of what recurs. Then something else goes on, such as a leak. r may be nil.
func (r *Profile) Ordinary(step int) (v float64, ok bool) {
	if r == nil || r.occurrences == nil || r.occurrences.isOpen {
		return 0, false
	}
	c := r.occurrences
	cell := r.grid.Slot(step, calendar.Week, r.length)
	length := c.newest.end - c.newest.begin + 1 + nearCells*r.steps
	if !c.near[cell] && (c.newest.end < 0 || c.at > c.newest.end+length) {
		return 0, false
	}
	if l := c.limits[c.level[cell]]; l != (limit{}) && c.lifts.Now >= l.low {
		return 0, false
	}
	v = float64(c.usual[cell%r.perDay] + c.lifts.Now)
	return v, v == v
}

// position returns the position of a step of a cell.
func (r *Profile) position(cell int64, offset int) int { return int(cell)*r.steps + offset }

// phase returns how far what may come from a position on has come by now.
func (c *occurrences) phase(from int) phase {
	switch {
	case c.isOpen:
		return running
	case c.newest.end >= from:
		return over
	}
	return waiting
}

// pastPhase returns how far what may come from a position on had come at another, in the window.
func (c *occurrences) pastPhase(at, from int) phase {
	n := sort.Search(len(c.past), func(i int) bool { return c.past[i].begin > at })
	switch {
	case n == 0 || c.past[n-1].end < from:
		return waiting
	case c.past[n-1].end >= at:
		return running
	}
	return over
}

// between returns what came from one position up to another; nil if nothing did.
func (c *occurrences) between(from, to int) *occurrence {
	n := sort.Search(len(c.past), func(i int) bool { return c.past[i].end >= from })
	if n == len(c.past) || c.past[n].begin > to {
		return nil
	}
	return &c.past[n]
}

// episode returns the recurring cells around one, or those that begin soon after it, without gaps.
func (r *Profile) episode(cell int64) (first, last int64, ok bool) {
	recurs := func(c int64) bool { return r.groups[r.ofWeek(c)] != none }
	first = cell
	for !recurs(first) {
		if first++; first > cell+nearCells {
			return 0, 0, false
		}
	}
	longest := longestEpisode / r.length
	for last = first; last < cell+longest && recurs(last+1); last++ {
	}
	for first > cell-longest && recurs(first-1) {
		first--
	}
	return first, last, true
}

// given splits a window at the end of the episode that the step now is in: near is what is left of it, as the days tell
// on which it was as far at the same time of day as it is today. What recurs under g tells nothing of near if it is
// empty. scales tell how large what is there today is.
func (w *Window) given(g grouping) (near, rest Window, scales scales) {
	near, rest = *w, *w
	near.last = near.first - 1
	r := w.r
	if r.occurrences == nil || !w.conditioned {
		return near, rest, scales
	}
	cell, offset := r.locateStep(w.now)
	first, last, ok := r.episode(cell)
	if !ok || last < w.first {
		return near, rest, scales
	}
	near.last, rest.first = min(w.last, last), max(w.first, last+1)

	now, perDay := r.position(cell, offset), r.perDay*r.steps
	from, to := r.position(first-nearCells, 0), r.position(near.last+1, -1)
	today, day := r.occurrences.phase(from), int(calendar.Slot(near.first, int64(r.perDay)))
	var alike uint64
	toCome := false
	var onsets spread
	oldest := max(0, r.days-maxDays)
	for k := oldest; k < r.days; k++ {
		shift := (k - day) * perDay
		if k == day || !r.comparable(g, day, k) || now+shift < 0 || now+shift > r.occurrences.until {
			continue
		}
		came := r.occurrences.between(from+shift, to+shift)
		if came != nil {
			onsets.add(came.begin - shift)
			if today == running && r.occurrences.reached {
				scales.set(k-oldest, came.scale(r.occurrences.open.peak(now)))
			}
		}
		if r.occurrences.pastPhase(now+shift, from+shift) == today {
			alike |= 1 << (k - oldest)
			toCome = toCome || came != nil && came.begin > now+shift
		}
	}
	switch {
	case today == running: // all days tell how large it is, and those on which it came how large it becomes
		scales.usual = r.occurrences.usual[r.ofDay(cell)] + r.occurrences.lifts.Up()
	case today == waiting && (toCome || now < onsets.last+onsets.margin()):
		near.first = min(near.first, first) // it is as large as ever, when it comes
	case alike != 0:
		near.days = alike
		if today == over {
			near.first = max(near.first, cell+1)
		}
	case today == waiting:
		near.last = near.first - 1 // it is later than ever, by more than it has moved
	}
	return near, rest, scales
}

// extend marks the cells beside recurring ones into which occurrences reach on some days: they rise slowly, come
// earlier or last longer.
func (r *Profile) extend() {
	days, steps := make([]int, r.perDay), r.steps
	for _, o := range r.occurrences.past {
		for cell := o.begin / steps; cell <= o.end/steps; cell++ {
			days[r.ofDay(int64(cell))]++
		}
	}
	for range nearCells {
		groups := slices.Clone(r.groups)
		for at, g := range groups {
			if g == none {
				continue
			}
			for _, beside := range [...]int{r.wrap(int64(at) - 1), r.wrap(int64(at) + 1)} {
				if groups[beside] == none && days[beside%r.perDay] >= minReach {
					r.groups[beside] = g
				}
			}
		}
	}
}

// scale returns how many times as large as this one another is, of which peak k is over; NaN if that is unknown.
func (o *occurrence) scale(k int, over float32) float32 {
	if !(o.peaks[k] > 0) {
		return nan
	}
	return over / o.peaks[k]
}

// scales tell how many times as large as on other days what recurs is today, as far as it has come.
type scales struct {
	usual float32
	n     int              // days
	by    [maxDays]float32 // by day from the oldest of maxDays on; 0 if it did not come
}

// known tells whether there are enough days.
func (s *scales) known() bool { return s.n >= minDays && s.usual == s.usual }

func (s *scales) set(day int, scale float32) {
	if scale == scale {
		s.by[day] = scale
		s.n++
	}
}

// A spread tells how far apart the onsets of an occurrence are on the days on which it came.
type spread struct{ n, first, last int }

func (s *spread) add(at int) {
	if s.n == 0 {
		s.first, s.last = at, at
	}
	s.n, s.first, s.last = s.n+1, min(s.first, at), max(s.last, at)
}

// margin is how far beyond the outermost onset the next one is expected if it lies beyond: as far as two neighbouring
// ones are apart on average, rounded up to steps. So it is with uniformly distributed values.
func (s *spread) margin() int {
	if s.n < 2 {
		return 0
	}
	return (s.last - s.first + s.n - 2) / (s.n - 1)
}

// A bound is between which steps of a cell what recurs may lie. The first one is negative if it may begin before the
// cell.
type bound struct{ first, last int32 }

// locate finds the bounds of the recurring cells: from the first to the last step of any occurrence, and a margin. So
// what always comes at the same minute is expected at that minute.
func (r *Profile) locate() {
	steps := r.steps
	if steps == 1 {
		return
	}
	begins, ends := make([]spread, r.perDay), make([]spread, r.perDay)
	for _, o := range r.occurrences.past {
		for cell := o.begin / steps; cell <= o.end/steps; cell++ {
			c := r.ofDay(int64(cell))
			begins[c].add(o.begin - cell*steps)
			ends[c].add(o.end - cell*steps)
		}
	}
	r.bounds = make([]bound, r.perDay)
	for c := range r.bounds {
		r.bounds[c] = bound{0, int32(steps - 1)}
		if b, e := &begins[c], &ends[c]; b.n > 1 {
			r.bounds[c] = bound{int32(max(b.first-b.margin(), -steps)), int32(min(e.last+e.margin(), steps-1))}
		}
	}
}
