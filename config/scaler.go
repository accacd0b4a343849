package config

import (
	"math"
	"time"

	"github.com/prometheus/common/model"
)

// Scaler says how a load becomes a number of replicas, and usage becomes requests.
// It has a load, resources, or both. What global sets for all is resolved, as in a
// Detector.
type Scaler struct {
	Name               string   `yaml:"name"`
	Load               Expr     `yaml:"load,omitempty"`
	CapacityPerReplica Capacity `yaml:"capacity_per_replica,omitempty"` // in the unit of the load
	By                 []string `yaml:"by,omitempty,flow"`              // labels that make several recommendations of one scaler

	Horizon                Horizon        `yaml:"horizon,omitempty"`
	Probability            float64        `yaml:"probability"` // with which load and usage stay within what is recommended
	MaxError               float64        `yaml:"max_error"`   // of the forecasts, relative to seasonal-naive
	MinReplicas            int            `yaml:"min_replicas"`
	MaxReplicas            int            `yaml:"max_replicas"`
	ScaleDownStabilization model.Duration `yaml:"scale_down_stabilization"`
	CostPerReplicaHour     float64        `yaml:"cost_per_replica_hour"` // 0: unknown

	Resources *Resources `yaml:"resources,omitempty"`

	Step          model.Duration `yaml:"step"`
	QueryOffset   model.Duration `yaml:"query_offset"`
	History       model.Duration `yaml:"history"`
	MinHistory    model.Duration `yaml:"min_history"`
	RefitInterval model.Duration `yaml:"refit_interval"`
	SeriesLimit   int            `yaml:"series_limit"`

	Timezone string            `yaml:"timezone"`
	Holidays Holidays          `yaml:"holidays,flow"`
	Labels   map[string]string `yaml:"labels,omitempty"`
}

// Resources are what containers use. Each series of CPU and Memory gets a request.
type Resources struct {
	CPU    Expr `yaml:"cpu,omitempty"`    // cores
	Memory Expr `yaml:"memory,omitempty"` // bytes
	OOM    Expr `yaml:"oom,omitempty"`    // over 0 where memory ran out
}

func (r *Resources) check(s *section) {
	s.require(!r.CPU.IsZero() || !r.Memory.IsZero(), "resources", "cpu or memory is missing")
	s.require(r.OOM.IsZero() || !r.Memory.IsZero(), "resources.oom", "is of no use without memory")
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
		Timezone:               g.Timezone,
		Holidays:               g.Holidays,
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
	entry.Holidays = entry.Holidays.orNil()
	return entry.Scaler
}

// inherited are the settings in force that stem from global.
func (sc *Scaler) inherited() Global {
	return Global{
		Step: sc.Step, QueryOffset: sc.QueryOffset, History: sc.History, MinHistory: sc.MinHistory,
		RefitInterval: sc.RefitInterval, SeriesLimit: sc.SeriesLimit, Timezone: sc.Timezone,
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
	checkShare(s, "probability", sc.Probability)
	checkResultLabels(s, sc.Labels)
	g := sc.inherited()
	stepped := g.checkInherited(s)

	if sc.Resources != nil {
		sc.Resources.check(s)
		if sc.Load.IsZero() { // what belongs to a load is of no use, whatever it is
			sc.CapacityPerReplica, sc.By, sc.Horizon, sc.MaxError = Capacity{}, nil, Horizon{}, 0
			sc.MinReplicas, sc.MaxReplicas, sc.ScaleDownStabilization, sc.CostPerReplicaHour = 0, 0, 0, 0
			return
		}
	}
	s.require(!sc.Load.IsZero(), "load", "is missing")
	sc.CapacityPerReplica.check(s)
	checkLabelNames(s, "by", sc.By)
	s.require(sc.MaxError > 0, "max_error", "%v is not positive", sc.MaxError)
	s.require(sc.MinReplicas >= 0, "min_replicas", "%d is negative", sc.MinReplicas)
	if s.lines["max_replicas"] == 0 {
		s.errorf("max_replicas", "is missing")
	} else {
		s.require(sc.MaxReplicas >= 1, "max_replicas", "%d is not positive", sc.MaxReplicas)
		s.requireOrder(sc.MinReplicas <= sc.MaxReplicas, "min_replicas", sc.MinReplicas, "max_replicas", sc.MaxReplicas)
	}
	s.require(sc.CostPerReplicaHour >= 0 && !math.IsInf(sc.CostPerReplicaHour, 1), "cost_per_replica_hour",
		"%v is not a finite number of at least 0", sc.CostPerReplicaHour)
	if stepped {
		sc.Horizon.check(s, g)
	}
}
