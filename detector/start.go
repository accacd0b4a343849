package detector

import (
	"fmt"
	"slices"
	"sync/atomic"
	"time"

	"github.com/go-kit/log/level"

	"github.com/anomaly-exporter/anomaly-exporter/detector/result"
	"github.com/anomaly-exporter/anomaly-exporter/detector/startup"
)

const (
	// defaultReportEvery is how often the log tells what a start is doing, and how often results of a part of the series
	// are published. Chosen: as long as somebody who watches a start is patient.
	defaultReportEvery = 10 * time.Second
	// earlyGrowth is how many times as many series must be fitted as were published early. Each time the results of all
	// series are rendered anew, which with 100,000 series takes as much CPU as 1,600 fits. Chosen: so few times that this
	// hardly matters.
	earlyGrowth = 2
)

// start is what the first cycle of a group is doing. It belongs to the goroutine of the group, but for unfitted and
// shown.
type start struct {
	running   bool
	progress  startup.Progress
	told      time.Time // in the log
	published int       // series, early
	unfitted  atomic.Int64
	shown     atomic.Pointer[string]
}

// begins notes that a cycle begins, and whether it is the first one.
func (g *group) begins(first bool) {
	s := &g.start
	if s.running = first; first {
		s.told, s.published = g.options.Now(), 0
		s.progress.Read(s.told)
		g.tell()
	}
}

// tell shows what the start is doing, and logs it now and then.
func (g *group) tell() {
	s, now := &g.start, g.options.Now()
	if !s.running {
		return
	}
	text := s.progress.Describe(now)
	s.shown.Store(&text)
	if now.Sub(s.told) >= g.options.reportEvery {
		s.told = now
		level.Info(g.logger).Log("msg", "Starting", "doing", text)
	}
}

// report returns what tells how far the fits of the first cycle are, and publishes their results early; nil: it is not
// the first cycle.
func (g *group) report() result.Report {
	s, begun := &g.start, g.options.Now()
	if !s.running {
		return nil
	}
	s.progress.Fit(begun)
	s.unfitted.Store(int64(len(g.data.All())))
	return func(fitted, of int, soFar func() *result.Batch) {
		s.progress.HaveFitted(fitted, of)
		s.unfitted.Store(int64(of - fitted))
		g.tell()
		now := g.options.Now()
		if soFar == nil || fitted == of || now.Sub(begun) < g.options.reportEvery ||
			fitted < earlyGrowth*s.published {
			return
		}
		b := soFar()
		b.Source, begun, s.published = g.plan.source, now, fitted
		if g.publishEarly(b) {
			g.metrics.Show(b, g.data.Refused())
		}
	}
}

// Unfitted returns how many series of detectors that are starting still get a model of their own.
func (m *Manager) Unfitted() int {
	m.mu.Lock()
	defer m.mu.Unlock()
	n := int64(0)
	for _, s := range m.slots {
		if s.plan.alone {
			n += s.group.start.unfitted.Load()
		}
	}
	return int(n)
}

// Starting returns what the detectors and scalers are doing that have no results yet, a line for each: what their first
// cycle is doing, or why it failed.
func (m *Manager) Starting() (lines []string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for source, s := range m.slots {
		doing := "waiting"
		if text := s.group.start.shown.Load(); text != nil {
			doing = *text
		}
		if s.attempted {
			fault := s.group.fault.Load()
			if fault == nil || s.complete {
				continue
			}
			doing = "failed, trying again: " + fault.Err
		}
		lines = append(lines, fmt.Sprintf("%s: %s", source, doing))
	}
	slices.Sort(lines)
	return lines
}
