package backtest

import (
	"strings"

	"github.com/anomaly-exporter/anomaly-exporter/detector/result"
)

const (
	// mostAlerts is how many alerts a workload may raise in a week. Chosen: what a person bears.
	mostAlerts = 1
	// worstError is the relative error above which AnomalyForecastsWorseThanNaive fires (layout: rules/exporter.yml).
	worstError = 1.1
	// coverageOff is how far the coverage of intervals may be from their level. Chosen, not tuned.
	coverageOff = 0.15
	// leastWidth is below which width, relative to the values, an interval is not too wide: what goes straight, such as
	// a countdown, never leaves one that allows for rounding. The share that errors are raised by.
	leastWidth = 0.01
)

// Bad begins the verdict on what should be looked at before anybody relies on it.
const Bad = "BAD"

// verdict says whether there are problems, for people.
func verdict(problems []string) string {
	if len(problems) == 0 {
		return "good"
	}
	return Bad + ": " + strings.Join(problems, ", ")
}

// PerWorkload returns the alerts per workload and week in which there are results; NaN if there never are.
func (d *Detector) PerWorkload() float64 {
	return float64(d.AllAlerts()) / (float64(d.Workloads) * float64(d.Judged) / float64(week))
}

// AllAlerts returns how many alerts workloads would have raised.
func (d *Detector) AllAlerts() int { return d.WorkloadAlerts + len(d.Breaches) }

// TooManyAlerts tells whether workloads would have alerted more than once a week. One alert of each never is too much:
// nobody knows how often it comes after less than a week.
func (d *Detector) TooManyAlerts() bool {
	return d.PerWorkload() > mostAlerts && d.AllAlerts() > mostAlerts*d.Workloads
}

// Unknown tells whether there is no basis for a verdict yet: nothing to alert on is published, or all series are still
// learning or came later.
func (d *Detector) Unknown() bool {
	learning := strings.HasPrefix(d.Reason, result.Learning+" ")
	return d.Series == 0 && d.Later || d.Series > 0 && d.Workloads == 0 && d.Steps == 0 && (d.NoScore || learning)
}

// Problems says why a detector is not fit for alerts; none: it is.
func (d *Detector) Problems() []string {
	switch {
	case d.Failed:
		return []string{"failed"}
	case d.Series == 0 && !d.Later:
		return []string{"no series"}
	case d.Steps == 0 && !d.NoScore && !d.Unknown():
		return []string{"no score"}
	case d.TooManyAlerts():
		return []string{"too many alerts"}
	}
	return nil
}

// Problems says why the forecasts for a horizon are not fit for use; none: they are, or there is no outcome.
func (h *Horizon) Problems() (why []string) {
	if h.Forecasts == 0 {
		return nil
	}
	if h.Error > worstError {
		why = append(why, "error")
	}
	switch off := h.Coverage - h.Level; {
	case off < -coverageOff:
		why = append(why, "interval too narrow")
	case off > coverageOff && !(h.Width < leastWidth):
		why = append(why, "interval too wide")
	}
	return why
}
