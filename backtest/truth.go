package backtest

import (
	"slices"
	"time"

	"github.com/anomaly-exporter/anomaly-exporter/detector"
)

// Truth compares alerts with incidents, as detector.Outcomes does.
type Truth struct {
	Incidents int           // that were decided: an alert was of them, or they ended without
	Found     int           // those with an alert
	Alerts    int           // that were decided: of an incident, or of none
	True      int           // those of an incident
	Lead      time.Duration // from alert to beginning, the median of the incidents found; negative if the alert came later
}

func newTruth(o detector.Outcomes) *Truth {
	return &Truth{
		Incidents: len(o.Leads) + o.FalseNegatives, Found: len(o.Leads),
		Alerts: o.TruePositives + o.FalsePositives, True: o.TruePositives,
		Lead: median(slices.Clone(o.Leads), 0),
	}
}

// Precision is the share of alerts that were true; NaN without alerts.
func (t *Truth) Precision() float64 { return float64(t.True) / float64(t.Alerts) }

// Recall is the share of incidents that were found; NaN without incidents.
func (t *Truth) Recall() float64 { return float64(t.Found) / float64(t.Incidents) }

// median returns the median of values, or what there is without any.
func median[T time.Duration | float64](values []T, without T) T {
	if len(values) == 0 {
		return without
	}
	slices.Sort(values)
	n := len(values)
	return (values[(n-1)/2] + values[n/2]) / 2
}
