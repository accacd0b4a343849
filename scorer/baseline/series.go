// Package baseline says which value is normal for a series at a step: what its season and the level of its last hours
// make normal.
package baseline

import (
	"errors"
	"math"
	"time"

	"github.com/anomaly-exporter/anomaly-exporter/scorer/composition"
	"github.com/anomaly-exporter/anomaly-exporter/scorer/datarange"
	"github.com/anomaly-exporter/anomaly-exporter/scorer/envelope"
	"github.com/anomaly-exporter/anomaly-exporter/scorer/grid"
	"github.com/anomaly-exporter/anomaly-exporter/scorer/hours"
	"github.com/anomaly-exporter/anomaly-exporter/scorer/level"
	"github.com/anomaly-exporter/anomaly-exporter/scorer/profile"
	"github.com/anomaly-exporter/anomaly-exporter/scorer/sawtooth"
	"github.com/anomaly-exporter/anomaly-exporter/scorer/season"
	"github.com/anomaly-exporter/anomaly-exporter/scorer/standardize"
)

var (
	nan32    = float32(math.NaN())
	infinite = float32(math.Inf(1))
)

// Why there is no baseline.
var (
	// ErrShortHistory says that the window holds too few steps to know what is normal.
	ErrShortHistory = errors.New("short_history")
	// ErrGaps says that the window is long enough, but mostly empty.
	ErrGaps = errors.New("gaps")
	// ErrConstant says that the series never changes, so that its values have no scale.
	ErrConstant = errors.New("constant")
)

// MinValues is the number of values below which nothing is known. Guard: quantiles and tails of fewer mean nothing.
const MinValues = 20

// Method is how a Series expects values.
type Method int

// The methods. Only Seasonal changes with time.
const (
	Seasonal Method = iota // season and recent level
	Median                 // the median of the window
	Mean                   // the mean of the window
)

// Options say what is normal. Step and Possible are required.
type Options struct {
	Step     time.Duration
	Location *time.Location                                 // wall clock of the seasons; nil: UTC
	Holiday  func(year int, month time.Month, day int) bool // local dates that are like Sundays; nil: none
	Possible datarange.Range                                // other values are neither learned from nor expected
	Nominal  datarange.Range                                // values right beside it are at its end; {0, 0}: none
	Method   Method
	// OneValue expects one value where days differ, and no range. How values differ from those of the same time of other
	// days may be what several signals have in common.
	OneValue bool
	// Side is the side of the expected value that matters: 1 above it, -1 below it, 0 both. While a former level is
	// remembered, what does not go beyond that one too on this side is expected.
	Side int
}

// A Series is the baseline of one series, step by step from the end of the window that it was fitted on. Values are
// scaled inside: (value - line) / scale, where the line is straight. It is not safe for concurrent use.
type Series struct {
	Grid    grid.Grid
	Learned grid.Span // the steps of the window that were learned from

	possible datarange.Range
	side     int
	slots    grid.LocalSlots
	now      int64 // ms, the next step
	standardize.Standardizer
	fixed    bool            // the expected value is always center
	constant bool            // the window holds only center
	sawtooth *sawtooth.Teeth // in the unit of the series; nil: it is none

	composed composition.Composition
	profile  profile.Profile   // the season, from the end of the window on
	envelope envelope.Envelope // of the slots of the season, less the level
	hours    *hours.Hours      // nil with one value
	level    level.Level
	hasMoved bool         // the season alone is as normal as a former level, see rememberUsual
	young    season.Young // nothing is known of a series that is older than two weeks
}

// A Step is what a Series says of a step. All values are scaled.
type Step struct {
	Time  int64 // ms
	Phase int
	// Forecast is what was expected before the value was known.
	Forecast float32
	// Value is NaN if it is missing or impossible.
	Value float32
	// Unit is how large a deviation is that counts as 1: 1, or with the expected value where noise grows with it.
	Unit float32
	// NewUnit is by how many times Unit grows after the step, as the level has moved; 0: it has not.
	NewUnit float32
	// Low and High are what was expected of a sawtooth, where days differ, see envelope, and at an edge of the season;
	// else they are Forecast.
	Low, High float32
	// Usual is where values usually are at this hour of the day, with the level.
	Usual hours.Hour
	// Expected is Forecast, except next to an edge of the season (see package edge), where a former level is remembered
	// (see choose), where days differ, of a sawtooth, and for a value that cannot be told from it: there it is what is
	// nearest to the value. NaN: not known.
	Expected float32
}

// Next returns what is expected of the next step, and takes its value y into the state: NaN is no value. A value whose
// learn is false does not move the level.
func (s *Series) Next(y float64, learn bool) Step {
	slot := s.slots.At(s.now)
	at := Step{Time: s.now, Phase: s.Grid.Phase(s.now), Value: nan32}
	s.now += s.Grid.Step()
	if s.possible.Contains(y) {
		at.Value = s.Scaled(at.Time, y)
	}
	at.Forecast = s.expect(slot, at.Phase, s.level.Next(), nan32)
	at.Unit = s.composed.Unit(at.Forecast) * s.level.Noise()
	at.Expected = s.expect(slot, at.Phase, s.level.Now(), at.Value)
	if old := s.level.Before(); old == old {
		at.Expected = s.choose(at.Expected, s.expect(slot, at.Phase, old, at.Value), at.Value)
	}
	if s.hasMoved {
		usual := s.expect(slot, at.Phase, s.composed.Neutral(), at.Value)
		at.Expected, at.Unit = s.choose(at.Expected, usual, at.Value), max(at.Unit, s.composed.Unit(usual))
	}
	at.Low, at.High, at.Usual = at.Forecast, at.Forecast, s.hours.At(slot)
	at.Usual.Center = s.composed.Join(at.Usual.Center, s.level.Now())
	if at.Phase > 0 {
		if slots := s.profile.Slots(slot); slots.IsEdge() {
			low, high := slots.Range(s.profile.Share(at.Phase))
			at.Low = min(at.Low, s.composed.Join(low, s.level.Now()))
			at.High = max(at.High, s.composed.Join(high, s.level.Now()))
		}
	}
	if s.Slope != 0 {
		at.Low, at.High = s.late(at.Low).Low, s.late(at.High).High
		at.Expected = s.late(at.Expected).Nearest(at.Expected, at.Value)
	}
	if s.sawtooth != nil {
		teeth := s.teeth(at.Time)
		at.Low, at.High, at.Expected = teeth.Low, teeth.High, teeth.Nearest(at.Expected, at.Value)
	}
	if !s.envelope.Empty() {
		normal := s.composed.At(s.normal(slot, at.Phase), s.level.Now())
		at.Low, at.High = normal.Nearest(at.Low, -standardize.Max), normal.Nearest(at.High, standardize.Max)
		at.Expected = normal.Nearest(at.Expected, at.Value)
	}
	if s.young.Known() {
		at.Low, at.High = s.young.Widen(slot, at.Low, at.High, at.Unit)
		at.Expected = s.young.Nearest(slot, at.Value, at.Expected, at.Unit)
	}
	at.Expected = s.Resolve(at.Expected, at.Value)
	if at.Phase == 0 && !s.fixed && !s.constant && !s.slots.IsHoliday(slot) {
		x := at.Value
		if !learn {
			x = nan32
		}
		if _, moved := s.composed.Take(&s.level, x, s.profile.At(slot)); moved {
			now := s.expect(slot, at.Phase, s.level.Now(), at.Value)
			at.NewUnit = s.composed.Unit(now) * s.level.Noise() / at.Unit
		}
	}
	return at
}

// Constant tells whether the window held one value only, and which it was.
func (s *Series) Constant() (value float64, ok bool) { return s.Center, s.constant }

// IsAway tells whether the value x is farther from what is expected than values of its level usually are, where a
// deviation of unit counts as 1.
func (s *Series) IsAway(x, expected, unit float32) bool { return !s.level.IsNear(x, expected, unit) }

// late returns what is expected of a line whose value may be old.
func (s *Series) late(e float32) envelope.Interval {
	return envelope.Interval{Low: min(e, e-s.Late()), High: max(e, e-s.Late())}
}

// HeldFor returns for how many slots the level has held against values, or runs of them; 0 if that of a step does not
// stray from what is expected, and for a young series, whose level may hold against what each week has.
func (s *Series) HeldFor(at *Step) int {
	if s.young.Known() || s.level.Strays(at.Value, at.Expected, at.Unit) == 0 {
		return 0
	}
	return s.level.HeldFor()
}

// teeth returns what is expected of a sawtooth at the time t (ms): its line moves, where it goes to does not.
func (s *Series) teeth(t int64) envelope.Interval {
	return envelope.Interval{Low: s.Scaled(t, s.sawtooth.Low), High: s.Scaled(t, s.sawtooth.High)}
}

// normal returns what is normal at a step where days differ, less the level.
func (s *Series) normal(slot int64, phase int) envelope.Interval {
	i := s.envelope.At(s.profile.Index(slot))
	if phase > 0 {
		i = i.Join(s.envelope.At(s.profile.Index(slot + 1)))
	}
	return i
}

// expect returns season and level at a step. x is its value if that is known, see package edge.
func (s *Series) expect(slot int64, phase int, level, x float32) float32 {
	if s.fixed || s.constant {
		return 0
	}
	season := s.profile.At(slot)
	if phase > 0 {
		season = s.profile.Between(slot, phase, s.composed.Without(x, level))
	}
	return s.composed.Join(season, level)
}

// choose returns what is expected of the value x where old is what the former level makes normal. If one side matters,
// a value has to be beyond both. Else it may be near the former one as well.
func (s *Series) choose(expected, old, x float32) float32 {
	switch {
	case s.side > 0:
		return max(expected, old)
	case s.side < 0:
		return min(expected, old)
	case abs(x-old) < abs(x-expected) && s.level.IsNear(x, old, s.composed.Unit(old)):
		return old
	}
	return expected
}

func abs(x float32) float32 { return math.Float32frombits(math.Float32bits(x) &^ (1 << 31)) }
