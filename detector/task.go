package detector

import (
	"fmt"
	"math"
	"reflect"
	"time"

	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/model/labels"

	"github.com/anomaly-exporter/anomaly-exporter/config"
	"github.com/anomaly-exporter/anomaly-exporter/forecaster"
	"github.com/anomaly-exporter/anomaly-exporter/history"
)

// onsetLookBack is how far the onset looks back.
const onsetLookBack = 24 * time.Hour

// identity is what models depend on in a configuration: what is left of it without what only results depend on.
type identity struct {
	detector config.Detector
	scaler   config.Scaler
}

func (i identity) equal(other identity) bool { return reflect.DeepEqual(i, other) }

type identifiedTask struct {
	task
	identity identity
}

// key tells tasks apart: a scaler may have the name of a detector.
func (t task) key() string {
	if t.scaler {
		return "scaler/" + t.name
	}
	return "detector/" + t.name
}

// title is how errors name a task.
func (t task) title() string {
	if t.scaler {
		return fmt.Sprintf("scaler %q", t.name)
	}
	return fmt.Sprintf("detector %q", t.name)
}

// tasks translates a configuration.
func (m *Manager) tasks(cfg *config.Config) ([]identifiedTask, error) {
	var tasks []identifiedTask
	for i := range cfg.Detectors {
		t, err := m.detectorTask(cfg, &cfg.Detectors[i])
		if err != nil {
			return nil, fmt.Errorf("%s: %w", task{name: cfg.Detectors[i].Name}.title(), err)
		}
		tasks = append(tasks, t)
	}
	for i := range cfg.Scalers {
		of, err := m.scalerTasks(cfg, &cfg.Scalers[i])
		if err != nil {
			return nil, fmt.Errorf("%s: %w", task{name: cfg.Scalers[i].Name, scaler: true}.title(), err)
		}
		tasks = append(tasks, of...)
	}
	return tasks, nil
}

func (m *Manager) detectorTask(cfg *config.Config, d *config.Detector) (identifiedTask, error) {
	missing, err := history.ParseMissing(d.Missing)
	if err != nil {
		return identifiedTask{}, err
	}
	publisher := newPublisher(d)
	onset, lookBack := publisher.publish["onset"], time.Duration(0)
	if onset {
		lookBack = onsetLookBack
	}
	schedule := newSchedule(d.Step, d.RefitInterval, d.MinHistory, lookBack)
	layout, err := history.NewLayout(time.Duration(d.Step), time.Duration(d.History), schedule.extra(), missing)
	if err != nil {
		return identifiedTask{}, err
	}
	var horizons []int
	if publisher.publish["forecast"] || publisher.publish["model"] {
		horizons = steps(d.Forecaster.Horizons, d.Step)
	}
	add := map[string]string{"detector": d.Name}
	for name, value := range d.Labels {
		add[name] = value
	}
	pooled, inputs := len(d.PoolBy) > 0, inputsOf(d)
	t := identifiedTask{identity: identity{detector: *d}, task: task{
		name: d.Name, inputs: inputs, joint: newBy(d), mask: d.Mask, mute: d.Mute,
		lower: publisher.lower, upper: publisher.upper,
		queryOffset: time.Duration(d.QueryOffset), limit: d.SeriesLimit, schedule: schedule, layout: layout,
		newModel: func(s *series) fitted {
			detection := newDetection(d, horizons, onset && !pooled, s.seed, m.observeFit)
			detection.pooled = pooled
			if d.Multivariate() {
				detection.vector = newVector(inputs, s)
			}
			return detection
		},
		base: func(l labels.Labels) Labels {
			with := add
			if name := metricName(l, d.Expr); name != "" {
				with = map[string]string{"metric_name": name}
				for k, v := range add {
					with[k] = v
				}
			}
			return resultLabels(l, with, cfg.Global.EmptyLabels)
		},
		prepare: func(s *series) { s.model.(*detection).look(s.at) },
		quality: publisher.quality,
		results: func(live []*series, part *Part) {
			for _, s := range live {
				publisher.results(s, part)
			}
		},
		state: (*series).state,
		score: func(s *series, at int64) float64 {
			if state, _ := s.state(at); state != "" {
				return math.NaN()
			}
			return s.judge().score.Value
		},
		outcomes: cfg.Outcomes,
		forecaster: func(s *series) *forecaster.Model {
			if d, _ := s.model.(*detection); d != nil {
				return d.forecaster
			}
			return nil
		},
	}}
	if pooled {
		t.pooling = &pooling{
			by:         d.PoolBy,
			forecasts:  len(horizons) > 0,
			options:    newDetection(d, nil, false, 0, nil).scorerOptions,
			newMember:  func(s *series) *detection { return newDetection(d, nil, onset, s.seed, m.observeFit) },
			observeFit: m.observeFit,
		}
	}
	// What only results depend on is no part of the identity. Of what is published, the onset and the forecasts need models.
	t.identity.detector.Publish = []string{fmt.Sprint(onset, horizons)}
	t.identity.detector.Labels, t.identity.detector.SeriesLimit, t.identity.detector.Mute = nil, 0, nil
	return t, nil
}

// refitSteps is a refit interval in steps.
func refitSteps(refit, step model.Duration) int { return int(max(1, (refit+step-1)/step)) }

func newSchedule(step, refit, minHistory model.Duration, lookBack time.Duration) schedule {
	s := schedule{step: milliseconds(step), minHistory: milliseconds(minHistory)}
	up := func(ms int64) int64 { return (ms + s.step - 1) / s.step * s.step }
	s.refit, s.lookBack = int64(refitSteps(refit, step))*s.step, up(lookBack.Milliseconds())
	return s
}

const (
	// seriesBytes is what a series costs beside its history: models, labels, results.
	seriesBytes = 16 << 10
	// memberBytes is what a sibling costs beside that: its habit.
	memberBytes = 2 << 10
)

// extra is how long before the newest step a window may end that is still needed.
func (c schedule) extra() time.Duration {
	return time.Duration(c.lookBack+c.refit+c.step) * time.Millisecond
}

// metricName is the name of the metric that a series is about: its own, or the only one in the expression.
func metricName(l labels.Labels, expr config.Expr) string {
	if name := l.Get(labels.MetricName); name != "" {
		return name
	}
	return expr.MetricName()
}

// observeFit runs a fit and measures it.
func (m *Manager) observeFit(model string, fit func()) {
	begin := time.Now()
	fit()
	m.metrics.fitDuration.WithLabelValues(model).Observe(time.Since(begin).Seconds())
}

// EstimateBytes estimates the memory that a detector needs for a number of series whose history is complete.
func EstimateBytes(d config.Detector, series int) int64 {
	schedule := newSchedule(d.Step, d.RefitInterval, d.MinHistory, 0)
	layout := history.Layout{Step: schedule.step, Length: milliseconds(d.History), Overhang: schedule.extra().Milliseconds()}
	each := int64(max(1, len(d.Inputs)))*layout.Bytes() + seriesBytes
	if len(d.PoolBy) > 0 {
		each += memberBytes
	}
	return int64(series) * each
}
