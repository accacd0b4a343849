package detector

import (
	"math/rand/v2"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/anomaly-exporter/anomaly-exporter/config"
	"github.com/anomaly-exporter/anomaly-exporter/history"
)

// TestHoliday: a holiday that is like a Sunday is nothing strange, trouble on it is, and after it nothing is left of it.
func TestHoliday(t *testing.T) {
	t.Parallel()
	berlin, err := time.LoadLocation("Europe/Berlin")
	require.NoError(t, err)
	start := time.Date(2026, time.March, 9, 0, 0, 0, 0, berlin) // a Monday; clocks change on the 29th
	christmas := time.Date(2026, time.April, 1, 0, 0, 0, 0, berlin)
	const step = 5 * time.Minute
	rng := rand.New(rand.NewPCG(1, 4))
	load := func(at time.Time) float64 {
		at = at.In(berlin)
		level := 20.0
		if h := at.Hour(); h >= 8 && h < 20 {
			level = 100
			if at.Weekday() == time.Sunday || at.YearDay() == christmas.YearDay() {
				level = 40
			}
		}
		return level * (1 + 0.03*rng.NormFloat64())
	}
	highest := func(holidays string, trouble func(at time.Time, v float64) float64, from, to time.Time) float64 {
		c, err := config.Load([]byte(`
remote_read: [{url: 'http://localhost:9090/api/v1/read'}]
detectors: [{name: x, expr: up, step: 5m, timezone: Europe/Berlin, holidays: `+holidays+`}]`), "config.yml")
		require.NoError(t, err)
		d := newDetection(&c.Detectors[0], []int{12}, false, 1, func(_ string, fit func()) { fit() })
		var w history.Window
		for at := start; at.Before(christmas); at = at.Add(step) {
			w.Values, w.Learn = append(w.Values, load(at)), append(w.Learn, true)
		}
		w.Start = start.UnixMilli()
		d.fit(&w)
		require.NotNil(t, d.scorer)
		most := 0.0
		for at := christmas; at.Before(to); at = at.Add(step) {
			d.observe(observation{at: at.UnixMilli(), value: trouble(at, load(at))})
			if !at.Before(from) {
				most = max(most, d.score.Value)
			}
		}
		return most
	}
	none := func(_ time.Time, v float64) float64 { return v }
	outage := func(at time.Time, v float64) float64 {
		if at.In(berlin).Hour() == 14 {
			return 0
		}
		return v
	}
	next := christmas.AddDate(0, 0, 1)
	require.Greater(t, highest("[]", none, christmas, next), 0.8, "an alarm without the calendar")
	for _, holidays := range []string{"[2026-04-01]", "[04-01, 12-25]"} {
		require.Less(t, highest(holidays, none, christmas, next.AddDate(0, 0, 1)), 0.7, holidays)
		require.Greater(t, highest(holidays, outage, christmas, next), 0.8, holidays)
	}
}
