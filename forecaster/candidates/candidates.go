// Package candidates makes the forecasts that "auto" combines: some thirty closed forms over one State of a series.
//
// They are cheap enough to try them all on every series. Most series of servers and services are noise about levels
// that shift, under a daily pattern, with spikes: hence means of several lengths, medians beside them, and patterns of
// the day that a single spike does not mark.
package candidates

import (
	"math"

	"github.com/anomaly-exporter/anomaly-exporter/forecaster/autoregression"
	"github.com/anomaly-exporter/anomaly-exporter/forecaster/window"
)

// The candidates, in the order of names. Exported are those that a combination has to know.
const (
	LastValue = iota
	candSteady
	candLevelFast
	candLevelMiddle
	candLevelSlow
	candDayMean
	candWeekMean
	candYesterday
	DayProfile
	candYesterdayDrift
	candYesterday8h
	candProfile8h
	candYesterday48h
	candProfile48h
	candProfileShifted
	ChangesAR
	DayProfileAR
	candTrendHours
	candTrendDay
	candScaled8h
	numPlain // the candidates before it follow what is there now; those after it look past spikes
)

const (
	candMedianShort = numPlain + iota
	candMedianLong
	candDayMedian
	candWeekMedian
	candUsual
	candUsual8h
	candUsualShifted
	candUsualNow
	candUsualScaled
	numDaily
)

const (
	candLastWeek = numDaily + iota
	candLastWeekDrift
	candWeekProfile8h
	candWeekProfile
	candLastWeek48h
	candLastWeekScaled
	numCandidates
)

var names = [numCandidates]string{
	"last_value", "steady_line", "level_fast", "level_middle", "level_slow", "day_mean", "week_mean",
	"yesterday", "day_profile", "yesterday_drift",
	"yesterday_fading_8h", "day_profile_fading_8h", "yesterday_fading_48h", "day_profile_fading_48h",
	"day_profile_shifted", "autoregression", "day_profile_autoregression",
	"trend_hours", "trend_day", "day_profile_scaled",
	"median_short", "median_long", "day_median", "week_median",
	"usual_day", "usual_day_fading_8h", "usual_day_shifted", "usual_day_now", "usual_day_scaled",
	"last_week", "last_week_drift", "week_profile_fading_8h", "week_profile", "last_week_fading_48h", "last_week_scaled",
}

// Last returns the last candidate.
func Last() int { return numCandidates - 1 }

// Name returns the name of a candidate, as shown for the model in service.
func Name(candidate int) string { return names[candidate] }

// FollowsSpikes tells whether a candidate follows single values, so that what it forecasts can tell the largest value
// of a time ahead. The others are medians.
func FollowsSpikes(candidate int) bool { return candidate < numPlain || candidate >= numDaily }

// Count returns how many candidates there are: those of the week only if there is enough history.
func (s *State) Count() int {
	if s.weekly {
		return numCandidates
	}
	return numDaily
}

// Autoregressions are the coefficients of the candidates ChangesAR and DayProfileAR: of the changes of values, and of
// departures from the profile of the day.
type Autoregressions struct{ Changes, Departures autoregression.Coefficients }

// FitAutoregressions fits both to a window, for up to longest steps ahead. departures are those after each of its
// values, as State.Departure tells.
func FitAutoregressions(w *window.Window, departures []float64, longest int) *Autoregressions {
	changes := make([]float64, len(w.Values))
	for t := 1; t < len(w.Values); t++ {
		changes[t] = w.Values[t] - w.Values[t-1]
	}
	var s State
	first := min(w.StepsPerDay, len(w.Values)/3) // there are no departures before
	return &Autoregressions{
		Changes:    autoregression.Fit(changes, w.Learn, 1, len(s.changes), longest, true),
		Departures: autoregression.Fit(departures, w.Learn, first, len(s.past), longest, false),
	}
}

// Forecast returns the forecast of a candidate for t. ar may be nil if the candidate is no autoregression.
func (s *State) Forecast(candidate int, t *Target, ar *Autoregressions) float64 {
	switch {
	case candidate >= numDaily:
		return s.weekForecast(candidate, t)
	case candidate >= numPlain:
		return s.medianForecast(candidate, t)
	}
	switch candidate {
	case candLevelFast, candLevelMiddle, candLevelSlow:
		return s.levels[candidate-candLevelFast]
	case candDayMean:
		return s.dayMean
	case candWeekMean:
		return s.weekMean
	case candYesterday:
		return t.yesterday
	case DayProfile:
		return t.profile
	case candYesterdayDrift:
		return t.yesterday + math.Ceil(float64(t.Steps)/s.perDay)*t.drift
	case candYesterday8h, candYesterday48h:
		fade := t.fade[fade8h+(candidate-candYesterday8h)/2]
		return t.yesterday + fade*t.lift + (1-fade)*t.drift
	case candProfile8h, candProfile48h:
		fade := t.fade[fade8h+(candidate-candProfile8h)/2]
		return t.profile + fade*s.departures[0] + (1-fade)*s.departures[2]
	case candProfileShifted:
		return t.profile + s.departures[2]
	case ChangesAR:
		return s.last + dot(ar.Changes.At(t.Steps), s.changes[:])
	case DayProfileAR:
		return t.profile + dot(ar.Departures.At(t.Steps), s.past[:])
	case candTrendHours:
		return s.levels[0] + s.trend.Slope()*s.fadingSteps(t, fade2h)
	case candTrendDay:
		return s.levels[0] + t.drift*float64(t.Steps)/s.perDay
	case candScaled8h:
		fade := t.fade[fade8h]
		return s.scaled(t.profile, t, fade*s.ratios[0]+(1-fade)*s.ratios[1])
	case candSteady:
		return s.last + s.rises.Median(0)*float64(t.Steps)/s.cellSteps
	default: // LastValue
		return s.last
	}
}

// fadingSteps is for how many steps a slope counts that fades.
func (s *State) fadingSteps(t *Target, fade int) float64 {
	return (1 - t.fade[fade]) * fadeHours[fade] / 24 * s.perDay
}

// scaled is a pattern of the day times ratio, for series that know no values below 0; otherwise the profile, shifted.
func (s *State) scaled(pattern float64, t *Target, ratio float64) float64 {
	if !s.scales {
		return t.profile + s.departures[2]
	}
	return s.zero + (pattern-s.zero)*ratio
}

// medianForecast returns the forecast of a candidate that looks past spikes.
func (s *State) medianForecast(candidate int, t *Target) float64 {
	switch candidate {
	case candMedianShort, candMedianLong:
		return s.medians[candidate-candMedianShort].Median(s.last)
	case candDayMedian:
		return s.day.cells.Median(s.last)
	case candWeekMedian:
		return s.week.cells.Median(s.last)
	case candUsual:
		return t.usual
	case candUsual8h:
		fade := t.fade[fade8h]
		return t.usual + fade*s.robusts[0].Median(0) + (1-fade)*s.robusts[1].Median(0)
	case candUsualNow:
		fade := t.fade[fade8h]
		return t.usual + fade*s.robust + (1-fade)*s.robusts[1].Median(0)
	case candUsualScaled:
		fade := t.fade[fade8h]
		return s.scaled(t.usual, t, fade*s.ratios[0]+(1-fade)*s.ratios[1])
	default: // candUsualShifted
		return t.usual + s.robusts[1].Median(0)
	}
}

// weekForecast returns the forecast of a candidate that knows the week.
func (s *State) weekForecast(candidate int, t *Target) float64 {
	switch candidate {
	case candLastWeek:
		return t.lastWeek
	case candLastWeekDrift:
		return t.lastWeek + s.dayMean - t.weekMean
	case candWeekProfile8h:
		if math.IsNaN(s.week.expected) {
			return t.weekProfile
		}
		return t.weekProfile + t.fade[fade8h]*(s.last-s.week.expected)
	case candWeekProfile:
		return t.weekProfile
	case candLastWeekScaled:
		if s.scales {
			ratio := 1.0
			if t.weekMean > s.zero {
				ratio = min(max((s.dayMean-s.zero)/(t.weekMean-s.zero), leastRatio), mostRatio)
			}
			return s.zero + (t.lastWeek-s.zero)*ratio
		}
		fallthrough
	default: // candLastWeek48h
		return t.lastWeek + t.fade[fade48h]*t.weekLift
	}
}

func dot(a, b []float64) float64 {
	sum := 0.0
	for i, v := range a {
		sum += v * b[i]
	}
	return sum
}
