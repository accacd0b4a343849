package ewma_test

import (
	"math"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/anomaly-exporter/anomaly-exporter/scorer/ewma"
)

// What is far from expected for less than a slot, or for one step where that is the slot, leaves no trace once the
// series is back. What lasts for longer, and what is not back, does for an hour, or three steps. What comes again
// within the hour does for as long as it took to come again.
func TestPhases_ForgetBlips(t *testing.T) {
	const before = 600
	minutes, fives, quarters := slots{5, 5}, slots{1, 5}, slots{1, 15}
	halves, hours, days := slots{1, 30}, slots{1, 60}, slots{1, 24 * 60}
	nan := float32(math.NaN())
	for name, tc := range map[string]struct {
		slots
		after  []float32 // deviations
		leaves bool
	}{
		"one minute":                 {minutes, []float32{20, 0}, false},
		"four minutes":               {minutes, []float32{20, -20, 9, 20, 0}, false},
		"with a gap":                 {minutes, []float32{20, nan, 0}, false},
		"five minutes":               {minutes, []float32{20, 20, 20, 20, 20, 0}, true},
		"not back":                   {minutes, []float32{20, 5, 5, 5, 5, 0}, true},
		"not farther than ordinary":  {minutes, []float32{7.9, 0}, true},
		"again":                      {minutes, slices.Concat(blips(2, 7), back(7)), true},
		"again, and then no more":    {minutes, slices.Concat(blips(2, 7), back(8)), false},
		"six times":                  {minutes, slices.Concat(blips(6, 10), back(10)), true},
		"six times, and no more":     {minutes, slices.Concat(blips(6, 10), back(11)), false},
		"the longest pause counts":   {minutes, slices.Concat(blips(2, 30), back(9), blips(3, 10), back(29)), true},
		"again after an hour":        {minutes, slices.Concat(blips(2, 61), back(1)), false},
		"an hour after five minutes": {minutes, slices.Concat(lasting(6), back(60)), true},
		"an hour and a minute after": {minutes, slices.Concat(lasting(6), back(61)), false},
		"before what lasts":          {minutes, slices.Concat(blips(2, 10), back(9), []float32{20, 20, 20, 20, 20, 0}), true},

		"soon after one step":          {fives, []float32{20, 0, 0}, true},
		"an hour after what lasted":    {fives, slices.Concat(lasting(40), back(12)), true},
		"later":                        {fives, slices.Concat(lasting(40), back(13)), false},
		"again after what lasted":      {fives, slices.Concat(lasting(40), back(11), lasting(1), back(12)), true},
		"and no more":                  {fives, slices.Concat(lasting(40), back(11), lasting(1), back(13)), false},
		"a gap after what lasted":      {fives, slices.Concat(lasting(40), []float32{nan, nan}, back(13)), false},
		"not back for hours":           {fives, slices.Concat(lasting(40), slices.Repeat([]float32{5}, 30)), true},
		"not back after what lasted":   {fives, slices.Concat(lasting(40), []float32{5, 5, 5, 5}, back(13)), false},
		"one step":                     {fives, []float32{20, 0, 0, 0}, false},
		"one step, and a gap":          {fives, []float32{20, nan, 0, 0, 0}, false},
		"two steps":                    {fives, []float32{20, -20, 0, 0, 0}, true},
		"not back after a step":        {fives, []float32{20, 5, 0, 0, 0}, true},
		"every fourth step":            {fives, slices.Concat(blips(4, 4), back(4)), true},
		"every fourth, and no more":    {fives, slices.Concat(blips(4, 4), back(5)), false},
		"one step of 15 minutes":       {quarters, []float32{20, 0, 0, 0}, false},
		"an hour, and not longer":      {quarters, slices.Concat(lasting(40), back(4)), true},
		"longer than an hour":          {quarters, slices.Concat(lasting(40), back(5)), false},
		"every half an hour":           {quarters, slices.Concat(blips(4, 2), back(2)), true},
		"every half hour, and no more": {quarters, slices.Concat(blips(4, 2), back(3)), false},
		"one step of an hour":          {hours, []float32{20, 0, 0, 0}, true},

		"soon after a corrupt half hour":  {halves, []float32{100, 0}, true},
		"a corrupt half hour":             {halves, []float32{100, 0, 0}, false},
		"again within an hour":            {halves, []float32{100, 0, -100, 0, 0}, true},
		"again within one, and no more":   {halves, []float32{100, 0, -100, 0, 0, 0}, false},
		"a corrupt hour":                  {hours, []float32{100, 0}, false},
		"a corrupt hour, and a gap":       {hours, []float32{100, nan, 0}, false},
		"corrupt hours":                   {hours, []float32{100, 0, -100, 0, 100, 0, 0, 100, 0}, false},
		"two corrupt hours":               {hours, []float32{100, 100, 0}, true},
		"not back after a corrupt hour":   {hours, []float32{100, 5, 0}, true},
		"three hours after corrupt ones":  {hours, []float32{100, 100, 100, 0, 0, 0}, true},
		"four hours after corrupt ones":   {hours, []float32{100, 100, 100, 0, 0, 0, 0}, false},
		"large after a corrupt hour":      {hours, []float32{100, 0, 20, 0}, true},
		"corrupt in the middle of others": {hours, []float32{20, 100, 20, 0}, true},
		"a corrupt day":                   {days, []float32{100, 0}, false},
	} {
		t.Run(name, func(t *testing.T) {
			slot := (time.Duration(tc.minutes) * time.Minute).Milliseconds()
			within := ewma.NewBounds(8, 0, slot)
			p := ewma.NewPhases(tc.steps, slot, true)
			step := 0
			next := func(d float32) {
				p.Next(step%tc.steps, d, 0, 1, &within)
				step++
			}
			for range before {
				next(float32(step/tc.steps%2) / 20)
			}
			was := p.Average()
			for _, d := range tc.after {
				next(d)
			}
			now := p.Average()
			if tc.leaves {
				require.Greater(t, now.Volatility(), 8*was.Volatility())
				return
			}
			require.InDelta(t, was.Volatility(), now.Volatility(), 0.05)
			require.InDelta(t, was.Trend(), now.Trend(), 0.05)
		})
	}
}

// slots are of so many steps, and take so many minutes.
type slots struct{ steps, minutes int }

// back returns deviations of so many steps in which nothing happens.
func back(steps int) []float32 { return make([]float32, steps) }

// lasting returns deviations of so many steps that are all far.
func lasting(steps int) []float32 { return slices.Repeat([]float32{20}, steps) }

// blips returns the deviations of so many blips of a step, from the first to the last one, every so many steps.
func blips(n, every int) []float32 {
	all := make([]float32, (n-1)*every+1)
	for i := range n {
		all[i*every] = 20
	}
	return all
}

// A few corrupt values do not change which deviations are ordinary, also where they are more than 1 % of all. What is
// large more often, or not that far out, does.
func TestOrdinary_IsNotCorrupt(t *testing.T) {
	for _, tc := range []struct {
		all, large int
		size       float32
		ordinary   float32
	}{
		{336, 0, 0, 3},
		{336, 1, 1e9, 3},
		{336, 6, 1e9, 3},
		{336, 6, 31, 3},
		{336, 6, 29, 3 * 29},
		{336, 7, 1e9, 3e9},
		{24, 2, 1e9, 3},
		{24, 3, 1e9, 3e9},
		{2000, 6, 1e9, 3},
	} {
		all := slices.Concat(slices.Repeat([]float32{1}, tc.all-tc.large), slices.Repeat([]float32{tc.size}, tc.large))
		require.InDelta(t, tc.ordinary, ewma.Ordinary(all), 1e-6, tc)
	}
	require.Equal(t, float32(6), ewma.Ordinary([]float32{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 2}))
	require.True(t, math.IsInf(float64(ewma.Ordinary([]float32{0, 0})), 1))
}

// Blips that are forgotten are forgotten for good.
func TestPhases_ForgetBlipsForGood(t *testing.T) {
	const slot = 5 * 60_000
	within := ewma.NewBounds(8, 0, slot)
	with, without := ewma.NewPhases(1, slot, true), ewma.NewPhases(1, slot, true)
	for i := range 600 {
		d := float32(i*i%7) / 7
		without.Next(0, d, 0, 1, &within)
		if i == 300 {
			d = 1000
		}
		with.Next(0, d, 0, 1, &within)
		if i < 300 || i > 302 {
			require.InDelta(t, without.At(0).Volatility(), with.At(0).Volatility(), 0.05, i)
			require.InDelta(t, without.At(0).Trend(), with.At(0).Trend(), 0.15, i)
		}
	}
	require.InDelta(t, without.At(0).Volatility(), with.At(0).Volatility(), 1e-6)
	require.InDelta(t, without.At(0).Trend(), with.At(0).Trend(), 1e-6)
}

// History of one value for each slot does not tell how long it was there: that is no blip.
func TestPhases_DoNotForgetSlots(t *testing.T) {
	const slot = 5 * 60_000
	within := ewma.NewBounds(8, 0, slot)
	p := ewma.NewPhases(5, slot, true)
	for i := range 100 {
		p.Next(0, float32(i%2)/10, 0, 1, &within)
	}
	p.Next(0, 20, 0, 1, &within)
	for range 3 {
		p.Next(0, 0, 0, 1, &within)
	}
	require.Greater(t, p.At(0).Volatility(), float32(4))
}
