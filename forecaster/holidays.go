package forecaster

import (
	"math"

	"github.com/anomaly-exporter/anomaly-exporter/calendar"
	"github.com/anomaly-exporter/anomaly-exporter/forecaster/candidates"
	"github.com/anomaly-exporter/anomaly-exporter/forecaster/combination"
	"github.com/anomaly-exporter/anomaly-exporter/forecaster/window"
)

// A holidayModel forecasts holidays on top of a model that sees only ordinary days. On a holiday the wrapped model
// advances with its own forecast for an ordinary day. The holidayModel adds the offset of earlier holidays from
// ordinary days of that weekday, by time of day; before the first holiday it adds the offset of Sundays.
type holidayModel struct {
	predictor
	grid window.Grid
	now  int
	next candidates.Horizon // of one step

	cell       int64     // milliseconds
	week       []float32 // ordinary days, by cell of the week; NaN where nothing is known yet
	holidays   []float32 // by cell of the day
	open       int       // the cell of the week that the last value went to
	sum, count float64   // of its values

	departure float64 // of the holiday that is now from what was expected of it
	rate      float64 // of that mean
}

// Chosen, not tuned.
const (
	holidayCell        = 15  // minutes, or a step
	holidayBlend       = 0.6 // weight of the newest day
	holidayMemory      = 30  // minutes, half-life of departure
	holidayUncertainty = 0.5 // of the way to a Sunday is added to the uncertainty: a holiday need not be like one
)

// newHolidayModel wraps p, which has seen w. y are the values of w's steps as they are, holidays included; s maps them
// to the unit of the model.
func newHolidayModel(p predictor, w *window.Window, s *window.Scaling, y []float64) *holidayModel {
	m := &holidayModel{
		predictor: p, grid: w.Grid, now: -1, next: candidates.NewHorizon(1, w.Hours),
		cell: max(holidayCell*60*1000, w.Grid.Step), rate: w.Decay(holidayMemory),
	}
	perDay := int((calendar.Day + m.cell - 1) / m.cell)
	cells := make([]float32, 8*perDay)
	for i := range cells {
		cells[i] = float32(math.NaN())
	}
	m.week, m.holidays = cells[:7*perDay], cells[7*perDay:]
	for i, v := range y {
		m.now = i
		if window.IsFinite(v) {
			m.learn(s.Forward(v), m.grid.IsHoliday(i))
		}
	}
	return m
}

// learn adds the value of now to its cell, and files that when it is over.
func (m *holidayModel) learn(y float64, isHoliday bool) {
	if slot := m.grid.Slot(m.now, calendar.Week, m.cell); slot != m.open {
		m.open, m.sum, m.count = slot, 0, 0
	}
	m.sum += y
	m.count++
	if m.grid.Slot(m.now+1, calendar.Week, m.cell) == m.open && m.cell > m.grid.Step {
		return
	}
	cell := &m.week[m.open]
	if isHoliday {
		cell = &m.holidays[m.open%len(m.holidays)]
	}
	mean := m.sum / m.count
	if old := float64(*cell); old == old {
		mean = old + holidayBlend*(mean-old)
	}
	*cell = float32(mean)
}

// offset is how far a holiday at step i is from an ordinary day, and how uncertain that is.
func (m *holidayModel) offset(i int) (offset, uncertainty float64) {
	slot, perDay := m.grid.Slot(i, calendar.Week, m.cell), len(m.holidays)
	ofDay := slot % perDay
	ordinary, sunday := m.week[slot], m.week[calendar.Sunday*perDay+ofDay]
	if v := m.holidays[ofDay]; v == v && ordinary == ordinary {
		return float64(v - ordinary), 0
	}
	if sunday != sunday || ordinary != ordinary {
		return 0, 0
	}
	offset = float64(sunday - ordinary)
	return offset, holidayUncertainty * math.Abs(offset)
}

// Advance takes the value of the next step.
func (m *holidayModel) Advance(y float64) {
	m.now++
	isHoliday := m.grid.IsHoliday(m.now)
	if !isHoliday {
		m.departure = 0
		m.predictor.Advance(y)
	} else {
		var ordinary combination.Prediction
		m.predictor.Predict(&m.next, &ordinary)
		offset, _ := m.offset(m.now)
		m.departure += m.rate * (y - ordinary.Median - offset - m.departure)
		m.predictor.Advance(ordinary.Median)
	}
	m.learn(y, isHoliday)
}

// Predict fills in what is expected at h.
func (m *holidayModel) Predict(h *candidates.Horizon, p *combination.Prediction) {
	m.predictor.Predict(h, p)
	if !m.grid.IsHoliday(m.now + h.Steps) {
		return
	}
	offset, uncertainty := m.offset(m.now + h.Steps)
	offset += h.Fade8h() * m.departure
	p.Median += offset
	p.ExtremeBase += offset
	p.Uncertainty += uncertainty
}
