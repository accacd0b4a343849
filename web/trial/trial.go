// Package trial runs a detector or a scaler that somebody is trying out over the last days, beside the one in force. It
// runs one at a time, bounds what each may cost, and changes nothing.
package trial

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/prometheus/common/model"

	"github.com/anomaly-exporter/anomaly-exporter/backtest"
	"github.com/anomaly-exporter/anomaly-exporter/config"
	"github.com/anomaly-exporter/anomaly-exporter/web/past"
	"github.com/anomaly-exporter/anomaly-exporter/web/report"
)

// Guards, chosen and not tuned. The command backtest has none of them.
const (
	// MaxSeries is how many series are replayed; more are refused, as by series_limit.
	MaxSeries = 100
	// MaxSteps bounds the steps of a trial, as Prometheus bounds those of a range query.
	MaxSteps = 11_000
	// MaxTime bounds a trial. A hundred series over a week at 5m take half of it on one core.
	MaxTime = 2 * time.Minute
	// MaxBytes bounds the estimated memory of the histories and models of a trial.
	MaxBytes = 256 << 20
)

// File is the name of what is tried out, in errors such as "detector.yml:3: ...".
const File = "detector.yml"

// ErrBusy says that another trial is running.
var ErrBusy = errors.New("another trial is running; try again in a minute")

// Options of Trials. All are required.
type Options struct {
	Config func() *config.Config // the one in force; nil: none yet
	// NewReplayer makes a Replayer for a configuration, which reads what the one in force reads. It bounds the memory and
	// time of each query.
	NewReplayer func(*config.Config) (backtest.Replayer, error)
	// EstimateBytes estimates the memory of a detector with a number of series.
	EstimateBytes func(d config.Detector, series int) int64
	Now           func() time.Time
	MaxTime       time.Duration // of a trial; 0: MaxTime
}

// Trials runs trials. It is safe for concurrent use.
type Trials struct {
	o    Options
	turn chan struct{}
}

// New returns Trials.
func New(o Options) (*Trials, error) {
	if o.Config == nil || o.NewReplayer == nil || o.EstimateBytes == nil || o.Now == nil {
		return nil, errors.New("trial: one of Config, NewReplayer, EstimateBytes and Now is missing")
	}
	if o.MaxTime == 0 {
		o.MaxTime = MaxTime
	}
	return &Trials{o: o, turn: make(chan struct{}, 1)}, nil
}

// A Result is the outcome of a trial.
type Result struct {
	*report.Comparison
	Kind  string   `json:"kind"` // "detector" or "scaler"
	Name  string   `json:"name"`
	Notes []string `json:"notes,omitempty"` // what was cut short
}

// Run tries out a detector or a scaler, given as YAML that config.Config.Replace takes, from start to end; zero: now,
// and three days before the end. The error is a past.Invalid one if that is not possible, ErrBusy if another one is
// running, and context.DeadlineExceeded if it takes too long.
func (t *Trials) Run(ctx context.Context, yaml []byte, start, end time.Time) (*Result, error) {
	now, before, err := t.options(yaml, start, end)
	if err != nil {
		return nil, err
	}
	select {
	case t.turn <- struct{}{}:
		defer func() { <-t.turn }()
	default:
		return nil, ErrBusy
	}
	tooLong := fmt.Errorf("a trial may take %s: choose a shorter time, fewer series or a longer step: %w",
		model.Duration(t.o.MaxTime), context.DeadlineExceeded)
	ctx, cancel := context.WithTimeoutCause(ctx, t.o.MaxTime, tooLong)
	defer cancel()
	c, err := report.Compare(ctx, now, before)
	if ctx.Err() != nil {
		return nil, context.Cause(ctx)
	}
	if err != nil {
		return nil, err
	}
	r := &Result{Comparison: c, Kind: "detector"}
	if len(now.Config.Scalers) > 0 {
		r.Kind, r.Name = "scaler", now.Config.Scalers[0].Name
	} else {
		r.Name = now.Config.Detectors[0].Name
	}
	if c.New.Series >= MaxSeries {
		r.Notes = append(r.Notes, fmt.Sprintf("At most %d series are replayed at the same time here; "+
			"the command backtest replays all.", MaxSeries))
	}
	return r, nil
}

// options returns what to replay of what is tried out, and of that of the same name in force; nil: there is none.
func (t *Trials) options(
	yaml []byte, start, end time.Time,
) (now backtest.Options, before *backtest.Options, err error) {
	running := t.o.Config()
	if running == nil {
		return now, nil, errors.New("no configuration is in force yet")
	}
	tried, err := running.Replace(yaml, File)
	if err != nil {
		return now, nil, past.Invalidf("%w", err)
	}
	if n := len(tried.Detectors) + len(tried.Scalers); n != 1 {
		return now, nil, past.Invalidf("%s:1: want one detector or one scaler, got %d", File, n)
	}
	now = backtest.Options{NewReplayer: t.o.NewReplayer, Now: t.o.Now(), Start: start, End: end}
	if now.End.IsZero() || now.End.After(now.Now) {
		now.End = now.Now
	}
	if now.Start.IsZero() {
		now.Start = now.End.Add(-3 * 24 * time.Hour)
	}
	if now.Config, err = t.limited(tried, now.End.Sub(now.Start)); err != nil {
		return now, nil, err
	}
	inForce := *running
	inForce.Detectors = slices.DeleteFunc(slices.Clone(running.Detectors), func(d config.Detector) bool {
		return len(tried.Detectors) == 0 || d.Name != tried.Detectors[0].Name
	})
	inForce.Scalers = slices.DeleteFunc(slices.Clone(running.Scalers), func(s config.Scaler) bool {
		return len(tried.Scalers) == 0 || s.Name != tried.Scalers[0].Name || s.Load.IsZero()
	})
	if len(inForce.Detectors)+len(inForce.Scalers) == 0 {
		return now, nil, nil
	}
	was := now
	if was.Config, err = t.limited(&inForce, now.End.Sub(now.Start)); err != nil {
		return now, nil, fmt.Errorf("in force: %w", err)
	}
	return now, &was, nil
}

// limited returns a configuration that costs no more than a trial may. It has one detector or scaler.
func (t *Trials) limited(c *config.Config, over time.Duration) (*config.Config, error) {
	limited := *c
	var shape config.Detector
	if len(c.Detectors) > 0 {
		limited.Detectors = slices.Clone(c.Detectors)
		d := &limited.Detectors[0]
		d.SeriesLimit = min(d.SeriesLimit, MaxSeries)
		shape = *d
	} else {
		limited.Scalers = slices.Clone(c.Scalers)
		s := &limited.Scalers[0]
		if s.Load.IsZero() {
			return nil, past.Invalidf("%s:1: scaler %q: load is missing; resources cannot be tried out", File, s.Name)
		}
		s.SeriesLimit = min(s.SeriesLimit, MaxSeries)
		shape = config.Detector{
			Step: s.Step, History: s.History, MinHistory: s.MinHistory, RefitInterval: s.RefitInterval,
			SeriesLimit: s.SeriesLimit,
		}
	}
	step := time.Duration(shape.Step)
	if steps := int(over / step); steps < 0 || steps > MaxSteps {
		return nil, past.Invalidf("start: there are %d steps of %s, and may be %d: choose a shorter time",
			steps, shape.Step, MaxSteps)
	}
	if bytes := t.o.EstimateBytes(shape, shape.SeriesLimit); bytes > MaxBytes {
		return nil, past.Invalidf("%d series with a history of %s at a step of %s take about %d MiB, more than %d: "+
			"choose a shorter history, a longer step or a smaller series_limit",
			shape.SeriesLimit, shape.History, shape.Step, bytes>>20, MaxBytes>>20)
	}
	return &limited, nil
}
