package forecaster_test

import (
	"math"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/anomaly-exporter/anomaly-exporter/forecaster"
)

// A shop is busy by day, at a third of that on Sundays and on holidays.
type shop struct {
	loc     *time.Location
	holiday map[string]bool
	rng     *rand.Rand
}

func (s *shop) load(at time.Time) float64 {
	at = at.In(s.loc)
	level := 20.0
	if h := at.Hour(); h >= 8 && h < 20 {
		level = 100
		if at.Weekday() == time.Sunday || s.holiday[at.Format(time.DateOnly)] {
			level = 40
		}
	}
	return level * (1 + 0.03*s.rng.NormFloat64())
}

func (s *shop) values(from time.Time, n int, step time.Duration) []float64 {
	y := make([]float64, n)
	for i := range y {
		y[i] = s.load(from.Add(time.Duration(i) * step))
	}
	return y
}

func (s *shop) isHoliday(year int, month time.Month, day int) bool {
	return s.holiday[time.Date(year, month, day, 0, 0, 0, 0, time.UTC).Format(time.DateOnly)]
}

// missed is the mean error of a day's forecast, made after the values y from start on, with and without the holidays.
func (s *shop) missed(
	t *testing.T, model string, start time.Time, y []float64, step time.Duration,
) (with, without float64) {
	t.Helper()
	h := int(24 * time.Hour / step)
	actual := s.values(start.Add(time.Duration(len(y))*step), h, step)
	for _, errs := range []*float64{&with, &without} {
		o := forecaster.Options{Model: model, Step: step, Location: s.loc, Horizons: []int{h}}
		if errs == &with {
			o.Holiday = s.isHoliday
		}
		m, err := forecaster.Fit(o, start.UnixMilli(), y, nil)
		require.NoError(t, err)
		for i, v := range actual {
			*errs += math.Abs(m.Quantile(i+1, 0.5)-v) / float64(h)
		}
	}
	return with, without
}

// A first holiday is forecast as a Sunday, another one as the one before, and what comes after them as if they had not
// been. Clocks are put forward on 29 March 2026.
func TestFit_ForecastsHolidays(t *testing.T) {
	if testing.Short() {
		t.Skip("takes seconds")
	}
	t.Parallel()
	berlin, err := time.LoadLocation("Europe/Berlin")
	require.NoError(t, err)
	at := func(month time.Month, day int) time.Time { return time.Date(2026, month, day, 0, 0, 0, 0, berlin) }
	for _, tc := range []struct {
		name     string
		holidays []string
		tomorrow time.Time
	}{
		{"the first", []string{"2026-04-01"}, at(time.April, 1)},
		{"one after another", []string{"2026-03-31", "2026-04-01"}, at(time.April, 1)},
		{"another one later", []string{"2026-03-25", "2026-04-01"}, at(time.April, 1)},
		{"the day after", []string{"2026-04-01"}, at(time.April, 2)},
		{"a week after", []string{"2026-04-01"}, at(time.April, 8)},
	} {
		for _, step := range []time.Duration{5 * time.Minute, time.Hour} {
			for _, model := range []string{"auto", "seasonal_naive", "holt_winters"} {
				s := &shop{loc: berlin, holiday: map[string]bool{}, rng: rand.New(rand.NewPCG(1, 9))}
				for _, date := range tc.holidays {
					s.holiday[date] = true
				}
				start := tc.tomorrow.AddDate(0, 0, -20)
				y := s.values(start, int(tc.tomorrow.Sub(start)/step), step)
				with, without := s.missed(t, model, start, y, step)
				t.Logf("%s, %s, %s: %.1f, without the calendar %.1f", tc.name, model, step, with, without)
				if model == "auto" {
					require.Less(t, with, 4.0, "%s, step %s", tc.name, step)
				}
				require.LessOrEqual(t, with, without+2, "%s, %s, step %s", tc.name, model, step)
			}
		}
	}
}

// While a holiday goes on it is followed, and it leaves nothing behind.
func TestModel_FollowsAHolidayAndForgetsIt(t *testing.T) {
	t.Parallel()
	const day = 288
	s := &shop{loc: time.UTC, holiday: map[string]bool{"2026-04-01": true}, rng: rand.New(rand.NewPCG(2, 9))}
	start := time.Date(2026, time.March, 13, 0, 0, 0, 0, time.UTC)
	y := s.values(start, 20*day, 5*time.Minute) // up to the end of the holiday
	quiet := func(i int) float64 { return 0.5 * y[19*day+i] }
	o := forecaster.Options{Step: 5 * time.Minute, Horizons: []int{3, 12, day}, Holiday: s.isHoliday}
	before, err := forecaster.Fit(o, start.UnixMilli(), y[:19*day], nil)
	require.NoError(t, err)
	width := before.Quantile(150, 0.9) - before.Quantile(150, 0.1)
	require.Greater(t, width, 20.0, "it may be like a Sunday, or not")
	for i := range 144 {
		before.Advance(quiet(i))
	}
	require.InDelta(t, 20, before.Quantile(3, 0.5), 3, "quieter than a Sunday, and seen to be")
	for i := 144; i < day; i++ {
		before.Advance(quiet(i))
	}
	require.InDelta(t, 100, before.Quantile(150, 0.5), 6, "an ordinary day follows")

	// A fit in the middle of it, and one that knows nothing but it.
	half := append(y[:19*day:19*day], y[19*day:19*day+144]...)
	m, err := forecaster.Fit(o, start.UnixMilli(), half, nil)
	require.NoError(t, err)
	require.InDelta(t, 40, m.Quantile(12, 0.5), 4)
	m, err = forecaster.Fit(o, start.Add(19*24*time.Hour).UnixMilli(), y[19*day:19*day+144], nil)
	require.NoError(t, err)
	require.InDelta(t, 40, m.Quantile(3, 0.5), 4)
}
