package anomaly

import (
	"context"
	"fmt"
	"math"
	"runtime/debug"
	"slices"

	"github.com/go-kit/log/level"
	"github.com/prometheus/prometheus/model/labels"

	"github.com/anomaly-exporter/anomaly-exporter/detector/dataset"
	"github.com/anomaly-exporter/anomaly-exporter/detector/result"
	"github.com/anomaly-exporter/anomaly-exporter/detector/schedule"
	"github.com/anomaly-exporter/anomaly-exporter/history"
	"github.com/anomaly-exporter/anomaly-exporter/scorer"
)

// poolModel is the name of the model of a pool.
const poolModel = "peers"

// pool holds the series that are compared with each other, and the scorer that they share. The scorer is fitted at its
// own slots, on the windows of all series in the history.
type pool struct {
	seed     uint64
	series   []*series // sorted by labels, including those without a value now
	unsorted bool

	group    *scorer.Group // nil: too few members, or too little history
	progress schedule.Progress
	broken   error
	live     bool // a member has a value at the newest step

	scored  []scorer.Member // members of a step
	members []*series       // the series of scored
}

// member is the state of a series in a pool.
type member struct {
	newestScore
	state *scorer.MemberState
	alone *scorer.Model // scores the series by itself at steps with too few members; nil: none
	tried bool          // whether fitting alone was tried since the last fit of the pool
	seen  int64         // step of its last value
}

// livePools returns the pools of the live series, in the order of their first members. It drops the scorers of those
// that have been idle for too long at a step.
func (p *Pipeline) livePools(live []*series, data *dataset.Dataset, to int64) (busy []*pool) {
	for _, s := range data.All() {
		p.enterPool(p.series[s.ID])
	}
	for _, s := range live {
		if !s.pool.live {
			s.pool.live, busy = true, append(busy, s.pool)
		}
	}
	for _, o := range p.pools {
		if !o.live && o.progress.At < to-schedule.DropAfter*p.plan.Schedule.Step {
			o.drop()
		}
		o.live = false
	}
	return busy
}

// enterPool adds a series to its pool, unless it is already a member.
func (p *Pipeline) enterPool(s *series) {
	if s.pool != nil {
		return
	}
	key := poolKey(s.Labels, p.plan.options.poolBy)
	o := p.pools[key]
	if o == nil {
		o = &pool{seed: poolSeed(s.Labels, p.plan.options.poolBy)}
		p.pools[key] = o
	}
	o.series, o.unsorted = append(o.series, s), true
	s.pool = o
}

// leavePool removes a series from its pool, and the pool with its last member.
func (p *Pipeline) leavePool(s *series) {
	if s.pool == nil {
		return
	}
	s.pool.series = slices.DeleteFunc(s.pool.series, func(other *series) bool { return other == s })
	if len(s.pool.series) == 0 {
		delete(p.pools, poolKey(s.Labels, p.plan.options.poolBy))
	}
}

// advancePool advances one pool to a step. A panic drops the scorer of this pool only.
func (p *Pipeline) advancePool(ctx context.Context, o *pool, to int64, w *history.Window) {
	defer func() {
		if r := recover(); r != nil {
			o.drop()
			o.broken = fmt.Errorf("model panics: %v", r)
			common := o.series[0].Labels.MatchLabels(true, p.plan.options.poolBy...)
			level.Error(p.logger).Log("msg", "Skipping pool", "pool", common, "err", o.broken, "stack", string(debug.Stack()))
		}
	}()
	c := p.plan.Schedule
	if o.broken != nil && c.Slot(o.seed, to) != to {
		return
	}
	o.broken = nil
	if o.unsorted {
		slices.SortFunc(o.series, func(a, b *series) int { return labels.Compare(a.Labels, b.Labels) })
		o.unsorted = false
	}
	if c.Behind(o.progress, to) {
		o.drop()
	}
	c.Advance(ctx, &o.progress, o.seed, to, poolStepping{p, o, w})
}

// drop drops the scorer of a pool and the state of its members.
func (o *pool) drop() {
	o.group, o.progress = nil, schedule.Progress{}
	for _, s := range o.series {
		s.member = nil
	}
}

// poolStepping implements schedule.Model for a pool.
type poolStepping struct {
	p *Pipeline
	o *pool
	w *history.Window
}

// OldEnough reports whether a member has enough history for the pool to be fitted.
func (f poolStepping) OldEnough(at int64) bool {
	return slices.ContainsFunc(f.o.series, func(s *series) bool { return s.OldEnough(at, f.p.plan.Schedule.MinHistory) })
}

// Fit fits the group scorer on the windows that end at a step.
func (f poolStepping) Fit(at int64) {
	layout := f.p.plan.Data.Layout
	steps := layout.Len()
	o := f.p.plan.options.scorer
	o.Seed = f.o.seed
	var states []*scorer.MemberState
	f.p.fitting.Observe(poolModel, func() {
		windows := func(yield func([]float64, []bool) bool) {
			for _, s := range f.o.series {
				if s.Window(0, at, f.w); !yield(f.w.Values, f.w.Learn) {
					return
				}
			}
		}
		f.o.group, states, _ = scorer.FitGroup(o, at-int64(steps-1)*layout.Step, steps, windows)
	})
	f.renew(at, states)
}

// Reset drops the group scorer.
func (f poolStepping) Reset(at int64) {
	f.o.group = nil
	f.renew(at, nil)
}

// renew sets the states of the members to those of a new fit; nil: there are none. It drops members without a state
// that have had no value within the look-back.
func (f poolStepping) renew(at int64, states []*scorer.MemberState) {
	c := f.p.plan.Schedule
	for i, s := range f.o.series {
		if states != nil && states[i] != nil && s.member == nil {
			s.member = f.newMember(math.MinInt64)
		}
		m := s.member
		if m == nil {
			continue
		}
		m.state, m.tried, m.alone, m.err = nil, false, nil, scorer.ErrShortHistory
		if states != nil {
			m.state = states[i]
		}
		if m.state == nil && m.seen < at-c.LookBack-c.Step {
			s.member = nil
		}
	}
}

func (f poolStepping) newMember(seen int64) *member {
	return &member{newestScore: newNewestScore(f.p.plan.options), seen: seen}
}

// Observe scores the next step of all members.
func (f poolStepping) Observe(at int64) {
	o := f.o
	o.scored, o.members = o.scored[:0], o.members[:0]
	for _, s := range o.series {
		v, masked := s.Value(0, at)
		if s.member == nil {
			if v != v {
				continue
			}
			s.member = f.newMember(at)
		}
		if v == v {
			s.member.seen = at
		}
		o.scored = append(o.scored, scorer.Member{State: s.member.state, Value: v, Learn: !masked, Score: result.NoScore()})
		o.members = append(o.members, s)
	}
	if o.group != nil {
		o.group.Score(o.scored)
	}
	for i, scored := range o.scored {
		m := o.members[i].member
		m.state = scored.State
		score := scored.Score
		if math.IsNaN(score.Value) && !math.IsNaN(scored.Value) {
			f.fitAlone(o.members[i], at)
		}
		if m.alone != nil {
			if alone := m.alone.Score(scored.Value, scored.Learn); math.IsNaN(score.Value) {
				score = alone
			}
		}
		m.set(score)
	}
}

// fitAlone fits a separate scorer for a member as of the step before at. It does so only if the member has enough
// history, and at most once between two fits of the pool.
func (f poolStepping) fitAlone(s *series, at int64) {
	c := f.p.plan.Schedule
	m, before := s.member, at-c.Step
	if m.tried {
		return
	}
	if m.tried = s.OldEnough(before, c.MinHistory); !m.tried {
		if !f.o.progress.Young {
			m.err = errFewSiblings
		}
		return
	}
	s.Window(0, before, f.w)
	f.p.plan.options.skipHolidays(f.w)
	alone := newUnivariate(f.p.plan.options, s.ID)
	f.p.fitting.Observe(alone.name(), func() { m.err = alone.fit(s.Series, before, f.w) })
	m.alone = alone.model
}
