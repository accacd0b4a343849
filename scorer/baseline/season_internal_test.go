package baseline

import (
	"math"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/anomaly-exporter/anomaly-exporter/scorer/composition"
	"github.com/anomaly-exporter/anomaly-exporter/scorer/datarange"
	"github.com/anomaly-exporter/anomaly-exporter/scorer/level"
)

// The reference asks the season and the level at every slot, from the first on.
func TestBacktest_HoldIsAPassOverTheWholeWindow(t *testing.T) {
	disturbed := 0
	for seed := range uint64(20) {
		r := rand.New(rand.NewPCG(seed, 1))
		y := make([]float64, 12*288)
		for i := range y {
			y[i] = math.Sin(2*math.Pi*float64(i)/288) + 0.1*r.NormFloat64()
			if r.IntN(200) == 0 {
				y[i] = math.NaN()
			}
		}
		for range r.IntN(4) {
			from, by := r.IntN(len(y)), 3*r.NormFloat64()
			for i := from; i < min(len(y), from+1+r.IntN(3*288)); i++ {
				y[i] += by
			}
		}
		o := Options{Step: 5 * time.Minute, Possible: datarange.Range{math.Inf(-1), math.Inf(1)}}
		_, b, err := FitSeries(o, Window{Values: y})
		require.NoError(t, err)
		b.slots, b.composed = b.bySlot(), composition.Composition{}
		b.slots.Odd = 1
		b.seasonTest = b.follow(b.season, b.seasonValues(b.season, b.slots), &b.composed)
		_, got := b.hold(1, 1.5, 1)

		values, l := b.bySlot(), level.New(b.series.Grid.Slots, 1, 1.5, 1)
		values.Odd = 1
		isOdd := func(x, e float32) bool { return abs(x-e) > values.Odd && !l.IsNear(x, e, 1) }
		since := int64(0)
		for at := range b.Positions(0) {
			x, now := b.Values[at.Index], b.series.slots.At(at.Time)
			v, days, _ := values.Expected(b.season, now)
			e := v + l.Now()
			require.True(t, got.expected[at.Slot] == e || e != e && got.expected[at.Slot] != got.expected[at.Slot],
				"seed %d, slot %d: %v, not %v", seed, at.Slot, got.expected[at.Slot], e)
			from, moved := l.Push(x-v, 1, 1)
			if _, begun := l.Away(); begun {
				since = now
				disturbed++
			}
			if moved && b.season.Days > 0 {
				by := l.Now() - from
				values.Move(values.First, since, func(x float32) float32 { return x + by }, isOdd)
				l.Shift(from - l.Now())
			}
			if days > 0 && isOdd(x, e) {
				goesOn := now
				if away, _ := l.Away(); away > 0 {
					goesOn = since
				}
				values.MarkOdd(now, b.season, e, goesOn)
			}
		}
		require.True(t, got.level.Now() == l.Now() || l.Now() != l.Now())
	}
	require.Greater(t, disturbed, 10)
}

// Gaps, steps and incidents at any place, a window of any length: there is a baseline.
func TestFitSeries_TakesWhateverHappened(t *testing.T) {
	for seed := range uint64(2000) {
		r := rand.New(rand.NewPCG(seed, 2))
		y := make([]float64, 24*(8+r.IntN(10)))
		level := 20 * r.Float64()
		for i := range y {
			y[i] = level + 20*(2+math.Sin(2*math.Pi*float64(i)/24)) + r.NormFloat64()
			if (i/24+int(seed))%7 >= 5 {
				y[i] *= 0.5
			}
		}
		for range r.IntN(6) {
			from, by, times := r.IntN(len(y)), 30*r.NormFloat64(), 2*r.Float64()
			for i := from; i < min(len(y), from+1+r.IntN(7*24)); i++ {
				y[i] = y[i]*times + by
			}
		}
		for i := range r.IntN(len(y) / 3) {
			y[i] = math.NaN() // it is new
		}
		for i, gap := r.IntN(len(y)), r.IntN(3*24); i < len(y) && gap > 0; i, gap = i+1, gap-1 {
			y[i] = math.NaN()
		}
		o := Options{Step: time.Hour, Possible: datarange.Range{math.Inf(-1), math.Inf(1)}, Side: r.IntN(3) - 1}
		s, _, err := FitSeries(o, Window{Values: y})
		require.NoError(t, err)
		for range 24 {
			require.NotPanics(t, func() { s.Next(30, true) })
		}
	}
}
