package config

import (
	"errors"
	"fmt"
	"math"
	"strings"
	"time"

	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/promql/parser"
)

// Expr is a PromQL expression whose result is an instant vector and depends on
// nothing later than the instant of evaluation. Equal texts are equal by ==.
// The zero Expr is no expression.
type Expr struct{ text string }

// ParseExpr checks text. The error is one line, with the place in the text if it
// is one of syntax.
func ParseExpr(text string) (Expr, error) {
	parsed, err := parser.NewParser(parser.Options{}).ParseExpr(text)
	if err != nil {
		return Expr{}, errors.New(strings.ReplaceAll(err.Error(), "\n", " "))
	}
	if t := parsed.Type(); t != parser.ValueTypeVector {
		return Expr{}, fmt.Errorf("the result is a %s, not an instant vector", parser.DocumentedType(t))
	}
	if err := lookAhead(parsed); err != nil {
		return Expr{}, err
	}
	return Expr{text}, nil
}

// String is the expression as it was written.
func (e Expr) String() string { return e.text }

// IsZero says whether it is no expression.
func (e Expr) IsZero() bool { return e == Expr{} }

// Parsed returns a fresh syntax tree, which the caller may change; nil for the
// zero Expr.
func (e Expr) Parsed() parser.Expr {
	parsed, err := parser.NewParser(parser.Options{}).ParseExpr(e.text)
	if err != nil {
		return nil
	}
	return parsed
}

// LookBack is how long before the instant of evaluation the oldest sample may
// lie: ranges and offsets, those of subqueries added to what is inside them. The
// engine's lookback delta comes on top.
func (e Expr) LookBack() time.Duration {
	parsed := e.Parsed()
	if parsed == nil {
		return 0
	}
	return lookBack(parsed)
}

func lookBack(n parser.Node) time.Duration {
	var reach, offset, deepest time.Duration
	switch n := n.(type) {
	case *parser.VectorSelector:
		offset = n.OriginalOffset
	case *parser.MatrixSelector:
		reach = n.Range
	case *parser.SubqueryExpr:
		reach, offset = n.Range, n.OriginalOffset
	}
	for child := range parser.ChildrenIter(n) {
		deepest = max(deepest, lookBack(child))
	}
	return saturated(saturated(reach, offset), deepest)
}

// saturated is a+b, neither negative, or the longest duration.
func saturated(a, b time.Duration) time.Duration {
	if a > math.MaxInt64-b {
		return math.MaxInt64
	}
	return a + b
}

// MetricName is the metric that all selectors of the expression name, "" if they
// name several, or one of them none.
func (e Expr) MetricName() string {
	parsed := e.Parsed()
	if parsed == nil {
		return ""
	}
	names := map[string]bool{}
	parser.Inspect(parsed, func(n parser.Node, _ []parser.Node) error {
		if selector, ok := n.(*parser.VectorSelector); ok {
			names[selectedName(selector)] = true
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

// CountsOver is over how long a value of the expression counts: 5m for the increase
// of a counter in 5m, 1s for its rate, and for sums, means, least and largest of
// these. It is 0 for whatever else: not every expression counts.
func (e Expr) CountsOver() time.Duration { return countsOver(e.Parsed()) }

func countsOver(e parser.Expr) time.Duration {
	switch e := e.(type) {
	case *parser.ParenExpr:
		return countsOver(e.Expr)
	case *parser.AggregateExpr:
		switch e.Op {
		case parser.SUM, parser.AVG, parser.MIN, parser.MAX, parser.TOPK, parser.BOTTOMK:
			return countsOver(e.Expr)
		}
	case *parser.BinaryExpr:
		// Nothing counted may be written as `or vector(0)`.
		if right, ok := e.RHS.(*parser.Call); ok && e.Op == parser.LOR && right.Func.Name == "vector" && right.Args[0].String() == "0" {
			return countsOver(e.LHS)
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

func selectedName(n *parser.VectorSelector) string {
	for _, m := range n.LabelMatchers {
		if m.Name == model.MetricNameLabel && m.Type == labels.MatchEqual {
			return m.Value
		}
	}
	return ""
}

// lookAhead refuses what may read samples later than the instant of evaluation:
// a negative offset, and @, which reads the same samples at every step, those of
// the past included.
func lookAhead(n parser.Node) error {
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
		return errors.New("the @ modifier reads the same samples at every step: that looks ahead")
	}
	for child := range parser.ChildrenIter(n) {
		if err := lookAhead(child); err != nil {
			return err
		}
	}
	return nil
}

// UnmarshalYAML parses the expression.
func (e *Expr) UnmarshalYAML(unmarshal func(any) error) error {
	var text string
	if err := unmarshal(&text); err != nil {
		return err
	}
	parsed, err := ParseExpr(text)
	if err != nil {
		return err
	}
	*e = parsed
	return nil
}

// MarshalYAML returns the expression as it was written.
func (e Expr) MarshalYAML() (any, error) { return e.text, nil }
