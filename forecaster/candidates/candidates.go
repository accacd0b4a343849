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

// Forecasts are those of all candidates for one target.
type Forecasts [numCandidates]float64

// Forecast fills in the forecasts for t of the candidates that may be asked for, and Count counts. ar may be nil: then
// there are none of the autoregressions.
func (s *State) Forecast(f *Forecasts, t *Target, ar *Autoregressions) {
	s.forecastPlain(f, t)
	s.forecastMedians(f, t)
	if s.weekly && s.unasked>>numDaily != ofWeek {
		s.forecastByWeek(f, t)
	}
	if ar != nil && s.asked(ChangesAR) {
		f[ChangesAR] = s.last + dot(ar.Changes.At(t.Steps), s.changes[:])
	}
	if ar != nil && s.asked(DayProfileAR) {
		f[DayProfileAR] = t.profile + dot(ar.Departures.At(t.Steps), s.past[:])
	}
}

// ofWeek has a bit for each candidate that knows the week.
const ofWeek = 1<<(numCandidates-numDaily) - 1

func (s *State) forecastPlain(f *Forecasts, t *Target) {
	steps, fade2, fade8, fade48 := float64(t.Steps), t.fade[fade2h], t.fade[fade8h], t.fade[fade48h]
	f[LastValue] = s.last
	f[candLevelFast], f[candLevelMiddle], f[candLevelSlow] = s.levels[0], s.levels[1], s.levels[2]
	f[candDayMean], f[candWeekMean] = s.dayMean, s.weekMean
	f[candYesterday] = t.yesterday
	f[DayProfile] = t.profile
	f[candYesterdayDrift] = t.yesterday + math.Ceil(steps/s.perDay)*t.drift
	f[candYesterday8h] = t.yesterday + fade8*t.lift + (1-fade8)*t.drift
	f[candYesterday48h] = t.yesterday + fade48*t.lift + (1-fade48)*t.drift
	f[candProfile8h] = t.profile + fade8*s.departures[0] + (1-fade8)*s.departures[2]
	f[candProfile48h] = t.profile + fade48*s.departures[0] + (1-fade48)*s.departures[2]
	f[candProfileShifted] = t.profile + s.departures[2]
	f[candTrendHours] = s.levels[0] + s.trend.Slope()*((1-fade2)*fadeHours[fade2h]/24*s.perDay)
	f[candTrendDay] = s.levels[0] + t.drift*steps/s.perDay
	f[candScaled8h], f[candUsualScaled] = f[candProfileShifted], f[candProfileShifted]
	if s.scales {
		ratio := fade8*s.ratios[0] + (1-fade8)*s.ratios[1]
		f[candScaled8h] = s.zero + (t.profile-s.zero)*ratio
		f[candUsualScaled] = s.zero + (t.usual-s.zero)*ratio
	}
}

// forecastMedians fills in what looks past spikes, and the steady line.
func (s *State) forecastMedians(f *Forecasts, t *Target) {
	fade8, lasting := t.fade[fade8h], 0.0
	f[candUsual] = t.usual
	if s.asked(candSteady) {
		f[candSteady] = s.last + s.rises.usual()*float64(t.Steps)/s.cellSteps
	}
	if s.asked(candMedianShort) {
		f[candMedianShort] = s.medians[0].Median(s.last)
	}
	if s.asked(candMedianLong) {
		f[candMedianLong] = s.medians[1].Median(s.last)
	}
	if s.asked(candDayMedian) {
		f[candDayMedian] = s.day.cells.Median(s.last)
	}
	if s.asked(candWeekMedian) {
		f[candWeekMedian] = s.week.cells.Median(s.last)
	}
	if s.asked(candUsualShifted) || s.asked(candUsualNow) || s.asked(candUsual8h) {
		lasting = s.robusts[1].Median(0)
		f[candUsualShifted] = t.usual + lasting
		f[candUsualNow] = t.usual + fade8*s.robust + (1-fade8)*lasting
	}
	if s.asked(candUsual8h) {
		f[candUsual8h] = t.usual + fade8*s.robusts[0].Median(0) + (1-fade8)*lasting
	}
}

func (s *State) forecastByWeek(f *Forecasts, t *Target) {
	fade48 := t.fade[fade48h]
	f[candLastWeek] = t.lastWeek
	f[candLastWeekDrift] = t.lastWeek + s.dayMean - t.weekMean
	f[candWeekProfile], f[candWeekProfile8h] = t.weekProfile, t.weekProfile
	if v := s.week.expected; v == v {
		f[candWeekProfile8h] = t.weekProfile + t.fade[fade8h]*(s.last-v)
	}
	f[candLastWeek48h] = t.lastWeek + fade48*t.weekLift
	f[candLastWeekScaled] = f[candLastWeek48h]
	if s.scales {
		ratio := 1.0
		if t.weekMean > s.zero {
			ratio = keepRatio((s.dayMean - s.zero) / (t.weekMean - s.zero))
		}
		f[candLastWeekScaled] = s.zero + (t.lastWeek-s.zero)*ratio
	}
}

// AskOnlyFor says which candidates may be asked for from now on; all, before. What others need is not kept.
func (s *State) AskOnlyFor(uses func(candidate int) bool) {
	for j := range numCandidates {
		if !uses(j) {
			s.unasked |= 1 << j
		}
	}
}

func (s *State) asked(candidate int) bool { return s.unasked>>candidate&1 == 0 }

func dot(a, b []float64) float64 {
	sum := 0.0
	for i, v := range a {
		sum += v * b[i]
	}
	return sum
}
