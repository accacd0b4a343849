// Package promql tells from a PromQL expression which samples it reads and what its values are. An expression may be
// nil.
package promql

import (
	"errors"
	"fmt"
	"math"
	"time"

	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/promql/parser"
)

// LookBack returns how old the oldest sample may be that an expression needs, by its ranges and offsets. Those of a
// subquery are added to what is inside it. The lookback delta of the engine is not included.
func LookBack(e parser.Expr) time.Duration {
	if e == nil {
		return 0
	}
	return lookBack(e)
}

func lookBack(n parser.Node) time.Duration {
	var window, offset, longest time.Duration
	switch n := n.(type) {
	case *parser.VectorSelector:
		offset = n.OriginalOffset
	case *parser.MatrixSelector:
		window = n.Range
	case *parser.SubqueryExpr:
		window, offset = n.Range, n.OriginalOffset
	}
	for child := range parser.ChildrenIter(n) {
		longest = max(longest, lookBack(child))
	}
	return saturatedAdd(saturatedAdd(window, offset), longest)
}

// saturatedAdd returns a+b, at most the longest duration. Neither may be negative.
func saturatedAdd(a, b time.Duration) time.Duration {
	if a > math.MaxInt64-b {
		return math.MaxInt64
	}
	return a + b
}

// MetricName returns the metric that all selectors of an expression name. It is "" if they name several, or if one of
// them names none.
func MetricName(e parser.Expr) string {
	if e == nil {
		return ""
	}
	names := map[string]bool{}
	parser.Inspect(e, func(n parser.Node, _ []parser.Node) error {
		if selector, ok := n.(*parser.VectorSelector); ok {
			names[SelectedName(selector)] = true
		}
		return nil
	})
	if len(names) == 1 {
		for name := range names {
			return name
		}
	}
	return ""
}

// CountsOver returns the interval over which an expression counts events: 5m for an increase over 5m, 1s for a rate,
// and the same for their sum, avg, min, max, topk and bottomk. It is 0 for any other expression.
func CountsOver(e parser.Expr) time.Duration {
	switch e := e.(type) {
	case *parser.ParenExpr:
		return CountsOver(e.Expr)
	case *parser.AggregateExpr:
		switch e.Op {
		case parser.SUM, parser.AVG, parser.MIN, parser.MAX, parser.TOPK, parser.BOTTOMK:
			return CountsOver(e.Expr)
		}
	case *parser.BinaryExpr:
		// `or vector(0)` is how people write that no events are a count of 0.
		right, ok := e.RHS.(*parser.Call)
		if ok && e.Op == parser.LOR && right.Func.Name == "vector" && right.Args[0].String() == "0" {
			return CountsOver(e.LHS)
		}
	case *parser.Call:
		switch e.Func.Name {
		case "rate":
			return time.Second
		case "increase":
			switch over := e.Args[0].(type) {
			case *parser.MatrixSelector:
				return over.Range
			case *parser.SubqueryExpr:
				return over.Range
			}
		}
	}
	return 0
}

// SelectedName returns the metric that a selector names, "" if it names none.
func SelectedName(n *parser.VectorSelector) string {
	for _, m := range n.LabelMatchers {
		if m.Name == model.MetricNameLabel && m.Type == labels.MatchEqual {
			return m.Value
		}
	}
	return ""
}

// LookAhead returns an error if an expression may read samples later than the time of evaluation. Negative offsets
// do, and so does the @ modifier: it reads the same samples at every step, also at those before them.
func LookAhead(n parser.Node) error {
	var offset time.Duration
	var at bool
	switch n := n.(type) {
	case *parser.VectorSelector:
		offset, at = n.OriginalOffset, n.Timestamp != nil || n.StartOrEnd != 0
	case *parser.SubqueryExpr:
		offset, at = n.OriginalOffset, n.Timestamp != nil || n.StartOrEnd != 0
	}
	if offset < 0 {
		return fmt.Errorf("offset -%s looks ahead", model.Duration(-offset))
	}
	if at {
		return errors.New("the @ modifier looks ahead: it reads the same samples at every step")
	}
	for child := range parser.ChildrenIter(n) {
		if err := LookAhead(child); err != nil {
			return err
		}
	}
	return nil
}
