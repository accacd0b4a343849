package config

import (
	"math"
	"time"

	"github.com/prometheus/common/model"
)

// Scaler says how a load becomes a number of replicas. What global sets for all
// is resolved, as in a Detector.
type Scaler struct {
	Name               string   `yaml:"name"`
	Load               Expr     `yaml:"load"`
	CapacityPerReplica float64  `yaml:"capacity_per_replica"` // in the unit of the load
	By                 []string `yaml:"by,omitempty,flow"`    // labels that make several recommendations of one scaler

	Horizon                model.Duration `yaml:"horizon"`     // a multiple of the step
	Probability            float64        `yaml:"probability"` // with which the load stays within what is recommended
	MaxError               float64        `yaml:"max_error"`   // of the forecasts, relative to seasonal-naive
	MinReplicas            int            `yaml:"min_replicas"`
	MaxReplicas            int            `yaml:"max_replicas"`
	ScaleDownStabilization model.Duration `yaml:"scale_down_stabilization"`

	Step          model.Duration `yaml:"step"`
	QueryOffset   model.Duration `yaml:"query_offset"`
	History       model.Duration `yaml:"history"`
	MinHistory    model.Duration `yaml:"min_history"`
	RefitInterval model.Duration `yaml:"refit_interval"`
	SeriesLimit   int            `yaml:"series_limit"`

	Timezone string            `yaml:"timezone"`
	Labels   map[string]string `yaml:"labels,omitempty"`
}

// Location is the zone whose wall clock the seasons follow.
func (sc *Scaler) Location() *time.Location { return location(sc.Timezone) }

// scalerEntry is a Scaler as it may stand in the file.
type scalerEntry struct {
	Scaler `yaml:",inline"`
	Cost   *cost `yaml:"cost"` // another way to write the probability
}

// cost is what a unit of load too much and a unit of capacity too much cost, in
// any currency.
type cost struct {
	Under float64 `yaml:"under"`
	Over  float64 `yaml:"over"`
}

func loadScaler(s *section, g Global, sound bool) Scaler {
	entry := scalerEntry{Scaler: Scaler{
		Probability:            0.9,
		MaxError:               1.0,
		MinReplicas:            1,
		ScaleDownStabilization: model.Duration(10 * time.Minute),
		Step:                   g.Step,
		QueryOffset:            g.QueryOffset,
		History:                g.History,
		MinHistory:             g.MinHistory,
		RefitInterval:          g.RefitInterval,
		SeriesLimit:            g.SeriesLimit,
		Timezone:               "UTC",
	}}
	if s.decode(&entry) && sound {
		entry.resolveCost(s)
		entry.check(s)
	}
	if len(entry.By) == 0 {
		entry.By = nil
	}
	if len(entry.Labels) == 0 {
		entry.Labels = nil
	}
	return entry.Scaler
}

// inherited are the settings in force that stem from global.
func (sc *Scaler) inherited() Global {
	return Global{
		Step: sc.Step, QueryOffset: sc.QueryOffset, History: sc.History, MinHistory: sc.MinHistory,
		RefitInterval: sc.RefitInterval, SeriesLimit: sc.SeriesLimit,
	}
}

func (e *scalerEntry) resolveCost(s *section) {
	if e.Cost == nil {
		return
	}
	if s.lines["probability"] != 0 {
		s.errorf(s.mentioned("cost probability"), "only one of cost and probability may be set")
		return
	}
	under, over := e.Cost.Under, e.Cost.Over
	if !(under > 0 && over > 0) || math.IsInf(under+over, 1) {
		s.errorf("cost", "under and over must be positive, got %v and %v", under, over)
		return
	}
	e.Probability = under / (under + over)
}

func (sc *Scaler) check(s *section) {
	s.require(sc.Load != Expr{}, "load", "is missing")
	if s.lines["capacity_per_replica"] == 0 {
		s.errorf("capacity_per_replica", "is missing")
	} else {
		s.require(sc.CapacityPerReplica > 0 && !math.IsInf(sc.CapacityPerReplica, 1),
			"capacity_per_replica", "%v is not positive and finite", sc.CapacityPerReplica)
	}
	checkLabelNames(s, "by", sc.By)
	checkShare(s, "probability", sc.Probability)
	s.require(sc.MaxError > 0, "max_error", "%v is not positive", sc.MaxError)
	s.require(sc.MinReplicas >= 0, "min_replicas", "%d is negative", sc.MinReplicas)
	if s.lines["max_replicas"] == 0 {
		s.errorf("max_replicas", "is missing")
	} else {
		s.require(sc.MaxReplicas >= 1, "max_replicas", "%d is not positive", sc.MaxReplicas)
		s.requireOrder(sc.MinReplicas <= sc.MaxReplicas, "min_replicas", sc.MinReplicas, "max_replicas", sc.MaxReplicas)
	}
	checkTimezone(s, sc.Timezone)
	checkResultLabels(s, sc.Labels)

	g := sc.inherited()
	if !g.checkInherited(s) {
		return
	}
	if s.lines["horizon"] == 0 { // 15m, or the next multiple of the step
		steps := (model.Duration(15*time.Minute) + g.Step - 1) / g.Step
		sc.Horizon = steps * g.Step
	}
	g.checkHorizon(s, "horizon", sc.Horizon)
}
