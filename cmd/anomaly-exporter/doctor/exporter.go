package doctor

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/anomaly-exporter/anomaly-exporter/cmd/anomaly-exporter/ask"
	"github.com/anomaly-exporter/anomaly-exporter/detector/result"
	"github.com/anomaly-exporter/anomaly-exporter/detector/result/humanize"
	"github.com/anomaly-exporter/anomaly-exporter/web/view"
)

// lateSteps and lateAtLeast say from when on the newest step is late: results disappear at the same age.
const (
	lateSteps   = 3
	lateAtLeast = 5 * time.Minute
)

// checkExporter asks the exporter for its detectors: how old their newest steps are, and what has no score.
func (d *doctor) checkExporter(ctx context.Context) bool {
	var answer struct {
		Detectors []view.Detector `json:"detectors"`
	}
	if err := d.exporter.API(ctx, "detectors", all(), &answer); err != nil {
		if f, ok := errors.AsType[*ask.Failure](err); ok {
			d.failed(Error, "exporter", f)
		}
		return false
	}
	d.detectors = answer.Detectors
	if len(d.detectors) == 0 {
		d.add(Warning, "exporter", "add detectors to its configuration", "it has no detector and no scaler")
	}
	d.checkSteps()
	d.checkSeries()
	return true
}

// checkSeries tells what has no score. That nothing has a series has one cause, and is one line.
func (d *doctor) checkSeries() {
	if d.allEmpty() {
		d.add(Warning, "scores", "if the Prometheus was started just now, wait for two steps, else check-config says why",
			"none of %d detectors and scalers has a series now", len(d.detectors))
		return
	}
	for i := range d.detectors {
		d.checkScores(&d.detectors[i])
	}
}

// allEmpty reports whether there are several detectors and scalers, all with results, and none with a series.
func (d *doctor) allEmpty() bool {
	return len(d.detectors) > 1 && !slices.ContainsFunc(d.detectors, func(s view.Detector) bool {
		return s.Step == nil || !empty(&s)
	})
}

// empty reports whether no series has a value.
func empty(s *view.Detector) bool { return s.Scored == 0 && len(s.States) == 0 }

// checkSteps tells how old the newest steps are: in one line if all are well.
func (d *doctor) checkSteps() {
	oldest, known := time.Duration(0), 0
	for i := range d.detectors {
		s := &d.detectors[i]
		if s.Failing != nil && (s.Step == nil || s.Stale) {
			d.add(Error, "steps", "", "%s %s fails: %s", s.Kind, s.Name, s.Failing.Error)
			continue
		}
		if s.Step == nil {
			d.add(Warning, "steps", "wait: a start reads the whole history; then see the log of the exporter",
				"%s %s has no results yet", s.Kind, s.Name)
			continue
		}
		age := d.now.Sub(*s.Step)
		late := max(lateAtLeast, lateSteps*time.Duration(s.StepSeconds*float64(time.Second)))
		if s.Stale || age > late {
			d.add(Error, "steps", "see the log of the exporter: can it read Prometheus, and do its cycles keep up?",
				"the newest step of %s %s is %s old", s.Kind, s.Name, humanize.Duration(age))
			continue
		}
		known++
		oldest = max(oldest, age)
	}
	if known > 0 {
		d.add(OK, "steps", "", "%d of %d detectors and scalers have a step that is at most %s old",
			known, len(d.detectors), humanize.Duration(oldest))
	}
}

// checkScores tells which series of a detector have no score, and until when.
func (d *doctor) checkScores(s *view.Detector) {
	what := "score"
	if s.Kind == "scaler" {
		what = "recommendation"
	}
	if s.Step == nil {
		return
	}
	if empty(s) {
		d.add(Warning, "scores", "look at its expression in Prometheus", "%s %s has no series now", s.Kind, s.Name)
		return
	}
	if s.Refused > 0 {
		d.add(Warning, "scores", "aggregate or select fewer, or raise series_limit",
			"%s %s refuses %d series over series_limit: they have no results", s.Kind, s.Name, s.Refused)
	}
	total := s.Scored
	for _, state := range s.States {
		total += state.Series
	}
	if s.Scored > 0 {
		d.add(OK, "scores", "", "%s %s: %d of %d series have a %s", s.Kind, s.Name, s.Scored, total, what)
	}
	for _, state := range s.States {
		status := OK
		if state.State == result.Failed || state.State == result.Stale || s.Scored == 0 && state.State == result.Learning {
			status = Warning
		}
		if l := state.Learning; l != nil {
			until := ""
			if state.Series > 1 && state.AllScored != nil && state.AllScored.After(l.FirstScore) {
				until = ", the last " + state.AllScored.Format("2 Jan 15:04") + " UTC"
			}
			d.add(status, "scores", "", "%s %s: %d of %d series without a %s, learning: %s%s",
				s.Kind, s.Name, state.Series, total, what, l, until)
			continue
		}
		d.add(status, "scores", "", "%s %s: %d of %d series without a %s, %s (%s): %s",
			s.Kind, s.Name, state.Series, total, what, state.State, state.Reason, state.Text)
	}
}
