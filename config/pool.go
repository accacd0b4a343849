package config

import (
	"slices"

	"github.com/prometheus/prometheus/promql/parser"
)

// checkPool checks the labels that siblings agree on, against those that the
// expression leaves.
func (d *Detector) checkPool(s *section) {
	if d.PoolBy == nil {
		return
	}
	s.require(len(d.PoolBy) > 0, "pool_by", "is empty; leave it out to give every series a model of its own")
	checkLabelNames(s, "pool_by", d.PoolBy)
	left, known := d.Expr.labels()
	if !known {
		return
	}
	siblings := false
	for _, name := range left {
		siblings = siblings || !slices.Contains(d.PoolBy, name)
	}
	s.require(siblings, "pool_by", "holds all labels of the expression: no series would have a sibling")
	for _, name := range d.PoolBy {
		s.require(slices.Contains(left, name), "pool_by", "the expression leaves no label %q", name)
	}
}

// labels are those of the results of an aggregation by labels; known is false of
// any other expression.
func (e Expr) labels() (names []string, known bool) {
	parsed := e.Parsed()
	for {
		inner, wrapped := parsed.(*parser.ParenExpr)
		if !wrapped {
			break
		}
		parsed = inner.Expr
	}
	a, ok := parsed.(*parser.AggregateExpr)
	if !ok || a.Without {
		return nil, false
	}
	switch a.Op {
	case parser.TOPK, parser.BOTTOMK, parser.LIMITK, parser.LIMIT_RATIO, parser.COUNT_VALUES:
		return nil, false // keep labels, or make one
	}
	return a.Grouping, true
}
