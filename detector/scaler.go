package detector

import (
	"time"

	"github.com/prometheus/prometheus/model/labels"

	"github.com/anomaly-exporter/anomaly-exporter/config"
	"github.com/anomaly-exporter/anomaly-exporter/forecaster"
	"github.com/anomaly-exporter/anomaly-exporter/history"
	"github.com/anomaly-exporter/anomaly-exporter/replicas"
)

// scalerTasks translates a scaler: a task for its load, and one for each of its resources.
func (m *Manager) scalerTasks(cfg *config.Config, c *config.Scaler) ([]identifiedTask, error) {
	var tasks []identifiedTask
	add := func(t identifiedTask, err error) error {
		tasks = append(tasks, t)
		return err
	}
	if !c.Load.IsZero() {
		if err := add(m.loadTask(cfg, c)); err != nil {
			return nil, err
		}
	}
	if c.Resources == nil {
		return tasks, nil
	}
	if !c.Resources.CPU.IsZero() {
		if err := add(m.resourceTask(cfg, c, "cpu", c.Resources.CPU)); err != nil {
			return nil, err
		}
	}
	if !c.Resources.Memory.IsZero() {
		if err := add(m.resourceTask(cfg, c, "memory", c.Resources.Memory)); err != nil {
			return nil, err
		}
	}
	return tasks, nil
}

// scalerTask is what the tasks of a scaler have in common. lookBack is what its models depend on.
func scalerTask(c *config.Scaler, expr config.Expr, lookBack time.Duration) (identifiedTask, error) {
	schedule := newSchedule(c.Step, c.RefitInterval, c.MinHistory, lookBack)
	layout, err := history.NewLayout(time.Duration(c.Step), time.Duration(c.History), schedule.extra(), history.Drop)
	t := identifiedTask{identity: identity{scaler: *c}, task: task{
		name: c.Name, scaler: true, inputs: []input{{expr: expr}},
		queryOffset: time.Duration(c.QueryOffset), limit: c.SeriesLimit, schedule: schedule, layout: layout,
		prepare: func(*series) {},
	}}
	// What only results depend on is no part of the identity.
	t.identity.scaler.Labels, t.identity.scaler.SeriesLimit, t.identity.scaler.CostPerReplicaHour = nil, 0, 0
	return t, err
}

// added are the labels that the results of a scaler get.
func added(c *config.Scaler) map[string]string {
	add := map[string]string{"scaler": c.Name}
	for name, value := range c.Labels {
		add[name] = value
	}
	return add
}

// loadTask recommends replicas.
func (m *Manager) loadTask(cfg *config.Config, c *config.Scaler) (identifiedTask, error) {
	options := replicasOptions(c)
	if _, err := newScaling(c, nil, m.observeFit); err != nil {
		return identifiedTask{}, err
	}
	lookBack := replicas.LookBack(options) + time.Hour // in which a capacity is learned
	if c.History < day*1e6 {
		lookBack += 24 * time.Hour // the load a day before is kept no longer
	}
	t, err := scalerTask(c, c.Load, lookBack)
	if err != nil {
		return t, err
	}
	t.identity.scaler.Resources = nil
	t.newModel = func(of *series) fitted {
		s, _ := newScaling(c, of, m.observeFit) // the options were checked above
		return s
	}
	add := added(c)
	t.base = func(l labels.Labels) Labels {
		return resultLabels(labels.NewBuilder(l).Keep(c.By...).Labels(), add, cfg.Global.EmptyLabels)
	}
	t.results, t.state = scalingResults, scalingState
	t.forecaster = func(s *series) *forecaster.Model {
		if s, _ := s.model.(*scaling); s != nil {
			return s.forecaster
		}
		return nil
	}
	t.asides = []aside{
		asideUtilization: {key: "capacity_per_replica.utilization", expr: c.CapacityPerReplica.Utilization, on: c.By, length: learnFrom, reduce: mean},
		asideReplicas:    {key: "capacity_per_replica.replicas", expr: c.CapacityPerReplica.Replicas, on: c.By, length: learnFrom, reduce: sum},
		asideStartup:     {key: "horizon.startup", expr: c.Horizon.Startup, on: c.By, length: learnFrom, reduce: replicas.UpperQuantile},
	}
	t.account = func(live []*series, part *Part) {
		m.metrics.scaling.settle(c.Name, part.Accounts, c.CostPerReplicaHour)
		m.metrics.scaling.showLearned(c.Name, live)
	}
	return t, nil
}

// resourceTask recommends what the series of an expression should request of a resource, which names the task.
func (m *Manager) resourceTask(cfg *config.Config, c *config.Scaler, resource string, expr config.Expr) (identifiedTask, error) {
	t, err := scalerTask(c, expr, 0)
	if err != nil {
		return t, err
	}
	t.name = c.Name + "/" + resource
	memory := resource == "memory"
	t.identity.scaler = resourceIdentity(c, expr, memory)
	t.newModel = func(of *series) fitted { return newSizing(c, of, memory, m.observeFit) }
	add := added(c)
	t.base = func(l labels.Labels) Labels { return resultLabels(l, add, cfg.Global.EmptyLabels) }
	t.results, t.state = sizingResults, sizingState
	t.forecaster = func(s *series) *forecaster.Model {
		if s, _ := s.model.(*sizing); s != nil {
			return s.forecaster
		}
		return nil
	}
	if memory && !c.Resources.OOM.IsZero() {
		t.asides = []aside{{
			key: "resources.oom", expr: c.Resources.OOM, common: true, length: oomFrom,
			reduce: func(values []float64) float64 { return values[len(values)-1] },
		}}
	}
	return t, nil
}

// resourceIdentity is what of a scaler the models of a resource depend on.
func resourceIdentity(c *config.Scaler, expr config.Expr, memory bool) config.Scaler {
	id := config.Scaler{
		Name: c.Name, Load: expr, Probability: c.Probability, Timezone: c.Timezone,
		Step: c.Step, QueryOffset: c.QueryOffset, History: c.History, MinHistory: c.MinHistory, RefitInterval: c.RefitInterval,
	}
	if memory {
		id.Resources = &config.Resources{OOM: c.Resources.OOM}
	}
	return id
}
