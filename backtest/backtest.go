// Package backtest replays history through the code that runs live. It reports what the program would have published,
// which alerts that would have raised, and how its forecasts, alerts and recommendations compare with what happened
// afterwards.
package backtest

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/go-kit/log"
	"github.com/go-kit/log/level"
	"github.com/prometheus/prometheus/model/labels"

	"github.com/anomaly-exporter/anomaly-exporter/backtest/openmetrics"
	"github.com/anomaly-exporter/anomaly-exporter/config"
	"github.com/anomaly-exporter/anomaly-exporter/config/suggest"
	"github.com/anomaly-exporter/anomaly-exporter/detector/result"
)

// A Replayer moves the detectors and scalers of a configuration through history.
type Replayer interface {
	// Replay calls emit with the results of each step from start to end, which are those that the program would have
	// published. It returns early if ctx ends.
	Replay(ctx context.Context, start, end time.Time, emit func(*result.Batch)) error
	// ReplaySome is the same for some series only, given by the labels of their input. The results may contain others.
	ReplaySome(
		ctx context.Context, series []labels.Labels, start, end time.Time, emit func(*result.Batch),
	) error
}

// Options configure Run.
type Options struct {
	Config *config.Config
	// NewReplayer makes a Replayer for a configuration. Each detector and each scaler gets its own.
	NewReplayer func(*config.Config) (Replayer, error)
	Logger      log.Logger // nil: nothing is logged

	// Start and End bound the steps that are replayed. Both are included, and rounded down to multiples of each
	// detector's step. Steps that are not due at Now, that is, later than Now minus the query offset, are left out.
	Start, End, Now time.Time
	// Names are the detectors and scalers to replay; none: all. Others are not read.
	Names []string
	// Output is the file for the results and the metrics about their quality, as OpenMetrics text; empty: none. In an
	// existing directory, or a path that ends with a slash, each detector and scaler gets a file. While Run is running,
	// a temporary file with the compressed results is next to it.
	Output string
	// Truth is what alerts are compared with; nil: the truth in the configuration.
	Truth *config.Selector
	// Explain says why a detector had no series until the end, and whether it has some later; nil: nobody knows.
	Explain func(ctx context.Context, detector string) (why string, later bool)
	// Progress is called when a detector or scaler starts, and after each of its steps; nil: no callback. The numbers are
	// those of the steps of all.
	Progress func(doing string, done, total int)
}

func (o *Options) validate() error {
	switch {
	case o.Config == nil || o.NewReplayer == nil:
		return errors.New("a configuration and a replayer are needed")
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

// unanswered is what the errors of reads have, and not those of expressions.
type unanswered interface{ Temporary() bool }

// Run replays history, each detector and scaler by itself, step by step. The configuration stays as it is, except that
// all kinds of results are published. Run returns early if ctx ends. Of several detectors, one whose expression fails
// is reported as such, unless results are written.
func Run(ctx context.Context, o Options) (*Report, error) {
	if err := o.validate(); err != nil {
		return nil, err
	}
	plans, err := o.plans()
	if err != nil {
		return nil, err
	}
	var out *openmetrics.Writer
	if o.Output != "" {
		if out, err = openmetrics.New(o.Output); err != nil {
			return nil, err
		}
		defer out.Close()
	}
	report := &Report{Start: o.Start, End: o.End}
	var replays []*replay
	for _, p := range plans {
		r := newReplay(p)
		failed := o.replay(ctx, p, r, out)
		if failed != nil {
			alone := len(plans) == 1 || p.scaler != nil || out != nil
			if alone || ctx.Err() != nil || errors.As(failed, new(unanswered)) {
				return nil, failed
			}
			r = newReplay(p) // what it had seen until then says nothing
		}
		r.report(report)
		if p.scaler == nil && len(r.order) == 0 {
			d := &report.Detectors[len(report.Detectors)-1]
			switch {
			case failed != nil:
				d.Failed, d.Why = true, failed.Error()
			case o.Explain != nil:
				d.Why, d.Later = o.Explain(ctx, d.Name)
			}
		}
		replays = append(replays, r)
	}
	report.setBudgets(replays)
	if out == nil {
		return report, nil
	}
	return report, out.Finish()
}

// replay replays a detector or scaler, and writes its results to out unless that is nil.
func (o *Options) replay(ctx context.Context, p *plan, r *replay, out *openmetrics.Writer) error {
	if out == nil {
		return p.replay(ctx, o, func(b *result.Batch) error { r.observe(b); return nil })
	}
	if err := out.Begin(p.source, p.config.Outcomes != nil); err != nil {
		return err
	}
	err := p.replay(ctx, o, func(b *result.Batch) error {
		r.observe(b)
		return out.Add(b)
	})
	if err != nil {
		return err
	}
	dropped, err := out.End()
	if dropped > 0 {
		level.Warn(o.Logger).Log("msg", "Dropped results with duplicate or invalid labels",
			p.source.Kind(), p.source.Name, "results", dropped)
	}
	return err
}

// plan says what to replay of one detector or scaler.
type plan struct {
	source     result.Source
	config     *config.Config // with only this detector or scaler
	scaler     *config.Scaler // nil for a detector
	scores     bool           // the detector publishes scores, so there are alerts on them
	bounded    bool           // the same of forecasts for bounds
	step       int64          // ms
	offset     int64          // ms from a step to the publication of its results
	horizons   []int64        // ms
	start, end int64          // steps (ms), both included
	done       int            // steps of the plans before it
	total      int            // steps of all plans
}

// plans returns the plans in the order of the configuration.
func (o *Options) plans() ([]*plan, error) {
	var plans []*plan
	for i := range o.Config.Detectors {
		plans = append(plans, o.planDetector(o.Config.Detectors[i]))
	}
	for i := range o.Config.Scalers {
		if s := o.Config.Scalers[i]; !s.Load.IsZero() {
			plans = append(plans, o.planScaler(s))
		}
	}
	var known []string
	for _, p := range plans {
		known = append(known, p.source.Name)
	}
	for _, name := range o.Names {
		if !slices.Contains(known, name) {
			return nil, fmt.Errorf("the configuration has no detector or scaler %q%s", name, suggest.DidYouMean(name, known))
		}
	}
	if len(o.Names) > 0 {
		plans = slices.DeleteFunc(plans, func(p *plan) bool { return !slices.Contains(o.Names, p.source.Name) })
	}
	if len(plans) == 0 {
		return nil, errors.New("the configuration has no detector or scaler")
	}
	total := 0
	for _, p := range plans {
		p.start = floor(o.Start.UnixMilli(), p.step)
		p.end = floor(min(o.End.UnixMilli(), o.Now.UnixMilli()-p.offset), p.step)
		if p.end < p.start {
			return nil, fmt.Errorf("%s: no step from %s to %s is due yet", p.source, stamp(o.Start), stamp(o.End))
		}
		p.done = total
		total += int((p.end-p.start)/p.step) + 1
	}
	for _, p := range plans {
		p.total = total
	}
	return plans, nil
}

func (o *Options) planDetector(d config.Detector) *plan {
	scores, forecasts := slices.Contains(d.Publish, "score"), slices.Contains(d.Publish, "forecast")
	d.Publish = []string{"score", "onset", "contribution", "expected", "forecast", "state", "model"}
	p := &plan{
		source: result.Source{Name: d.Name},
		config: &config.Config{
			Global: o.Config.Global, RemoteRead: o.Config.RemoteRead,
			Detectors: []config.Detector{d}, Outcomes: o.outcomes(),
		},
		scores: scores, bounded: forecasts && (d.Bounds.Lower != nil || d.Bounds.Upper != nil),
		step:   time.Duration(d.Step).Milliseconds(),
		offset: time.Duration(d.QueryOffset).Milliseconds(),
	}
	for _, h := range d.Forecaster.Horizons {
		p.horizons = append(p.horizons, time.Duration(h).Milliseconds())
	}
	return p
}

func (o *Options) planScaler(s config.Scaler) *plan {
	s.Resources = nil // requests are not replayed
	return &plan{
		source: result.Source{Scaler: true, Name: s.Name},
		config: &config.Config{
			Global: o.Config.Global, RemoteRead: o.Config.RemoteRead, Scalers: []config.Scaler{s},
		},
		scaler: &s,
		step:   time.Duration(s.Step).Milliseconds(),
		offset: time.Duration(s.QueryOffset).Milliseconds(),
	}
}

// outcomes returns what to compare alerts with; nil: nothing.
func (o *Options) outcomes() *config.Outcomes {
	if o.Truth == nil {
		return o.Config.Outcomes
	}
	outcomes := config.Outcomes{LeadWindow: config.DefaultLeadWindow}
	if o.Config.Outcomes != nil {
		outcomes = *o.Config.Outcomes
	}
	outcomes.Truth = o.Truth
	return &outcomes
}

// replay moves a detector or scaler through history, and calls emit with the results of each step until it fails.
func (p *plan) replay(ctx context.Context, o *Options, emit func(*result.Batch) error) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	replayer, err := o.NewReplayer(p.config)
	if err != nil {
		return err
	}
	done := p.done
	o.Progress("reading "+p.source.Name, done, p.total)
	var failed error
	err = replayer.Replay(ctx, time.UnixMilli(p.start), time.UnixMilli(p.end), func(b *result.Batch) {
		if failed != nil {
			return
		}
		if failed = emit(b); failed != nil {
			cancel()
		}
		done++
		o.Progress("replaying "+p.source.Name, done, p.total)
	})
	if failed != nil {
		return fmt.Errorf("%s: %w", p.source, failed)
	}
	return err
}

// Series replays some series of a detector or scaler that Run has replayed, given by the labels of their input. It
// calls emit with the results of each step, which are the same, and may contain those of other series. It takes little
// time: what is slow is to fit the models of all.
func Series(
	ctx context.Context, o Options, source result.Source, series []labels.Labels, emit func(*result.Batch),
) error {
	if err := o.validate(); err != nil {
		return err
	}
	plans, err := o.plans()
	if err != nil {
		return err
	}
	i := slices.IndexFunc(plans, func(p *plan) bool { return p.source == source })
	if i < 0 {
		return fmt.Errorf("the configuration has no %s", source)
	}
	replayer, err := o.NewReplayer(plans[i].config)
	if err != nil {
		return err
	}
	return replayer.ReplaySome(ctx, series, time.UnixMilli(plans[i].start), time.UnixMilli(plans[i].end), emit)
}

// floor returns the largest multiple of step at or below ts.
func floor(ts, step int64) int64 { return ts - ((ts%step)+step)%step }

func stamp(t time.Time) string { return t.UTC().Format(time.RFC3339) }
