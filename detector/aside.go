package detector

import (
	"context"
	"slices"
	"time"

	"github.com/anomaly-exporter/anomaly-exporter/config"
	"github.com/anomaly-exporter/anomaly-exporter/history"
)

// aside is an expression that is read beside the main one, and whose values are kept with each series as its own are: what a capacity is learned
// from, for example.
type aside struct {
	key    string // of the configuration
	expr   config.Expr
	on     []string                       // labels that belong together
	common bool                           // those that both sides have, instead of on
	length time.Duration                  // of the windows that are made of the values
	reduce func(values []float64) float64 // of several series at a step, in ascending order
}

// long says whether they are needed from the part of the history, too, that is kept at a coarse step.
func (a aside) long() bool { return a.length.Milliseconds() > 2*day }

// newAsides returns an empty history for each aside.
func (g *group) newAsides() []*history.Series {
	all := make([]*history.Series, len(g.asides))
	for i, a := range g.asides {
		l := g.layout
		l.Missing = history.Drop
		l.Length = min(l.Length, floor(a.length.Milliseconds(), l.Step))
		all[i] = history.New(l)
	}
	return all
}

// readAsides evaluates the asides over a slice.
func (g *group) readAsides(ctx context.Context, first, last, step int64) ([]*side, error) {
	sides := make([]*side, len(g.asides))
	for i, a := range g.asides {
		if a.expr.IsZero() || g.coarse && !a.long() {
			continue
		}
		s, err := g.readSide(ctx, a.key, &config.Selector{Expr: a.expr, On: a.on}, first, last, step)
		if err != nil {
			return nil, err
		}
		sides[i] = s
	}
	return sides, nil
}

// keepAsides appends what of the asides belongs to a series to its histories: what came since its own first value, whether that was read in the
// same slice or long before.
func (g *group) keepAsides(s *series, sides []*side, first, last, step int64) {
	begin, ok := s.first(last)
	if !ok {
		return
	}
	first = max(first, begin)
	for i, a := range g.asides {
		if sides[i] == nil {
			continue
		}
		found := a.matches(g, s, sides[i])
		values := make([]float64, 0, len(found))
		for ts := first; ts <= last; ts += step {
			values = values[:0]
			for _, match := range found {
				if v, ok := match.at(ts); ok {
					values = append(values, v)
				}
			}
			if len(values) > 0 {
				slices.Sort(values) // so that sums do not depend on the order of the series
				s.asides[i].Append(ts, a.reduce(values), false)
			}
		}
	}
}

// matches returns the series of an aside that belong to s.
func (a aside) matches(g *group, s *series, with *side) []sideSeries {
	if a.common || len(a.on) > 0 {
		return g.join(s, with)
	}
	var all []sideSeries
	for _, group := range with.groups {
		all = append(all, group.series...)
	}
	return all
}

func sum(values []float64) float64 {
	total := 0.0
	for _, v := range values {
		total += v
	}
	return total
}

func mean(values []float64) float64 { return sum(values) / float64(len(values)) }
