package config

import (
	"strings"
	"time"

	"github.com/prometheus/common/model"
)

// Global holds what detectors and scalers inherit, and the limits of the whole
// program.
type Global struct {
	Step          model.Duration `yaml:"step"`           // resolution of scores and forecasts; divides a day
	QueryOffset   model.Duration `yaml:"query_offset"`   // how long to wait for late samples
	History       model.Duration `yaml:"history"`        // what models are fitted on
	MinHistory    model.Duration `yaml:"min_history"`    // below it a series is still learning
	RefitInterval model.Duration `yaml:"refit_interval"` // how often models are fitted anew
	SeriesLimit   int            `yaml:"series_limit"`   // of one detector or scaler
	Timezone      string         `yaml:"timezone"`       // whose wall clock the seasons follow
	Holidays      Holidays       `yaml:"holidays,flow"`

	SampleLimit int      `yaml:"sample_limit"`      // results on /metrics in all
	EmptyLabels []string `yaml:"empty_labels,flow"` // what a result carries empty if it lacks it
}

func loadGlobal(s *section) Global {
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
	if !s.decode(&g) {
		return g
	}
	if g.EmptyLabels == nil {
		g.EmptyLabels = []string{"job", "instance", "namespace", "pod", "container", "service", "endpoint", "node"}
	}
	g.checkInherited(s)
	g.Holidays = g.Holidays.orNil()
	s.require(g.SampleLimit >= 1, "sample_limit", "%d is not positive", g.SampleLimit)
	checkLabelNames(s, "empty_labels", g.EmptyLabels)
	return g
}

// checkInherited checks what may be set per detector and scaler too, as resolved
// for the section s, and says whether the step can be divided by.
func (g Global) checkInherited(s *section) bool {
	const day = 24 * time.Hour
	step := time.Duration(g.Step)
	if step < time.Second {
		s.errorf("step", "%s is shorter than 1s", g.Step)
		return false
	}
	s.require(day%step == 0, "step", "a day is not a multiple of %s", g.Step)
	s.requireOrder(g.Step <= g.MinHistory, "step", g.Step, "min_history", g.MinHistory)
	s.requireOrder(g.MinHistory <= g.History, "min_history", g.MinHistory, "history", g.History)
	s.require(g.RefitInterval > 0, "refit_interval", "must be longer than 0s")
	s.require(g.SeriesLimit >= 1, "series_limit", "%d is not positive", g.SeriesLimit)
	checkTimezone(s, g.Timezone)
	return true
}

// checkHorizon checks a forecast's reach against step and history.
func (g Global) checkHorizon(s *section, key string, horizon model.Duration) {
	s.require(horizon > 0, key, "must be longer than 0s")
	s.require(horizon%g.Step == 0, key, "%s is not a multiple of step %s", horizon, g.Step)
	s.require(horizon <= g.History, key, "%s is longer than history %s", horizon, g.History)
}

func checkTimezone(s *section, name string) {
	// "Local" would make the results depend on the machine.
	if name == "Local" {
		s.errorf("timezone", "%q is not the name of a zone; write one such as Europe/Berlin", name)
		return
	}
	if _, err := time.LoadLocation(name); err != nil {
		s.errorf("timezone", "%s", strings.TrimPrefix(err.Error(), "time: "))
	}
}

// location is the zone called name, which has been checked by Load.
func location(name string) *time.Location {
	loc, err := time.LoadLocation(name)
	if err != nil {
		return time.UTC
	}
	return loc
}
