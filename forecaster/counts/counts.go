// Package counts forecasts a series that is mostly zero: how probable an event is, and how large events are.
//
// An event is a value over zero. Sizes are whole numbers, if that is what they were. Both probability and sizes forget
// (Teunter, Syntetos and Babai, "Intermittent Demand: Linking Forecasting to Inventory Obsolescence", 2011, who make
// Croston's method do so). The probability follows the hour of the day and the last hours, as far as that explained the
// events of the window.
package counts

import (
	"math"

	"github.com/anomaly-exporter/anomaly-exporter/calendar"
	"github.com/anomaly-exporter/anomaly-exporter/forecaster/rolling"
	"github.com/anomaly-exporter/anomaly-exporter/forecaster/window"
)

// A Model forecasts counts, in the unit of the window that it was fitted on. Where a method asks for the i-th horizon,
// that is the first one that is at least as long as the time asked for.
type Model struct {
	grid    window.Grid
	now     int
	seen    float64 // steps learned from
	minutes float64 // of a step
	zero    float64

	kind          kind
	rates         [3]float64 // of the exponential means: long, of an hour's cell, recent
	long          float64    // probability of an event
	hours         []hourly   // by hour of the day
	recent        float64    // the newest departures of events from their probability
	sizes         rolling.Median
	horizons      []int
	extremalIndex []float64 // by horizon: the reciprocal of how many steps are worth one that is independent of all others
}

// An hourly holds the events and the steps of an hour of the day, older ones counting less.
type hourly struct{ events, steps float64 }

// A kind says what the probability follows.
type kind struct {
	daily   bool
	minutes float64 // in which a departure fades; 0: none is followed
	last    bool    // departures are those of the last step, not of as many minutes
}

// kinds are what can be chosen from, the plainest first: the last half hour, four hours, or day; or the last step,
// which tells what a rolling window of half an hour or two hours counts. Chosen, not tuned.
var kinds = [...]kind{
	{},
	{minutes: 30},
	{minutes: 240},
	{minutes: 1440},
	{minutes: 30, last: true},
	{minutes: 120, last: true},
	{daily: true},
	{daily: true, minutes: 30},
	{daily: true, minutes: 240},
	{daily: true, minutes: 1440},
	{daily: true, minutes: 30, last: true},
	{daily: true, minutes: 120, last: true},
}

// Chosen, not tuned.
const (
	eventHalfLife = 7   // days, of events
	maxSizes      = 200 // newest, that are kept
	priorEvents   = 0.5 // in each hour before there were any
	probes        = 8   // steps of a window at which its probability is looked up. Guard: of time
)

// rate is that of the mean of departures; 0 if none are followed.
func (k kind) rate(w *window.Window) float64 {
	switch {
	case k.minutes == 0:
		return 0
	case k.last:
		return 1
	}
	return -math.Expm1(-w.Minutes / k.minutes)
}

func newModel(w *window.Window, k kind, horizons []int) *Model {
	m := &Model{
		grid: w.Grid, now: -1, minutes: w.Minutes, zero: w.Scaling.Forward(0), kind: k,
		hours: make([]hourly, 24), sizes: rolling.NewMedian(maxSizes),
		extremalIndex: make([]float64, len(horizons)), horizons: horizons,
	}
	perHour := max(1, 60/w.Minutes)
	m.rates = [3]float64{
		w.Decay(eventHalfLife * 24 * 60),
		-math.Expm1(-math.Ln2 / (eventHalfLife * perHour)),
		k.rate(w),
	}
	for i := range m.extremalIndex {
		m.extremalIndex[i] = 1
	}
	return m
}

// Skip lets a step without a known value go by.
func (m *Model) Skip() {
	m.recent -= m.rates[2] * m.recent
	m.now++
}

// Advance takes the value of the next step. Holidays are skipped.
func (m *Model) Advance(y float64) {
	if m.grid.IsHoliday(m.now + 1) {
		m.Skip()
		return
	}
	event := 0.0
	if y > m.zero {
		event = 1
		m.sizes.Add(float32(y))
	}
	m.recent += m.rates[2] * (event - m.base(m.now+1) - m.recent)
	m.now++
	m.seen++
	m.long += max(m.rates[0], 1/m.seen) * (event - m.long)
	h := m.hour(m.now)
	h.events += event - m.rates[1]*h.events
	h.steps += 1 - m.rates[1]*h.steps
}

const hourMillis = 60 * 60 * 1000

// hour is that of the day at step i.
func (m *Model) hour(i int) *hourly { return &m.hours[m.grid.Slot(i, calendar.Day, hourMillis)] }

// base is the usual probability of an event at step i.
func (m *Model) base(i int) float64 {
	if m.kind.daily {
		return m.hourlyBase(i)
	}
	return m.long
}

// hourlyBase is base for kinds that follow the hour of the day.
func (m *Model) hourlyBase(i int) float64 {
	if m.long == 0 {
		return m.long
	}
	h := m.hour(i)
	return (priorEvents + h.events) / (priorEvents/m.long + h.steps)
}

// probability of an event h steps ahead.
func (m *Model) probability(h int) float64 {
	q := m.base(m.now + h)
	if m.kind.minutes > 0 {
		q += math.Exp(-float64(h-1)*m.minutes/m.kind.minutes) * m.recent
	}
	return min(max(q, 0), 1)
}

// meanProbability is that of the next h steps.
func (m *Model) meanProbability(h int) float64 {
	n, sum := min(h, probes), 0.0
	for i := range n {
		sum += m.probability((2*i+1)*h/(2*n) + 1)
	}
	return sum / float64(n)
}

// Predict returns the median of the value so many steps ahead.
func (m *Model) Predict(steps int) float64 { return m.Quantile(steps, 0.5) }

// Quantile returns the quantile p of the value so many steps ahead.
func (m *Model) Quantile(steps int, p float64) float64 {
	return m.exceededWith(1-p, m.probability(steps))
}

// exceededWith is the value that is exceeded with a probability, where there is an event with that of happening.
func (m *Model) exceededWith(exceeded, happening float64) float64 {
	sizes := m.sizes.Sorted()
	n := len(sizes)
	if exceeded >= happening || n == 0 {
		return m.zero
	}
	return float64(sizes[min(int(float64(n)*(1-exceeded/happening)), n-1)])
}

// tailShare is the share of events over x.
func (m *Model) tailShare(x float64) float64 {
	n := m.sizes.Len()
	if x < m.zero {
		return 1
	}
	if n == 0 {
		return 0
	}
	return 1 - float64(m.sizes.CountBelow(math.Nextafter32(float32(x), float32(math.Inf(1)))))/float64(n)
}

// independent is how many independent steps the next h ones are worth, up to the i-th horizon.
func (m *Model) independent(i, h int) float64 { return max(m.extremalIndex[i]*float64(h), 1) }

// Largest returns the quantile p of the largest value of the next h steps, up to the i-th horizon.
func (m *Model) Largest(i, h int, p float64) float64 {
	return m.exceededWith(-math.Expm1(math.Log(p)/m.independent(i, h)), m.meanProbability(h))
}

// Smallest returns the median of the smallest value of the next h steps.
func (m *Model) Smallest(h int) float64 {
	return m.exceededWith(math.Pow(0.5, 1/float64(h)), m.meanProbability(h))
}

// Exceeding returns the probability of a value over x in the next h steps, up to the i-th horizon.
func (m *Model) Exceeding(i, h int, x float64) float64 {
	if x < m.zero {
		return 1
	}
	return -math.Expm1(m.independent(i, h) * math.Log1p(-m.meanProbability(h)*m.tailShare(x)))
}

// Undercutting returns the probability of a value under x in the next h steps.
func (m *Model) Undercutting(h int, x float64) float64 {
	if x <= m.zero {
		return 0
	}
	over := m.tailShare(float64(math.Nextafter32(float32(x), float32(math.Inf(-1)))))
	return 1 - math.Pow(m.meanProbability(h)*over, float64(h))
}
