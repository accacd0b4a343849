package detector

import (
	"errors"
	"fmt"
	"math"
	"runtime/debug"
	"slices"

	"github.com/go-kit/log/level"
	"github.com/prometheus/prometheus/model/labels"

	"github.com/anomaly-exporter/anomaly-exporter/history"
	"github.com/anomaly-exporter/anomaly-exporter/scorer"
)

// peersModel is the name of the model of a pool.
const peersModel = "peers"

var errFewSiblings = errors.New(reasonFewSiblings)

// pooling says which series of a task are siblings.
type pooling struct {
	by         []string // labels that they agree on
	forecasts  bool     // whether each has a model of its own beside, to forecast it
	options    scorer.Options
	newMember  func(s *series) *detection
	observeFit func(model string, fit func())
}

// pool is the series that are siblings, and the one model that they share. It is fitted on the windows of all that are in history, at slots of
// its own.
type pool struct {
	seed   uint64
	series []*series // ascending by labels, those included that have no value now

	peers *scorer.Group // nil if there were too few siblings, or for too short
	begun bool
	at    int64 // step observed last
	young bool
	live  bool // a member has a value at the newest step

	unsorted bool
	broken   error
	siblings []scorer.Member // of a step, and
	members  []*series       // whose they are
}

// member is what is kept of a series of a pool. The detection holds what was said of it last; its scorer is of the series alone: for the steps at which
// there are too few siblings.
type member struct {
	*detection
	peer  *scorer.MemberState
	seen  int64 // step of its last value
	tried bool  // whether a model of its own was tried since the last fit
}

// judge is what has scored a series; nil if nothing has.
func (s *series) judge() *detection {
	if s.pool == nil {
		d, _ := s.model.(*detection)
		return d
	}
	if s.member == nil {
		return nil
	}
	return s.member.detection
}

// catchUpPools brings the pools of the live series to a step, on all cores.
func (g *group) catchUpPools(live []*series, to int64) {
	g.each(func(s *series) {
		if s.pool == nil {
			g.enter(s)
		}
	})
	for _, s := range live {
		s.pool.live = true
		if !g.pooling.forecasts {
			s.at = to
		}
	}
	var busy []*pool
	for _, p := range g.pools {
		switch {
		case p.live:
			busy = append(busy, p)
		case p.begun && p.at < to-dropModelAfter*g.schedule.step:
			p.drop()
		}
		p.live = false
	}
	inParallel(g.concurrency, busy, func(p *pool, w *history.Window) { g.catchUpPool(p, to, w) })
}

// enter makes a series a member of its pool.
func (g *group) enter(s *series) {
	key := values(s.labels, g.pooling.by)
	p := g.pools[key]
	if p == nil {
		p = &pool{seed: seed(s.labels.MatchLabels(true, g.pooling.by...))}
		if g.pools == nil {
			g.pools = map[string]*pool{}
		}
		g.pools[key] = p
	}
	p.series, p.unsorted = append(p.series, s), true
	s.pool = p
}

// leave is the opposite of enter, for a series that is forgotten.
func (g *group) leave(s *series) {
	if s.pool == nil {
		return
	}
	s.pool.series = slices.DeleteFunc(s.pool.series, func(other *series) bool { return other == s })
	if len(s.pool.series) == 0 {
		delete(g.pools, values(s.labels, g.pooling.by))
	}
}

// catchUpPool brings one pool to a step. A panic costs this pool its model, and no other.
func (g *group) catchUpPool(p *pool, to int64, w *history.Window) {
	defer func() {
		if r := recover(); r != nil {
			p.drop()
			p.broken = fmt.Errorf("model panics: %v", r)
			level.Error(g.logger).Log("msg", "Pool is left out", "pool", p.series[0].labels.MatchLabels(true, g.pooling.by...), "err", p.broken, "stack", string(debug.Stack()))
		}
	}()
	if p.broken != nil && g.schedule.slot(p.seed, to) != to {
		return
	}
	p.broken = nil
	if p.unsorted {
		slices.SortFunc(p.series, func(a, b *series) int { return labels.Compare(a.labels, b.labels) })
		p.unsorted = false
	}
	if !p.begun || p.at < to-g.schedule.lookBack-g.schedule.refit {
		p.drop()
		p.begun, p.at = true, g.schedule.slot(p.seed, to-g.schedule.lookBack)
		g.fitPool(p, w)
	}
	for p.at < to {
		p.at += g.schedule.step
		g.stepPool(p, w)
		if g.schedule.slot(p.seed, p.at) == p.at || p.young && g.oldEnough(p) {
			g.fitPool(p, w)
		}
	}
}

// drop forgets what was learned of a pool.
func (p *pool) drop() {
	p.peers, p.begun = nil, false
	for _, s := range p.series {
		s.member = nil
	}
}

// oldEnough says whether a sibling is old enough for the pool to be fitted.
func (g *group) oldEnough(p *pool) bool {
	return slices.ContainsFunc(p.series, func(s *series) bool { return g.schedule.isOld(s, p.at) })
}

// fitPool fits the model on the windows that end at the step observed last. Members that have been away for as long as anything is remembered are
// forgotten.
func (g *group) fitPool(p *pool, w *history.Window) {
	p.peers, p.young = nil, !g.oldEnough(p)
	var states []*scorer.MemberState
	if !p.young {
		steps := g.layout.Len()
		start := p.at - int64(steps-1)*g.layout.Step
		options := g.pooling.options
		options.Seed = p.seed
		g.pooling.observeFit(peersModel, func() {
			p.peers, states, _ = scorer.FitGroup(options, start, steps, func(yield func([]float64, []bool) bool) {
				for _, s := range p.series {
					if s.inputs[0].Window(p.at, w); !yield(w.Values, w.Learn) {
						return
					}
				}
			})
		})
	}
	for i, s := range p.series {
		if states != nil && states[i] != nil && s.member == nil {
			s.member = g.newMember(s, math.MinInt64)
		}
		m := s.member
		if m == nil {
			continue
		}
		m.peer, m.tried, m.scorer, m.err = nil, false, nil, scorer.ErrShortHistory
		if states != nil {
			m.peer = states[i]
		}
		if m.peer == nil && m.seen < p.at-g.schedule.lookBack-g.schedule.step {
			s.member = nil
		}
	}
}

func (g *group) newMember(s *series, seen int64) *member {
	return &member{detection: g.pooling.newMember(s), seen: seen}
}

// stepPool takes the next step of all siblings.
func (g *group) stepPool(p *pool, w *history.Window) {
	p.siblings, p.members = p.siblings[:0], p.members[:0]
	for _, s := range p.series {
		v, masked := s.inputs[0].Value(p.at)
		if s.member == nil {
			if v != v {
				continue
			}
			s.member = g.newMember(s, p.at)
		}
		if v == v {
			s.member.seen = p.at
		}
		p.siblings = append(p.siblings, scorer.Member{State: s.member.peer, Value: v, Learn: !masked, Score: noScore()})
		p.members = append(p.members, s)
	}
	if p.peers != nil {
		p.peers.Score(p.siblings)
	}
	for i, sibling := range p.siblings {
		m := p.members[i].member
		m.peer = sibling.State
		score := sibling.Score
		if math.IsNaN(score.Value) && !math.IsNaN(sibling.Value) {
			g.fitAlone(p, p.members[i], w)
		}
		if m.scorer != nil {
			if alone := m.scorer.Score(sibling.Value, sibling.Learn); math.IsNaN(score.Value) {
				score = alone
			}
		}
		m.judged(score)
	}
}

// fitAlone gives a series a model of its own, as of the step before, if it is old enough and has not been tried since the pool's last fit.
func (g *group) fitAlone(p *pool, s *series, w *history.Window) {
	m, before := s.member, p.at-g.schedule.step
	if m.tried {
		return
	}
	if m.tried = g.schedule.isOld(s, before); !m.tried {
		if !p.young {
			m.err = errFewSiblings
		}
		return
	}
	s.inputs[0].Window(before, w)
	m.fit(w)
}

// countPools is how many models the pools have.
func (g *group) countPools() (n int) {
	for _, p := range g.pools {
		if p.peers != nil {
			n++
		}
	}
	return n
}
