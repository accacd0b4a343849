package forecaster_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/anomaly-exporter/anomaly-exporter/forecaster"
)

func BenchmarkFit(b *testing.B) {
	for _, n := range []int{2016, 4032, 20160} {
		step, horizons := 5*time.Minute, []int{3, 12, 72}
		if n == 20160 {
			step, horizons = time.Minute, []int{15, 60, 360}
		}
		o := forecaster.Options{Step: step, Horizons: horizons, Refit: int(6 * time.Hour / step)}
		y := daily(n, step, 1)
		b.Run(fmt.Sprintf("points=%d", n), func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				_, err := forecaster.Fit(o, monday, y, nil)
				require.NoError(b, err)
			}
		})
	}
}

func BenchmarkCycle(b *testing.B) {
	for _, step := range []time.Duration{time.Minute, 5 * time.Minute} {
		b.Run("step="+step.String(), func(b *testing.B) {
			n := int(14 * 24 * time.Hour / step)
			y := daily(n, step, 1)
			perHour := int(time.Hour / step)
			o := forecaster.Options{Step: step, Horizons: []int{perHour / 4, perHour, 6 * perHour}}
			m, err := forecaster.Fit(o, monday, y, nil)
			require.NoError(b, err)
			var f forecaster.Forecast
			b.ReportAllocs()
			i := 0
			for b.Loop() {
				m.Advance(y[i%n])
				m.Forecast(&f)
				i++
			}
		})
	}
}
