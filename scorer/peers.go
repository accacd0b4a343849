package scorer

import (
	"math"
	"slices"
)

const (
	leastSiblings = 3  // with a value at a step, to know where they are
	leastOffsets  = 3  // slots of a sibling, to count in how far siblings are apart,
	leastHabit    = 24 // and for its own offset to be used
)

// Peers scores siblings by how far each is from the others: one model for all of them, of which each member keeps little more than its own habit.
//
// A step has a centre: the median of the siblings' values, each less the offset at which it habitually is, its median of the last 16 hours. What is
// strange is a sibling's deviation from the centre and from that habit, by the statistics and tails that Model knows, pooled over all siblings of
// the window. A sibling of less than half of these 16 hours is granted an offset within the reach of siblings. So a lasting difference is learned
// after 8 hours, and what happens to all alike is never strange.
//
// It is not safe for concurrent use.
type Peers struct {
	*Model // options, tails and clock; what it knows of one series is not used
	unit   units
	reach  float64 // how far from the centre a sibling may be that has no habit yet
	place  place
}

// A Peer is what is remembered of one sibling between steps.
type Peer struct {
	phases    []phase
	histories []*history // by phase, for the forest
	offsets   window     // by slot, from the centre
	away      int        // steps since it left siblings that were all alike
}

// A Sibling is a member of the pool at one step.
type Sibling struct {
	// Peer is its state, nil for one that has never had a value: Score makes it.
	Peer *Peer
	// Value is NaN if it has none.
	Value float64
	// Learn is false for a value that is scored, but neither learned from nor part of the centre, if there are three others.
	Learn bool
	// Score is what Peers.Score says of it, all NaN if it has no value or fewer than three siblings have one. The features are "peers" for the distance
	// from the siblings, else those of a series of its own. Expected is what the siblings make normal at this very step.
	Score Score
}

// Score scores the siblings at the step after the last one. All that have a Peer have to be there, with or without a value; their order is of no
// effect.
func (p *Peers) Score(siblings []Sibling) {
	ph := p.phase(p.now)
	p.now += p.o.Step.Milliseconds()
	p.place.votes = p.place.votes[:0]
	for i := range siblings {
		s := &siblings[i]
		s.Score = unknown()
		if s.Peer == nil && s.Value == s.Value && !math.IsInf(s.Value, 0) {
			s.Peer = p.newPeer()
		}
		if p.possible(s.Value) {
			p.place.votes = append(p.place.votes, s.Peer.vote(p.unit.from(s.Value), s.Learn))
		}
	}
	known := p.place.locate()
	next := 0
	for i := range siblings {
		s := &siblings[i]
		if s.Peer == nil {
			continue
		}
		habit, young := s.Peer.habit()
		habit -= p.place.middle
		if young {
			habit = min(max(habit, -p.reach), p.reach)
		}
		d, e := nan32, nan32
		if p.possible(s.Value) {
			v := p.place.votes[next]
			next++
			if known {
				d = float32(v.x - p.place.centre)
				e = deviation(d, float32(habit), float32(p.reach))
			}
		}
		s.Peer.next(e, ph)
		if ph == 0 {
			if !s.Learn {
				d = nan32
			}
			s.Peer.offsets.push(d)
		}
		if known {
			p.scoreOne(s, habit, e, ph)
		}
	}
}

// scoreOne scores a sibling that is e away from where it should be.
func (p *Peers) scoreOne(s *Sibling, habit float64, e float32, ph int) {
	if s.Value != s.Value || math.IsInf(s.Value, 0) {
		return
	}
	s.Score.From, s.Score.To = p.from, p.to
	p.expectOf(&s.Score, habit)
	if !p.possible(s.Value) {
		p.finish(&s.Score, math.Inf(1))
		p.explain(&s.Score, Contribution{"range", 1})
		return
	}
	st := stats{}
	if p.onSide(float64(e)) {
		all := average(s.Peer.phases)
		st = measure([]phase{all}, e)
	}
	if p.uses[pattern] {
		if ft := s.Peer.histories[ph].take(e); st != (stats{}) {
			st[pattern] = p.forest.score(&ft, 0, len(p.forest.roots))
		}
	}
	large := p.large(s.Value-s.Score.Expected, s.Score.Expected)
	switch {
	case p.constant && e != 0 && large && p.onSide(float64(e)):
		s.Peer.away = min(s.Peer.away+1, 60)
		p.finish(&s.Score, p.unseen+float64(s.Peer.away-1)*math.Log10(2))
		p.explain(&s.Score, Contribution{"peers", 1})
	case p.constant || !large:
		s.Peer.away = 0
		p.finish(&s.Score, 0)
	default:
		all, parts := p.combine(&st)
		p.finish(&s.Score, p.combined.strangeness(all)/math.Ln10+p.slotUnits())
		if s.Score.Value >= p.o.ExplainThreshold {
			s.Score.Contributions = contributions(&parts)
			for i, c := range s.Score.Contributions {
				if c.Feature == featureNames[size] {
					s.Score.Contributions[i].Feature = "peers"
				}
			}
		}
	}
}

// expectOf fills in what is expected of a sibling, and what is normal around it.
func (p *Peers) expectOf(s *Score, habit float64) {
	at, width := p.place.centre, 0.0
	if habit == habit {
		at += habit
	} else {
		width = p.reach
	}
	if !p.constant {
		width += float64(p.tails[size].quantile((5*bandScore - p.slotUnits()) * math.Ln10))
	}
	clip := func(y float64) float64 { return min(max(y, p.o.DataRange[0]), p.o.DataRange[1]) }
	s.Expected = clip(p.unit.to(at))
	least := max(p.o.MinDeviation, p.o.MinRelativeDeviation*math.Abs(s.Expected))
	s.Lower = clip(min(p.unit.to(at-width), s.Expected-least))
	s.Upper = clip(max(p.unit.to(at+width), s.Expected+least))
}

func unknown() Score {
	nan := math.NaN()
	return Score{Value: nan, ReturnPeriod: nan, Expected: nan, Lower: nan, Upper: nan}
}

func (p *Peers) newPeer() *Peer {
	peer := p.newState()
	peer.offsets = newWindow(p.clock.slots(recent))
	return peer
}

// newState is a Peer without offsets.
func (p *Peers) newState() *Peer {
	peer := &Peer{phases: newPhases(p.stride)}
	if p.uses[pattern] {
		for range p.stride {
			peer.histories = append(peer.histories, newHistory())
		}
	}
	return peer
}

// next takes the deviation of the next step; the forest's history takes those it can score from scoreOne.
func (p *Peer) next(e float32, ph int) {
	p.phases[ph].next(e, 0)
	if p.histories != nil && e != e {
		p.histories[ph].add(e)
	}
}

// offset is where it was of late, from the centre.
func (p *Peer) offset() float64 {
	v := p.offsets.sorted
	return (float64(v[(len(v)-1)/2]) + float64(v[len(v)/2])) / 2
}

// habit is where it is habitually; NaN of one that nothing is known of yet. A young one may have begun as an odd one: only within reach its habit is
// believed.
func (p *Peer) habit() (offset float64, young bool) {
	n := len(p.offsets.sorted)
	young = 2*n < len(p.offsets.ring)
	if young && n < leastHabit {
		return math.NaN(), true
	}
	return p.offset(), young
}

// vote is its vote for a value. A young one has no say in what is usual.
func (p *Peer) vote(x float64, learn bool) vote {
	v := vote{x: x, learn: learn, habit: math.NaN()}
	if habit, young := p.habit(); !young {
		v.habit = habit
	}
	return v
}

// vote is a value that helps to find the centre.
type vote struct {
	x     float64 // in units of the pool
	habit float64 // NaN if it is young
	learn bool
}

// place is where the siblings are at a step.
type place struct {
	votes   []vote
	centre  float64
	middle  float64 // of the habits, which are counted from there
	scratch []float64
}

// locate finds the centre; it reports false if there are too few votes. Those with a habit decide if there are three; with fewer, those that may be
// learned from; else all.
func (p *place) locate() bool {
	p.middle = 0
	if m, n := p.median(func(v vote) (float64, bool) { return v.habit, v.habit == v.habit }); n > 0 {
		p.middle = m
	}
	for _, count := range []func(v vote) bool{
		func(v vote) bool { return v.learn && v.habit == v.habit },
		func(v vote) bool { return v.learn },
		func(vote) bool { return true },
	} {
		m, n := p.median(func(v vote) (float64, bool) {
			x := v.x
			if v.habit == v.habit {
				x -= v.habit - p.middle
			}
			return x, count(v)
		})
		if n >= leastSiblings {
			p.centre = m
			return true
		}
	}
	return false
}

// median of what of says of the votes, and of how many it is.
func (p *place) median(of func(vote) (x float64, counts bool)) (m float64, n int) {
	p.scratch = p.scratch[:0]
	for _, v := range p.votes {
		if x, counts := of(v); counts {
			p.scratch = append(p.scratch, x)
		}
	}
	if n = len(p.scratch); n == 0 {
		return 0, 0
	}
	slices.Sort(p.scratch)
	return (p.scratch[(n-1)/2] + p.scratch[n/2]) / 2, n
}

// deviation is how far from where it should be a sibling is that is off from the centre. One without a habit is given the benefit of the doubt: of
// all offsets within reach it has the one that suits it best.
func deviation(off, habit, reach float32) float32 {
	if habit == habit {
		return off - habit
	}
	return off - min(max(off, -reach), reach)
}

// units are what the values of a pool are kept in: shares of the scale, or the logarithm, if how far siblings are apart grows with where they are.
type units struct {
	log           bool
	center, scale float64
}

func (u units) from(y float64) float64 {
	if u.log {
		return math.Asinh(y / u.scale)
	}
	return min(max(y/u.scale-u.center/u.scale, -1e15), 1e15)
}

func (u units) to(x float64) float64 {
	if u.log {
		return u.scale * math.Sinh(min(max(x, -300), 300))
	}
	return u.center + u.scale*x
}
