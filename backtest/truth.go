package backtest

import (
	"slices"
	"time"

	"github.com/anomaly-exporter/anomaly-exporter/detector/feedback"
)

// Truth compares alerts with incidents, as feedback.Outcomes does.
type Truth struct {
	Incidents int           // decided: had an alert, or ended without one
	Found     int           // with an alert
	Alerts    int           // decided: belong to an incident, or to none
	True      int           // belong to an incident
	Lead      time.Duration // from alert to start, median of the incidents found; negative if the alert came later
}

func newTruth(o feedback.Outcomes) *Truth {
	return &Truth{
		Incidents: len(o.Leads) + o.FalseNegatives, Found: len(o.Leads),
		Alerts: o.TruePositives + o.FalsePositives, True: o.TruePositives,
		Lead: medianOf(o.Leads),
	}
}

// Precision returns the share of alerts that were true; NaN without alerts.
func (t *Truth) Precision() float64 { return float64(t.True) / float64(t.Alerts) }

// Recall returns the share of incidents that were found; NaN without incidents.
func (t *Truth) Recall() float64 { return float64(t.Found) / float64(t.Incidents) }

// medianOf returns the median of durations, or 0 if there are none.
func medianOf(durations []time.Duration) time.Duration {
	n := len(durations)
	if n == 0 {
		return 0
	}
	sorted := slices.Sorted(slices.Values(durations))
	return (sorted[(n-1)/2] + sorted[n/2]) / 2
}
