package detector

import (
	"context"
	"fmt"
	"hash/fnv"
	"reflect"
	"runtime/debug"
	"slices"
	"sync"
	"time"

	"github.com/go-kit/log"
	"github.com/go-kit/log/level"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/storage"

	"github.com/anomaly-exporter/anomaly-exporter/config"
	"github.com/anomaly-exporter/anomaly-exporter/forecaster"
	"github.com/anomaly-exporter/anomaly-exporter/history"
)

const (
	maxJitter = 15 * time.Second // cycles of different detectors are apart by up to this
	// vanishedPerLive bounds the series that are remembered without having values now, in case they come back.
	vanishedPerLive = 4
	dropModelAfter  = 15 // steps without a value
)

// task is what a group computes: a detector or a scaler, translated.
type task struct {
	name   string
	scaler bool

	inputs       []input // what is read of each series: one, but for a detector of several signals
	joint        *by     // how the series of several inputs become one; nil: there is one input
	mask, mute   *config.Selector
	lower, upper bound
	asides       []aside
	queryOffset  time.Duration
	limit        int
	schedule     schedule
	layout       history.Layout
	pooling      *pooling // nil: every series has a model of its own

	newModel func(s *series) fitted
	// base makes the labels of a series' results; ok is false for a series that cannot be published.
	base func(l labels.Labels) Labels
	// results adds what is known of the live series at part.Time.
	results func(live []*series, part *Part)
	// prepare does the costly part of results for one series, on any core.
	prepare func(s *series)
	// state says why a series has no result, "" if it has; forecaster is what forecasts it, nil if nothing does.
	state      func(s *series, at int64) (state, reason string)
	forecaster func(s *series) *forecaster.Model
	// score is that of a series at a step, NaN if it has none; nil for what gives no scores.
	score func(s *series, at int64) float64
	// outcomes says what alerts are compared with; nil: with nothing.
	outcomes *config.Outcomes
	// quality says how good the forecasts of the live series were of late, by horizon; nil if nobody asks for them.
	quality func(live []*series) map[string]quality
	// account counts what a part of a scaler has meant; nil if it has no load.
	account func(live []*series, part *Part)
}

// group runs the cycles of one task: it reads the newest steps, brings the models of all series up to them, and hands a Part to publish.
// Its methods are called by one goroutine at a time.
type group struct {
	task
	evaluator   evaluator
	logger      log.Logger
	metrics     *metrics
	concurrency int
	publish     func(*Part)

	read    int64 // last step that was read; 0 if none
	coarse  bool  // whether read is still in the part of the history that is kept at the coarse step
	slicer  slicer
	series  map[uint64][]*series
	pools   map[string]*pool // by what the siblings agree on
	refused map[uint64]bool  // at the newest read, by hash
	noted   map[string]bool  // what was logged already and need not be again
	part    *Part            // published last
	looked  int64            // step at which findings were looked for last
	grader  *grader
}

// cycle brings everything to the newest step that is due at now. After a failure it may be called again and goes on where it stopped; what was
// published before ages.
func (g *group) cycle(ctx context.Context, now time.Time) error {
	begin := time.Now()
	to := floor(now.Add(-g.queryOffset).UnixMilli(), g.schedule.step)
	if to <= g.read {
		return nil
	}
	g.metrics.cycles.WithLabelValues(g.name).Inc()
	if g.read > 0 && !g.coarse {
		g.metrics.missed.WithLabelValues(g.name).Add(float64((to-g.read)/g.schedule.step - 1))
	}
	first := g.part == nil
	if err := g.extend(ctx, to); err != nil {
		g.metrics.failures.WithLabelValues(g.name).Inc()
		g.age(now)
		return err
	}
	live, part := g.step(to)
	g.part = part
	g.publish(part)

	took := time.Since(begin)
	g.metrics.duration.WithLabelValues(g.name).Set(took.Seconds())
	g.metrics.lastStep.WithLabelValues(g.name).Set(float64(to) / 1000)
	g.countStates(live)
	g.countJoins()
	g.giveFeedback(live, part)
	g.logFindings(live)
	log := level.Debug(g.logger)
	if first {
		log = level.Info(g.logger)
	}
	log.Log("msg", "Cycle done", "step", time.UnixMilli(to).UTC().Format(time.RFC3339), "series", len(live), "results", part.Len(), "duration", took)
	return nil
}

// replay reads history from start to end, both included, and calls emit with the results of every step, once its feedback is in the metrics. It is
// what cycle does, without waiting for time to pass: a step sees nothing later than itself.
func (g *group) replay(ctx context.Context, start, end int64, emit func(*Part)) error {
	if err := g.extend(ctx, start); err != nil {
		return err
	}
	g.emit(start, emit)
	for g.read < end {
		from, until := g.read, g.slicer.next(g.read, end, g.schedule.step)
		samples, err := g.readSlice(ctx, from+g.schedule.step, until, g.schedule.step, from)
		if err != nil {
			if g.slicer.failed(err, g.schedule.step) {
				continue
			}
			return err
		}
		for at := from + g.schedule.step; at <= until; at += g.schedule.step {
			g.emit(at, emit)
		}
		g.slicer.done(until-from, samples)
		g.read = until
		g.trim()
	}
	return nil
}

// emit calls f with the results of a step that has been read.
func (g *group) emit(at int64, f func(*Part)) {
	live, part := g.step(at)
	if !g.scaler {
		part.Seen = g.see(live, at)
	}
	g.giveFeedback(live, part)
	f(part)
}

// step brings the models to a step that has been read, and returns the series that have a value then, and the results.
func (g *group) step(at int64) ([]*series, *Part) {
	live := g.liveSeries(at)
	g.catchUp(live, at)
	part := &Part{Detector: g.name, Scaler: g.scaler, Time: at}
	g.results(live, part)
	g.grade(live, part)
	return live, part
}

// liveSeries returns the series that have a value at a step, in the order of their labels.
func (g *group) liveSeries(at int64) []*series {
	var live []*series
	g.each(func(s *series) {
		if s.live = s.has(at) || s.live && s.histogram; s.live {
			live = append(live, s)
		} else if s.model != nil && s.at < at-dropModelAfter*g.schedule.step {
			s.model = nil
		}
	})
	slices.SortFunc(live, func(a, b *series) int { return labels.Compare(a.labels, b.labels) })
	return live
}

// catchUp brings the models of the series to a step, on all cores.
func (g *group) catchUp(live []*series, to int64) {
	for _, s := range live {
		if s.base == nil {
			s.base = g.base(s.labels)
		}
	}
	if g.pooling != nil {
		g.catchUpPools(live, to)
		if !g.pooling.forecasts {
			return
		}
	}
	inParallel(g.concurrency, live, func(s *series, window *history.Window) { g.catchUpOne(s, to, window) })
}

// inParallel calls do for all, a few at a time; those that follow each other share a window.
func inParallel[T any](concurrency int, all []T, do func(T, *history.Window)) {
	next := make(chan T)
	var workers sync.WaitGroup
	for range min(concurrency, len(all)) {
		workers.Go(func() {
			var window history.Window
			for one := range next {
				do(one, &window)
			}
		})
	}
	for _, one := range all {
		next <- one
	}
	close(next)
	workers.Wait()
}

// catchUpOne brings one series to a step. A panic costs this series its model, and no other.
func (g *group) catchUpOne(s *series, to int64, window *history.Window) {
	defer func() {
		if r := recover(); r != nil {
			s.broken, s.model = fmt.Errorf("model panics: %v", r), nil
			level.Error(g.logger).Log("msg", "Series is left out", "series", s.labels, "err", s.broken, "stack", string(debug.Stack()))
		}
	}()
	if s.histogram || s.broken != nil && g.schedule.slot(s.seed, to) != to {
		return
	}
	s.broken = nil
	g.schedule.catchUp(s, to, func() fitted { return g.newModel(s) }, window)
	g.prepare(s)
}

// countStates renews the gauges about the group's series.
func (g *group) countStates(live []*series) {
	count := map[[2]string]int{}
	models, refused := map[string]int{}, 0
	for _, s := range live {
		state, reason := g.state(s, g.read)
		if state == "" {
			state = "scored"
		}
		count[[2]string{state, reason}]++
		if m := g.forecaster(s); m != nil {
			models[m.Name()]++
			if m.RefitRejected() {
				refused++
			}
		}
	}
	if n := g.countPools(); n > 0 {
		models[peersModel] = n
	}
	byName := prometheus.Labels{"detector": g.name}
	g.metrics.series.DeletePartialMatch(byName)
	g.metrics.models.DeletePartialMatch(byName)
	for state, n := range count {
		g.metrics.series.WithLabelValues(g.name, state[0], state[1]).Set(float64(n))
	}
	for name, n := range models {
		g.metrics.models.WithLabelValues(g.name, name).Set(float64(n))
	}
	g.metrics.refused.WithLabelValues(g.name).Set(float64(len(g.refused)))
	g.metrics.refusedRefits.WithLabelValues(g.name).Set(float64(refused))
}

// giveFeedback renews the metrics about how good the results were.
func (g *group) giveFeedback(live []*series, part *Part) {
	if g.outcomes != nil {
		g.metrics.outcomes.count(g.name, part.Outcomes)
	}
	if g.account != nil {
		g.account(live, part)
	}
	if g.quality == nil {
		return
	}
	for horizon, q := range g.quality(live) {
		g.metrics.mase.WithLabelValues(g.name, horizon).Set(q.mase)
		g.metrics.bias.WithLabelValues(g.name, horizon).Set(q.bias)
		g.metrics.coverage.WithLabelValues(g.name, horizon).Set(q.coverage)
	}
}

// due is how long to wait at now until the next step can be read.
func (g *group) due(now time.Time) time.Duration {
	if g.read == 0 || g.coarse {
		return 0
	}
	at := time.UnixMilli(g.read + g.schedule.step).Add(g.queryOffset + g.jitter())
	return max(0, at.Sub(now))
}

// change gives the group a task that keeps its models, and publishes its results as that task has them.
func (g *group) change(t task, source storage.Queryable) {
	if !reflect.DeepEqual(g.outcomes, t.outcomes) {
		g.grader = newGrader(t.outcomes, t.schedule.step)
		g.metrics.outcomes.begin(t.name, t.outcomes != nil)
	}
	g.task, g.evaluator.source = t, source
	g.each(func(s *series) { s.base, s.horizons = nil, nil })
	if g.part == nil || g.part.stale {
		return
	}
	_, g.part = g.step(g.part.Time)
	g.publish(g.part)
}

// warn counts a warning of a query, and logs it once.
func (g *group) warn(expr string, warning error) {
	g.metrics.warnings.WithLabelValues(g.name).Inc()
	g.note("Query has a warning", "expr", expr, "err", warning)
}

// age replaces results that are too old by the state "stale".
func (g *group) age(now time.Time) {
	limit := max(3*time.Duration(g.schedule.step)*time.Millisecond, 5*time.Minute)
	if g.part == nil || now.Sub(time.UnixMilli(g.part.Time)) <= limit || g.part.stale {
		return
	}
	part := &Part{Detector: g.name, Scaler: g.scaler, Time: g.part.Time, stale: true}
	g.each(func(s *series) {
		if s.at == g.part.Time && s.base != nil && !g.scaler {
			part.Results[ModelState] = append(part.Results[ModelState], Result{s.base.with("state", stateStale, "reason", reasonNoData), 1})
		}
	})
	slices.SortFunc(part.Results[ModelState], func(a, b Result) int { return a.Labels.compare(b.Labels) })
	g.part = part
	g.publish(part)
	level.Warn(g.logger).Log("msg", "Results are too old and were withdrawn", "step", time.UnixMilli(part.Time).UTC().Format(time.RFC3339))
}

func (g *group) find(l labels.Labels) *series {
	for _, s := range g.series[seed(l)] {
		if labels.Equal(s.labels, l) {
			return s
		}
	}
	return nil
}

func (g *group) forget(s *series) {
	g.leave(s)
	g.series[s.seed] = slices.DeleteFunc(g.series[s.seed], func(other *series) bool { return other == s })
	if len(g.series[s.seed]) == 0 {
		delete(g.series, s.seed)
	}
}

func (g *group) each(f func(*series)) {
	for _, same := range g.series {
		for _, s := range same {
			f(s)
		}
	}
}

// note logs a warning once.
func (g *group) note(msg string, keyvals ...any) { g.noteOf(msg, msg, keyvals...) }

// noteOf logs a warning once for each of the things that key tells apart.
func (g *group) noteOf(key, msg string, keyvals ...any) {
	if !g.noted[key] {
		g.noted[key] = true
		level.Warn(g.logger).Log(append([]any{"msg", msg}, keyvals...)...)
	}
}

// jitter spreads the cycles of the detectors, so that they do not all read at the same second.
func (g *group) jitter() time.Duration {
	h := fnv.New64a()
	h.Write([]byte(g.name))
	span := min(time.Duration(g.schedule.step)*time.Millisecond/4, maxJitter)
	return time.Duration(h.Sum64() % uint64(max(span, 1)))
}

func milliseconds(d model.Duration) int64 { return time.Duration(d).Milliseconds() }
