package config

import (
	"errors"
	"math"

	"go.yaml.in/yaml/v3"

	"github.com/anomaly-exporter/anomaly-exporter/config/document"
)

// Bounds are limits that a forecast may cross. Both may be nil.
type Bounds struct {
	Lower *Bound `yaml:"lower,omitempty"`
	Upper *Bound `yaml:"upper,omitempty"`
}

// Bound is a number, or an expression with a number for each series.
type Bound struct {
	Value float64  `yaml:"-"` // if Expr is nil
	Expr  *Expr    `yaml:"expr"`
	On    []string `yaml:"on,omitempty,flow"` // as in Selector
}

func (b Bounds) check(s *document.Section) {
	b.Lower.check(s, "bounds.lower")
	b.Upper.check(s, "bounds.upper")
	if b.Lower != nil && b.Upper != nil && b.Lower.Expr == nil && b.Upper.Expr == nil {
		s.Require(b.Lower.Value < b.Upper.Value, "bounds.lower", "%v is not below bounds.upper %v",
			b.Lower.Value, b.Upper.Value)
	}
}

func (b *Bound) check(s *document.Section, key string) {
	if b == nil {
		return
	}
	if b.Expr != nil {
		(&Selector{*b.Expr, b.On}).check(s, key)
		return
	}
	s.Require(!math.IsNaN(b.Value) && !math.IsInf(b.Value, 0), key, "must be finite")
}

// UnmarshalYAML accepts a number or a Selector.
func (b *Bound) UnmarshalYAML(unmarshal func(any) error) error {
	*b = Bound{}
	var sel Selector
	err := unmarshal(&sel)
	if err == nil {
		b.Expr, b.On = &sel.Expr, sel.On
		return nil
	}
	if _, ok := errors.AsType[*yaml.TypeError](err); !ok {
		return err
	}
	return unmarshal(&b.Value)
}

// MarshalYAML returns a number or a Selector.
func (b Bound) MarshalYAML() (any, error) {
	if b.Expr == nil {
		return b.Value, nil
	}
	return Selector{*b.Expr, b.On}, nil
}
