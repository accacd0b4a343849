package config

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/prometheus/prometheus/promql/parser"

	"github.com/anomaly-exporter/anomaly-exporter/config/promql"
)

// Expr is a PromQL expression. Its result is an instant vector and does not depend on samples later than the time of
// evaluation. Exprs of equal text are equal by ==. The zero Expr means that there is none.
type Expr struct{ text string }

// ParseExpr parses and checks text. The error is one line; a syntax error has the position in the text.
func ParseExpr(text string) (Expr, error) {
	parsed, err := parser.NewParser(parser.Options{}).ParseExpr(text)
	if err != nil {
		return Expr{}, errors.New(strings.ReplaceAll(err.Error(), "\n", " "))
	}
	if t := parsed.Type(); t != parser.ValueTypeVector {
		return Expr{}, fmt.Errorf("the result is a %s, not an instant vector", parser.DocumentedType(t))
	}
	if err := promql.LookAhead(parsed); err != nil {
		return Expr{}, err
	}
	return Expr{text}, nil
}

// String returns the expression as it was written.
func (e Expr) String() string { return e.text }

// IsZero reports whether there is no expression.
func (e Expr) IsZero() bool { return e == Expr{} }

// Parsed returns a new syntax tree, which the caller may change. It is nil for the zero Expr.
func (e Expr) Parsed() parser.Expr {
	parsed, err := parser.NewParser(parser.Options{}).ParseExpr(e.text)
	if err != nil {
		return nil
	}
	return parsed
}

// LookBack returns how old the oldest sample may be that the expression needs, by its ranges and offsets. Those of a
// subquery are added to what is inside it. The lookback delta of the engine is not included.
func (e Expr) LookBack() time.Duration { return promql.LookBack(e.Parsed()) }

// MetricName returns the metric that all selectors of the expression name. It is "" if they name several, or if one
// of them names none.
func (e Expr) MetricName() string { return promql.MetricName(e.Parsed()) }

// Unit returns the unit of the values as far as the names of the metrics tell: "seconds", "bytes/s", or "requests/s"
// for the rate of http_requests_total. It is "" if they do not.
func (e Expr) Unit() string { return promql.Unit(e.Parsed()) }

// CountsOver returns the interval over which the expression counts events: 5m for an increase over 5m, 1s for a rate,
// and the same for their sum, avg, min, max, topk and bottomk. It is 0 for any other expression.
func (e Expr) CountsOver() time.Duration { return promql.CountsOver(e.Parsed()) }

// Kept tells which labels of the series that the expression reads are those of its result.
func (e Expr) Kept() promql.Kept { return promql.KeptOf(e.Parsed()) }

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
