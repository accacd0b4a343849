package candidates

import (
	"math"

	"github.com/anomaly-exporter/anomaly-exporter/calendar"
	"github.com/anomaly-exporter/anomaly-exporter/forecaster/rolling"
	"github.com/anomaly-exporter/anomaly-exporter/forecaster/window"
)

// A State is what the candidates know of a series: means and medians of several lengths, the last day and the last
// week. It takes a value in constant time. Rolling-origin evaluation and live operation run the same code, so nothing
// can look ahead. Values are in the unit of the window.
type State struct {
	grid       window.Grid
	now        int // index of the last value
	rates      rates
	perDay     float64 // steps
	zero       float64 // what 0 is in the unit of the window
	upperLimit float64 // the largest value there can be
	scales     bool    // no value was below zero
	weekly     bool
	unasked    uint64 // a bit for each candidate that is not asked for
	observed   []bool // of the values of the window

	last       float64
	levels     [3]float64 // exponential means of the values: fast, middle, slow
	departure  float64    // of the last value from the day profile
	departures [3]float64 // exponential means of it: fast, middle, lasting
	usual      [2]float64 // the same of the day profile itself: middle, lasting
	ratios     [2]float64 // of the values to it, by these means; 1 where that means nothing
	changes    [5]float64 // the newest differences, newest first
	past       [3]float64 // the newest departures, newest first
	dayMean    float64
	weekMean   float64
	medians    [2]rolling.Median // of the values: short, long
	day, week  season

	robust     float64           // departure of the last value from the median of its slot
	strayed    float64           // of it from both that and the same time last week: the smaller departure
	robusts    [2]rolling.Median // departures so measured: recent, of steps; lasting, of cells
	trend      rolling.Line      // through the newest cells of the day
	rises      rises             // of a day
	closing    float64           // the value at the last end of a cell; NaN before the first
	cellSteps  float64           // steps of a cell
	volatility volatility
}

// rates of exponential means.
type rates struct{ levels, departures [3]float64 }

// newRates returns the rates of the prototype that the candidates were chosen with. Half-lives are in minutes. At
// coarse steps, where an hour is a step or two, rates are by the step instead. Chosen, not tuned one by one.
func newRates(w *window.Window) rates {
	if w.Fine() {
		return rates{
			levels:     [3]float64{w.Decay(5), w.Decay(20), w.Decay(120)},
			departures: [3]float64{w.Decay(10), w.Decay(60), w.Decay(720)},
		}
	}
	return rates{levels: [3]float64{0.6, 0.3, 0.1}, departures: [3]float64{0.7, 0.3, w.Decay(720)}}
}

// Lengths in minutes, except for longestSteps. Chosen with the prototype, not tuned one by one. That there are medians
// brought the error at 15 minutes, relative to the seasonal naive, from .949 to .843 (docs/accuracy.md, "What was
// tried").
const (
	dayCell          = 5  // a day is remembered in cells of it
	weekCell         = 30 // a week, at fine steps
	smoothMinutes    = 15 // of the cells of a day, to both sides
	shortMedian      = 30
	longMedian       = 120
	recentDepartures = 60
	lastingDeparture = 720

	longestSteps = 241 // of a running median. Guard: of time and memory at short steps
)

// Weights of the newest day and week in their profiles: those of the prototype. Chosen, not tuned.
const (
	dayBlend  = 0.3
	weekBlend = 0.4
)

// Ratios of the newest values to usual ones are kept within these. Guard: a usual value near 0 tells no ratio.
const (
	leastRatio = 0.25
	mostRatio  = 4
)

const minuteMillis = 60 * 1000

// New returns the State before the first value of w.
func New(w *window.Window) *State {
	cell := func(minutes int64) int64 {
		return w.Grid.Step * max(1, minutes*minuteMillis/w.Grid.Step)
	}
	dayLength, weekLength := cell(dayCell), w.Grid.Step
	if w.Fine() {
		weekLength = cell(weekCell)
	}
	dayMinutes := float64(dayLength) / minuteMillis
	half := 0
	if dayMinutes < smoothMinutes {
		half = int(math.Round(smoothMinutes / dayMinutes))
	}
	odd := func(minutes, of float64, least int) rolling.Median {
		return rolling.NewMedian(min(max(int(math.Round(minutes/of)), least)|1, longestSteps))
	}
	s := &State{
		grid:       w.Grid,
		now:        -1,
		rates:      newRates(w),
		perDay:     24 * 60 / w.Minutes,
		zero:       w.Scaling.Forward(0),
		upperLimit: w.UpperLimit,
		scales:     w.Lowest >= 0,
		weekly:     w.KnowsWeek(len(w.Values)),
		observed:   w.Learn,
		medians:    [2]rolling.Median{odd(shortMedian, w.Minutes, 3), odd(longMedian, w.Minutes, 5)},
		robusts:    [2]rolling.Median{odd(recentDepartures, w.Minutes, 3), odd(lastingDeparture, dayMinutes, 3)},
		day:        newSeason(calendar.Day, dayLength, dayBlend, half, true),
	}
	weight := 0.0
	if s.weekly {
		weight = weekBlend
	}
	s.week = newSeason(calendar.Week, weekLength, weight, 0, false)
	s.day.start(&s.grid)
	s.week.start(&s.grid)
	s.trend = newTrend(w, dayMinutes)
	s.rises = rises{Median: odd(24*60, dayMinutes, 3), rounding: risesApart * w.Resolution}
	s.closing, s.cellSteps = math.NaN(), dayMinutes/w.Minutes
	s.volatility = newVolatility(w, len(s.day.values))
	return s
}

// Advance takes the value of the next step.
func (s *State) Advance(y float64) {
	s.now++
	if s.now == 0 {
		s.last, s.levels, s.usual = y, [3]float64{y, y, y}, [2]float64{y, y}
	}
	next := s.grid.Local(s.now + 1)
	s.day.enter(next)
	s.week.enter(next)
	copy(s.changes[1:], s.changes[:])
	s.changes[0] = y - s.last
	s.last = y
	for i, a := range s.rates.levels {
		s.levels[i] += a * (y - s.levels[i])
	}
	for i := range s.medians {
		s.medians[i].Add(float32(y))
	}
	s.depart(y)
	s.strayed = s.excess(y, s.robust)
	if s.now > 0 && s.wasObserved() {
		s.volatility.change(s.changes[0])
	}
	s.volatility.depart(s.robust)

	cell, dayClosed := s.day.add(y)
	weekCell, weekClosed := s.week.add(y)
	s.dayMean, s.weekMean = s.day.average(y), s.week.average(y)
	if dayClosed {
		departure := 0.0
		if v := s.day.robust; v == v {
			departure = cell - v
		}
		s.robusts[1].Add(float32(departure))
		s.trend.Add(cell)
		if s.closing == s.closing {
			s.rises.add(y - s.closing)
		}
		s.closing = y
		s.volatility.close(s.day.slot)
		s.day.store(cell, s.levels[0], s.dayMean)
	}
	if weekClosed && s.weekly {
		s.week.store(weekCell, s.levels[0], s.dayMean)
	}
}

// wasObserved tells whether the last value and the one before it were observed. History keeps old values five minutes
// apart, and what is in between lies on a straight line.
func (s *State) wasObserved() bool {
	n := len(s.observed)
	if s.now >= n {
		return true
	}
	both := s.observed[s.now] && s.observed[s.now-1]
	if s.now == n-1 {
		s.observed = nil // it is as large as the window
	}
	return both
}

// depart measures how far y is from the usual day; there is no departure until one is known.
func (s *State) depart(y float64) {
	s.departure, s.robust = 0, 0
	usual := s.levels[2]
	if v := s.day.expected; v == v {
		s.departure, usual = y-v, v
	}
	if v := s.day.robust; v == v {
		s.robust = y - v
	}
	s.robusts[0].Add(float32(s.robust))
	copy(s.past[1:], s.past[:])
	s.past[0] = s.departure
	for i, a := range s.rates.departures {
		s.departures[i] += a * (s.departure - s.departures[i])
	}
	for i, a := range s.rates.departures[1:] {
		s.usual[i] += a * (usual - s.usual[i])
		s.ratios[i] = 1
		if usual := s.usual[i] - s.zero; usual > 0 {
			s.ratios[i] = keepRatio((usual + s.departures[i+1]) / usual)
		}
	}
}

// keepRatio returns r within leastRatio and mostRatio.
func keepRatio(r float64) float64 {
	switch {
	case r < leastRatio:
		return leastRatio
	case r > mostRatio:
		return mostRatio
	}
	return r
}

// excess is how far y, which departs so far from the usual day, is from both that and, where it is known, the same time
// last week.
func (s *State) excess(y, departure float64) float64 {
	if !s.weekly {
		return departure
	}
	lastWeek := s.week.values[s.week.slot]
	if lastWeek != lastWeek {
		return departure
	}
	// The one that is nearer to 0, or 0 between them.
	other := y - float64(lastWeek)
	return max(min(other, departure), 0) + min(max(other, departure), 0)
}

// Departure returns how far the last value was from the profile of the day.
func (s *State) Departure() float64 { return s.departure }

// WeekMean returns the mean of the last week.
func (s *State) WeekMean() float64 { return s.weekMean }
