// Package detector runs the cycles: it reads history, keeps the models of every series, scores and forecasts, and publishes one immutable
// Snapshot.
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
)

const (
	firstRetry = 2 * time.Second
	lastRetry  = time.Minute
)

var errStopped = errors.New("stopping")

// Options of a Manager.
type Options struct {
	Engine      *promql.Engine        // evaluates expressions, here
	Logger      log.Logger            // nil: nothing is logged
	Registerer  prometheus.Registerer // of the metrics about the program itself; nil: none
	Now         func() time.Time      // the clock; nil: time.Now
	Concurrency int                   // series fitted at the same time, and detectors reading; 0: 1
	OnPublish   func(*Snapshot)       // called with every new Snapshot, one at a time, in order; it should return soon; nil: nobody listens
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
	o.Concurrency = max(o.Concurrency, 1)
	return nil
}

// Manager runs the detectors and scalers of a configuration, each with its own clock, as Prometheus runs rule groups.
type Manager struct {
	o        Options
	metrics  *metrics
	reading  chan struct{} // bounds the groups that read at the same time
	snapshot atomic.Pointer[Snapshot]

	mu          sync.Mutex // of what follows, and of OnPublish
	config      *config.Config
	runners     map[string]*runner // by key
	published   map[string]*Part   // by key
	ready       bool
	sampleLimit int
	ctx         context.Context // of Run; nil before
	stopped     bool            // Run has ended: nothing may join wg any more
	wg          sync.WaitGroup
}

// New returns a Manager without detectors: see ApplyConfig.
func New(o Options) (*Manager, error) {
	if err := o.validate(); err != nil {
		return nil, err
	}
	m := &Manager{
		o:         o,
		metrics:   newMetrics(o.Registerer),
		reading:   make(chan struct{}, o.Concurrency),
		runners:   map[string]*runner{},
		published: map[string]*Part{},
	}
	m.snapshot.Store(&Snapshot{})
	return m, nil
}

// Snapshot returns the newest results. It is never nil.
func (m *Manager) Snapshot() *Snapshot { return m.snapshot.Load() }

// Ready says whether there are results: every detector and scaler has had a first cycle, and not all of them failed. Once true it stays so.
func (m *Manager) Ready() bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.ready
}

// tried notes that a runner has had a cycle.
func (m *Manager) tried(r *runner) {
	m.mu.Lock()
	defer m.mu.Unlock()
	r.tried = true
	ready := len(m.published) > 0
	for _, r := range m.runners {
		ready = ready && r.tried
	}
	m.ready = m.ready || ready
}

// ApplyConfig makes the Manager run what cfg says over history from q. Detectors that have not changed, but for what they publish, their labels,
// mute and limits, keep their models. One that has changed goes on publishing its old results until its new models are ready; a removed
// one vanishes. On an error nothing changes; it is an error once Run has ended.
func (m *Manager) ApplyConfig(cfg *config.Config, q storage.Queryable) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.stopped {
		return errStopped
	}
	tasks, err := m.tasks(cfg)
	if err != nil {
		return err
	}
	sameSource := m.config != nil && reflect.DeepEqual(m.config.RemoteRead, cfg.RemoteRead)
	runners := map[string]*runner{}
	for _, t := range tasks {
		key := t.key()
		old := m.runners[key]
		if old != nil && sameSource && old.identity.equal(t.identity) {
			old.change(t.task, withoutOwnAlerts{q})
			runners[key] = old
			continue
		}
		r := newRunner(m, t, withoutOwnAlerts{q})
		r.replaces = old
		runners[key] = r
	}
	for key, old := range m.runners {
		if runners[key] == nil {
			old.stop()
			delete(m.published, key)
			m.metrics.forget(old.name)
			if old.group.scaler {
				m.metrics.scaling.forget(old.name)
			} else {
				m.metrics.outcomes.forget(old.name)
			}
		}
	}
	m.config, m.runners, m.sampleLimit = cfg, runners, cfg.Global.SampleLimit
	m.ready = m.ready || len(runners) == 0
	if m.ctx != nil {
		m.startLocked()
	}
	m.refreshLocked()
	return nil
}

// Run runs the cycles until ctx ends, and returns when all have stopped. It runs once.
func (m *Manager) Run(ctx context.Context) error {
	m.mu.Lock()
	m.ctx = ctx
	m.startLocked()
	m.mu.Unlock()
	<-ctx.Done()
	m.mu.Lock()
	m.ctx, m.stopped = nil, true
	m.mu.Unlock()
	m.wg.Wait()
	return nil
}

func (m *Manager) startLocked() {
	for _, r := range m.runners {
		if r.cancel == nil {
			r.start(m.ctx)
		}
	}
}

// Cycle runs one cycle of every detector and scaler as of now, one after the other, without clocks: for those who move time themselves. It must
// not be used while Run runs. The errors of all are joined; the results of those without an error are published.
func (m *Manager) Cycle(ctx context.Context, now time.Time) error {
	var errs []error
	for _, r := range m.sortedRunners() {
		if err := r.cycle(ctx, now); err != nil {
			errs = append(errs, fmt.Errorf("%s: %w", r.title, err))
		}
	}
	return errors.Join(errs...)
}

// Replay moves every detector and scaler through history, one after the other, and calls emit with the results of each step from start to end,
// rounded down to multiples of its step. The results are those that Run would have published, to the bit, and the metrics say what they would have
// said of them. Nothing is published; ctx ends it early. It must not be used together with Run or Cycle.
func (m *Manager) Replay(ctx context.Context, start, end time.Time, emit func(*Part)) error {
	for _, r := range m.sortedRunners() {
		step := r.group.schedule.step
		if err := r.group.replay(ctx, floor(start.UnixMilli(), step), floor(end.UnixMilli(), step), emit); err != nil {
			return fmt.Errorf("%s: %w", r.title, err)
		}
	}
	return nil
}

func (m *Manager) sortedRunners() []*runner {
	m.mu.Lock()
	defer m.mu.Unlock()
	runners := make([]*runner, 0, len(m.runners))
	for _, r := range m.runners {
		runners = append(runners, r)
	}
	slices.SortFunc(runners, func(a, b *runner) int { return cmp.Compare(a.key, b.key) })
	return runners
}

// publish makes a part of a runner visible.
func (m *Manager) publish(r *runner, part *Part) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.runners[r.key] != r && !m.runners[r.key].isReplacing(r) {
		return // removed meanwhile
	}
	if r.replaces != nil {
		if r.overtaken(part, m.published[r.key]) {
			return
		}
		r.replaces.stop()
		r.replaces = nil
	}
	m.published[r.key] = part
	m.refreshLocked()
}

// refreshLocked makes a new Snapshot of what is published.
func (m *Manager) refreshLocked() {
	parts := make([]*Part, 0, len(m.published))
	for _, p := range m.published {
		parts = append(parts, p)
	}
	slices.SortFunc(parts, func(a, b *Part) int {
		return cmp.Or(cmp.Compare(a.Detector, b.Detector), compareBool(a.Scaler, b.Scaler))
	})
	parts, withheld := limit(parts, m.sampleLimit)
	for i, kind := range kinds {
		m.metrics.withheld.WithLabelValues(kind.name).Set(float64(withheld[i]))
	}
	s := &Snapshot{Parts: parts}
	m.snapshot.Store(s)
	if m.o.OnPublish != nil {
		m.o.OnPublish(s)
	}
}

func compareBool(a, b bool) int {
	switch {
	case a == b:
		return 0
	case b:
		return -1
	}
	return 1
}

// runner gives a group its clock.
type runner struct {
	manager  *Manager
	name     string
	key      string // of Manager.runners
	title    string // in errors
	identity identity
	logger   log.Logger
	replaces *runner // goes on until this one has published; guarded by Manager.mu
	cancel   context.CancelFunc
	tried    bool // has had a cycle; guarded by Manager.mu
	waited   bool // has been overtaken; guarded by Manager.mu

	mu    sync.Mutex // of group, held during a cycle
	group *group
}

func newRunner(m *Manager, t identifiedTask, q storage.Queryable) *runner {
	r := &runner{manager: m, name: t.name, key: t.key(), title: t.title(), identity: t.identity}
	kind := "detector"
	if t.scaler {
		kind = "scaler"
	}
	r.logger = log.With(m.o.Logger, "component", "detector", kind, t.name)
	r.group = &group{
		task:        t.task,
		logger:      r.logger,
		metrics:     m.metrics,
		concurrency: m.o.Concurrency,
		publish:     func(p *Part) { m.publish(r, p) },
		series:      map[uint64][]*series{},
		refused:     map[uint64]bool{},
		noted:       map[string]bool{},
		grader:      newGrader(t.outcomes, t.schedule.step),
	}
	r.group.evaluator = evaluator{engine: m.o.Engine, source: q, warn: r.group.warn}
	m.metrics.begin(t.name)
	if !t.scaler {
		m.metrics.outcomes.begin(t.name, t.outcomes != nil)
	}
	return r
}

// overtaken says whether the one that r replaces has published a later step while r fitted its models. It goes on until the next step then, but no
// longer: a task that is always late has to begin too. Another step has another clock.
func (r *runner) overtaken(part, by *Part) bool {
	old := r.replaces.identity
	if by == nil || part.Time >= by.Time || r.waited || r.identity.detector.Step != old.detector.Step || r.identity.scaler.Step != old.scaler.Step {
		return false
	}
	r.waited = true
	return true
}

// isReplacing says whether r is to take over from other.
func (r *runner) isReplacing(other *runner) bool {
	for ; r != nil; r = r.replaces {
		if r == other {
			return true
		}
	}
	return false
}

// change gives the group a task that keeps its models; a cycle that is under way ends first.
func (r *runner) change(t task, q storage.Queryable) {
	r.manager.wg.Go(func() {
		r.mu.Lock()
		defer r.mu.Unlock()
		r.group.change(t, q)
	})
}

func (r *runner) start(parent context.Context) {
	ctx, cancel := context.WithCancel(parent)
	r.cancel = cancel
	r.manager.wg.Go(func() { r.run(ctx) })
}

func (r *runner) stop() {
	if r.replaces != nil {
		r.replaces.stop()
	}
	if r.cancel != nil {
		r.cancel()
	}
}

// run calls cycle for every step once it is complete, at once for the first. After a failure it tries again soon, and less often if that fails
// too.
func (r *runner) run(ctx context.Context) {
	retry := time.Duration(0)
	for {
		wait := retry
		now := r.manager.o.Now()
		if retry == 0 {
			wait = r.due(now)
		}
		select {
		case <-ctx.Done():
			return
		case <-time.After(wait):
		}
		select {
		case r.manager.reading <- struct{}{}:
		case <-ctx.Done():
			return
		}
		err := r.cycle(ctx, r.manager.o.Now())
		<-r.manager.reading
		switch {
		case ctx.Err() != nil:
			return
		case err != nil:
			retry = min(max(firstRetry, 2*retry), lastRetry)
			level.Error(r.logger).Log("msg", "Cycle failed and will be tried again", "err", err, "in", retry)
		default:
			retry = 0
		}
	}
}

func (r *runner) due(now time.Time) time.Duration {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.group.due(now)
}

func (r *runner) cycle(ctx context.Context, now time.Time) error {
	defer r.manager.tried(r)
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.group.cycle(ctx, now)
}
