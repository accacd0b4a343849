package config

import (
	"time"

	"github.com/prometheus/common/model"

	"github.com/anomaly-exporter/anomaly-exporter/config/document"
)

// DefaultLeadWindow is the default of LeadWindow (chosen, not tuned).
const DefaultLeadWindow = model.Duration(30 * time.Minute)

// Outcomes says which incidents the alerts of all detectors are compared with.
type Outcomes struct {
	Truth      *Selector      `yaml:"truth"`       // has a value during an incident; never nil after Load
	LeadWindow model.Duration `yaml:"lead_window"` // longest time from an alert to an incident that it predicts
}

// loadOutcomes decodes and checks the section. It returns nil if there is none.
func loadOutcomes(s *document.Section) *Outcomes {
	if s.Empty() {
		return nil
	}
	o := &Outcomes{LeadWindow: DefaultLeadWindow}
	if s.Decode(o) {
		s.Require(o.Truth != nil, "truth", "is missing")
		o.Truth.check(s, "truth")
		s.Require(o.LeadWindow > 0, "lead_window", "must be longer than 0s")
	}
	return o
}
