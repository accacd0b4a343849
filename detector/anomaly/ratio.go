package anomaly

import (
	"fmt"
	"slices"

	"github.com/prometheus/prometheus/promql/parser"

	"github.com/anomaly-exporter/anomaly-exporter/config"
)

// EventWeight returns how many events are behind a value: what scorer.weight says, or else the divisor if the
// expression divides by a number of events, such as errors by requests. It is nil for anything else, and for what is
// not weighted.
func EventWeight(d *config.Detector) *config.Weight {
	switch {
	case d.Scorer.Weight != nil:
		return d.Scorer.Weight
	case d.Multivariate() || d.PoolBy != nil:
		return nil
	}
	return divisor(d.Expr.Parsed())
}

// divisor returns the events that an expression divides by; nil if it does not.
func divisor(e parser.Expr) *config.Weight {
	switch e := e.(type) {
	case *parser.ParenExpr:
		return divisor(e.Expr)
	case *parser.BinaryExpr:
		switch {
		case isNumber(e.LHS):
			return divisor(e.RHS)
		case isNumber(e.RHS) || e.Op == parser.LOR && isVectorOfNumber(e.RHS):
			return divisor(e.LHS)
		case e.Op == parser.DIV:
			return dividing(e)
		}
	}
	return nil
}

// dividing returns the events that a division divides by.
func dividing(e *parser.BinaryExpr) *config.Weight {
	factor := eventFactor(e.RHS)
	if factor == 0 {
		return nil
	}
	expr, err := config.ParseExpr(fmt.Sprintf("(%s) * %g", e.RHS, factor))
	if err != nil {
		return nil
	}
	w := &config.Weight{Expr: expr}
	if m := e.VectorMatching; m != nil && m.On {
		if len(m.MatchingLabels) == 0 {
			return nil
		}
		w.On = slices.Clone(m.MatchingLabels)
	}
	return w
}

func isNumber(e parser.Expr) bool { return e.Type() == parser.ValueTypeScalar }

// isVectorOfNumber reports whether an expression is like vector(0), which people add for what is missing.
func isVectorOfNumber(e parser.Expr) bool {
	call, ok := e.(*parser.Call)
	return ok && call.Func.Name == "vector"
}

// eventFactor returns by what an expression has to be multiplied to count events: 1 for an increase, the seconds of its
// range for a rate, and the same for sums of them. It is 0 for anything else.
func eventFactor(e parser.Expr) float64 {
	switch e := e.(type) {
	case *parser.ParenExpr:
		return eventFactor(e.Expr)
	case *parser.AggregateExpr:
		if e.Op == parser.SUM {
			return eventFactor(e.Expr)
		}
	case *parser.BinaryExpr:
		if f := eventFactor(e.LHS); e.Op == parser.ADD && f == eventFactor(e.RHS) {
			return f
		}
	case *parser.Call:
		switch e.Func.Name {
		case "increase":
			return 1
		case "rate":
			switch over := e.Args[0].(type) {
			case *parser.MatrixSelector:
				return over.Range.Seconds()
			case *parser.SubqueryExpr:
				return over.Range.Seconds()
			}
		}
	}
	return 0
}
