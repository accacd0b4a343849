package peergroup

import (
	"cmp"
	"fmt"
	"iter"
	"math"
	"slices"
	"time"

	"gonum.org/v1/gonum/stat/distuv"

	"github.com/anomaly-exporter/anomaly-exporter/calendar"
	"github.com/anomaly-exporter/anomaly-exporter/scorer/baseline"
	"github.com/anomaly-exporter/anomaly-exporter/scorer/datarange"
	"github.com/anomaly-exporter/anomaly-exporter/scorer/ewma"
	"github.com/anomaly-exporter/anomaly-exporter/scorer/grid"
	"github.com/anomaly-exporter/anomaly-exporter/scorer/orderstat"
)

const (
	// maxReplayed bounds the values of a group that are replayed, beyond which the window is shortened; minReplay is the
	// time that is replayed in any case. Guard: they bound the time and the memory of a fit.
	maxReplayed = 400_000
	minReplay   = 3 * 24 * time.Hour
	// toleratedShare is the share of new members that are farther from the median than the tolerance. Chosen, not tuned:
	// one in a hundred.
	toleratedShare = 0.01
	// transformSlots is the number of slots that the transform is chosen by (guard: it bounds the time of a fit).
	transformSlots = 500
	// minSwing is how many times higher the level of the upper third of the slots has to be than that of the lower third
	// for the logarithm. Chosen, not tuned: below, the two transforms hardly differ.
	minSwing = 1.2
	// linearFraction is the part of the first decile below which the logarithm becomes linear. Chosen, not tuned.
	linearFraction = 4
)

// GroupOptions say what is normal of a group. Step and Possible are required.
type GroupOptions struct {
	Step     time.Duration
	Possible datarange.Range
	// Contamination is the share of members that are left out of the tolerance, those farthest from the median.
	Contamination float64
}

// A GroupBacktest is where the members were at the steps of the window, from what a Group knew before each step.
type GroupBacktest struct {
	Steps []GroupStep

	group      *Group
	start      int64
	steps      int
	fineFrom   int // index of the first step that is replayed though it begins no slot
	members    []member
	deviations []GroupDeviation
}

// A GroupStep is a step that was replayed. It begins a slot if its phase is 0.
type GroupStep struct {
	Time     int64 // ms
	Phase    int
	index    int
	from, to int // of the deviations
}

// A GroupDeviation is where a member was at a step.
type GroupDeviation struct {
	Member   int32   // index
	distance float32 // from the median
	offset   float32 // NaN if it had none yet
	isNew    bool
}

// member is what the fit needs of a member.
type member struct {
	first, last int       // steps with a value; last < first: none
	slots       []float32 // values of the slots from that of first on; NaN where there is none to learn from
	fine        []float32 // of the steps from fineFrom on, likewise; nil if it has none
	number      int       // among the members with a value
	offset      *Offset   // nil before its first value, and when it is long gone
	lastOffset  float64   // when it had its last value; NaN as long as it had few
}

// FitGroup learns from the windows of members: each yields the values at the steps start (ms), start+step, ..., steps
// many, NaN for none, and which of them may be learned from. The slices may be reused. Members keep the order of their
// windows; windows without a value do not change the result. The errors are ErrShortHistory and ErrGaps if too few
// members were there together for long enough.
func FitGroup(
	o GroupOptions, start int64, steps int, windows iter.Seq2[[]float64, []bool],
) (*Group, *GroupBacktest, error) {
	in := grid.New(o.Step)
	g := &Group{Grid: in, Learned: grid.EmptySpan, possible: o.Possible, now: start + int64(steps)*in.Step()}
	b := &GroupBacktest{group: g, start: start, steps: steps, fineFrom: steps}
	if in.Stride() > 1 {
		b.fineFrom -= min(steps, in.Steps(grid.WarmUp))
	}
	for values, learn := range windows {
		if len(values) != steps || len(learn) != steps {
			return nil, nil, fmt.Errorf("scorer: %d values, %d learn marks of %d steps", len(values), len(learn), steps)
		}
		b.add(values, learn)
	}
	begin := b.begin()
	if err := b.chooseTransform(begin); err != nil {
		return nil, nil, err
	}
	b.replay(begin)
	if err := b.setTolerance(o.Contamination); err != nil {
		return nil, nil, err
	}
	return g, b, nil
}

// Members returns the number of windows.
func (b *GroupBacktest) Members() int { return len(b.members) }

// Number returns the number of a member among those whose windows have a value.
func (b *GroupBacktest) Number(member int) int { return b.members[member].number }

// Offset returns the offset of a member after the window; nil of one that was not there of late.
func (b *GroupBacktest) Offset(member int) *Offset { return b.members[member].offset }

// Deviations returns where the members were that had a value at a step, in their order; none if they were too few.
func (b *GroupBacktest) Deviations(step GroupStep) []GroupDeviation {
	return b.deviations[step.from:step.to]
}

// Residual returns how far a member was from where it was expected.
func (b *GroupBacktest) Residual(d GroupDeviation) float32 {
	offset, tolerance := d.offset, float32(b.group.tolerance)
	if d.isNew {
		offset = min(max(offset, -tolerance), tolerance)
	}
	return b.group.Deviation(d.distance, offset)
}

// Ordinary returns the largest ordinary deviation of all members, by those of every n-th step.
func (b *GroupBacktest) Ordinary(n int) float32 {
	var all []float32
	for i := 0; i < len(b.Steps); i += n {
		for _, at := range b.Deviations(b.Steps[i]) {
			d := b.Residual(at)
			all = append(all, max(d, -d))
		}
	}
	slices.Sort(all)
	return ewma.Ordinary(all)
}

// add takes over the window of the next member.
func (b *GroupBacktest) add(values []float64, learn []bool) {
	m := member{first: b.steps, last: -1, lastOffset: math.NaN()}
	if n := len(b.members); n > 0 {
		m.number = b.members[n-1].number
		if b.members[n-1].last >= 0 {
			m.number++
		}
	}
	for i, y := range values {
		begins, k := b.slot(i)
		if !learn[i] || !b.group.possible.Contains(y) || !begins && i < b.fineFrom {
			continue
		}
		m.first, m.last = min(m.first, i), i
		if i >= b.fineFrom {
			for len(m.fine) < b.steps-b.fineFrom {
				m.fine = append(m.fine, nan32)
			}
			m.fine[i-b.fineFrom] = float32(y)
		}
		if begins {
			_, first := b.slot(m.first)
			for len(m.slots) <= k-first {
				m.slots = append(m.slots, nan32)
			}
			m.slots[k-first] = float32(y)
		}
	}
	b.members = append(b.members, m)
}

func (b *GroupBacktest) time(step int) int64 { return b.start + int64(step)*b.group.Grid.Step() }

// slot tells whether a step begins a slot, and numbers the slots.
func (b *GroupBacktest) slot(step int) (begins bool, k int) {
	t, length := b.time(step), b.group.Grid.Slot()
	return b.group.Grid.Phase(t) == 0, int(calendar.Slot(t, length) - calendar.Slot(b.start, length))
}

// values calls each for the members with a value at a step, in their order.
func (b *GroupBacktest) values(step int, each func(member int, y float64)) {
	begins, k := b.slot(step)
	for i := range b.members {
		m := &b.members[i]
		if step < m.first || step > m.last {
			continue
		}
		y := nan32
		if !begins {
			y = m.fine[step-b.fineFrom]
		} else if _, first := b.slot(m.first); k-first < len(m.slots) {
			y = m.slots[k-first]
		}
		if y == y {
			each(i, float64(y))
		}
	}
}

// begin returns the step from which the window is replayed: the first slot, unless there are too many values. It makes
// room for them.
func (b *GroupBacktest) begin() int {
	n, begin := 0, b.steps
	least := b.steps - b.group.Grid.Steps(minReplay)
	for step := b.steps - 1; step >= 0 && (n <= maxReplayed || step >= least); step-- {
		if begins, _ := b.slot(step); begins {
			b.values(step, func(int, float64) { n++ })
			begin = step
		}
	}
	b.deviations = make([]GroupDeviation, 0, n)
	return begin
}

// dispersion is where the members are at a slot, and how far they are apart there.
type dispersion struct{ center, meanAbsDev float64 }

// chooseTransform takes the logarithm if members are farther apart where the level is higher, else it divides by a
// scale.
func (b *GroupBacktest) chooseTransform(begin int) error {
	_, from := b.slot(begin)
	_, to := b.slot(b.steps - 1)
	var all []float64
	var dispersions []dispersion
	every := max(1, (to-from)/transformSlots)
	for step := begin; step < b.steps; step++ {
		if begins, k := b.slot(step); !begins || (k-from)%every != 0 {
			continue
		}
		before := len(all)
		b.values(step, func(_ int, y float64) { all = append(all, y) })
		if now := all[before:]; len(now) >= minMembers {
			dispersions = append(dispersions, dispersionOf(now))
		} else {
			all = all[:before]
		}
	}
	switch {
	case to-from < baseline.MinValues:
		return baseline.ErrShortHistory
	case len(dispersions) < baseline.MinValues:
		return baseline.ErrGaps
	}
	slices.Sort(all)
	b.group.transform = transform{center: orderstat.Quantile(all, 0.5), scale: orderstat.Spread(all)}
	if low := orderstat.Quantile(all, 0.1); all[0] >= 0 && low > 0 && growsWithLevel(dispersions) {
		b.group.transform = transform{log: true, scale: low / linearFraction}
	}
	return nil
}

// dispersionOf sorts the values of a slot.
func dispersionOf(values []float64) dispersion {
	slices.Sort(values)
	d := dispersion{center: values[len(values)/2]}
	for _, y := range values {
		d.meanAbsDev += math.Abs(y-d.center) / float64(len(values))
	}
	return d
}

// growsWithLevel tells whether members are so much farther apart at a high level that a logarithm suits them better:
// the deviations of the upper third of the slots are larger than those of the lower third by more than the root of
// what the levels differ by. It sorts its argument.
func growsWithLevel(dispersions []dispersion) bool {
	slices.SortFunc(dispersions, func(a, b dispersion) int {
		return cmp.Or(cmp.Compare(a.center, b.center), cmp.Compare(a.meanAbsDev, b.meanAbsDev))
	})
	var lower, upper dispersion // sums
	for i := range len(dispersions) / 3 {
		low, high := dispersions[i], dispersions[len(dispersions)-1-i]
		lower.center += low.center
		lower.meanAbsDev += low.meanAbsDev
		upper.center += high.center
		upper.meanAbsDev += high.meanAbsDev
	}
	swing := upper.center / lower.center
	return swing > minSwing && upper.meanAbsDev > math.Sqrt(swing)*lower.meanAbsDev
}

// replay finds the median of every slot, and how far from it each member was.
func (b *GroupBacktest) replay(begin int) {
	g := b.group
	for step := begin; step < b.steps; step++ {
		begins, _ := b.slot(step)
		if !begins && step < b.fineFrom {
			continue
		}
		at := GroupStep{Time: b.time(step), index: step, from: len(b.deviations)}
		at.Phase = g.Grid.Phase(at.Time)
		g.samples = g.samples[:0]
		b.values(step, func(i int, y float64) {
			m := &b.members[i]
			if m.offset == nil {
				offset := g.NewOffset()
				m.offset = &offset
			}
			g.samples = append(g.samples, m.offset.sample(g.transform.forward(y), true))
			b.deviations = append(b.deviations, GroupDeviation{Member: int32(i)})
		})
		if g.Locate() {
			for i := range g.samples {
				d := &b.deviations[at.from+i]
				offset, isNew := b.members[d.Member].offset.own()
				d.distance, d.offset, d.isNew = g.Distance(i), float32(offset-g.medianOffset), isNew
			}
		} else {
			b.deviations = b.deviations[:at.from]
		}
		if at.to = len(b.deviations); at.to > at.from {
			g.Learned = g.Learned.Include(at.Time)
		}
		b.Steps = append(b.Steps, at)
		if begins {
			b.pushOffsets(at)
		}
	}
}

// pushOffsets takes a slot into the offsets. A member that has not been there of late loses its own.
func (b *GroupBacktest) pushOffsets(at GroupStep) {
	in := b.group.Grid
	longAgo := at.index - in.Slots(offsetWindow)*in.Stride()
	next := at.from
	for i := range b.members {
		m := &b.members[i]
		if m.offset == nil {
			continue
		}
		distance := nan32
		if next < at.to && int(b.deviations[next].Member) == i {
			distance = b.deviations[next].distance
			next++
		}
		m.offset.Push(distance)
		if distance == distance && m.offset.distances.Len() >= minOffsets {
			m.lastOffset = m.offset.median()
		}
		if m.last <= longAgo {
			m.offset = nil
		}
	}
}

// setTolerance finds how far from the median a new member may well be: farther than nearly all that one would find if
// the offsets of the members in the window were drawn from a normal distribution (the prediction interval by
// Student's t). The farthest may have been incidents and are left out.
func (b *GroupBacktest) setTolerance(contamination float64) error {
	var squares []float64
	for i := range b.members {
		if o := b.members[i].lastOffset; o == o {
			squares = append(squares, o*o)
		}
	}
	slices.Sort(squares)
	squares = squares[:len(squares)-int(contamination*float64(len(squares)))]
	n := float64(len(squares))
	if n < minMembers {
		return baseline.ErrShortHistory
	}
	sum := 0.0
	for _, s := range squares {
		sum += s
	}
	t := distuv.StudentsT{Sigma: 1, Nu: n - 1}.Quantile(1 - toleratedShare/2)
	b.group.tolerance = t * math.Sqrt(sum/n*(1+1/n))
	return nil
}
