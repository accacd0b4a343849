package sawtooth_test

import (
	"math"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/anomaly-exporter/anomaly-exporter/scorer/sawtooth"
)

const perDay = 288

// saw falls from 1 by rate a day, and is reset to 1 when it is told to.
func saw(rate float64, reset func(slot int, x float64) bool) []float64 {
	y, x := make([]float64, 14*perDay), 1.0
	for i := range y {
		if x -= rate / perDay; reset(i, x) {
			x = 1
		}
		y[i] = x
	}
	return y
}

// each returns a series by slot.
func each(value func(slot int) float64) []float64 {
	y := make([]float64, 14*perDay)
	for i := range y {
		y[i] = value(i)
	}
	return y
}

func TestFind(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 1))
	until := 0.3
	load := func(slot int) float64 { return 1 + math.Sin(2*math.Pi*float64(slot)/perDay) + 0.02*r.NormFloat64() }
	during := func(slot int) bool {
		return slot/perDay == 3 && slot%perDay < 24 || slot/perDay == 9 && slot%perDay < 24
	}
	warmUp := 0.0
	for name, tc := range map[string]struct {
		y  []float64
		is bool
	}{
		"by size": {saw(1.7, func(_ int, x float64) bool { return x < 0.2 }), true},
		"by size, which differs": {saw(0.9, func(_ int, x float64) bool {
			if x > until {
				return false
			}
			until = 0.4 * r.Float64()
			return true
		}), true},
		"weekly":            {saw(0.1, func(slot int, _ float64) bool { return slot%(7*perDay) == 5*perDay }), true},
		"once":              {saw(0.06, func(slot int, _ float64) bool { return slot == 9*perDay }), false},
		"daily":             {saw(0.7, func(slot int, _ float64) bool { return slot%perDay == 40 }), false},
		"daily, by minutes": {saw(0.7, func(slot int, _ float64) bool { return slot%perDay == 40+slot/perDay%3 }), false},
		"season":            {each(load), false},
		"season with outages": {each(func(slot int) float64 {
			if during(slot) {
				return 0
			}
			return load(slot)
		}), false},
		"season with outages that end slowly": {each(func(slot int) float64 {
			if warmUp = min(1, warmUp+0.02); during(slot) {
				warmUp = 0
			}
			return warmUp * (load(slot) + 1)
		}), false},
		"outages that end slowly": {each(func(slot int) float64 {
			if warmUp = min(1, warmUp+0.02); during(slot) {
				warmUp = 0
			}
			return warmUp
		}), false},
		"as good as noise": {each(func(slot int) float64 { return math.Sin(300_000 * float64(slot)) }), false},
		"noise":            {each(func(int) float64 { return r.Float64() }), false},
		"by the hour":      {saw(30, func(_ int, x float64) bool { return x < 0.1 }), false},
		"two levels":       {each(func(slot int) float64 { return float64(slot / (3 * perDay) % 2) }), false},
		"two steps up":     {each(func(slot int) float64 { return float64(slot / (6 * perDay)) }), false},
		"bursts":           {each(func(slot int) float64 { return math.Exp(-float64(slot*7%401) / 3) }), false},
		"nothing known":    {each(func(int) float64 { return math.NaN() }), false},
		"constant":         {each(func(int) float64 { return 5 }), false},
	} {
		t.Run(name, func(t *testing.T) {
			s := sawtooth.Series{Values: tc.y, Day: perDay, Hour: 12, Again: 2, Block: 36}
			teeth := s.Find()
			require.Equal(t, tc.is, teeth.Resets > 0)
			if teeth.Resets > 0 {
				require.InDelta(t, 1, teeth.High, 0.1)
				require.Less(t, teeth.Low, 0.3)
			}
		})
	}
}
