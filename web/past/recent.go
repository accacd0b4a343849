package past

import (
	"math"
	"slices"
	"time"

	"github.com/anomaly-exporter/anomaly-exporter/detector/result"
)

// A Moment is the value of a series at a step.
type Moment struct {
	Time  time.Time
	Value Number // NaN if there is none
}

// Moments returns the values of the first input of a series of a batch over the last while, from memory.
func Moments(b *result.Batch, s *result.Series, while time.Duration, points int) []Moment {
	if len(s.History) == 0 {
		return nil
	}
	step := b.Format.Step
	each := max(1, int(while/step)/points)
	moments, times := make([]Moment, 0, points+1), make([]int64, 0, points+1)
	for back := int(while/step) / each * each; back >= 0; back -= each {
		ts := b.Step - int64(back)*step.Milliseconds()
		v, _ := s.History[0].Value(ts)
		moments, times = append(moments, Moment{at(ts), Number(v)}), append(times, ts/1000)
	}
	for i, v := range Before(s, times, 0) { // which knows what is kept of the steps of long ago
		if moments[i].Value != moments[i].Value {
			moments[i].Value = v
		}
	}
	return moments
}

// Before returns, for each of some times (in seconds), the value of the first input of a series a while before, from
// memory; NaN where there is none.
func Before(s *result.Series, times []int64, while time.Duration) []Number {
	values := slices.Repeat([]Number{Number(math.NaN())}, len(times))
	if len(s.History) == 0 || len(times) == 0 {
		return values
	}
	h := s.History[0]
	back, i, coarse := while.Milliseconds(), 0, h.Layout().Coarse()
	reach, before := coarse, int64(math.MinInt64/2) // what is older has a value at every few steps only
	for p := range h.Points(times[0]*1000-back-coarse, times[len(times)-1]*1000-back) {
		if p.Time%coarse != 0 || p.Time-before < coarse {
			reach = h.Layout().Step
		}
		before = p.Time
		for i < len(times) && times[i]*1000-back < p.Time {
			i++
		}
		for k := i; k < len(times) && times[k]*1000-back < p.Time+reach; k++ {
			values[k] = Number(p.Value)
		}
	}
	return values
}

// Missing returns the share of the steps between two times (ms) at which the first input of a series has no value, from
// memory, at the resolution of its old values; NaN if that is not known.
func Missing(s *result.Series, from, to int64) float64 {
	if len(s.History) == 0 {
		return math.NaN()
	}
	h := s.History[0]
	if newest, ok := h.Last(); ok { // what is older is not kept
		from = max(from, newest-h.Layout().Length+1)
	}
	coarse := h.Layout().Coarse()
	from = (from + coarse - 1) / coarse * coarse
	if from >= to {
		return math.NaN()
	}
	known, last := 0, int64(math.MinInt64)
	for p := range h.Points(from, to) {
		if slot := p.Time / coarse; slot != last {
			known, last = known+1, slot
		}
	}
	return max(0, 1-float64(known)/float64(to/coarse-from/coarse+1))
}
