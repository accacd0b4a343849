package config

import (
	"math"
	"time"

	"github.com/prometheus/common/model"

	"github.com/anomaly-exporter/anomaly-exporter/config/document"
)

// Scaler says how to recommend a number of replicas for a load, and resource requests for usage. It has a load,
// resources or both. Values inherited from global are filled in.
type Scaler struct {
	Name               string     `yaml:"name"`
	Load               Expr       `yaml:"load,omitempty"`
	CapacityPerReplica Capacity   `yaml:"capacity_per_replica,omitempty"` // in the unit of the load
	DataRange          [2]float64 `yaml:"data_range,flow"`                // smallest and largest possible load
	By                 []string   `yaml:"by,omitempty,flow"`              // labels that tell recommendations apart

	Horizon                Horizon        `yaml:"horizon,omitempty"`
	Probability            float64        `yaml:"probability"` // that load and usage stay within the recommendation
	MaxError               float64        `yaml:"max_error"`   // of forecasts in use, relative to seasonal-naive
	MinReplicas            int            `yaml:"min_replicas"`
	MaxReplicas            int            `yaml:"max_replicas"`
	ScaleDownStabilization model.Duration `yaml:"scale_down_stabilization"`
	CostPerReplicaHour     float64        `yaml:"cost_per_replica_hour"` // 0: unknown
	RunningReplicas        Expr           `yaml:"running_replicas,omitempty"`

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

// Resources are expressions for what containers use. Each series of CPU and Memory gets a recommended request.
type Resources struct {
	CPU    Expr `yaml:"cpu,omitempty"`    // cores
	Memory Expr `yaml:"memory,omitempty"` // bytes
	OOM    Expr `yaml:"oom,omitempty"`    // above 0 where memory ran out
}

func (r *Resources) check(s *document.Section) {
	s.Require(!r.CPU.IsZero() || !r.Memory.IsZero(), "resources", "cpu or memory is missing")
	s.Require(r.OOM.IsZero() || !r.Memory.IsZero(), "resources.oom", "requires memory")
}

// Location returns the time zone whose wall clock seasons follow.
func (sc *Scaler) Location() *time.Location { return location(sc.Timezone) }

// scalerEntry is a Scaler as it is written in the file.
type scalerEntry struct {
	Scaler `yaml:",inline"`
	Cost   *cost `yaml:"cost"` // another way to set the probability
}

// cost holds the cost of a missing and of a superfluous unit of capacity, in any currency. The probability that
// minimizes the expected cost is under / (under + over): the newsvendor problem (Arrow, Harris and Marschak 1951).
type cost struct {
	Under float64 `yaml:"under"`
	Over  float64 `yaml:"over"`
}

// loadScaler decodes and checks a scaler. It checks the values only if those that it inherits from g are valid.
func loadScaler(s *document.Section, g Global, globalValid bool) Scaler {
	entry := scalerEntry{Scaler: Scaler{
		DataRange:              [2]float64{0, math.Inf(1)},
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
	if s.Decode(&entry) && globalValid {
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

// inherited returns those settings that may also be set in global, as they are in force for the scaler.
func (sc *Scaler) inherited() Global {
	return Global{
		Step: sc.Step, QueryOffset: sc.QueryOffset, History: sc.History, MinHistory: sc.MinHistory,
		RefitInterval: sc.RefitInterval, SeriesLimit: sc.SeriesLimit, Timezone: sc.Timezone,
	}
}

// resolveCost sets the probability from the cost, if it is given.
func (e *scalerEntry) resolveCost(s *document.Section) {
	if e.Cost == nil {
		return
	}
	if s.Has("probability") {
		s.Errorf(s.LastOf("cost probability"), "only one of cost and probability may be set")
		return
	}
	under, over := e.Cost.Under, e.Cost.Over
	if !(under > 0 && over > 0) || math.IsInf(under+over, 1) {
		s.Errorf("cost", "under and over must be positive, got %v and %v", under, over)
		return
	}
	e.Probability = under / (under + over)
}

func (sc *Scaler) check(s *document.Section) {
	checkShare(s, "probability", sc.Probability)
	checkResultLabels(s, sc.Labels)
	g := sc.inherited()
	validStep := g.checkInherited(s)

	if sc.Resources != nil {
		sc.Resources.check(s)
		if sc.Load.IsZero() { // what belongs to a load is ignored
			sc.CapacityPerReplica, sc.By, sc.Horizon, sc.MaxError = Capacity{}, nil, Horizon{}, 0
			sc.DataRange = [2]float64{}
			sc.MinReplicas, sc.MaxReplicas, sc.ScaleDownStabilization, sc.CostPerReplicaHour = 0, 0, 0, 0
			sc.RunningReplicas = Expr{}
			return
		}
	}
	s.Require(!sc.Load.IsZero(), "load", "is missing")
	s.Require(sc.DataRange[0] < sc.DataRange[1], "data_range", "%v is not below %v", sc.DataRange[0], sc.DataRange[1])
	sc.CapacityPerReplica.check(s)
	checkLabelNames(s, "by", sc.By)
	s.Require(sc.MaxError > 0, "max_error", "%v is not positive", sc.MaxError)
	s.Require(sc.MinReplicas >= 0, "min_replicas", "%d is negative", sc.MinReplicas)
	if !s.Has("max_replicas") {
		s.Errorf("max_replicas", "is missing")
	} else {
		s.Require(sc.MaxReplicas >= 1, "max_replicas", "%d is not positive", sc.MaxReplicas)
		s.RequireOrder(sc.MinReplicas <= sc.MaxReplicas, "min_replicas", sc.MinReplicas, "max_replicas", sc.MaxReplicas)
	}
	s.Require(sc.CostPerReplicaHour >= 0 && !math.IsInf(sc.CostPerReplicaHour, 1), "cost_per_replica_hour",
		"%v is negative or not finite", sc.CostPerReplicaHour)
	if validStep {
		sc.Horizon.check(s, g)
	}
}
