package config

import (
	"errors"
	"math"

	"go.yaml.in/yaml/v3"
)

// Side is an expression that is joined to the series of a detector.
type Side struct {
	Expr Expr     `yaml:"expr"`
	On   []string `yaml:"on,omitempty,flow"` // nil: the labels that both sides have, without job and instance
}

func (side *Side) check(s *section, key string) {
	if side == nil {
		return
	}
	s.require(side.Expr != Expr{}, key+".expr", "is missing")
	s.require(side.On == nil || len(side.On) > 0, key+".on", "is empty; leave it out to join on what both sides have")
	checkLabelNames(s, key+".on", side.On)
}

// Bounds are what a forecast may cross. Both may be nil.
type Bounds struct {
	Lower *Bound `yaml:"lower,omitempty"`
	Upper *Bound `yaml:"upper,omitempty"`
}

// Bound is a number, or an expression that gives a number for each series.
type Bound struct {
	Value float64  `yaml:"-"` // if Expr is nil
	Expr  *Expr    `yaml:"expr"`
	On    []string `yaml:"on,omitempty,flow"` // as in Side
}

func (b Bounds) check(s *section) {
	b.Lower.check(s, "bounds.lower")
	b.Upper.check(s, "bounds.upper")
	if b.Lower != nil && b.Upper != nil && b.Lower.Expr == nil && b.Upper.Expr == nil {
		s.require(b.Lower.Value < b.Upper.Value, "bounds.lower", "%v is not below bounds.upper %v",
			b.Lower.Value, b.Upper.Value)
	}
}

func (b *Bound) check(s *section, key string) {
	if b == nil {
		return
	}
	if b.Expr != nil {
		(&Side{*b.Expr, b.On}).check(s, key)
		return
	}
	s.require(!math.IsNaN(b.Value) && !math.IsInf(b.Value, 0), key, "must be finite")
}

// UnmarshalYAML takes a number or a Side.
func (b *Bound) UnmarshalYAML(unmarshal func(any) error) error {
	*b = Bound{}
	var side Side
	err := unmarshal(&side)
	if err == nil {
		b.Expr, b.On = &side.Expr, side.On
		return nil
	}
	var mismatch *yaml.TypeError
	if !errors.As(err, &mismatch) {
		return err
	}
	return unmarshal(&b.Value)
}

// MarshalYAML returns a number or a Side.
func (b Bound) MarshalYAML() (any, error) {
	if b.Expr == nil {
		return b.Value, nil
	}
	return Side{*b.Expr, b.On}, nil
}
