package promql

import (
	"slices"
	"strings"

	"github.com/prometheus/prometheus/promql/parser"
)

// units are the suffixes of metric names that are units, as Prometheus' conventions have them.
var units = []string{
	"seconds", "bytes", "ratio", "celsius", "meters", "volts", "amperes", "joules", "grams", "cores", "replicas",
}

// ratio is the unit of a share.
const ratio = "ratio"

// Unit returns the unit of the values of an expression, as far as the names of its metrics tell: "seconds", "bytes/s"
// or "requests/s", the rate of http_requests_total. It is "" if they do not.
func Unit(e parser.Expr) string {
	switch e := e.(type) {
	case *parser.ParenExpr:
		return Unit(e.Expr)
	case *parser.VectorSelector:
		return unitOf(SelectedName(e))
	case *parser.MatrixSelector:
		return Unit(e.VectorSelector)
	case *parser.SubqueryExpr:
		return Unit(e.Expr)
	case *parser.AggregateExpr:
		switch e.Op {
		case parser.COUNT, parser.COUNT_VALUES, parser.GROUP, parser.STDVAR:
			return ""
		}
		return Unit(e.Expr)
	case *parser.BinaryExpr:
		return unitOfBinary(e)
	case *parser.Call:
		return unitOfCall(e)
	}
	return ""
}

func unitOfBinary(e *parser.BinaryExpr) string {
	left, right := Unit(e.LHS), Unit(e.RHS)
	switch e.Op {
	case parser.DIV:
		sum, count := MetricName(e.LHS), MetricName(e.RHS)
		if base, ok := strings.CutSuffix(sum, "_sum"); ok && count == base+"_count" {
			return unitOf(base) // a mean
		}
		if left != "" && left == right {
			return ratio
		}
		return ""
	case parser.ADD, parser.SUB, parser.LOR:
		if left == right || e.Op == parser.LOR && right == "" {
			return left
		}
		return ""
	case parser.MUL, parser.POW, parser.MOD, parser.ATAN2:
		return ""
	}
	return left // comparisons, and, unless
}

// unitOfCall returns the unit of what a function makes of its last argument.
func unitOfCall(e *parser.Call) string {
	if len(e.Args) == 0 {
		return ""
	}
	of := e.Args[len(e.Args)-1]
	switch name := e.Func.Name; name {
	case "rate", "irate":
		return perSecond(counted(MetricName(of)))
	case "increase":
		return counted(MetricName(of))
	case "deriv":
		return perSecond(Unit(of))
	case "histogram_quantile":
		return unitOf(strings.TrimSuffix(MetricName(of), "_bucket"))
	case "histogram_avg":
		return unitOf(MetricName(of))
	case "delta", "idelta", "abs", "ceil", "floor", "round", "clamp", "clamp_min", "clamp_max", "sort", "sort_desc",
		"label_replace", "label_join":
		return Unit(e.Args[0])
	default:
		if strings.HasSuffix(name, "_over_time") &&
			slices.Contains([]string{"avg", "min", "max", "last", "quantile"}, strings.TrimSuffix(name, "_over_time")) {
			return Unit(of)
		}
	}
	return ""
}

// unitOf returns the unit at the end of the name of a gauge. The name of a recorded series is between colons.
func unitOf(metric string) string {
	if parts := strings.Split(metric, ":"); len(parts) == 3 {
		metric = parts[1]
		if strings.Contains(parts[2], "rate") || strings.HasSuffix(metric, "_total") {
			return ""
		}
	}
	for _, when := range []string{"_timestamp_seconds", "_start_time_seconds", "_boot_time_seconds"} {
		if strings.HasSuffix(metric, when) {
			return "" // no duration
		}
	}
	if word := lastWord(metric); slices.Contains(units, word) {
		return word
	}
	return ""
}

// counted returns what a counter counts: requests in http_requests_total.
func counted(metric string) string {
	name, ok := strings.CutSuffix(metric, "_total")
	// The rate of seconds is no duration: it is how much of the time was spent, or how many cores were.
	if word := lastWord(name); ok && strings.HasSuffix(word, "s") && word != "seconds" {
		return word
	}
	return ""
}

// lastWord returns what follows the last underscore of a name, or the last dot.
func lastWord(name string) string { return name[strings.LastIndexAny(name, "_.")+1:] }

func perSecond(unit string) string {
	if unit == "" {
		return ""
	}
	return unit + "/s"
}
