// Package share says which share of what is usual a value is.
//
// A value that cannot be below 0 is never farther below what is usual than that. So where values are now and then twice
// the usual one, an outage is no farther away. But it is a much smaller share.
package share

import (
	"math"

	"github.com/anomaly-exporter/anomaly-exporter/scorer/orderstat"
)

const (
	// least is the smallest share that is told from nothing. Chosen, not tuned.
	least = 1.0 / 100
	// alike is the share of the usual value by which values differ that are the same but for rounding (guard).
	alike = 1.0 / (1 << 20)
)

// A Scale measures shares, of values in the unit of their series. The zero value measures none.
type Scale struct {
	// Usual is the median of the values; 0: some are below 0, or most are 0.
	Usual float64
	grain float64 // smallest difference of values, but at least the least share of the usual one
}

// New returns the scale of values in ascending order.
func New(sorted []float64) Scale {
	s := Scale{Usual: orderstat.Quantile(sorted, 0.5), grain: math.Inf(1)}
	if sorted[0] < 0 || s.Usual <= 0 {
		return Scale{}
	}
	for i, y := range sorted[1:] {
		if d := y - sorted[i]; d > alike*s.Usual {
			s.grain = min(s.grain, d)
		}
	}
	s.grain = max(s.grain, least*s.Usual)
	return s
}

// Log returns minus the logarithm of the share that the value y is of a usual one. To both the grain is added: where
// values are small counts, 0 is no smaller a share than 1 is of 2. 0: no less than usual, or not known.
func (s *Scale) Log(y, usual float64) float32 {
	if s.Usual == 0 || !(y < usual) || math.IsInf(s.grain, 1) {
		return 0
	}
	return float32(math.Log((usual + s.grain) / (max(y, 0) + s.grain)))
}

// Below returns how far the value is below a usual one of which it is the share with a logarithm, as Log returns it.
func (s *Scale) Below(log float32, usual float64) float64 {
	return -math.Expm1(-float64(log)) * max(usual+s.grain, 0)
}
