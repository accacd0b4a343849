package baseline

import (
	"math"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/anomaly-exporter/anomaly-exporter/scorer/datarange"
)

func TestFitSeries_MultipliesOnlyWhatIsMultiplied(t *testing.T) {
	const slots = 14 * 288
	shape := func(i int) float64 { return 60 - 50*math.Cos(2*math.Pi*float64(i)/288) } // 10 to 110
	changed := func(i int) bool { return i >= 11*288 }
	for _, tc := range []struct {
		name       string
		value      func(i int, noise float64) float64
		multiplied bool
		grows      bool // the noise
	}{
		{"multiplied, with its noise", func(i int, noise float64) float64 {
			x := shape(i) * (1 + 0.03*noise)
			if changed(i) {
				x *= 3
			}
			return x
		}, true, true},
		{"multiplied, with the same noise", func(i int, noise float64) float64 {
			x := shape(i)
			if changed(i) {
				x /= 2
			}
			return x + noise
		}, true, false},
		{"at one level, with noise that grows", func(i int, noise float64) float64 {
			return shape(i) * (1 + 0.03*noise)
		}, true, true},
		{"at one level, with noise that grows a little", func(i int, noise float64) float64 {
			return (shape(i) + 60) * (1 + 0.03*noise)
		}, false, false},
		{"at one level, with more noise at night", func(i int, noise float64) float64 {
			return shape(i) + (120-shape(i))/30*noise
		}, false, false},
		{"added, with noise that grows", func(i int, noise float64) float64 {
			x := shape(i)
			if changed(i) {
				x += 100
			}
			return x * (1 + 0.03*noise)
		}, false, true},
		{"added", func(i int, noise float64) float64 {
			x := shape(i) + 2*noise
			if changed(i) {
				x += 100
			}
			return x
		}, false, false},
		{"around 0", func(i int, noise float64) float64 {
			x := shape(i) - 60 + noise
			if changed(i) {
				x *= 3
			}
			return x
		}, false, false},
		{"below 0", func(i int, noise float64) float64 {
			x := -shape(i) + noise
			if changed(i) {
				x *= 3
			}
			return x
		}, false, false},
		{"far from 0", func(i int, noise float64) float64 {
			x := 1e5 + shape(i) + noise
			if changed(i) {
				x *= 1.001
			}
			return x
		}, false, false},
		{"added, with an outage", func(i int, noise float64) float64 {
			if changed(i) && i < 12*288 {
				return 0
			}
			return shape(i) + 2*noise
		}, false, false},
		{"without a season", func(i int, noise float64) float64 {
			x := 100 + 3*noise
			if changed(i) {
				x *= 3
			}
			return x
		}, false, false},
	} {
		t.Run(tc.name, func(t *testing.T) {
			r := rand.New(rand.NewPCG(1, 1))
			y := make([]float64, slots)
			for i := range y {
				y[i] = tc.value(i, r.NormFloat64())
			}
			o := Options{Step: 5 * time.Minute, Possible: datarange.Range{math.Inf(-1), math.Inf(1)}}
			s, _, err := FitSeries(o, Window{Values: y})
			require.NoError(t, err)
			require.Equal(t, tc.multiplied, s.composed.Multiplied)
			require.Equal(t, tc.grows, s.composed.Gain > 0)
		})
	}
}
