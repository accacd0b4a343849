package backtest

import "strings"

const (
	// mostAlerts is how many alerts a week and workload are too many: as in the command init.
	mostAlerts = 1
	// worstError is the relative error of which AnomalyForecastsWorseThanNaive tells.
	worstError = 1.1
	// coverageOff is how far the coverage of intervals may be from their level. Chosen, not tuned.
	coverageOff = 0.15
)

// bad marks what should be looked at before anybody relies on it.
func bad(why ...string) string { return "BAD: " + strings.Join(why, ", ") }

// verdict says whether a detector is fit for alerts.
func (d *Detector) verdict() string {
	switch {
	case d.Series == 0:
		return bad("no series")
	case d.Steps == 0:
		return bad("no score")
	case d.PerWorkload > mostAlerts:
		return bad("too many alerts")
	}
	return "good"
}

// verdict says whether the forecasts for a horizon are fit for use.
func (h *Horizon) verdict() string {
	if h.Forecasts == 0 {
		return "-"
	}
	var why []string
	if h.Error > worstError {
		why = append(why, "error")
	}
	switch off := h.Coverage - h.Level; {
	case off < -coverageOff:
		why = append(why, "interval too narrow")
	case off > coverageOff:
		why = append(why, "interval too wide")
	}
	if len(why) > 0 {
		return bad(why...)
	}
	return "good"
}
