package promql

import (
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/promql/parser"
)

// Selects reports whether an expression has a selector for whose matchers selected is true. One that cannot be parsed
// has none.
func Selects(expr string, selected func([]*labels.Matcher) bool) (found bool) {
	parsed, err := parser.NewParser(parser.Options{}).ParseExpr(expr)
	if err != nil {
		return false
	}
	parser.Inspect(parsed, func(n parser.Node, _ []parser.Node) error {
		if s, ok := n.(*parser.VectorSelector); ok {
			found = found || selected(s.LabelMatchers)
		}
		return nil
	})
	return found
}
