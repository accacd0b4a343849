package scorer

import (
	"fmt"
	"iter"
	"math"

	"github.com/anomaly-exporter/anomaly-exporter/scorer/calibration"
	"github.com/anomaly-exporter/anomaly-exporter/scorer/change"
	"github.com/anomaly-exporter/anomaly-exporter/scorer/datarange"
	"github.com/anomaly-exporter/anomaly-exporter/scorer/ewma"
	"github.com/anomaly-exporter/anomaly-exporter/scorer/grid"
	"github.com/anomaly-exporter/anomaly-exporter/scorer/isolationforest"
	"github.com/anomaly-exporter/anomaly-exporter/scorer/peergroup"
)

// maxSample is the number of deviations that the tails of a group are made from, at most; they are taken evenly from
// the members and the window. Guard: it bounds the time of a fit.
const maxSample = 8_000

// The feature of the distance of a member from its group.
const peers = "peers"

var groupFeatureNames = []string{size: peers, trend: "trend", volatility: "volatility", pattern: "pattern"}

// A Group scores series that do the same at the same time, such as the pods of a workload, by how far each member is
// from the others. It is one model for all: a member keeps little more than its own offset from the group's median.
//
// The deviation of a member is that from the median at this very step and from its offset, its median of the last 16
// hours. The statistics of deviations are those of a Model, and calibrated over all members of the window. So a lasting
// difference is learned after 8 hours, and what happens to all alike is never anomalous. A new member, one of less than
// half of the 16 hours, is not anomalous while its offset is within the range that 99 % of members in the window had.
//
// It is not safe for concurrent use.
type Group struct {
	o           Options
	baseline    *peergroup.Group
	enabled     [calibration.MaxStatistics]bool
	forest      isolationforest.Forest
	calibration calibration.Calibration
	within      ewma.Bounds   // of the deviations of all members
	constant    bool          // members were always alike
	change      change.Change // of one of these
}

// A MemberState is what a Group remembers of a member between steps.
type MemberState struct {
	offset     peergroup.Offset
	deviations deviations
	away       int // steps since it left members that were always alike
}

// A Member is a member of a Group at one step.
type Member struct {
	// State is nil for one that has never had a value; Score makes it.
	State *MemberState
	// Value is NaN if it has none.
	Value float64
	// Learn is false for a value that is scored but not learned from. It does not move the group's median, if three others
	// have a value.
	Learn bool
	// Score is set by Group.Score. It is all NaN if the member has no value, or if fewer than three members have one.
	Score Score
}

// FitGroup learns from the windows of members: each yields the values at the steps start (ms), start+step, ..., steps
// many, NaN for none, and which of them may be learned from. The slices may be reused after each. It returns the model,
// and the state of each member in the order of the windows: nil for one that was not there recently. Windows without a
// value change nothing; keep the order of the others, because the sample depends on it. The errors are ErrShortHistory
// and ErrGaps if too few members were there together for long enough, or tell which option is wrong.
func FitGroup(
	o Options, start int64, steps int, windows iter.Seq2[[]float64, []bool],
) (*Group, []*MemberState, error) {
	if err := o.validate(); err != nil {
		return nil, nil, fmt.Errorf("scorer: %w", err)
	}
	options := peergroup.GroupOptions{Step: o.Step, Possible: o.possible(), Contamination: o.Contamination}
	base, backtest, err := peergroup.FitGroup(options, start, steps, windows)
	if err != nil {
		return nil, nil, err
	}
	g := &Group{o: o, baseline: base, enabled: o.statistics()}
	every := (len(backtest.Steps)*backtest.Members() + maxSample - 1) / maxSample
	g.within = ewma.NewBounds(backtest.Ordinary(max(every, 1)), o.side(), base.Grid.Slot())
	s, states := g.collectSample(backtest)
	if !g.constant {
		if g.enabled[pattern] {
			g.forest = s.fitForest(o, isolationforest.MaxFeatures)
		}
		g.calibration = calibration.Fit(
			calibration.Options{Enabled: g.enabled, Slot: base.Grid.Slot()}, s.statistics, s.span())
	}
	return g, states, nil
}

// collectSample runs the statistics over the window, takes a sample of them, and returns the states of the members that
// are still there.
func (g *Group) collectSample(b *peergroup.GroupBacktest) (*sample, []*MemberState) {
	slots := 0
	for _, step := range b.Steps {
		if step.Phase == 0 {
			slots += len(b.Deviations(step))
		}
	}
	every := (slots + maxSample - 1) / maxSample
	s := &sample{}
	follow := make([]*deviations, b.Members()) // also of members that are gone
	lastSlot := make([]int, b.Members())       // with a value, by member
	slot := 0
	g.constant = true
	for _, step := range b.Steps {
		begins := step.Phase == 0
		if begins {
			slot++
		}
		for _, at := range b.Deviations(step) {
			if follow[at.Member] == nil {
				d := g.newDeviations()
				follow[at.Member] = &d
			}
			d := follow[at.Member]
			if begins && lastSlot[at.Member] != slot-1 {
				d.replay(step.Phase, nan32, 0, 1)
			}
			lastSlot[at.Member] = slot
			e := b.Residual(at)
			g.constant = g.constant && e == 0
			point := d.replay(step.Phase, e, 0, 1)
			if !begins || (slot+b.Number(int(at.Member)))%every != 0 {
				continue
			}
			s.add(step.Time, d.sampleIf(g.o.onSide(float64(e)), 0, e))
			if d.recent != nil {
				s.points = append(s.points, point)
			}
		}
	}
	g.change = change.New(calibration.LogPeriod(slots, g.baseline.Grid.Slot()))
	return s, g.states(b, follow)
}

// states returns the states after the window, by member; nil of one that is gone.
func (g *Group) states(b *peergroup.GroupBacktest, follow []*deviations) []*MemberState {
	states := make([]*MemberState, b.Members())
	for i, d := range follow {
		offset := b.Offset(i)
		if offset == nil {
			continue
		}
		if states[i] = (&MemberState{offset: *offset}); d != nil {
			states[i].deviations = *d
		} else {
			states[i].deviations = g.newDeviations()
		}
	}
	return states
}

func (g *Group) newDeviations() deviations {
	return newDeviations(g.baseline.Grid, g.enabled[pattern], g.within, false)
}

// Score scores the members at the step after the last one. All that have a State have to be there, with or without a
// value; their order has no effect. It does not allocate, except for new members and for contributions.
func (g *Group) Score(members []Member) {
	phase := g.baseline.Next()
	for i := range members {
		m := &members[i]
		m.Score = unknown(grid.Span{})
		if m.State == nil && m.Value == m.Value && !math.IsInf(m.Value, 0) {
			m.State = &MemberState{offset: g.baseline.NewOffset(), deviations: g.newDeviations()}
		}
		if m.State != nil {
			g.baseline.Add(&m.State.offset, m.Value, m.Learn)
		}
	}
	known := g.baseline.Locate()
	added := 0
	for i := range members {
		m := &members[i]
		if m.State == nil {
			continue
		}
		offset := g.baseline.OffsetOf(&m.State.offset)
		distance, e := nan32, nan32
		if g.o.possible().Contains(m.Value) {
			if known {
				distance = g.baseline.Distance(added)
				e = g.baseline.Deviation(distance, float32(offset))
			}
			added++
		}
		m.State.advance(phase, distance, e, m.Learn)
		if known {
			g.score(m, offset, e, phase)
		}
	}
}

// advance takes a step into the state.
func (s *MemberState) advance(phase int, distance, e float32, learn bool) {
	s.deviations.next(phase, e, 0, 1)
	if e != e && s.deviations.recent != nil {
		s.deviations.recent[phase].Add(e) // others are added when they are scored
	}
	if phase == 0 {
		if !learn {
			distance = nan32
		}
		s.offset.Push(distance)
	}
}

// score scores a member that is e away from where it is expected.
func (g *Group) score(m *Member, offset float64, e float32, phase int) {
	if m.Value != m.Value || math.IsInf(m.Value, 0) {
		return
	}
	m.Score.From, m.Score.To = g.baseline.Learned.From, g.baseline.Learned.To
	g.setBand(&m.Score, offset)
	if !g.o.possible().Contains(m.Value) {
		g.o.outside(&m.Score, m.Value)
		return
	}
	st := g.measure(&m.State.deviations, e, phase)
	large := g.o.large(m.Value-m.Score.Expected, m.Score.Expected)
	switch {
	case g.constant && e != 0 && large && g.o.onSide(float64(e)):
		m.State.away++
		m.Score.set(g.change.Score(m.State.away))
		m.Score.explainBy(peers, g.o.ExplainThreshold)
	case g.constant || !large:
		m.State.away = 0
		m.Score.set(0)
	default:
		all, parts := g.calibration.Combine(&st)
		m.Score.setSupported(g.calibration.LogPeriod(all, &parts))
		if m.Score.Value >= g.o.ExplainThreshold {
			m.Score.Contributions = contributions(groupFeatureNames, parts[:])
		}
	}
}

// measure returns the statistics after the deviation e.
func (g *Group) measure(d *deviations, e float32, phase int) (st calibration.Statistics) {
	if g.o.onSide(float64(e)) {
		all := d.phases.Average()
		st = measure(&all, e)
	}
	if d.recent != nil && e == e { // NaN: offset and distance are beyond float32
		if point := d.recent[phase].Point(e); st != (calibration.Statistics{}) {
			st[pattern] = g.forest.Score(&point, 0, g.forest.Trees())
		}
	}
	return st
}

// setBand sets what is expected of a member, and what is normal around it.
func (g *Group) setBand(s *Score, offset float64) {
	at, width := g.baseline.Expected(offset)
	if !g.constant {
		width += float64(g.calibration.Band())
	}
	r := datarange.Range(g.o.DataRange)
	s.Expected = r.Clip(g.baseline.Value(at))
	least := g.o.minDeviation(s.Expected)
	s.Lower = r.Clip(min(g.baseline.Value(at-width), s.Expected-least))
	s.Upper = r.Clip(max(g.baseline.Value(at+width), s.Expected+least))
}
