package promql

import (
	"slices"

	"github.com/prometheus/prometheus/promql/parser"
)

// NeedsTwo reports whether a function has no result for a series with one sample in its range.
func NeedsTwo(function string) bool {
	return slices.Contains([]string{
		"delta", "deriv", "double_exponential_smoothing", "idelta", "increase", "irate", "predict_linear", "rate",
	}, function)
}

// CallsOfTwo returns the calls in an expression of functions that need two samples.
func CallsOfTwo(e parser.Expr) (calls []*parser.Call) {
	if e == nil {
		return nil
	}
	parser.Inspect(e, func(n parser.Node, _ []parser.Node) error {
		if call, ok := n.(*parser.Call); ok && NeedsTwo(call.Func.Name) {
			calls = append(calls, call)
		}
		return nil
	})
	return calls
}
