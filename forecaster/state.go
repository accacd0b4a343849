package forecaster

import "math"

// A state is what the candidates of "auto" look at: means and medians of several lengths, the last day and the last
// week. It takes a value in constant time. The backtest and the live program run the same code, so nothing can look
// ahead.
type state struct {
	clock  clock
	now    int // index of the last value
	rates  rates
	perDay float64 // steps
	zero   float64 // what 0 is in the unit of the window
	most   float64 // the largest value there can be, in the unit of the window
	scales bool    // no value was below zero
	weekly bool

	last       float64
	levels     [3]float64 // exponential means of the values: fast, middle, slow
	departure  float64    // of the last value from the day profile
	departures [3]float64 // exponential means of it: fast, middle, lasting
	usual      [3]float64 // the same of the day profile itself
	ratios     [3]float64 // of the values to it, by these means; 1 where that means nothing
	changes    [5]float64 // the newest differences, newest first
	past       [3]float64 // the newest departures, newest first
	dayMean    float64
	weekMean   float64
	medians    [2]running // of the values: short, long
	day, week  season

	robust  float64    // departure of the last value from the median of its slot
	robusts [2]running // departures so measured: near, of steps; lasting, of cells
	trend   trend
	spread  spread
}

// rates of exponential means.
type rates struct{ levels, departures [3]float64 }

// decay is the rate of an exponential mean with a half-life in minutes.
func (w *window) decay(halfLife float64) float64 {
	if w.minutes >= halfLife {
		return 1
	}
	return 1 - math.Exp2(-w.minutes/halfLife)
}

func newRates(w *window) rates {
	if w.fine() {
		return rates{
			levels:     [3]float64{w.decay(5), w.decay(20), w.decay(120)},
			departures: [3]float64{w.decay(10), w.decay(60), w.decay(720)},
		}
	}
	return rates{levels: [3]float64{0.6, 0.3, 0.1}, departures: [3]float64{0.7, 0.3, w.decay(720)}}
}

// Lengths in minutes.
const (
	minuteMillis     = 60 * 1000
	dayCell          = 5  // a day is remembered in cells of it
	weekCell         = 30 // a week, at fine steps
	smoothMinutes    = 15 // of the cells of a day, to both sides
	shortMedian      = 30
	longMedian       = 120
	nearDepartures   = 60
	lastingDeparture = 720
)

const (
	weeklyDays   = 13 // of history, from which on the week is looked at
	dayBlend     = 0.3
	weekBlend    = 0.4
	longestSteps = 241 // of a running median
)

// newState makes the state before the first value of w.
func newState(w *window) *state {
	cell := func(minutes int64) int64 {
		return w.clock.step * max(1, minutes*minuteMillis/w.clock.step)
	}
	dayLength, weekLength := cell(dayCell), w.clock.step
	if w.fine() {
		weekLength = cell(weekCell)
	}
	dayMinutes := float64(dayLength) / minuteMillis
	half := 0
	if dayMinutes < smoothMinutes {
		half = int(math.Round(smoothMinutes / dayMinutes))
	}
	odd := func(minutes, of float64, least int) running {
		return newRunning(min(max(int(math.Round(minutes/of)), least)|1, longestSteps))
	}
	s := &state{
		clock:   w.clock,
		now:     -1,
		rates:   newRates(w),
		perDay:  24 * 60 / w.minutes,
		zero:    w.unit.in(0),
		most:    w.most,
		scales:  w.lowest >= 0,
		weekly:  len(w.y) >= weeklyDays*w.day && w.day > 1,
		medians: [2]running{odd(shortMedian, w.minutes, 3), odd(longMedian, w.minutes, 5)},
		robusts: [2]running{odd(nearDepartures, w.minutes, 3), odd(lastingDeparture, dayMinutes, 3)},
		day:     newSeason(dayMillis, dayLength, dayBlend, half, true),
	}
	weight := 0.0
	if s.weekly {
		weight = weekBlend
	}
	s.week = newSeason(weekMillis, weekLength, weight, 0, false)
	s.day.start(&s.clock)
	s.week.start(&s.clock)
	s.trend = newTrend(w, dayMinutes)
	s.spread = newSpread(w, len(s.day.values))
	return s
}

// advance takes the value of the next step.
func (s *state) advance(y float64) {
	s.now++
	if s.now == 0 {
		s.last, s.levels, s.usual = y, [3]float64{y, y, y}, [3]float64{y, y, y}
	}
	s.day.enter(&s.clock, s.now)
	s.week.enter(&s.clock, s.now)
	copy(s.changes[1:], s.changes[:])
	s.changes[0] = y - s.last
	s.last = y
	for i, a := range s.rates.levels {
		s.levels[i] += a * (y - s.levels[i])
	}
	for i := range s.medians {
		s.medians[i].add(float32(y))
	}
	s.depart(y)
	s.spread.step(s.changes[0], s.robust, s.now)

	cell, dayClosed := s.day.take(y)
	weekCell, weekClosed := s.week.take(y)
	s.dayMean, s.weekMean = s.day.average(y), s.week.average(y)
	if dayClosed {
		departure := 0.0
		if known := s.day.robust; known == known {
			departure = cell - known
		}
		s.robusts[1].add(float32(departure))
		s.trend.add(cell, s.excess(cell, departure))
		s.spread.close(s.day.slot)
		s.day.remember(cell, s.levels[0], s.dayMean)
	}
	if weekClosed && s.weekly {
		s.week.remember(weekCell, s.levels[0], s.dayMean)
	}
}

// depart measures how far y is from the usual day; there is no departure until one is known.
func (s *state) depart(y float64) {
	s.departure, s.robust = 0, 0
	usual := s.levels[2]
	if known := s.day.expected; known == known {
		s.departure, usual = y-known, known
	}
	if known := s.day.robust; known == known {
		s.robust = y - known
	}
	s.robusts[0].add(float32(s.robust))
	copy(s.past[1:], s.past[:])
	s.past[0] = s.departure
	for i, a := range s.rates.departures {
		s.departures[i] += a * (s.departure - s.departures[i])
		s.usual[i] += a * (usual - s.usual[i])
		s.ratios[i] = 1
		if usual := s.usual[i] - s.zero; usual > 0 {
			s.ratios[i] = min(max((usual+s.departures[i])/usual, 0.25), 4)
		}
	}
}

// excess is how far a cell is from both the usual day and, where it is known, the same time last week.
func (s *state) excess(cell, departure float64) float64 {
	if !s.weekly {
		return departure
	}
	lastWeek := s.week.values[s.week.slot]
	if lastWeek != lastWeek {
		return departure
	}
	other := cell - float64(lastWeek)
	switch {
	case other*departure <= 0:
		return 0
	case math.Abs(other) < math.Abs(departure):
		return other
	}
	return departure
}
