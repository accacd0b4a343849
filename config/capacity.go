package config

import (
	"errors"
	"math"
	"time"

	"github.com/prometheus/common/model"
	"go.yaml.in/yaml/v3"

	"github.com/anomaly-exporter/anomaly-exporter/config/document"
)

// Capacity is the load that one replica can handle: a number, or the expressions from which it is learned.
type Capacity struct {
	Value       float64 `yaml:"-"`           // unless it is learned
	Utilization Expr    `yaml:"utilization"` // of the replicas, 1 when they are fully used
	Target      float64 `yaml:"target"`      // desired utilization of a replica
	Replicas    Expr    `yaml:"replicas"`    // number of replicas that share the load
}

// Learned reports whether the capacity is to be learned.
func (c Capacity) Learned() bool { return c.Target != 0 }

// IsZero reports whether there is no capacity, as in a scaler without a load.
func (c Capacity) IsZero() bool { return c == Capacity{} }

func (c Capacity) check(s *document.Section) {
	const key = "capacity_per_replica"
	if !s.Has(key) {
		s.Errorf(key, "is missing")
		return
	}
	if !s.MappingAt(key) {
		s.Require(c.Value > 0 && !math.IsInf(c.Value, 1), key, "%v is not positive and finite", c.Value)
		return
	}
	s.Require(c.Utilization != Expr{}, key+".utilization", "is missing")
	s.Require(c.Replicas != Expr{}, key+".replicas", "is missing")
	s.Require(c.Target > 0 && !math.IsInf(c.Target, 1), key+".target", "%v is not positive and finite", c.Target)
}

// UnmarshalYAML accepts a number or a mapping.
func (c *Capacity) UnmarshalYAML(unmarshal func(any) error) error {
	type plain Capacity
	learned := plain{Target: defaultTarget}
	err := unmarshal(&learned)
	*c = Capacity(learned)
	if _, ok := errors.AsType[*yaml.TypeError](err); ok {
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

// defaultTarget is the utilization at which a learned capacity is taken by default (chosen, not tuned).
const defaultTarget = 0.7

// defaultHorizon is how far ahead a scaler looks by default, and until its horizon has been learned (chosen, not
// tuned).
const defaultHorizon = model.Duration(15 * time.Minute)

// Horizon is how far ahead a scaler looks, which must be at least as long as a new replica takes to serve: a
// duration, or the expression from which it is learned.
type Horizon struct {
	Duration model.Duration `yaml:"-"`       // a multiple of the step; if learned, it is used until then
	Startup  Expr           `yaml:"startup"` // seconds that replicas took until they served
}

// IsZero reports whether there is no horizon, as in a scaler without a load.
func (h Horizon) IsZero() bool { return h == Horizon{} }

// check fills in the default, rounded up to a multiple of the step.
func (h *Horizon) check(s *document.Section, g Global) {
	learned := s.MappingAt("horizon")
	if learned || !s.Has("horizon") {
		h.Duration = (defaultHorizon + g.Step - 1) / g.Step * g.Step
	}
	s.Require(!learned || h.Startup != Expr{}, "horizon.startup", "is missing")
	g.checkHorizon(s, "horizon", h.Duration)
}

// UnmarshalYAML accepts a duration or a mapping.
func (h *Horizon) UnmarshalYAML(unmarshal func(any) error) error {
	type plain Horizon
	var learned plain
	err := unmarshal(&learned)
	*h = Horizon(learned)
	if _, ok := errors.AsType[*yaml.TypeError](err); ok {
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
