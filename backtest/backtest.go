// Package backtest replays history through the code that runs live. It says what the program would have published and which alerts that would
// have raised, and how its forecasts, its alerts and its recommendations compare with what then happened.
package backtest

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/go-kit/log"
	"github.com/go-kit/log/level"
	"github.com/prometheus/prometheus/promql"
	"github.com/prometheus/prometheus/storage"

	"github.com/anomaly-exporter/anomaly-exporter/config"
	"github.com/anomaly-exporter/anomaly-exporter/detector"
)

// Options of Run.
type Options struct {
	Config      *config.Config
	Source      storage.Queryable // the history
	Engine      *promql.Engine    // evaluates expressions, here
	Logger      log.Logger        // nil: nothing is logged
	Concurrency int               // series fitted at the same time; 0: 1

	// Start and End bound the steps that are replayed, both rounded down to multiples of each detector's step and both included. Steps that are not
	// due yet at Now are left out: those after Now less the query offset.
	Start, End, Now time.Time
	// Names are the detectors and scalers to replay; none: all. The others are not read.
	Names []string
	// Output is a file for the results, and what the program says of them, as OpenMetrics text, or an existing directory (or a path with a slash at its end) for a file per detector and
	// scaler. Empty: none. Beside it lies, while Run runs, a temporary file with the compressed results.
	Output string
	// Truth is compared with instead of what the configuration says; nil: that.
	Truth *config.Selector
	// Progress is called when a detector or scaler begins, and after each of its steps; nil: nobody looks.
	Progress func(title string, done, total int)
}

func (o *Options) validate() error {
	switch {
	case o.Config == nil || o.Source == nil || o.Engine == nil:
		return errors.New("configuration, source and engine are needed")
	case o.End.Before(o.Start):
		return fmt.Errorf("end %s is before start %s", stamp(o.End), stamp(o.Start))
	}
	if o.Logger == nil {
		o.Logger = log.NewNopLogger()
	}
	if o.Progress == nil {
		o.Progress = func(string, int, int) {}
	}
	return nil
}

// Run replays history. Each detector goes through it step by step in a detector.Manager of its own, with the configuration as it is but for what is
// published: that is everything, and scorers and forecasters are those that run live. ctx ends it early.
func Run(ctx context.Context, o Options) (*Report, error) {
	if err := o.validate(); err != nil {
		return nil, err
	}
	tasks, err := o.tasks()
	if err != nil {
		return nil, err
	}
	out, err := newOutput(o.Output)
	if err != nil {
		return nil, err
	}
	defer out.close()

	report := &Report{Start: o.Start, End: o.End}
	for _, t := range tasks {
		spool, err := out.begin()
		if err != nil {
			return nil, err
		}
		r, err := t.replay(ctx, o, spool)
		if err != nil {
			return nil, err
		}
		if err := out.end(t); err != nil {
			return nil, err
		}
		r.report(report)
		if r.dropped > 0 {
			level.Warn(o.Logger).Log("msg", "Results were left out that had the labels of another, or such as no server takes", "task", t.title(), "results", r.dropped)
		}
	}
	return report, out.finish()
}

// task is a detector or a scaler.
type task struct {
	config     *config.Config // with nothing else in it
	name       string
	scaler     *config.Scaler // nil for a detector
	step       int64          // ms
	offset     int64          // ms, how long after a step its results are published
	horizons   []int64        // ms
	start, end int64          // steps, both included
}

func (t *task) kind() string {
	if t.scaler != nil {
		return "scaler"
	}
	return "detector"
}

func (t *task) title() string { return fmt.Sprintf("%s %q", t.kind(), t.name) }

// tasks returns what is to be replayed, in the order of the configuration.
func (o *Options) tasks() ([]*task, error) {
	var tasks []*task
	outcomes := o.outcomes()
	for _, d := range o.Config.Detectors {
		d.Publish = []string{"score", "onset", "contribution", "expected", "forecast", "state", "model"}
		t := &task{
			config: &config.Config{Global: o.Config.Global, RemoteRead: o.Config.RemoteRead, Detectors: []config.Detector{d}, Outcomes: outcomes},
			name:   d.Name,
			step:   time.Duration(d.Step).Milliseconds(), offset: time.Duration(d.QueryOffset).Milliseconds(),
		}
		for _, h := range d.Forecaster.Horizons {
			t.horizons = append(t.horizons, time.Duration(h).Milliseconds())
		}
		tasks = append(tasks, t)
	}
	for _, s := range o.Config.Scalers {
		if s.Load.IsZero() {
			continue
		}
		s.Resources = nil // requests are not replayed
		tasks = append(tasks, &task{
			config: &config.Config{Global: o.Config.Global, RemoteRead: o.Config.RemoteRead, Scalers: []config.Scaler{s}},
			name:   s.Name, scaler: &s,
			step: time.Duration(s.Step).Milliseconds(), offset: time.Duration(s.QueryOffset).Milliseconds(),
		})
	}
	for _, name := range o.Names {
		if !slices.ContainsFunc(tasks, func(t *task) bool { return t.name == name }) {
			return nil, fmt.Errorf("the configuration has no detector or scaler %q", name)
		}
	}
	if len(o.Names) > 0 {
		tasks = slices.DeleteFunc(tasks, func(t *task) bool { return !slices.Contains(o.Names, t.name) })
	}
	if len(tasks) == 0 {
		return nil, errors.New("the configuration has no detector or scaler")
	}
	for _, t := range tasks {
		t.start = floor(o.Start.UnixMilli(), t.step)
		t.end = floor(min(o.End.UnixMilli(), o.Now.UnixMilli()-t.offset), t.step)
		if t.end < t.start {
			return nil, fmt.Errorf("%s: no step from %s to %s is due yet", t.title(), stamp(o.Start), stamp(o.End))
		}
	}
	return tasks, nil
}

// outcomes says what to compare alerts with; nil: with nothing.
func (o *Options) outcomes() *config.Outcomes {
	if o.Truth == nil {
		return o.Config.Outcomes
	}
	compare := config.Outcomes{LeadWindow: config.DefaultLeadWindow}
	if o.Config.Outcomes != nil {
		compare = *o.Config.Outcomes
	}
	compare.Truth = o.Truth
	return &compare
}

// replay moves a task through history.
func (t *task) replay(ctx context.Context, o Options, spool *spool) (*replay, error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	r := newReplay(t, spool)
	m, err := detector.New(detector.Options{Engine: o.Engine, Logger: o.Logger, Registerer: r.feedback.metrics, Concurrency: o.Concurrency})
	if err != nil {
		return nil, err
	}
	if err := m.ApplyConfig(t.config, o.Source); err != nil {
		return nil, err
	}
	done, total := 0, int((t.end-t.start)/t.step)+1
	o.Progress(t.title(), 0, total)
	err = m.Replay(ctx, time.UnixMilli(t.start), time.UnixMilli(t.end), func(p *detector.Part) {
		if r.err != nil {
			return
		}
		if r.err = r.observe(p); r.err != nil {
			cancel()
		}
		done++
		o.Progress(t.title(), done, total)
	})
	if r.err != nil {
		err = fmt.Errorf("%s: %w", t.title(), r.err)
	}
	return r, err
}

// floor is the largest multiple of step at or below ts.
func floor(ts, step int64) int64 { return ts - ((ts%step)+step)%step }

func stamp(t time.Time) string { return t.UTC().Format(time.RFC3339) }
