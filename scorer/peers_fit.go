package scorer

import (
	"fmt"
	"iter"
	"math"
	"slices"
	"time"

	"gonum.org/v1/gonum/stat/distuv"
)

const (
	mostEntries = 400_000            // values of a pool that are replayed; beyond it the window is shortened,
	leastReplay = 3 * 24 * time.Hour // but to no less
	mostSample  = 8_000              // of the replayed, those that the tails are made from
	rareOffset  = 0.01               // share of new siblings that are farther from the others than reach
	choiceSlots = 500                // of the window, to choose the units
	choiceSwing = 1.2                // times that the centre must move for that
	linearBelow = 4                  // times below the tenth value of a hundred the logarithm becomes linear
)

// FitPeers learns from the windows of siblings: each yields the values of the steps start (ms), start+step, ..., steps many, NaN for none, and which of
// them may be learned from. The slices may be reused after each. It returns the model, and the state of each sibling in the order of the
// windows: nil for one that was not there of late. Windows without a value change nothing; keep the order of the others, by which the sample is
// taken. The errors are ErrShortHistory and ErrGaps if too few siblings were there together long enough, or
// tell which option is wrong.
func FitPeers(o Options, start int64, steps int, windows iter.Seq2[[]float64, []bool]) (*Peers, []*Peer, error) {
	if err := o.validate(); err != nil {
		return nil, nil, fmt.Errorf("scorer: %w", err)
	}
	f := &peersFit{fit: newFit(o, start, make([]float64, steps), nil), steps: steps}
	f.Peers = &Peers{Model: f.fit.Model}
	if f.stride > 1 {
		f.rest = min(steps, int(warmUp/o.Step))
	}
	for values, learn := range windows {
		if len(values) != steps || len(learn) != steps {
			return nil, nil, fmt.Errorf("scorer: %d values, %d learn marks of %d steps", len(values), len(learn), steps)
		}
		f.add(values, learn)
	}
	begin := f.begin()
	if err := f.chooseUnits(begin); err != nil {
		return nil, nil, err
	}
	f.replay(begin)
	if err := f.measureReach(); err != nil {
		return nil, nil, err
	}
	f.gather()
	if !f.Peers.constant {
		f.fit.plant()
		f.fit.calibrate(f.fit.sample, 0)
	}
	f.Peers.now = start + int64(steps)*o.Step.Milliseconds()
	states := make([]*Peer, len(f.members))
	for i := range f.members {
		states[i] = f.members[i].peer
	}
	return f.Peers, states, nil
}

// peersFit is a model of a pool in the making.
type peersFit struct {
	*Peers
	fit     *fit // makes the tails of the sample
	steps   int
	rest    int // steps at the end that are replayed one by one, not slot by slot
	members []sibling
	moments []moment
	entries []entry // of the moments
}

// sibling is what of a window is needed.
type sibling struct {
	first, last int       // steps with a value; last < first: none
	slots       []float32 // values of the slots from that of first on; NaN where there is none to learn from
	fine        []float32 // of the last steps, likewise; nil if it has none
	index       int       // among those with a value
	peer        *Peer     // as of the replay; nil before its first value, and when it is long gone
	offset      float64   // when it had its last value; NaN as long as it had few
}

// moment is a step that is replayed; entries[from:to] are its siblings.
type moment struct {
	step, from, to int
	slot           bool
}

// entry is where a sibling was at a moment.
type entry struct {
	member int32
	off    float32 // from the centre
	habit  float32 // NaN if it had none yet
	young  bool
}

// add takes over a window.
func (f *peersFit) add(values []float64, learn []bool) {
	s := sibling{first: f.steps, last: -1, offset: math.NaN()}
	if n := len(f.members); n > 0 {
		s.index = f.members[n-1].index
		if f.members[n-1].last >= 0 {
			s.index++
		}
	}
	fine := f.steps - f.rest
	for i, y := range values {
		slot, k := f.slot(i)
		if !learn[i] || !f.possible(y) || !slot && i < fine {
			continue
		}
		s.first, s.last = min(s.first, i), i
		if i >= fine {
			for len(s.fine) < f.rest {
				s.fine = append(s.fine, nan32)
			}
			s.fine[i-fine] = float32(y)
		}
		if slot {
			_, first := f.slot(s.first)
			for len(s.slots) <= k-first {
				s.slots = append(s.slots, nan32)
			}
			s.slots[k-first] = float32(y)
		}
	}
	f.members = append(f.members, s)
}

// slot tells whether a step is one, and numbers the slots.
func (f *peersFit) slot(step int) (begins bool, k int) {
	t := f.fit.time(step)
	return f.phase(t) == 0, int(floorDiv(t, f.clock.slot) - floorDiv(f.fit.start, f.clock.slot))
}

// values calls each for the siblings with a value at a step, in their order.
func (f *peersFit) values(step int, each func(member int, y float64)) {
	slot, k := f.slot(step)
	for i := range f.members {
		s := &f.members[i]
		if step < s.first || step > s.last {
			continue
		}
		y := nan32
		if !slot {
			y = s.fine[step-(f.steps-f.rest)]
		} else if _, first := f.slot(s.first); k-first < len(s.slots) {
			y = s.slots[k-first]
		}
		if y == y {
			each(i, float64(y))
		}
	}
}

// begin is the step from which the window is replayed: the first slot, unless there are too many values. It makes room for them.
func (f *peersFit) begin() int {
	n, begin := 0, f.steps
	least := f.steps - int(leastReplay/f.o.Step)
	for step := f.steps - 1; step >= 0 && (n <= mostEntries || step >= least); step-- {
		if slot, _ := f.slot(step); slot {
			f.values(step, func(int, float64) { n++ })
			begin = step
		}
	}
	f.entries = make([]entry, 0, n)
	return begin
}

// chooseUnits takes the logarithm if how far siblings are apart grows with where they are, else shares of the scale.
func (f *peersFit) chooseUnits(begin int) error {
	_, from := f.slot(begin)
	_, to := f.slot(f.steps - 1)
	var all []float64
	var widths [][2]float64 // centre, and how far from there the siblings are
	every := max(1, (to-from)/choiceSlots)
	for step := begin; step < f.steps; step++ {
		if slot, k := f.slot(step); !slot || (k-from)%every != 0 {
			continue
		}
		before := len(all)
		f.values(step, func(_ int, y float64) { all = append(all, y) })
		now := all[before:]
		if len(now) < leastSiblings {
			all = all[:before]
			continue
		}
		slices.Sort(now)
		w := [2]float64{now[len(now)/2]}
		for _, y := range now {
			w[1] += math.Abs(y-w[0]) / float64(len(now))
		}
		widths = append(widths, w)
	}
	switch {
	case to-from < leastValues:
		return ErrShortHistory
	case len(widths) < leastValues:
		return ErrGaps
	}
	slices.Sort(all)
	low, high := quantile(all, 0.1), quantile(all, 0.9)
	f.unit = units{center: quantile(all, 0.5), scale: high/2 - low/2}
	if f.unit.scale == 0 {
		f.unit.scale = all[len(all)-1]/2 - all[0]/2
	}
	if f.unit.scale == 0 {
		f.unit.scale = 1
	}
	slices.SortFunc(widths, func(a, b [2]float64) int { return slices.Compare(a[:], b[:]) })
	var lower, upper [2]float64
	for i := range len(widths) / 3 {
		for j := range 2 {
			lower[j] += widths[i][j]
			upper[j] += widths[len(widths)-1-i][j]
		}
	}
	swing := upper[0] / lower[0]
	if all[0] >= 0 && low > 0 && swing > choiceSwing && upper[1] > math.Sqrt(swing)*lower[1] {
		f.unit = units{log: true, scale: low / linearBelow}
	}
	return nil
}

// replay finds the centre of every slot, and how far from it each sibling was, by what was known before.
func (f *peersFit) replay(begin int) {
	for step := begin; step < f.steps; step++ {
		slot, _ := f.slot(step)
		if !slot && step < f.steps-f.rest {
			continue
		}
		m := moment{step: step, from: len(f.entries), slot: slot}
		f.place.votes = f.place.votes[:0]
		f.values(step, func(i int, y float64) {
			s := &f.members[i]
			if s.peer == nil {
				s.peer = f.newPeer()
			}
			f.place.votes = append(f.place.votes, s.peer.vote(f.unit.from(y), true))
			f.entries = append(f.entries, entry{member: int32(i)})
		})
		if f.place.locate() {
			for i, v := range f.place.votes {
				e := &f.entries[m.from+i]
				habit, young := f.members[e.member].peer.habit()
				e.off, e.habit, e.young = float32(v.x-f.place.centre), float32(habit-f.place.middle), young
			}
		} else {
			f.entries = f.entries[:m.from]
		}
		if m.to = len(f.entries); m.to > m.from {
			f.learnedFrom(f.fit.time(step))
		}
		f.moments = append(f.moments, m)
		if slot {
			f.push(m)
		}
	}
}

// push takes a slot into the habits. Who has not been there of late has none.
func (f *peersFit) push(m moment) {
	long := m.step - f.clock.slots(recent)*f.stride
	next := m.from
	for i := range f.members {
		s := &f.members[i]
		if s.peer == nil {
			continue
		}
		off := nan32
		if next < m.to && int(f.entries[next].member) == i {
			off = f.entries[next].off
			next++
		}
		s.peer.offsets.push(off)
		if off == off && len(s.peer.offsets.sorted) >= leastOffsets {
			s.offset = s.peer.offset()
		}
		if s.last <= long {
			s.peer = nil
		}
	}
}

// measureReach finds how far from the centre a new sibling may well be: farther than nearly all that one would find if the offsets of those in the
// window were drawn from a normal distribution (the prediction of Student's t). The farthest may have been incidents.
func (f *peersFit) measureReach() error {
	var squares []float64
	for i := range f.members {
		if o := f.members[i].offset; o == o {
			squares = append(squares, o*o)
		}
	}
	slices.Sort(squares)
	squares = squares[:len(squares)-int(f.o.Contamination*float64(len(squares)))]
	n := float64(len(squares))
	if n < leastSiblings {
		return ErrShortHistory
	}
	sum := 0.0
	for _, s := range squares {
		sum += s
	}
	t := distuv.StudentsT{Sigma: 1, Nu: n - 1}.Quantile(1 - rareOffset/2)
	f.reach = t * math.Sqrt(sum/n*(1+1/n))
	return nil
}

// gather runs the statistics over what was replayed, and takes a sample.
func (f *peersFit) gather() {
	slots, still := 0, true
	for _, m := range f.moments {
		if m.slot {
			slots += m.to - m.from
		}
	}
	every := (slots + mostSample - 1) / mostSample
	states := make([]*Peer, len(f.members)) // of those that are gone, too
	seen := make([]int, len(f.members))     // slot in which each was last
	slot := 0
	for _, m := range f.moments {
		ph := f.phase(f.fit.time(m.step))
		if m.slot {
			slot++
		}
		for _, e := range f.entries[m.from:m.to] {
			peer := states[e.member]
			if peer == nil {
				peer = f.newState()
				states[e.member] = peer
			}
			if m.slot && seen[e.member] != slot-1 {
				peer.next(nan32, ph)
			}
			seen[e.member] = slot
			reach := float32(f.reach)
			if e.young {
				e.habit = min(max(e.habit, -reach), reach)
			}
			rest := deviation(e.off, e.habit, reach)
			still = still && rest == 0
			peer.next(rest, ph)
			var ft features
			if f.uses[pattern] {
				ft = peer.histories[ph].take(rest)
			}
			if !m.slot || (slot+f.members[e.member].index)%every != 0 {
				continue
			}
			st := stats{}
			if f.onSide(float64(rest)) {
				st = measure(peer.phases[:1], rest)
			}
			f.fit.sample = append(f.fit.sample, st)
			f.fit.when = append(f.fit.when, f.fit.time(m.step))
			if f.uses[pattern] {
				f.fit.features = append(f.fit.features, ft)
			}
		}
	}
	f.constant = still
	f.unseen = math.Log10(float64(slots) * float64(f.clock.slot) / float64(unit.Milliseconds()))
	for i, state := range states {
		if peer := f.members[i].peer; peer != nil && state != nil {
			peer.phases, peer.histories = state.phases, state.histories
		}
	}
}
