package config

import (
	"time"

	"github.com/prometheus/common/model"
)

// DefaultLeadWindow is the LeadWindow of an Outcomes that says nothing else.
const DefaultLeadWindow = model.Duration(30 * time.Minute)

// Outcomes says what the alerts of all detectors are compared with.
type Outcomes struct {
	Truth      *Side          `yaml:"truth"`       // has a value where something was wrong; never nil after Load
	LeadWindow model.Duration `yaml:"lead_window"` // how long before an incident an alert may fire to be of it
}

// loadOutcomes returns nil if the section is not there.
func loadOutcomes(s *section) *Outcomes {
	if s.node == nil || resolve(s.node).ShortTag() == nullTag {
		return nil
	}
	o := &Outcomes{LeadWindow: DefaultLeadWindow}
	if s.decode(o) {
		s.require(o.Truth != nil, "truth", "is missing")
		o.Truth.check(s, "truth")
		s.require(o.LeadWindow > 0, "lead_window", "must be longer than 0s")
	}
	return o
}
