package config

import (
	"errors"
	"math"
	"time"

	"github.com/prometheus/common/model"
	"go.yaml.in/yaml/v3"
)

// Capacity is the load that one replica carries: a number, or what it is learned
// from.
type Capacity struct {
	Value       float64 `yaml:"-"`           // if it is not learned
	Utilization Expr    `yaml:"utilization"` // of the replicas; 1 is all that they have
	Target      float64 `yaml:"target"`      // utilization at which a replica carries what it should
	Replicas    Expr    `yaml:"replicas"`    // that share the load
}

// Learned says whether the capacity is to be learned.
func (c Capacity) Learned() bool { return c.Target != 0 }

// IsZero says whether there is none, as in a scaler without a load.
func (c Capacity) IsZero() bool { return c == Capacity{} }

func (c Capacity) check(s *section) {
	const key = "capacity_per_replica"
	if s.lines[key] == 0 {
		s.errorf(key, "is missing")
		return
	}
	if !s.isMapping(key) {
		s.require(c.Value > 0 && !math.IsInf(c.Value, 1), key, "%v is not positive and finite", c.Value)
		return
	}
	s.require(c.Utilization != Expr{}, key+".utilization", "is missing")
	s.require(c.Replicas != Expr{}, key+".replicas", "is missing")
	s.require(c.Target > 0 && !math.IsInf(c.Target, 1), key+".target", "%v is not positive and finite", c.Target)
}

// UnmarshalYAML takes a number or a mapping.
func (c *Capacity) UnmarshalYAML(unmarshal func(any) error) error {
	type plain Capacity
	learned := plain{Target: 0.7}
	err := unmarshal(&learned)
	*c = Capacity(learned)
	var mismatch *yaml.TypeError
	if errors.As(err, &mismatch) {
		*c = Capacity{}
		return unmarshal(&c.Value)
	}
	return err
}

// MarshalYAML returns a number or a mapping.
func (c Capacity) MarshalYAML() (any, error) {
	if !c.Learned() {
		return c.Value, nil
	}
	type plain Capacity
	return plain(c), nil
}

// defaultHorizon is how far ahead a scaler looks, unless told or taught otherwise.
const defaultHorizon = model.Duration(15 * time.Minute)

// Horizon is how far ahead a scaler looks, and how long a replica may take to
// serve: a duration, or what it is learned from.
type Horizon struct {
	Duration model.Duration `yaml:"-"`       // a multiple of the step; of one that is learned, what holds until then
	Startup  Expr           `yaml:"startup"` // seconds that replicas took to serve
}

// IsZero says whether there is none, as in a scaler without a load.
func (h Horizon) IsZero() bool { return h == Horizon{} }

// check fills in the default: 15m, or the next multiple of the step.
func (h *Horizon) check(s *section, g Global) {
	learned := s.isMapping("horizon")
	if learned || s.lines["horizon"] == 0 {
		h.Duration = (defaultHorizon + g.Step - 1) / g.Step * g.Step
	}
	s.require(!learned || h.Startup != Expr{}, "horizon.startup", "is missing")
	g.checkHorizon(s, "horizon", h.Duration)
}

// UnmarshalYAML takes a duration or a mapping.
func (h *Horizon) UnmarshalYAML(unmarshal func(any) error) error {
	type plain Horizon
	var learned plain
	err := unmarshal(&learned)
	*h = Horizon(learned)
	var mismatch *yaml.TypeError
	if errors.As(err, &mismatch) {
		return unmarshal(&h.Duration)
	}
	return err
}

// MarshalYAML returns a duration or a mapping.
func (h Horizon) MarshalYAML() (any, error) {
	if h.Startup == (Expr{}) {
		return h.Duration, nil
	}
	type plain Horizon
	return plain(h), nil
}
