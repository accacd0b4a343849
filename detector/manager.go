// Package detector applies a configuration: for each detector and scaler it runs a goroutine that reads history,
// maintains the models of all series, and publishes their results in one immutable Snapshot.
package detector

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/go-kit/log"
	"github.com/go-kit/log/level"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/prometheus/promql"
	"github.com/prometheus/prometheus/storage"

	"github.com/anomaly-exporter/anomaly-exporter/config"
	"github.com/anomaly-exporter/anomaly-exporter/detector/absent"
	"github.com/anomaly-exporter/anomaly-exporter/detector/metrics"
	"github.com/anomaly-exporter/anomaly-exporter/detector/outage"
	"github.com/anomaly-exporter/anomaly-exporter/detector/reads"
	"github.com/anomaly-exporter/anomaly-exporter/detector/result"
	"github.com/anomaly-exporter/anomaly-exporter/detector/schedule"
	"github.com/anomaly-exporter/anomaly-exporter/history"
	"github.com/anomaly-exporter/anomaly-exporter/verdict"
)

var errStopped = errors.New("stopping")

const (
	// Results are withdrawn once they are older than both maxAge and maxAgeSteps (docs/metrics.md). Chosen: as long as
	// Prometheus' own look-back, so that a rule never sees results that Prometheus would call stale. A read does not wait
	// longer than maxAge for its turn.
	maxAge      = 5 * time.Minute
	maxAgeSteps = 3

	// defaultTick is how often the age of results and the clock are looked at. Chosen: less than a usual scrape interval.
	defaultTick = 5 * time.Second
)

// Options configure a Manager.
type Options struct {
	Engine     *promql.Engine        // evaluates expressions in this process
	Logger     log.Logger            // nil: nothing is logged
	Registerer prometheus.Registerer // for the exporter's metrics about itself; nil: none
	Now        func() time.Time      // the clock; nil: time.Now
	Limits     *Limits               // nil: one fit and one read at a time
	// OnPublish is called with every new Snapshot, one at a time and in order; nil: no callback. It must not block.
	OnPublish func(*result.Snapshot)
	// Owns reports by shard key whether a series belongs to this process; nil: all do. Series that must stay together,
	// such as the members of a pool, have the same key.
	Owns func(shardKey uint64) bool
	// Wants reports by the labels of its results whether a series of a detector is wanted; nil: all are. The others are
	// neither fitted nor counted by series_limit. Detectors with pool_by keep all: the members of a pool are compared.
	Wants func(result.Labels) bool

	tick, reportEvery time.Duration // see their defaults; tests set others
}

// Limits bounds how many series are fitted, and how many detectors read, at the same time. Several Managers can share
// it.
type Limits struct {
	workers    *schedule.Workers
	reads      *reads.Queue
	sliceBytes int64 // of memory that a group may take for what it reads at once; 0: as much as it needs
}

// NewLimits returns Limits that allow n fits and n reads at the same time, at least one of each. Reads that take longer
// than a few seconds do not keep quick ones waiting: of these as many again may run.
func NewLimits(n int) *Limits { return &Limits{workers: schedule.NewWorkers(n), reads: reads.New(n)} }

const (
	// readShare is the share of the memory limit that all reads together may take. Chosen: the rest is for what stays,
	// and for the garbage collector.
	readShare = 4
)

// WithMemory returns l with slices of history that are small enough for a program that may use so many bytes of memory.
func (l *Limits) WithMemory(bytes int64) *Limits {
	smaller := *l
	smaller.sliceBytes = max(1, bytes/readShare/int64(l.reads.Limit()))
	return &smaller
}

func (o *Options) validate() error {
	if o.Engine == nil {
		return errors.New("no PromQL engine")
	}
	if o.Logger == nil {
		o.Logger = log.NewNopLogger()
	}
	if o.Registerer == nil {
		o.Registerer = prometheus.NewRegistry()
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Limits == nil {
		o.Limits = NewLimits(1)
	}
	if o.tick == 0 {
		o.tick = defaultTick
	}
	if o.reportEvery == 0 {
		o.reportEvery = defaultReportEvery
	}
	return nil
}

// Manager runs the detectors and scalers of a configuration, each on its own schedule, as Prometheus runs rule groups.
type Manager struct {
	o        Options
	logger   log.Logger
	metrics  *metrics.Metrics
	replays  *Limits // of ReplaySeries
	outages  *outage.Log
	snapshot atomic.Pointer[result.Snapshot]

	applying sync.Mutex // serializes ApplyConfig with itself and the start of Run
	running  sync.WaitGroup

	mu          sync.Mutex // guards the fields below, and calls of OnPublish
	config      *config.Config
	below       storage.Queryable // that config is applied to
	said        *verdict.Set      // changes only while applying is held; nil: people cannot say anything
	source      storage.Queryable // both as one
	slots       map[result.Source]*slot
	published   map[result.Source]*result.Batch
	absent      absent.Watch
	ready       bool
	sampleLimit int
	start       func(*slot) // starts the goroutine of a slot; nil unless Run is running
	stopped     bool        // Run has ended
}

// slot holds a group and the group that it replaces. Manager.mu guards its fields.
type slot struct {
	group       *group
	plan        plan   // newest plan
	complete    bool   // the group has published results of all its series
	predecessor *slot  // keeps publishing until the group publishes; nil: none
	stop        func() // stops the group; nil until the group is started
	attempted   bool   // the group has tried a cycle
	deferred    bool   // results were held back once, being older than those of the predecessor
}

// New returns a Manager without detectors; ApplyConfig adds them.
func New(o Options) (*Manager, error) {
	if err := o.validate(); err != nil {
		return nil, err
	}
	m := &Manager{
		o:         o,
		logger:    log.With(o.Logger, "component", "detector"),
		metrics:   metrics.New(o.Registerer),
		replays:   NewLimits(1),
		slots:     map[result.Source]*slot{},
		published: map[result.Source]*result.Batch{},
	}
	m.outages = outage.New(m.logger)
	m.snapshot.Store(&result.Snapshot{})
	return m, nil
}

// Snapshot returns the newest results. It never blocks and never returns nil.
func (m *Manager) Snapshot() *result.Snapshot { return m.snapshot.Load() }

// Ready reports whether there are results: every detector and scaler has tried a first cycle, and not all of them
// failed. Once true, it stays true.
func (m *Manager) Ready() bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.ready
}

// ApplyConfig makes the Manager run cfg over history from q. A detector keeps its models if only what it publishes, its
// labels, mute or limits have changed. Otherwise its old results stay published until its new models are ready. The
// results of a removed detector vanish. The configuration of the last call wins, even if an earlier call is still
// taking effect. On an error nothing changes. After Run has ended, ApplyConfig returns an error.
func (m *Manager) ApplyConfig(cfg *config.Config, q storage.Queryable) error {
	m.applying.Lock()
	defer m.applying.Unlock()
	return m.apply(cfg, q)
}

// apply is ApplyConfig for a caller that holds Manager.applying.
func (m *Manager) apply(cfg *config.Config, q storage.Queryable) error {
	plans, err := newPlans(cfg, m.said)
	if err != nil {
		return err
	}
	idle, err := m.applyPlans(cfg, plans, q)
	for _, g := range idle {
		g.adopt()
	}
	return err
}

// applyPlans replaces the slots by those of the plans. It returns the groups that have a new plan but no goroutine to
// adopt it.
func (m *Manager) applyPlans(cfg *config.Config, plans []plan, q storage.Queryable) (idle []*group, err error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.stopped {
		return nil, errStopped
	}
	below := q
	q = m.said.Over(q)
	sameSource := m.config != nil && reflect.DeepEqual(m.config.RemoteRead, cfg.RemoteRead)
	slots := map[result.Source]*slot{}
	for _, p := range plans {
		old := m.slots[p.source]
		if old == nil || !sameSource || !reflect.DeepEqual(old.plan.spec, p.spec) {
			slots[p.source] = m.newSlot(p, q, old)
			continue
		}
		old.plan = p
		old.group.change(p, q)
		if old.stop == nil {
			idle = append(idle, old.group)
		}
		slots[p.source] = old
	}
	for source, old := range m.slots {
		if slots[source] == nil {
			old.end()
			delete(m.published, source)
			m.forget(source)
			m.metrics.Forget(source)
		}
	}
	m.config, m.below, m.source, m.slots, m.sampleLimit = cfg, below, q, slots, cfg.Global.SampleLimit
	m.ready = m.ready || len(slots) == 0
	m.startSlots()
	m.refresh()
	return idle, nil
}

func (m *Manager) newSlot(p plan, q storage.Queryable, predecessor *slot) *slot {
	m.forget(p.source)
	s := &slot{group: newGroup(p, q, &m.o, m.metrics), plan: p, predecessor: predecessor}
	s.group.outages = m.outages
	s.group.publish = func(b *result.Batch) { m.publish(s, b) }
	s.group.publishEarly = func(b *result.Batch) bool { return m.publishEarly(s, b) }
	s.group.attempted = func(now time.Time) { m.attempted(s, now) }
	return s
}

// forget forgets what the log would say of a source.
func (m *Manager) forget(source result.Source) {
	m.absent.Forget(source)
	m.outages.Forget(source)
}

// Run runs the cycles until ctx ends, and returns when all have stopped. It can be called only once.
func (m *Manager) Run(ctx context.Context) error {
	m.setStart(func(s *slot) {
		ctx, cancel := context.WithCancel(ctx)
		s.stop = cancel
		m.running.Go(func() { s.group.run(ctx) })
	})
	m.withdrawOld(ctx)
	m.setStart(nil)
	m.running.Wait()
	return nil
}

// withdrawOld withdraws results that become too old until ctx ends, whatever their groups are doing meanwhile.
func (m *Manager) withdrawOld(ctx context.Context) {
	ticker := time.NewTicker(m.o.tick)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
			m.age(m.o.Now())
		}
	}
}

// age replaces results that are too old at now by the state "stale". So it does with results that are more than a step
// ahead: the clock was set back.
func (m *Manager) age(now time.Time) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.reportAbsent(now)
	withdrawn := false
	for source, b := range m.published {
		age := now.Sub(time.UnixMilli(b.Step))
		if b.IsStale || age <= max(maxAgeSteps*b.Format.Step, maxAge) && age >= -b.Format.Step {
			continue
		}
		m.published[source], withdrawn = b.Stale(), true
		level.Warn(m.logger).Log("msg", "Withdrew results that are too old, or ahead of the clock",
			source.Kind(), source.ID(), "step", stamp(b.Step), "age", age)
	}
	if withdrawn {
		m.refresh()
	}
}

func (m *Manager) setStart(start func(*slot)) {
	m.applying.Lock()
	defer m.applying.Unlock()
	m.mu.Lock()
	defer m.mu.Unlock()
	m.start, m.stopped = start, start == nil
	m.startSlots()
}

// startSlots starts the slots that have not been started, if Run is running.
func (m *Manager) startSlots() {
	for _, s := range m.slots {
		if m.start != nil && s.stop == nil {
			m.start(s)
		}
	}
}

// Cycle runs one cycle of every detector and scaler as of now, one after the other. It is for callers that control time
// themselves, and must not be used while Run is running. It publishes the results of the cycles that succeed, and joins
// the errors of the others.
func (m *Manager) Cycle(ctx context.Context, now time.Time) error {
	var errs []error
	for _, g := range m.groups() {
		if err := g.cycle(ctx, now); err != nil {
			errs = append(errs, fmt.Errorf("%s: %w", g.plan.source, err))
		}
	}
	m.age(now)
	return errors.Join(errs...)
}

// groups returns the groups, sorted by kind and name.
func (m *Manager) groups() []*group {
	m.mu.Lock()
	defer m.mu.Unlock()
	groups := make([]*group, 0, len(m.slots))
	for _, s := range m.slots {
		groups = append(groups, s.group)
	}
	slices.SortFunc(groups, func(a, b *group) int {
		a1, b1 := a.plan.source, b.plan.source
		return cmp.Or(cmp.Compare(a1.Kind(), b1.Kind()), cmp.Compare(a1.ID(), b1.ID()))
	})
	return groups
}

// attempted records that a group has tried a cycle as of now.
func (m *Manager) attempted(s *slot, now time.Time) {
	m.mu.Lock()
	defer m.mu.Unlock()
	s.attempted = true
	m.ready = m.ready || len(m.published) > 0 && m.allAttempted()
	m.reportAbsent(now)
}

func (m *Manager) allAttempted() bool {
	for _, s := range m.slots {
		if !s.attempted {
			return false
		}
	}
	return true
}

// reportAbsent logs which expressions have no series.
func (m *Manager) reportAbsent(now time.Time) {
	m.absent.Report(m.logger, now, len(m.slots), m.allAttempted())
}

// publish adds the results of a group to the Snapshot, unless the group was removed or has older results than its
// predecessor.
func (m *Manager) publish(s *slot, b *result.Batch) {
	m.mu.Lock()
	defer m.mu.Unlock()
	source := b.Source
	if !m.slots[source].descendsFrom(s) {
		return // removed meanwhile
	}
	if s.predecessor != nil {
		if s.staleAgainst(b, m.published[source]) {
			return
		}
		s.predecessor.end()
		s.predecessor = nil
	}
	if old := m.published[source]; old != nil && old.IsStale && old.Step == b.Step {
		b = b.Stale() // a reload has relabelled what was withdrawn
	}
	m.published[source], s.complete = b, true
	if m.o.Owns == nil && m.o.Wants == nil { // else others may have the series
		m.absent.Observe(m.logger, b, s.plan.data.Layout.Missing == history.Zero)
	}
	m.refresh()
}

// publishEarly adds the results of a group that has not fitted all its series yet, unless there are better ones. It
// reports whether it has.
func (m *Manager) publishEarly(s *slot, b *result.Batch) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	old := m.published[b.Source]
	if m.slots[b.Source] != s || s.predecessor != nil || s.complete && old != nil && !old.IsStale {
		return false
	}
	m.published[b.Source] = b
	m.refresh()
	return true
}

// refresh stores a new Snapshot of the published batches.
func (m *Manager) refresh() {
	snapshot := result.NewSnapshot(result.Sorted(m.published), m.sampleLimit)
	m.metrics.Withheld(snapshot.Counts)
	m.snapshot.Store(snapshot)
	if m.o.OnPublish != nil {
		m.o.OnPublish(snapshot)
	}
}

// descendsFrom reports whether s is other, or will take over from it.
func (s *slot) descendsFrom(other *slot) bool {
	for ; s != nil; s = s.predecessor {
		if s == other {
			return true
		}
	}
	return false
}

// staleAgainst reports whether the predecessor published a later step while s fitted its models. In that case the
// predecessor keeps publishing for one more step, so that results never go back in time. After one deferral s takes
// over regardless, because a group that is always late must start too. Groups with different steps are never compared.
func (s *slot) staleAgainst(b, published *result.Batch) bool {
	sameStep := s.plan.schedule.Step == s.predecessor.plan.schedule.Step
	if published == nil || b.Step >= published.Step || s.deferred || !sameStep {
		return false
	}
	s.deferred = true
	return true
}

// end stops the group and its predecessors.
func (s *slot) end() {
	if s.predecessor != nil {
		s.predecessor.end()
	}
	if s.stop != nil {
		s.stop()
	}
}
