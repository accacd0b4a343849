// Package standardize scales the values of a series, so that they are kept as float32.
package standardize

import (
	"math"
	"time"

	"github.com/anomaly-exporter/anomaly-exporter/scorer/datarange"
	"github.com/anomaly-exporter/anomaly-exporter/scorer/orderstat"
	"github.com/anomaly-exporter/anomaly-exporter/scorer/share"
)

const (
	// Max is the largest scaled value. It keeps squares of scaled values within float32 (guard).
	Max = 1e15
	// digits is the relative distance below which values cannot be told apart. Guard: history keeps float32, of which
	// values, season and level are sums.
	digits = 1.0 / (1 << 22)
	// rounding is the distance from 0 that cannot be told from 0. Guard: 1 - a/b is not always 0 where a is b, but a
	// multiple of 2^-53. It is that of four such operations, and nothing is as small as that in any unit in use.
	rounding = 1.0 / (1 << 51)
	// lookback is how old a sample may be that Prometheus returns where a scrape is missing (its default
	// --query.lookback-delta).
	lookback = 5 * time.Minute
)

// A Standardizer scales values: (value - line) / scale. Its line goes through Center at Origin.
type Standardizer struct {
	Nominal       datarange.Range
	Center, Scale float64
	Slope         float64 // per ms
	Origin        int64   // ms
	// Resolution is the scaled distance below which two values cannot be told apart.
	Resolution float32
	Share      share.Scale
}

// Fit finds what is scaled by and how values around the line are told apart. around are the values less the line, from
// its origin on, in order of size, and values are they themselves. If mean is set, the centre is the mean, and else the
// median. It tells whether all are one value.
func (s *Standardizer) Fit(around, values []float64, mean bool) (constant bool) {
	s.Center, s.Scale = orderstat.Quantile(around, 0.5), orderstat.Spread(around)
	if mean {
		s.Center = orderstat.Mean(around)
	}
	if constant = s.Slope == 0 && around[len(around)-1]-around[0] <= rounding; constant {
		s.Scale = 1
	}
	s.Resolution = float32(max(digits*orderstat.SizeQuantile(values, 0.9), rounding) / s.Scale)
	s.Share = share.New(values)
	return constant
}

// Value returns the scaled value of the time t (ms) in the unit of the series.
func (s *Standardizer) Value(t int64, x float32) float64 { return s.Line(t) + s.Scale*float64(x) }

// Distance returns a scaled distance in the unit of the series.
func (s *Standardizer) Distance(x float32) float64 { return s.Scale * float64(x) }

// Scaled returns the value y of the time t (ms) scaled, at most 1e15 in size.
func (s *Standardizer) Scaled(t int64, y float64) float32 {
	y = s.Nominal.AtEnd(y)
	line := s.Line(t)
	x := y/s.Scale - line/s.Scale // cannot overflow as a difference of huge values does
	if math.Abs(x) < 1 {
		x = (y - line) / s.Scale // exact near the line
	}
	return float32(min(max(x, -Max), Max))
}

// Line returns where the line is at the time t (ms).
func (s *Standardizer) Line(t int64) float64 { return s.Center + s.Slope*float64(t-s.Origin) }

// Late returns by how much a value may be behind the line at most.
func (s *Standardizer) Late() float32 {
	return float32(s.Slope * float64(lookback.Milliseconds()) / s.Scale)
}

// Resolve returns what is expected of the value x, which is x itself if they cannot be told apart.
func (s *Standardizer) Resolve(expected, x float32) float32 {
	if abs(x-expected) <= s.Resolution {
		return x
	}
	return expected
}

func abs(x float32) float32 { return math.Float32frombits(math.Float32bits(x) &^ (1 << 31)) }
