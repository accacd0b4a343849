package config

import (
	"errors"

	"go.yaml.in/yaml/v3"

	"github.com/anomaly-exporter/anomaly-exporter/config/document"
)

// Context says how an incident is described.
type Context struct {
	// Entity are the labels that identify what may be the cause; empty: the labels of the workload that a series has.
	Entity  []string `yaml:"entity,omitempty,flow"`
	Calls   *Calls   `yaml:"calls,omitempty"` // nil: not known
	Changes Expr     `yaml:"changes"`         // has a value where something was rolled out
	Alerts  Expr     `yaml:"alerts"`          // has a value where an alert is firing
}

// Calls is an expression with a series for each pair of a caller and what it calls.
type Calls struct {
	Expr Expr   `yaml:"expr"`
	From string `yaml:"from"` // label of the caller
	To   string `yaml:"to"`   // label of what it calls
}

// loadContext decodes and checks the section, and fills in the defaults: the roll-outs of kube-state-metrics, and the
// alerts of Prometheus itself.
func loadContext(s *document.Section) Context {
	c := Context{
		Changes: Expr{`changes(kube_deployment_status_observed_generation[1h]) > 0`},
		Alerts:  Expr{`ALERTS{alertstate="firing"}`},
	}
	if !s.Empty() && s.Decode(&c) {
		checkLabelNames(s, "entity", c.Entity)
		if c.Calls != nil {
			s.Require(!c.Calls.Expr.IsZero(), "calls.expr", "is missing")
			checkLabelNames(s, "calls", []string{c.Calls.From, c.Calls.To})
		}
	}
	return c
}

// UnmarshalYAML accepts an expression, or an expression with the names of its labels, which are those of the service
// graphs of Tempo and OpenTelemetry by default.
func (c *Calls) UnmarshalYAML(unmarshal func(any) error) error {
	type plain Calls
	p := plain{From: "client", To: "server"}
	err := unmarshal(&p)
	if _, ok := errors.AsType[*yaml.TypeError](err); ok {
		p = plain{From: "client", To: "server"}
		err = unmarshal(&p.Expr)
	}
	*c = Calls(p)
	return err
}
