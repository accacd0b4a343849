// Package outage logs the cycles that fail. If the server does not answer, all detectors and scalers fail for the same
// reason: one line says so for all.
package outage

import (
	"errors"
	"sync"
	"time"

	"github.com/go-kit/log"
	"github.com/go-kit/log/level"

	"github.com/anomaly-exporter/anomaly-exporter/detector/result"
)

// repeat is how often it is logged that cycles of several sources still fail. Chosen: the longest wait between two
// attempts.
const repeat = time.Minute

// unanswered is what the errors of reads have, and not those of expressions.
type unanswered interface {
	error
	Temporary() bool
}

// A Log logs failures of several sources. It is safe for concurrent use.
type Log struct {
	logger log.Logger

	mu      sync.Mutex
	failing map[result.Source]bool // reads are not answered
	several bool                   // of these there have been several
	since   time.Time              // when the first of these failed
	told    time.Time              // when it was logged that several fail
}

// New returns a Log.
func New(logger log.Logger) *Log { return &Log{logger: logger} }

// Failed logs that a cycle of a source failed at now. Its cycles have failed since a time, and are tried again in some
// time.
func (l *Log) Failed(source result.Source, err error, since, now time.Time, in time.Duration) {
	l.mu.Lock()
	defer l.mu.Unlock()
	own := func(to log.Logger) {
		to.Log(source.Kind(), source.ID(), "msg", "Cycle failed, retrying", "err", err, "since", stamp(since), "in", in)
	}
	var read unanswered
	if !errors.As(err, &read) {
		delete(l.failing, source)
		own(level.Error(l.logger))
		return
	}
	if len(l.failing) == 0 {
		l.failing, l.several, l.since, l.told = map[result.Source]bool{}, false, since, time.Time{}
	}
	if l.failing[source] = true; len(l.failing) == 1 {
		own(level.Error(l.logger))
		return
	}
	l.several = true
	if now.Sub(l.told) < repeat && !now.Before(l.told) {
		own(level.Debug(l.logger))
		return
	}
	l.told = now
	level.Error(l.logger).Log("msg", "Cycles fail as the server does not answer, retrying", "failing", len(l.failing),
		"err", read, "since", stamp(l.since), "in", in)
}

// Succeeded logs that a cycle of a source succeeded whose cycles had failed since a time.
func (l *Log) Succeeded(source result.Source, since, step time.Time) {
	l.mu.Lock()
	defer l.mu.Unlock()
	joint := l.failing[source] && l.several
	delete(l.failing, source)
	if joint && len(l.failing) == 0 {
		level.Info(l.logger).Log("msg", "All cycles succeed again", "failed_since", stamp(l.since), "step", stamp(step))
		return
	}
	to := level.Info(l.logger)
	if joint {
		to = level.Debug(l.logger)
	}
	to.Log(source.Kind(), source.ID(), "msg", "Cycle succeeded again", "failed_since", stamp(since), "step", stamp(step))
}

// Forget forgets a source.
func (l *Log) Forget(source result.Source) {
	l.mu.Lock()
	defer l.mu.Unlock()
	delete(l.failing, source)
}

func stamp(t time.Time) string { return t.UTC().Format(time.RFC3339) }
