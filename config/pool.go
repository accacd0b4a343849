package config

import (
	"slices"
	"time"

	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/promql/parser"

	"github.com/anomaly-exporter/anomaly-exporter/config/document"
)

// maxPoolStep is the longest step of a pool. Guard: the offset of a member is the median of its values in the last 16
// hours, three at least. At longer steps there are two, and no pool ever fits.
const maxPoolStep = model.Duration(6 * time.Hour)

// checkPool checks pool_by against the labels of the expression's result, as far as they are known.
func (d *Detector) checkPool(s *document.Section) {
	if d.PoolBy == nil {
		return
	}
	s.Require(len(d.PoolBy) > 0, "pool_by", "is empty; remove it to give each series its own model")
	checkLabelNames(s, "pool_by", d.PoolBy)
	s.Require(d.Scorer.Weight == nil || d.Multivariate(), "scorer.weight", "cannot be used with pool_by")
	s.Require(d.Step <= maxPoolStep, "pool_by", "cannot be used at step %s, only at %s or less: "+
		"members are compared over 16h; set a shorter step for this detector or remove pool_by", d.Step, maxPoolStep)
	names, known := d.Expr.resultLabels()
	if !known {
		return
	}
	pooled := false // whether series that agree on PoolBy may differ in another label
	for _, name := range names {
		pooled = pooled || !slices.Contains(d.PoolBy, name)
	}
	s.Require(pooled, "pool_by", "lists all labels of the expression's result, so each series would be alone in its pool")
	for _, name := range d.PoolBy {
		s.Require(slices.Contains(names, name), "pool_by", "the expression's result has no label %q", name)
	}
}

// resultLabels returns the labels of the result of an aggregation with by. known is false for any other expression.
func (e Expr) resultLabels() (names []string, known bool) {
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
		return nil, false // these keep all labels, or add one
	}
	return a.Grouping, true
}
