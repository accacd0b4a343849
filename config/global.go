package config

import (
	"strings"
	"time"

	"github.com/prometheus/common/model"

	"github.com/anomaly-exporter/anomaly-exporter/config/document"
)

// Global holds the settings that detectors and scalers inherit, and the limits of the whole program.
type Global struct {
	Step          model.Duration `yaml:"step"`           // resolution of scores and forecasts; a day is a multiple of it
	QueryOffset   model.Duration `yaml:"query_offset"`   // how long to wait for late samples
	History       model.Duration `yaml:"history"`        // length of history that models are fitted on
	MinHistory    model.Duration `yaml:"min_history"`    // a series with less of it is still learning
	RefitInterval model.Duration `yaml:"refit_interval"` // time between two fits of a model
	SeriesLimit   int            `yaml:"series_limit"`   // for each detector and scaler
	Timezone      string         `yaml:"timezone"`       // whose wall clock seasons follow
	Holidays      Holidays       `yaml:"holidays,flow"`

	SampleLimit int      `yaml:"sample_limit"`      // total number of results on /metrics
	EmptyLabels []string `yaml:"empty_labels,flow"` // labels that a result without them gets with the value ""
}

func loadGlobal(s *document.Section) Global {
	// The defaults were chosen, not tuned.
	g := Global{
		Step:          model.Duration(time.Minute),
		QueryOffset:   model.Duration(30 * time.Second),
		History:       model.Duration(14 * 24 * time.Hour),
		MinHistory:    model.Duration(24 * time.Hour),
		RefitInterval: model.Duration(6 * time.Hour),
		SeriesLimit:   2000,
		Timezone:      "UTC",
		SampleLimit:   100_000,
	}
	if !s.Decode(&g) {
		return g
	}
	if g.EmptyLabels == nil {
		g.EmptyLabels = []string{"job", "instance", "namespace", "pod", "container", "service", "endpoint", "node"}
	}
	g.checkInherited(s)
	g.Holidays = g.Holidays.orNil()
	s.Require(g.SampleLimit >= 1, "sample_limit", "%d is not positive", g.SampleLimit)
	checkLabelNames(s, "empty_labels", g.EmptyLabels)
	return g
}

// checkInherited checks the settings that each detector and scaler may override, as they are in force in the section
// s. It returns false if the step is too short to divide by.
func (g Global) checkInherited(s *document.Section) bool {
	const day = 24 * time.Hour
	step := time.Duration(g.Step)
	if step < time.Second {
		s.Errorf("step", "%s is shorter than 1s", g.Step)
		return false
	}
	s.Require(day%step == 0, "step", "a day is not a multiple of %s", g.Step)
	s.RequireOrder(g.Step <= g.MinHistory, "step", g.Step, "min_history", g.MinHistory)
	s.RequireOrder(g.MinHistory <= g.History, "min_history", g.MinHistory, "history", g.History)
	s.Require(g.RefitInterval > 0, "refit_interval", "must be longer than 0s")
	s.Require(g.SeriesLimit >= 1, "series_limit", "%d is not positive", g.SeriesLimit)
	checkTimezone(s, g.Timezone)
	return true
}

// checkHorizon checks a forecast horizon against step and history.
func (g Global) checkHorizon(s *document.Section, key string, horizon model.Duration) {
	s.Require(horizon > 0, key, "must be longer than 0s")
	s.Require(horizon%g.Step == 0, key, "%s is not a multiple of step %s", horizon, g.Step)
	s.Require(horizon <= g.History, key, "%s is longer than history %s", horizon, g.History)
}

func checkTimezone(s *document.Section, name string) {
	// "Local" would make results depend on the machine.
	if name == "Local" {
		s.Errorf("timezone", "%q depends on the machine; use a name such as Europe/Berlin", name)
		return
	}
	if _, err := time.LoadLocation(name); err != nil {
		s.Errorf("timezone", "%s", strings.TrimPrefix(err.Error(), "time: "))
	}
}

// location returns the time zone called name, which Load has checked.
func location(name string) *time.Location {
	loc, err := time.LoadLocation(name)
	if err != nil {
		return time.UTC
	}
	return loc
}
