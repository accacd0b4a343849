package detector

import (
	"cmp"
	"context"
	"fmt"
	"math"
	"slices"

	"github.com/prometheus/prometheus/model/labels"

	"github.com/anomaly-exporter/anomaly-exporter/config"
)

// extend reads everything after g.read up to step to, in slices.
func (g *group) extend(ctx context.Context, to int64) error {
	l := g.layout
	if start := floor(to-l.Length-l.Overhang, l.Coarse()); g.read < start {
		g.read, g.coarse = start, l.Coarse() != l.Step
		g.slicer = newSlicer(g.longestLookBack())
	}
	for g.read < to {
		step, end := l.Step, to
		if g.coarse {
			step, end = l.Coarse(), floor(to-l.Fine()-l.Overhang, l.Coarse())
			if g.read >= end {
				g.coarse = false
				continue
			}
		}
		until := g.slicer.next(g.read, end, step)
		boundsFrom := until // where results are wanted
		if until < to {
			boundsFrom = math.MaxInt64
		}
		samples, err := g.readSlice(ctx, g.read+step, until, step, boundsFrom)
		if err != nil {
			if g.slicer.failed(err, step) {
				continue
			}
			return err
		}
		g.slicer.done(until-g.read, samples)
		g.read = until
		g.trim()
	}
	return nil
}

// readSlice appends the steps from first to last to the histories. Bounds are read from the step boundsFrom on.
func (g *group) readSlice(ctx context.Context, first, last, step, boundsFrom int64) (samples int64, err error) {
	mask, err := g.readSide(ctx, "mask", g.mask, first, last, step)
	if err != nil {
		return 0, err
	}
	mute, err := g.readSide(ctx, "mute", g.mute, first, last, step)
	if err != nil {
		return 0, err
	}
	lower, err := g.readSide(ctx, "bounds.lower", g.lower.side(), max(first, boundsFrom), last, step)
	if err != nil {
		return 0, err
	}
	upper, err := g.readSide(ctx, "bounds.upper", g.upper.side(), max(first, boundsFrom), last, step)
	if err != nil {
		return 0, err
	}
	asides, err := g.readAsides(ctx, first, last, step)
	if err != nil {
		return 0, err
	}
	if err := g.readTruth(ctx, first, last, step, boundsFrom); err != nil {
		return 0, err
	}
	join := func(s *series) {
		s.unjoined = false
		s.mask, s.mute, s.lower, s.upper = g.join(s, mask), g.join(s, mute), g.join(s, lower), g.join(s, upper)
	}
	add := func(s *series, r reading) {
		join(s)
		for i, points := range r.points {
			for _, p := range points {
				s.inputs[i].Append(p.T, p.F, holds(s.mask, p.T) || holds(s.mute, p.T))
			}
		}
		s.live, s.histogram, s.conflict = true, r.histogram, r.conflict
		if g.joint != nil {
			g.joint.count(r, s, last)
		}
	}
	g.each(func(s *series) { s.live, s.conflict = false, nil })
	clear(g.refused)
	fresh, samples, err := g.readInputs(ctx, first, last, step, func(r reading) bool {
		s := g.find(r.labels)
		if s != nil {
			add(s, r)
		}
		return s != nil
	})
	if err != nil {
		return 0, err
	}
	g.admit(fresh, add)
	if len(asides) > 0 {
		g.each(func(s *series) { g.keepAsides(s, asides, first, last, step) })
	}
	return samples, nil
}

// admit takes in series that were not known, in their order, up to the limit of series that have values at the same time.
func (g *group) admit(fresh []reading, add func(*series, reading)) {
	live := 0
	g.each(func(s *series) {
		if s.live {
			live++
		}
	})
	for _, r := range fresh {
		if live >= g.limit {
			g.refused[seed(r.labels)] = true
			if g.joint != nil {
				g.joint.count(r, nil, 0)
			}
			continue
		}
		s := newSeries(r.labels, g.layout, len(g.inputs))
		s.asides = g.newAsides()
		g.series[s.seed] = append(g.series[s.seed], s)
		add(s, r)
		live++
	}
	if len(g.refused) > 0 {
		g.note("series limit reached: new series are refused", "series_limit", g.limit, "refused", len(g.refused))
	} else {
		delete(g.noted, "series limit reached: new series are refused")
	}
}

// readSide evaluates a side expression over a slice; nil if there is none.
func (g *group) readSide(ctx context.Context, key string, c *config.Selector, first, last, step int64) (*side, error) {
	if c == nil || first > last {
		return nil, nil
	}
	s := newSide(c.On)
	if _, err := g.evaluator.evaluate(ctx, c.Expr.String(), first, last, step, s.add); err != nil {
		return nil, fmt.Errorf("%s: %w", key, err)
	}
	return s, nil
}

// join returns the series of a side that belong to s, and notes if they have no label in common.
func (g *group) join(s *series, with *side) []sideSeries {
	if with == nil {
		return nil
	}
	found, joined := with.match(s.labels)
	if !joined {
		s.unjoined = true
		g.note("side expression shares no label with the series: name some in `on`", "series", s.labels)
	}
	return found
}

// trim forgets what no model can need any more, and series of which nothing is left.
func (g *group) trim() {
	var vanished []*series
	g.each(func(s *series) {
		for _, h := range s.inputs {
			h.Trim(g.read)
		}
		for _, a := range s.asides {
			a.Trim(g.read)
		}
		if !s.live {
			vanished = append(vanished, s)
		}
	})
	slices.SortFunc(vanished, func(a, b *series) int {
		return cmp.Or(cmp.Compare(a.last(), b.last()), labels.Compare(a.labels, b.labels))
	})
	for i, s := range vanished {
		if s.empty() || i < len(vanished)-vanishedPerLive*g.limit {
			g.forget(s)
		}
	}
}
