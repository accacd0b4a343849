package detector

import (
	"context"
	"fmt"
	"time"

	"github.com/go-kit/log"
	"github.com/prometheus/prometheus/model/labels"

	"github.com/anomaly-exporter/anomaly-exporter/config"
	"github.com/anomaly-exporter/anomaly-exporter/detector/anomaly"
	"github.com/anomaly-exporter/anomaly-exporter/detector/dataset"
	"github.com/anomaly-exporter/anomaly-exporter/detector/result"
	"github.com/anomaly-exporter/anomaly-exporter/detector/scaling"
	"github.com/anomaly-exporter/anomaly-exporter/detector/schedule"
	"github.com/anomaly-exporter/anomaly-exporter/verdict"
)

// A Pipeline turns the series of a step into results. There are three: anomaly.Pipeline, scaling.Replicas and
// scaling.Requests. A Pipeline is used by one goroutine at a time, and keeps its state of each series by the ID of the
// series.
type Pipeline interface {
	// Advance advances the models of the series that have a value at a step (ms) to that step, and returns their
	// results. Steps ascend. When ctx ends it returns soon, with results that are not complete. It calls report in
	// between; nil: it does not.
	Advance(ctx context.Context, step int64, data *dataset.Dataset, report result.Report) *result.Batch
	// Configure changes the format and the labels of results. It does not touch models.
	Configure(f *result.Format, l *result.Labeler)
	// Evict drops the state of a series.
	Evict(s *dataset.Series)
}

// plan is the translated configuration of one source.
type plan struct {
	source      result.Source
	spec        any // what the models depend on; compared on a reload
	data        dataset.Options
	schedule    schedule.Schedule
	format      *result.Format
	labeler     *result.Labeler
	shardKey    func(labels.Labels) uint64 // equal for series that must be in the same process
	alone       bool                       // results of a series depend on no other one
	queryOffset time.Duration
	outcomes    *config.Outcomes // what alerts are graded against; nil: nothing
	verdicts    verdicts
	newPipeline func(schedule.Fitting, log.Logger) Pipeline
}

// newPlans returns the plans for all detectors and scalers of a configuration, with what people say; nil: nobody can.
func newPlans(cfg *config.Config, said *verdict.Set) ([]plan, error) {
	var plans []plan
	for i := range cfg.Detectors {
		d := &cfg.Detectors[i]
		source := result.Source{Name: d.Name}
		p, err := anomaly.NewPlan(cfg, d)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", source, err)
		}
		next := plan{
			source: source, spec: p.Spec, data: p.Data, schedule: p.Schedule, format: p.Format, labeler: p.Labeler,
			shardKey: p.ShardKey, queryOffset: time.Duration(d.QueryOffset), outcomes: cfg.Outcomes,
			alone:       len(d.PoolBy) == 0,
			newPipeline: func(f schedule.Fitting, l log.Logger) Pipeline { return anomaly.New(p, f, l) },
		}
		next.addVerdicts(said)
		plans = append(plans, next)
	}
	for i := range cfg.Scalers {
		c := &cfg.Scalers[i]
		of, err := scaling.NewPlans(cfg, c)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", result.Source{Scaler: true, Name: c.Name}, err)
		}
		for _, p := range of {
			plans = append(plans, plan{
				source: p.Source, spec: p.Spec, data: p.Data, schedule: p.Schedule, format: p.Format, labeler: p.Labeler,
				shardKey: p.ShardKey, queryOffset: time.Duration(c.QueryOffset),
				newPipeline: func(f schedule.Fitting, l log.Logger) Pipeline { return newScaling(p, f, l) },
			})
		}
	}
	return plans, nil
}

func newScaling(p *scaling.Plan, f schedule.Fitting, l log.Logger) Pipeline {
	if p.Source.Resource == "" {
		return scaling.NewReplicas(p, f, l)
	}
	return scaling.NewRequests(p, f, l)
}

// datasetOptions returns the options of the plan's Dataset.
func (p *plan) datasetOptions(o *Options, logger log.Logger) dataset.Options {
	data := p.data
	data.Logger, data.SliceBytes = logger, o.Limits.sliceBytes
	wants := o.Wants
	if !p.alone {
		wants = nil
	}
	if o.Owns != nil || wants != nil {
		data.Owns = func(l labels.Labels) bool {
			return (o.Owns == nil || o.Owns(p.shardKey(l))) && (wants == nil || wants(p.labeler.Labels(l)))
		}
	}
	return data
}
