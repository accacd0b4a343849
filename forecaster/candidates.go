package forecaster

import (
	"math"
	"slices"
)

// The candidates of "auto": forecasts in closed form, cheap enough to try them all on every series. Most series of
// servers and services are noise about levels that shift, under a daily shape, with spikes: hence means of several
// lengths, medians beside them, and shapes of the day that a single spike does not mark.
const (
	candLast = iota
	candLevelFast
	candLevelMiddle
	candLevelSlow
	candDayMean
	candWeekMean
	candYesterday
	candProfile
	candYesterdayDrift
	candYesterday8h
	candProfile8h
	candYesterday48h
	candProfile48h
	candProfileShifted
	candAR
	candProfileAR
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

// candidateNames are shown as the name of the model in service.
var candidateNames = [numCandidates]string{
	"last_value", "level_fast", "level_middle", "level_slow", "day_mean", "week_mean",
	"yesterday", "day_profile", "yesterday_drift",
	"yesterday_fading_8h", "day_profile_fading_8h", "yesterday_fading_48h", "day_profile_fading_48h",
	"day_profile_shifted", "autoregression", "day_profile_autoregression", "trend_hours", "trend_day", "day_profile_scaled",
	"median_short", "median_long", "day_median", "week_median",
	"usual_day", "usual_day_fading_8h", "usual_day_shifted", "usual_day_now", "usual_day_scaled",
	"last_week", "last_week_drift", "week_profile_fading_8h", "week_profile", "last_week_fading_48h", "last_week_scaled",
}

// candidates is how many there are.
func (s *state) candidates() int {
	if s.weekly {
		return numCandidates
	}
	return numDaily
}

// only tells s that no candidates but those used will be asked: what the others need is not kept up.
func (s *state) only(used []int) {
	for _, need := range []struct {
		by []int
		of *running
	}{
		{[]int{candMedianShort}, &s.medians[0]},
		{[]int{candMedianLong}, &s.medians[1]},
		{[]int{candDayMedian}, &s.day.cells},
		{[]int{candWeekMedian}, &s.week.cells},
		{[]int{candUsual8h}, &s.robusts[0]},
		{[]int{candUsual8h, candUsualShifted, candUsualNow}, &s.robusts[1]},
	} {
		if !slices.ContainsFunc(need.by, func(j int) bool { return slices.Contains(used, j) }) {
			need.of.unsorted()
		}
	}
}

// A target is where a lead ends, seen from the present state.
type target struct {
	*lead
	yesterday, profile, usual float64 // of the day: last, mean, median
	lastWeek, weekProfile     float64
	lift, drift               float64 // level and mean of a day, against those a day ago
	weekLift, weekMean        float64 // level against that a week ago; mean of the day a week ago
}

// aim looks up what the candidates share.
func (s *state) aim(l *lead) target {
	slot := s.clock.slot(s.now+l.h, s.day.period, s.day.length)
	t := target{
		lead:      l,
		yesterday: known(s.day.values[slot], s.dayMean),
		profile:   known(s.day.profile[slot], s.dayMean),
		usual:     known(s.day.medians[slot], s.dayMean),
	}
	if v := s.day.level; v == v {
		t.lift, t.drift = s.levels[0]-v, s.dayMean-s.day.mean
	}
	if !s.weekly {
		return t
	}
	slot = s.clock.slot(s.now+l.h, s.week.period, s.week.length)
	t.lastWeek = known(s.week.values[slot], s.weekMean)
	t.weekProfile = known(s.week.profile[slot], s.weekMean)
	t.weekMean = s.dayMean
	if v := s.week.level; v == v {
		t.weekLift, t.weekMean = s.levels[0]-v, s.week.mean
	}
	return t
}

func known(v float32, otherwise float64) float64 {
	if v != v {
		return otherwise
	}
	return float64(v)
}

// candidate returns the forecast of candidate j.
func (s *state) candidate(j int, t *target, ar *autoregressions) float64 {
	switch {
	case j >= numDaily:
		return s.weekCandidate(j, t)
	case j >= numPlain:
		return s.medianCandidate(j, t)
	}
	switch j {
	case candLevelFast, candLevelMiddle, candLevelSlow:
		return s.levels[j-candLevelFast]
	case candDayMean:
		return s.dayMean
	case candWeekMean:
		return s.weekMean
	case candYesterday:
		return t.yesterday
	case candProfile:
		return t.profile
	case candYesterdayDrift:
		return t.yesterday + math.Ceil(float64(t.h)/s.perDay)*t.drift
	case candYesterday8h, candYesterday48h:
		fade := t.fade[fade8h+(j-candYesterday8h)/2]
		return t.yesterday + fade*t.lift + (1-fade)*t.drift
	case candProfile8h, candProfile48h:
		fade := t.fade[fade8h+(j-candProfile8h)/2]
		return t.profile + fade*s.departures[0] + (1-fade)*s.departures[2]
	case candProfileShifted:
		return t.profile + s.departures[2]
	case candAR:
		return s.last + dot(ar.changes.at(t.h), s.changes[:])
	case candProfileAR:
		return t.profile + dot(ar.departures.at(t.h), s.past[:])
	case candTrendHours:
		slope, _ := s.trend.values.slope()
		return s.levels[0] + slope*s.reach(t, fade2h)
	case candTrendDay:
		return s.levels[0] + t.drift*float64(t.h)/s.perDay
	case candScaled8h:
		fade := t.fade[fade8h]
		return s.scaled(t.profile, t, fade*s.ratios[1]+(1-fade)*s.ratios[2])
	default: // candLast
		return s.last
	}
}

// reach is for how many steps a slope counts that fades.
func (s *state) reach(t *target, fade int) float64 {
	return (1 - t.fade[fade]) * fadeHours[fade] / 24 * s.perDay
}

// scaled is shape times ratio, for series that know no values below 0; otherwise the profile, shifted.
func (s *state) scaled(shape float64, t *target, ratio float64) float64 {
	if !s.scales {
		return t.profile + s.departures[2]
	}
	return s.zero + (shape-s.zero)*ratio
}

// medianCandidate returns the forecast of a candidate that looks past spikes.
func (s *state) medianCandidate(j int, t *target) float64 {
	switch j {
	case candMedianShort, candMedianLong:
		return s.medians[j-candMedianShort].median(s.last)
	case candDayMedian:
		return s.day.cells.median(s.last)
	case candWeekMedian:
		return s.week.cells.median(s.last)
	case candUsual:
		return t.usual
	case candUsual8h:
		fade := t.fade[fade8h]
		return t.usual + fade*s.robusts[0].median(0) + (1-fade)*s.robusts[1].median(0)
	case candUsualNow:
		fade := t.fade[fade8h]
		return t.usual + fade*s.robust + (1-fade)*s.robusts[1].median(0)
	case candUsualScaled:
		fade := t.fade[fade8h]
		return s.scaled(t.usual, t, fade*s.ratios[1]+(1-fade)*s.ratios[2])
	default: // candUsualShifted
		return t.usual + s.robusts[1].median(0)
	}
}

// weekCandidate returns the forecast of a candidate that knows the week.
func (s *state) weekCandidate(j int, t *target) float64 {
	switch j {
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
				ratio = min(max((s.dayMean-s.zero)/(t.weekMean-s.zero), 0.25), 4)
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
