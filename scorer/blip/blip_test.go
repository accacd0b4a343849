package blip_test

import (
	"math"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/anomaly-exporter/anomaly-exporter/scorer/blip"
)

const logWindow = 3.6 // 14 days in units of 5 minutes

// learned returns the usual blips of a window of slots with these deviations, of which those beyond 10 are large and
// those beyond 20 far.
func learned(stride int, deviations ...float32) *blip.Usual {
	u := blip.New(stride)
	for _, d := range append(deviations, 0) {
		u.Learn(d, math.Abs(float64(d)) > 10, math.Abs(float64(d)) > 20)
	}
	u.Fit(logWindow)
	return &u
}

func TestUsual_LimitsBlipsToHowOftenTheyAre(t *testing.T) {
	u := learned(5, 0, 30, 1, -50, 2)
	require.InDelta(t, 9, u.Limit(9), 0, "before any")
	u.Next(40, true, false)
	require.InDelta(t, logWindow-math.Log10(10), u.Limit(9), 1e-12, "two that are seen stand for ten")
	require.InDelta(t, 1, u.Limit(1), 0, "what is usual stays")
	for range 4 {
		u.Next(0, false, false)
		require.Less(t, u.Limit(9), 9.0, "to the end of a slot")
	}
	u.Next(0, false, false)
	require.InDelta(t, 9, u.Limit(9), 0)
}

func TestUsual_LimitsNothingElse(t *testing.T) {
	u := learned(5, 0, 30, 1, -50, 2)
	u.Next(40, true, false)
	u.Next(40, false, true)
	require.InDelta(t, 9, u.Limit(9), 0, "it lasts")
	u.Next(40, true, false)
	u.Next(-101, true, false)
	require.InDelta(t, 9, u.Limit(9), 0, "larger than twice any of them")

	for name, u := range map[string]*blip.Usual{
		"one":              learned(10, 0, 30, 0),
		"they last":        learned(5, 0, 30, 30, 0, 30, 30, 0),
		"none is far":      learned(5, 0, 15, 0, 15, 0),
		"history has all":  learned(1, 0, 30, 0, 30, 0, 30, 0, 30, 0, 30, 0, 30, 0, 30),
		"incidents, maybe": learned(3, 0, 30, 0, 30),
	} {
		u.Next(30, true, false)
		require.InDelta(t, 9, u.Limit(9), 0, name)
	}
}
