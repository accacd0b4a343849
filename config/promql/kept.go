package promql

import (
	"slices"

	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/promql/parser"
)

// Kept tells which labels of the series that an expression reads are those of its result. It is known if each series
// that is read has a part in one series of the result only, whose labels are some of its own. In the zero value it is
// not known.
type Kept struct {
	known   bool
	without bool     // all but names are kept, else only names are
	names   []string // sorted
}

// KeptOf returns which labels an expression keeps. An expression that reads nothing keeps none.
func KeptOf(e parser.Expr) Kept {
	switch e := e.(type) {
	case *parser.ParenExpr:
		return KeptOf(e.Expr)
	case *parser.VectorSelector:
		return Kept{known: true, without: true}
	case *parser.MatrixSelector:
		return KeptOf(e.VectorSelector)
	case *parser.SubqueryExpr:
		return KeptOf(e.Expr)
	case *parser.Call:
		return keptByCall(e)
	case *parser.AggregateExpr:
		return keptByAggregation(e)
	case *parser.BinaryExpr:
		return keptByBinary(e)
	}
	return Kept{}
}

// Labels returns the labels of the result to which a series with these labels belongs. known is false if they are not
// known.
func (k Kept) Labels(of labels.Labels) (result labels.Labels, known bool) {
	b := labels.NewBuilder(of)
	if k.without {
		b.Del(k.names...)
	} else {
		b.Keep(k.names...)
	}
	return b.Labels(), k.known
}

// None reports whether no label is kept: the result is one series without labels, or nothing.
func (k Kept) None() bool { return k.known && !k.without && len(k.names) == 0 }

// only returns what remains of k if only some labels are kept.
func (k Kept) only(names ...string) Kept {
	kept := slices.DeleteFunc(slices.Clone(names), func(name string) bool {
		return slices.Contains(k.names, name) == k.without
	})
	slices.Sort(kept)
	return Kept{known: k.known, names: slices.Compact(kept)}
}

// except returns what remains of k if some labels are dropped.
func (k Kept) except(names ...string) Kept {
	if !k.without {
		left := slices.DeleteFunc(slices.Clone(k.names), func(name string) bool { return slices.Contains(names, name) })
		return Kept{known: k.known, names: left}
	}
	all := append(slices.Clone(names), k.names...)
	slices.Sort(all)
	return Kept{known: k.known, without: true, names: slices.Compact(all)}
}

func (k Kept) equal(other Kept) bool {
	return k.known && other.known && k.without == other.without && slices.Equal(k.names, other.names)
}

// perSeries are the functions that make one series of each series, without its name.
var perSeries = map[string]bool{
	"rate": true, "irate": true, "increase": true, "delta": true, "idelta": true, "deriv": true, "changes": true,
	"resets": true, "predict_linear": true, "avg_over_time": true, "min_over_time": true, "max_over_time": true,
	"sum_over_time": true, "count_over_time": true, "stddev_over_time": true, "stdvar_over_time": true,
	"quantile_over_time": true, "present_over_time": true, "abs": true, "ceil": true, "floor": true, "round": true,
	"exp": true, "ln": true, "log2": true, "log10": true, "sqrt": true, "sgn": true, "clamp": true, "clamp_min": true,
	"clamp_max": true, "histogram_avg": true, "histogram_count": true, "histogram_sum": true, "timestamp": true,
}

func keptByCall(e *parser.Call) Kept {
	name := e.Func.Name
	if name == "vector" && isNumber(e.Args[0]) {
		return Kept{known: true}
	}
	var of parser.Expr
	for _, arg := range e.Args {
		switch {
		case isNumber(arg):
		case of == nil && arg.Type() != parser.ValueTypeScalar:
			of = arg
		default:
			return Kept{}
		}
	}
	switch {
	case of == nil:
		return Kept{}
	case name == "last_over_time":
		return KeptOf(of)
	case name == "histogram_quantile":
		return KeptOf(of).except(model.MetricNameLabel, model.BucketLabel)
	case perSeries[name]:
		return KeptOf(of).except(model.MetricNameLabel)
	}
	return Kept{}
}

func keptByAggregation(e *parser.AggregateExpr) Kept {
	switch e.Op {
	case parser.SUM, parser.AVG, parser.MIN, parser.MAX, parser.COUNT, parser.GROUP, parser.STDDEV, parser.STDVAR:
	case parser.QUANTILE:
		if !isNumber(e.Param) {
			return Kept{}
		}
	default:
		return Kept{} // what the others keep of a series depends on the series beside it
	}
	inner := KeptOf(e.Expr)
	if e.Without {
		return inner.except(append([]string{model.MetricNameLabel}, e.Grouping...)...)
	}
	return inner.only(e.Grouping...)
}

func keptByBinary(e *parser.BinaryExpr) Kept {
	named := e.Op.IsComparisonOperator() && !e.ReturnBool // it keeps the name
	switch {
	case isNumber(e.LHS) || isNumber(e.RHS):
		of := e.LHS
		if isNumber(e.LHS) {
			of = e.RHS
		}
		if named {
			return KeptOf(of)
		}
		return KeptOf(of).except(model.MetricNameLabel)
	case e.LHS.Type() != parser.ValueTypeVector, e.RHS.Type() != parser.ValueTypeVector:
		return Kept{}
	}
	return keptByMatching(e, named)
}

// keptByMatching returns what is kept if series of two sides are matched by all labels that both of them keep.
func keptByMatching(e *parser.BinaryExpr, named bool) Kept {
	left, right := KeptOf(e.LHS), KeptOf(e.RHS)
	nameless := left.except(model.MetricNameLabel) // names are not matched
	if !left.equal(nameless) && (named || e.Op.IsSetOperator()) {
		return Kept{}
	}
	if e.Op == parser.LOR && readsNothing(e.RHS) {
		return left // such as `or vector(0)`
	}
	m := e.VectorMatching
	switch {
	case m.Card == parser.CardOneToMany, m.Card == parser.CardManyToOne:
		return Kept{}
	case !m.On && len(m.MatchingLabels) > 0, m.On && nameless.without:
		return Kept{}
	case m.On && !nameless.equal(nameless.only(m.MatchingLabels...)):
		return Kept{} // the other side lacks some of the labels
	case !nameless.equal(right.except(model.MetricNameLabel)):
		return Kept{}
	}
	return nameless
}

// isNumber reports whether an expression is a number that does not depend on what is read.
func isNumber(e parser.Expr) bool {
	switch e := e.(type) {
	case *parser.ParenExpr:
		return isNumber(e.Expr)
	case *parser.UnaryExpr:
		return isNumber(e.Expr)
	case *parser.BinaryExpr:
		return isNumber(e.LHS) && isNumber(e.RHS)
	case *parser.Call:
		return e.Func.Name == "time"
	case *parser.NumberLiteral:
		return true
	}
	return false
}

// readsNothing reports whether an expression has no selectors.
func readsNothing(e parser.Expr) bool {
	none := true
	parser.Inspect(e, func(n parser.Node, _ []parser.Node) error {
		_, selects := n.(*parser.VectorSelector)
		none = none && !selects
		return nil
	})
	return none
}
