package detector

import (
	"context"
	"fmt"
	"hash/fnv"
	"reflect"
	"runtime/debug"
	"sync/atomic"
	"time"

	"github.com/go-kit/log"
	"github.com/go-kit/log/level"
	"github.com/prometheus/prometheus/storage"

	"github.com/anomaly-exporter/anomaly-exporter/detector/alerting"
	"github.com/anomaly-exporter/anomaly-exporter/detector/dataset"
	"github.com/anomaly-exporter/anomaly-exporter/detector/dataset/query"
	"github.com/anomaly-exporter/anomaly-exporter/detector/metrics"
	"github.com/anomaly-exporter/anomaly-exporter/detector/outage"
	"github.com/anomaly-exporter/anomaly-exporter/detector/result"
	"github.com/anomaly-exporter/anomaly-exporter/detector/schedule"
)

const (
	// firstRetry and lastRetry bound the waits after cycles that failed. Chosen, not tuned: a server that restarts is
	// back within seconds, and one that is down for longer is not asked more often than in each default step.
	firstRetry = 2 * time.Second
	lastRetry  = time.Minute

	// maxJitter bounds the offset between the cycles of different detectors, so that they do not all read in the same
	// second. Chosen: a default scrape interval; a quarter of the step if that is shorter.
	maxJitter = 15 * time.Second
)

// group runs the cycles of one source: it reads the newest steps, advances all models to them, and publishes a Batch.
// It belongs to the goroutine that calls its methods, except for change, which is safe for concurrent use. The Manager
// withdraws its results if they become too old.
type group struct {
	plan     plan
	data     *dataset.Dataset
	pipeline Pipeline
	alerts   *alerting.Tracker // nil for a scaler, which has no scores
	batch    *result.Batch

	evaluator query.Evaluator
	options   *Options
	logger    log.Logger
	outages   *outage.Log
	metrics   *metrics.Metrics
	logged    map[string]bool // warnings that have been logged
	took      time.Duration   // the newest read; 0: there was none
	publish   func(*result.Batch)
	// publishEarly takes results of which some series are not fitted yet, and reports whether they are published.
	publishEarly func(*result.Batch) bool
	attempted    func(now time.Time) // called after each cycle
	start        start               // what the first cycle is doing
	readFrom     int64               // where history began when it was read again for older data

	fault atomic.Pointer[result.Fault] // why the newest cycle that failed did; nil: none has

	// pending is the newest plan that is not in force yet. Only the newest counts, so plans cannot overtake each other.
	pending atomic.Pointer[change]
	wake    chan struct{} // signals that a plan is pending
}

// change is a plan that keeps the models, and the source to read from.
type change struct {
	plan   plan
	source storage.Queryable
}

func newGroup(p plan, source storage.Queryable, o *Options, m *metrics.Metrics) *group {
	logger := log.With(o.Logger, "component", "detector", p.source.Kind(), p.source.ID())
	g := &group{
		plan:      p,
		evaluator: query.Evaluator{Engine: o.Engine, Source: source},
		options:   o,
		logger:    logger,
		outages:   outage.New(log.With(o.Logger, "component", "detector")),
		metrics:   m,
		logged:    map[string]bool{},
		wake:      make(chan struct{}, 1),
	}
	g.begin()
	m.Begin(p.source, p.schedule.Step)
	m.Quality.Compare(p.source, p.graded())
	return g
}

// begin forgets all histories and models, so that the next cycle reads them again.
func (g *group) begin() {
	p := &g.plan
	fitting := schedule.Fitting{Workers: g.options.Limits.workers, Observe: g.timeFit}
	g.data = dataset.New(p.datasetOptions(g.options, g.logger))
	g.pipeline = p.newPipeline(fitting, g.logger)
	g.batch = nil
	if !p.source.Scaler {
		g.alerts = alerting.New(p.schedule.Step)
		g.alerts.CompareWith(p.outcomes)
	}
}

// run calls cycle for every step as soon as the step is complete, and immediately for the first. After a failure it
// retries soon, and backs off if that fails too.
func (g *group) run(ctx context.Context) {
	var (
		retry time.Duration
		since time.Time // of the first of the failures
	)
	for {
		if !g.wait(ctx, retry) {
			return
		}
		now := g.options.Now()
		err := g.cycle(ctx, now)
		switch {
		case ctx.Err() != nil:
			return
		case err != nil:
			if retry == 0 {
				since = now
			}
			retry = nextRetry(retry)
			g.outages.Failed(g.plan.source, err, since, now, retry)
		case retry > 0:
			retry = 0
			g.outages.Succeeded(g.plan.source, since, time.UnixMilli(g.data.At()))
		}
	}
}

// nextRetry returns how long to wait after a failure, given the wait before the failed attempt; 0 if that was no retry.
func nextRetry(before time.Duration) time.Duration { return min(max(firstRetry, 2*before), lastRetry) }

// wait waits until the next step is due or, if retry is not 0, for that long. It adopts pending plans meanwhile, and
// looks at the clock again and again, because that may jump. It reports false if ctx ended.
func (g *group) wait(ctx context.Context, retry time.Duration) bool {
	begin := time.Now()
	for {
		rest := retry - time.Since(begin)
		if retry == 0 {
			rest = g.due(g.options.Now())
		}
		if rest <= 0 && ctx.Err() == nil {
			return true
		}
		timer := time.NewTimer(min(rest, g.options.tick))
		select {
		case <-ctx.Done():
			timer.Stop()
			return false
		case <-g.wake:
			g.adopt()
		case <-timer.C:
		}
		timer.Stop()
	}
}

// due returns how long to wait at now until the next step can be read.
func (g *group) due(now time.Time) time.Duration {
	if g.data.At() == 0 || g.data.CatchingUp() || g.setBack(now) {
		return 0
	}
	at := time.UnixMilli(g.data.At() + g.plan.schedule.Step).Add(g.plan.queryOffset + g.jitter())
	return max(0, at.Sub(now))
}

// newest returns the newest step that can be read at now.
func (g *group) newest(now time.Time) int64 {
	return schedule.Floor(now.Add(-g.plan.queryOffset).UnixMilli(), g.plan.schedule.Step)
}

// setBack reports whether the clock was set back since the newest step was read. Less than half a step does not count:
// clocks are corrected by milliseconds all the time, also right after a step.
func (g *group) setBack(now time.Time) bool {
	half := time.Duration(g.plan.schedule.Step) * time.Millisecond / 2
	return g.newest(now.Add(half)) < g.data.At()
}

// jitter returns the offset of the cycles of this source.
func (g *group) jitter() time.Duration {
	span := min(time.Duration(g.plan.schedule.Step)*time.Millisecond/4, maxJitter)
	return time.Duration(g.hash() % uint64(max(span, 1)))
}

// hash returns a hash of the ID of the source, by which sources take their turns.
func (g *group) hash() uint64 {
	h := fnv.New64a()
	h.Write([]byte(g.plan.source.ID()))
	return h.Sum64()
}

// change makes p the next plan to adopt. The models stay.
func (g *group) change(p plan, source storage.Queryable) {
	g.pending.Store(&change{p, source})
	select {
	case g.wake <- struct{}{}:
	default: // already signalled; adopt takes the newest plan
	}
}

// timeFit runs fit and records its duration.
func (g *group) timeFit(model string, fit func()) {
	begin := time.Now()
	fit()
	g.metrics.Fitted(model, time.Since(begin))
}

// adopt puts the newest pending plan in force, and publishes the newest results again as that plan formats them.
func (g *group) adopt() {
	c := g.pending.Swap(nil)
	if c == nil {
		return
	}
	if g.alerts != nil && !reflect.DeepEqual(g.plan.outcomes, c.plan.outcomes) {
		g.alerts.CompareWith(c.plan.outcomes)
		g.metrics.Quality.Compare(c.plan.source, c.plan.graded())
	}
	if g.alerts != nil {
		g.alerts.CountVerdicts(g.plan.verdicts.about, c.plan.verdicts.about)
	}
	g.plan, g.evaluator.Source = c.plan, c.source
	g.relearn(g.data.Configure(c.plan.datasetOptions(g.options, g.logger)))
	g.pipeline.Configure(c.plan.format, c.plan.labeler)
	if g.batch == nil {
		return
	}
	g.batch = g.batch.Relabel(c.plan.format, c.plan.labeler)
	g.publish(g.batch)
}

// relearn drops the models of series whose training data has changed, and those of series that share a model with them.
// The next step fits them again, as after a restart.
func (g *group) relearn(changed []*dataset.Series) {
	keys := map[uint64]bool{}
	for _, s := range changed {
		keys[g.plan.shardKey(s.Labels)] = true
	}
	if len(keys) == 0 {
		return
	}
	for _, s := range g.data.All() {
		if keys[g.plan.shardKey(s.Labels)] {
			g.pipeline.Evict(s)
		}
	}
}

// cycle reads up to the newest step that is due at now, and publishes its results. After a failure the next call
// resumes where this one stopped. If the clock was set back, the steps ahead of it were read too early: history is read
// anew. So it is if the server has got older data.
func (g *group) cycle(ctx context.Context, now time.Time) error {
	defer g.attempted(now)
	g.adopt()
	begin := time.Now()
	step, read, source := g.plan.schedule.Step, g.data.At(), g.plan.source
	to := g.newest(now)
	switch {
	case g.setBack(now):
		level.Warn(g.logger).Log("msg", "The clock was set back, reading history again",
			"step", stamp(to), "read", stamp(read))
		g.begin()
		read = 0
	case to <= read:
		return nil
	case g.older(ctx, to):
		g.begin()
		read = 0
	}
	late := int64(0)
	// After a jump of the clock that is longer than the history, no step is evaluated late: all is read anew.
	if read > 0 && !g.data.CatchingUp() && to-read <= g.plan.data.Layout.Length {
		late = (to-read)/step - 1
	}
	g.metrics.Cycle(source, late)
	first := g.batch == nil
	g.begins(first)
	if err := g.extend(ctx, to, nil); err != nil {
		if ctx.Err() == nil {
			g.fault.Store(&result.Fault{At: now, Err: err.Error()})
		}
		g.metrics.Failure(source)
		return err
	}
	b := g.step(ctx, to)
	g.start.unfitted.Store(0)
	if ctx.Err() != nil {
		return ctx.Err() // it is not complete
	}
	b.Gone, b.Labeler, b.Refused = g.data.Gone(), g.plan.labeler, g.data.Refused()
	g.batch = b
	g.publish(b)

	took := time.Since(begin)
	g.metrics.Published(source, took, to)
	g.metrics.Show(b, g.data.Refused())
	g.metrics.Quality.Observe(b)
	g.showJoins()
	if g.alerts != nil {
		g.alerts.Log(g.logger, b)
	}
	logger := level.Debug(g.logger)
	if first {
		logger = level.Info(g.logger)
	}
	logger.Log("msg", "Cycle done", "step", stamp(to), "series", len(b.Series), "results", b.Len(0), "duration", took)
	return nil
}

// older reports whether history has to be read again, because the server has got older data since. It asks once in a
// refit interval, and not again if reading has not brought any.
func (g *group) older(ctx context.Context, to int64) bool {
	s, seed := g.plan.schedule, g.hash()
	if g.batch == nil || s.Slot(seed, to) == s.Slot(seed, g.data.At()) {
		return false
	}
	begin, ok := g.data.Begin()
	if !ok || begin == g.readFrom {
		return false
	}
	release, err := g.options.Limits.reads.Acquire(ctx, 0, maxAge)
	if err != nil {
		return false
	}
	defer release()
	older, err := g.data.Older(ctx, g.evaluator)
	if err != nil || !older {
		return false // the cycle tells of the error if it goes on
	}
	g.readFrom = begin
	level.Info(g.logger).Log("msg", "The server has older data than when it was read, reading history again",
		"from", stamp(begin))
	return true
}

// extend reads and applies everything up to a step. If emit is not nil, extend calls it with the results of every step
// that it reads.
func (g *group) extend(ctx context.Context, to int64, emit func(*result.Batch)) error {
	for {
		request := dataset.Request{To: to, EveryStep: emit != nil}
		if g.alerts != nil {
			request.Truth, request.TruthBegun = g.alerts.Truth()
		}
		p, ok := g.data.Next(request)
		if !ok {
			return nil
		}
		var ahead *dataset.Plan
		if next, ok := g.data.Ahead(p, request); ok {
			ahead = &next
		}
		slices, err := g.read(ctx, p, ahead)
		if err != nil {
			if g.data.Retry(p, err) {
				continue
			}
			return err
		}
		for _, slice := range slices {
			if err := g.take(ctx, slice, request, emit); err != nil {
				return err
			}
		}
	}
}

// take applies a slice and forgets what is too old. If emit is not nil, it calls that with the results of every step.
func (g *group) take(
	ctx context.Context, slice *dataset.Slice, request dataset.Request, emit func(*result.Batch),
) error {
	g.apply(slice, request.Truth)
	g.start.progress.HaveRead(slice.First, slice.Last, request.To)
	g.tell()
	if emit != nil {
		for at := slice.First; at <= slice.Last; at += g.plan.schedule.Step {
			b := g.step(ctx, at)
			if ctx.Err() != nil {
				return ctx.Err() // it is not complete
			}
			emit(b)
		}
	}
	for _, s := range g.data.Trim() {
		g.pipeline.Evict(s)
		if g.alerts != nil {
			g.alerts.Evict(s.ID)
		}
	}
	return nil
}

// answer is what was read.
type answer struct {
	slices []*dataset.Slice // in order
	took   time.Duration    // for the first, without the wait; 0: it did not read
	err    error
}

// read reads a slice, and maybe the one after it, in a separate goroutine and adopts pending plans meanwhile.
func (g *group) read(ctx context.Context, p dataset.Plan, ahead *dataset.Plan) ([]*dataset.Slice, error) {
	answers, evaluator, expected := make(chan answer, 1), g.evaluator, g.took
	go func() { answers <- g.readSlices(ctx, evaluator, expected, p, ahead) }()
	var tick <-chan time.Time
	if g.start.running {
		ticker := time.NewTicker(g.options.reportEvery)
		defer ticker.Stop()
		tick = ticker.C
	}
	for {
		select {
		case <-tick:
			g.tell()
		case a := <-answers:
			if a.took > 0 {
				g.took = a.took
			}
			return a.slices, a.err
		case <-g.wake:
			g.adopt()
		}
	}
}

// readSlices reads a slice when it is its turn. Unless others want to read, it reads the one ahead at the same time:
// the server answers that while the engine evaluates the first.
func (g *group) readSlices(
	ctx context.Context, e query.Evaluator, expected time.Duration, p dataset.Plan, ahead *dataset.Plan,
) (a answer) {
	release, err := g.options.Limits.reads.Acquire(ctx, expected, maxAge)
	if err != nil {
		return answer{err: err}
	}
	defer release()
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	second := make(chan *dataset.Slice, 1)
	if release, free := g.mayReadAhead(ahead); free {
		go func() {
			defer release()
			slice, _ := g.readSlice(ctx, e, *ahead) // after an error it is read again
			second <- slice
		}()
	} else {
		second <- nil
	}
	begin := time.Now()
	first, err := g.readSlice(ctx, e, p)
	a.took = time.Since(begin)
	if err != nil {
		cancel()
		if slice := <-second; slice != nil {
			slice.Close()
		}
		a.err = err
		return a
	}
	a.slices = append(a.slices, first)
	if slice := <-second; slice != nil {
		a.slices = append(a.slices, slice)
	}
	return a
}

// mayReadAhead begins another read, if there is something to read and nobody else wants to.
func (g *group) mayReadAhead(ahead *dataset.Plan) (release func(), free bool) {
	if ahead == nil {
		return nil, false
	}
	return g.options.Limits.reads.TryAcquire()
}

// readSlice reads a slice. A panic is an error.
func (g *group) readSlice(ctx context.Context, e query.Evaluator, p dataset.Plan) (s *dataset.Slice, err error) {
	defer func() {
		if r := recover(); r != nil {
			s, err = nil, fmt.Errorf("reading panics: %v", r)
			level.Error(g.logger).Log("msg", "Panic while reading", "err", err, "stack", string(debug.Stack()))
		}
	}()
	return p.Read(ctx, e)
}

// apply appends a slice to the histories and passes its truth to the alerts.
func (g *group) apply(slice *dataset.Slice, truth *dataset.Selector) {
	defer slice.Close()
	warnings := slice.Warnings
	if slice.TruthErr != nil {
		warnings = append(warnings, query.Warning{Expr: truth.Expr, Err: slice.TruthErr})
	}
	for _, w := range warnings {
		g.metrics.Warning(g.plan.source)
		g.warnOnce("Query returned a warning", "expr", w.Expr, "err", w.Err)
	}
	if g.alerts != nil {
		g.alerts.Extend(slice, truth)
	}
	g.data.Apply(slice)
}

// step advances the models to a step that has been read, and returns their results. They are not complete if ctx has
// ended.
func (g *group) step(ctx context.Context, at int64) *result.Batch {
	b := g.pipeline.Advance(ctx, at, g.data, g.report())
	b.Source = g.plan.source
	if g.alerts != nil && ctx.Err() == nil {
		g.alerts.Grade(b, g.plan.queryOffset)
	}
	return b
}

// showJoins sets the metrics about joined inputs, and logs once which series were not joined.
func (g *group) showJoins() {
	for _, j := range g.data.Joins() {
		g.metrics.Joined(g.plan.source, j.Input, j.Matched, j.Unmatched)
		if lost := "lost " + j.Input; j.Unmatched == 0 {
			delete(g.logged, lost)
		} else if g.first(lost) {
			level.Warn(g.logger).Log("msg", "Series of an input lack another input, or were refused",
				"input", j.Input, "series", j.Unmatched, "such_as", j.Lost)
		}
		if conflict := "conflict " + j.Input; j.Conflict == nil {
			delete(g.logged, conflict)
		} else if g.first(conflict) {
			level.Error(g.logger).Log("msg", "Several series of an input have the same labels in by: their vector has no score",
				"input", j.Input, "series", j.Conflict[0], "and", j.Conflict[1])
		}
	}
}

// warnOnce logs a warning, unless one with the same message was logged before.
func (g *group) warnOnce(msg string, keyvals ...any) {
	if g.first(msg) {
		level.Warn(g.logger).Log(append([]any{"msg", msg}, keyvals...)...)
	}
}

// first reports whether a key is new, and marks it as logged.
func (g *group) first(key string) bool {
	known := g.logged[key]
	g.logged[key] = true
	return !known
}

// stamp formats a time, in milliseconds since the epoch, for the log.
func stamp(ms int64) string { return time.UnixMilli(ms).UTC().Format(time.RFC3339) }
