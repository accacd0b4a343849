// Package schedule decides when the models of series are fitted, and shares the cores among the fits.
//
// Fits happen at absolute times, spread over the series by their seeds. So all programs that read the same data fit at
// the same steps, regardless of when they were started, and arrive at the same models.
package schedule

import (
	"context"
	"time"
)

const (
	// Day is a day in milliseconds.
	Day = 24 * 3600 * 1000
	// DropAfter is how many steps a series may have no value before its model is dropped. Chosen: most restarts are
	// shorter; after a longer gap the model is fitted again, with the same result.
	DropAfter = 15
)

// A Schedule says when the models of the series of one detector are fitted. All durations are in milliseconds.
type Schedule struct {
	Step       int64
	Refit      int64 // between two fits; a multiple of Step
	LookBack   int64 // to observe before the newest step, so that results are exact; a multiple of Step
	MinHistory int64 // needed before the first fit
}

// New returns a Schedule. It rounds the refit interval and the look-back up to multiples of the step.
func New(step, refit, minHistory, lookBack time.Duration) Schedule {
	s := Schedule{Step: step.Milliseconds(), MinHistory: minHistory.Milliseconds()}
	s.Refit = int64(RefitSteps(refit, step)) * s.Step
	s.LookBack = (lookBack.Milliseconds() + s.Step - 1) / s.Step * s.Step
	return s
}

// RefitSteps returns a refit interval in steps, at least 1.
func RefitSteps(refit, step time.Duration) int { return int(max(1, (refit+step-1)/step)) }

// Overhang returns how long before the newest step the oldest window ends that is still needed.
func (s Schedule) Overhang() time.Duration {
	return time.Duration(s.LookBack+s.Refit+s.Step) * time.Millisecond
}

// Slot returns the latest time for a fit at or before ts (ms), for models with this seed.
func (s Schedule) Slot(seed uint64, ts int64) int64 {
	phase := int64(seed%uint64(s.Refit/s.Step)) * s.Step
	return Floor(ts-phase, s.Refit) + phase
}

// A Model is fitted at the slots, and observes the steps in between.
type Model interface {
	// Fit replaces the model by one fitted on the window that ends at a step (ms).
	Fit(at int64)
	// Reset drops the model, because the history that ends at a step is too short.
	Reset(at int64)
	// Observe advances the model to the next step.
	Observe(at int64)
	// OldEnough reports whether the history that ends at a step is long enough for a fit.
	OldEnough(at int64) bool
}

// Progress is how far a model has advanced. The zero value is a model that has not started.
type Progress struct {
	At    int64 // newest step (ms) observed
	Young bool  // the history was too short for a fit
	begun bool
}

// Behind reports whether a model must start anew to reach a step, because it has not started or was away for too long.
func (s Schedule) Behind(p Progress, to int64) bool {
	return !p.begun || p.At < to-s.LookBack-s.Refit
}

// Advance advances a model to a step. A model that is Behind must be new: it starts at the last slot before the
// look-back, so that it observes at least the step itself. Both ways lead to the same model. When ctx ends, it stops
// before the step; the next call goes on from there.
func (s Schedule) Advance(ctx context.Context, p *Progress, seed uint64, to int64, m Model) {
	if s.Behind(*p, to) {
		*p = Progress{At: s.Slot(seed, to-max(s.LookBack, s.Step)), begun: true}
		s.fit(p, m)
	}
	for p.At < to && ctx.Err() == nil {
		p.At += s.Step
		m.Observe(p.At)
		if s.Slot(seed, p.At) == p.At || p.Young && m.OldEnough(p.At) {
			s.fit(p, m)
		}
	}
}

func (s Schedule) fit(p *Progress, m Model) {
	if p.Young = !m.OldEnough(p.At); p.Young {
		m.Reset(p.At)
		return
	}
	m.Fit(p.At)
}

// Floor returns the largest multiple of step at or below ts.
func Floor(ts, step int64) int64 { return ts - ((ts%step)+step)%step }
