// Package scaling turns the series of a scaler into recommendations: replicas for its loads, and resource requests.
package scaling

import (
	"fmt"
	"maps"
	"math"
	"slices"
	"time"

	"github.com/prometheus/prometheus/model/labels"

	"github.com/anomaly-exporter/anomaly-exporter/config"
	"github.com/anomaly-exporter/anomaly-exporter/config/promql"
	"github.com/anomaly-exporter/anomaly-exporter/detector/dataset"
	"github.com/anomaly-exporter/anomaly-exporter/detector/result"
	"github.com/anomaly-exporter/anomaly-exporter/detector/schedule"
	"github.com/anomaly-exporter/anomaly-exporter/forecaster"
	"github.com/anomaly-exporter/anomaly-exporter/history"
	"github.com/anomaly-exporter/anomaly-exporter/replicas"
)

// The resources for which requests are recommended.
const (
	cpuResource    = "cpu"
	memoryResource = "memory"
)

// A Spec holds what the models of a scaler depend on. A reload keeps the models as long as it stays the same.
type Spec struct{ scaler config.Scaler }

// newSpec removes the keys that only results depend on, and those for the scaler's other recommendations. All other
// keys count, so a new configuration key drops the models on a reload unless it is removed here.
func newSpec(c *config.Scaler, resource string) Spec {
	s := *c
	s.Labels, s.SeriesLimit, s.CostPerReplicaHour = nil, 0, 0
	if resource == "" {
		s.Resources = nil
		return Spec{s}
	}
	s.Load, s.By, s.CapacityPerReplica, s.Horizon = config.Expr{}, nil, config.Capacity{}, config.Horizon{}
	s.MinReplicas, s.MaxReplicas, s.MaxError, s.ScaleDownStabilization = 0, 0, 0, 0
	s.RunningReplicas = config.Expr{}
	s.DataRange = [2]float64{}
	own := config.Resources{CPU: c.Resources.CPU}
	if resource == memoryResource {
		own = config.Resources{Memory: c.Resources.Memory, OOM: c.Resources.OOM}
	}
	s.Resources = &own
	return Spec{s}
}

// A Plan is the translated configuration of one kind of recommendation of a scaler.
type Plan struct {
	Source   result.Source
	Spec     Spec
	Data     dataset.Options
	Schedule schedule.Schedule
	Format   *result.Format
	Labeler  *result.Labeler

	scaler *config.Scaler
}

// ShardKey returns the same key for series that must be in the same process, which are those of a workload.
func (p *Plan) ShardKey(l labels.Labels) uint64 {
	if by := p.Labeler.Keep; by != nil {
		l = labels.NewBuilder(l).Keep(by...).Labels()
	}
	return dataset.ID(l)
}

// NewPlans translates a scaler of the configuration: it returns a Plan for its load, and one for each of its resources.
func NewPlans(cfg *config.Config, c *config.Scaler) ([]*Plan, error) {
	var plans []*Plan
	if !c.Load.IsZero() {
		p, err := newLoadPlan(cfg, c)
		if err != nil {
			return nil, err
		}
		plans = append(plans, p)
	}
	if c.Resources == nil {
		return plans, nil
	}
	for _, r := range []struct {
		name    string
		expr    config.Expr
		publish result.Selection
	}{
		{cpuResource, c.Resources.CPU, result.CPURequests},
		{memoryResource, c.Resources.Memory, result.MemoryRequests},
	} {
		if r.expr.IsZero() {
			continue
		}
		p, err := newPlan(cfg, c, r.name, r.expr, r.publish, 0)
		if err != nil {
			return nil, err
		}
		if r.name == memoryResource && !c.Resources.OOM.IsZero() {
			p.Data.Auxiliaries = []dataset.Auxiliary{{
				Selector: dataset.Selector{Key: "resources.oom", Expr: c.Resources.OOM.String()},
				Length:   oomFrom,
				Reduce:   slices.Max[[]float64],
			}}
		}
		plans = append(plans, p)
	}
	return plans, nil
}

func newLoadPlan(cfg *config.Config, c *config.Scaler) (*Plan, error) {
	o := replicasOptions(c)
	if _, err := replicas.New(o); err != nil {
		return nil, err
	}
	lookBack := replicas.LookBack(o) + time.Hour // the capacity is learned once an hour
	p, err := newPlan(cfg, c, "", c.Load, result.Recommendations, lookBack)
	if err != nil {
		return nil, err
	}
	p.Labeler.Keep = append([]string{}, c.By...)
	p.Data.Range = c.DataRange
	auxiliary := func(key string, expr config.Expr, reduce func([]float64) float64) dataset.Auxiliary {
		return dataset.Auxiliary{
			Selector: dataset.Selector{Key: key, Expr: expr.String(), On: c.By},
			All:      len(c.By) == 0,
			Length:   learnFrom,
			Reduce:   reduce,
		}
	}
	p.Data.Auxiliaries = []dataset.Auxiliary{
		utilization: auxiliary("capacity_per_replica.utilization", c.CapacityPerReplica.Utilization, mean),
		sharing:     auxiliary("capacity_per_replica.replicas", c.CapacityPerReplica.Replicas, sum),
		startup:     auxiliary("horizon.startup", c.Horizon.Startup, replicas.UpperQuantile),
		running:     auxiliary("running_replicas", c.RunningReplicas, sum),
	}
	return p, nil
}

// newPlan returns what all plans of a scaler share. lookBack is how far before the newest step the models depend on
// data.
func newPlan(
	cfg *config.Config, c *config.Scaler,
	resource string, expr config.Expr, publish result.Selection, lookBack time.Duration,
) (*Plan, error) {
	s := schedule.New(time.Duration(c.Step), time.Duration(c.RefitInterval), time.Duration(c.MinHistory), lookBack)
	layout, err := history.NewLayout(time.Duration(c.Step), time.Duration(c.History), s.Overhang(), history.Drop)
	if err != nil {
		return nil, fmt.Errorf("history: %w", err)
	}
	// Loads are few, and a spike of a minute is what they need replicas for: what recurs must be seen on all days.
	layout.Whole = resource == ""
	p := &Plan{
		Source:   result.Source{Scaler: true, Name: c.Name, Resource: resource},
		Spec:     newSpec(c, resource),
		Schedule: s,
		Data: dataset.Options{
			Inputs: []dataset.Input{{Expr: expr.String(), LookBack: expr.LookBack()}}, Kept: []promql.Kept{expr.Kept()},
			Layout: layout, Limit: c.SeriesLimit, Vacant: schedule.DropAfter * s.Step,
		},
		Format: result.NewFormat(result.Format{
			Publish: publish | result.States, Step: time.Duration(c.Step), MinHistory: time.Duration(c.MinHistory),
			CostPerHour: c.CostPerReplicaHour,
			Inputs:      []result.Input{{}}, Fine: time.Duration(layout.Fine()) * time.Millisecond,
		}),
		Labeler: &result.Labeler{Add: map[string]string{"scaler": c.Name}, Empty: cfg.Global.EmptyLabels, NoName: true},
		scaler:  c,
	}
	maps.Copy(p.Labeler.Add, c.Labels)
	return p, nil
}

// replicasOptions translates the keys for replicas.
func replicasOptions(c *config.Scaler) replicas.Options {
	horizon := time.Duration(c.Horizon.Duration)
	if !c.Horizon.Startup.IsZero() {
		horizon = max(horizon, longestStartup)
	}
	return replicas.Options{
		Step:          time.Duration(c.Step),
		Min:           c.MinReplicas,
		Max:           c.MaxReplicas,
		Horizon:       max(1, int(horizon/time.Duration(c.Step))),
		Probability:   c.Probability,
		MaxError:      c.MaxError,
		Stabilization: time.Duration(c.ScaleDownStabilization),
	}
}

// forecasterOptions returns the options of all forecasts of a scaler, without horizons.
func forecasterOptions(c *config.Scaler) forecaster.Options {
	return forecaster.Options{
		Model:          "auto",
		Step:           time.Duration(c.Step),
		Location:       c.Location(),
		Holiday:        c.Holidays.Include(),
		Refit:          schedule.RefitSteps(time.Duration(c.RefitInterval), time.Duration(c.Step)),
		Level:          0.8, // of the interval, which is not published
		MaxProbability: c.Probability,
		DataRange:      [2]float64{0, math.Inf(1)},
	}
}

func sum(values []float64) float64 {
	total := 0.0
	for _, v := range values {
		total += v
	}
	return total
}

func mean(values []float64) float64 { return sum(values) / float64(len(values)) }
