package forecaster_test

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/anomaly-exporter/anomaly-exporter/forecaster"
)

// An event adds to the load for some minutes, beginning at a minute of the day.
type event struct {
	minute, length int
	happens        func(day int, r *rand.Rand) bool
	moved          int // by up to so many minutes
}

func always(int, *rand.Rand) bool { return true }

func chance(p float64) func(int, *rand.Rand) bool {
	return func(_ int, r *rand.Rand) bool { return r.Float64() < p }
}

// withEvents is a load of about 300, by minute from Monday on, to which every event adds 2,700.
func withEvents(r *rand.Rand, days int, events []event) (y []float64) {
	y = make([]float64, days*24*60)
	for i := range y {
		y[i] = 300 * (1 + 0.05*r.NormFloat64())
	}
	for day := range days {
		for _, e := range events {
			if !e.happens(day, r) {
				continue
			}
			from := day*24*60 + e.minute
			if e.moved > 0 {
				from += r.IntN(2*e.moved+1) - e.moved
			}
			for i := from; i < from+e.length && i < len(y); i++ {
				y[i] += 2700
			}
		}
	}
	return y
}

// every returns the values at a step, of values at minutes.
func every(y []float64, step time.Duration) (z []float64) {
	for i := 0; i < len(y); i += int(step / time.Minute) {
		z = append(z, y[i])
	}
	return z
}

// What happens at the same time on most days is in the quantile of the largest value before it happens, and not in the
// hours between.
func TestMaxQuantile_HoldsWhatHappensAtTheSameTimeOnMostDays(t *testing.T) {
	if testing.Short() {
		t.Skip("fits some 300 models")
	}
	var hourly, twelve []event
	for h := range 24 {
		hourly = append(hourly, event{h * 60, 5, always, 0})
	}
	for i := range 12 {
		twelve = append(twelve, event{i*120 + 7*i%60, 4, chance(0.4 + 0.4*float64(i)/11), 0})
	}
	missing := map[int]bool{3: true, 5: true, 8: true, 12: true} // of 14 days
	const at, history, days = 6 * 60, 14, 21
	for name, events := range map[string][]event{
		"every day":          {{at, 20, always, 0}},
		"10 of 14 days":      {{at, 20, func(day int, _ *rand.Rand) bool { return !missing[day%14] }, 0}},
		"moved by 3 minutes": {{at, 20, always, 3}},
		"on workdays":        {{at, 20, func(day int, _ *rand.Rand) bool { return day%7 < 5 }, 0}},
		"on Tuesdays":        {{at, 20, func(day int, _ *rand.Rand) bool { return day%7 == 1 }, 0}},
		"every hour":         hourly,
		"twelve times a day": twelve,
	} {
		for _, step := range []time.Duration{time.Minute, 5 * time.Minute} {
			t.Run(name+" "+step.String(), func(t *testing.T) {
				r := rand.New(rand.NewPCG(3, 14))
				y := every(withEvents(r, days, events), step)
				perDay, horizon := int(24*time.Hour/step), int(15*time.Minute/step)
				o := forecaster.Options{Step: step, Horizons: []int{horizon}, Refit: perDay / 2}
				var m *forecaster.Model
				var began, ready, between, high float64
				for i := history * perDay; i+horizon < len(y); i++ {
					if i%(perDay/2) == perDay/10 || m == nil {
						from := i + 1 - history*perDay
						start := monday + int64(from)*step.Milliseconds()
						var err error
						m, err = forecaster.Fit(o, start, y[from:i+1], nil)
						require.NoError(t, err)
					} else {
						m.Advance(y[i])
					}
					maximum := m.MaxQuantile(horizon, 0.9)
					if y[i+horizon] > 2000 && y[i+horizon-1] < 2000 { // an event begins in a horizon
						began++
						if maximum > 2000 {
							ready++
						}
					}
					near := false // an event, whether it happens or not
					for _, e := range events {
						minute := i * int(step/time.Minute) % (24 * 60)
						from, to := e.minute-e.moved-25, e.minute+e.moved+e.length+5
						near = near || minute >= from && minute <= to || minute-24*60 >= from
					}
					if !near {
						between++
						if maximum > 1000 {
							high++
						}
					}
				}
				require.Positive(t, began)
				require.GreaterOrEqual(t, ready, 0.85*began, "of %v", began)
				require.LessOrEqual(t, high, 0.01*between, "of %v", between)
			})
		}
	}
}

// So is a daily job at steps of half an hour and an hour, on top of the shape of a day: it lasts for one to three
// steps, and comes with a chance of 40 % or more. In the hours between, nothing is kept for it.
func TestMaxQuantile_HoldsADailyJobAtLongSteps(t *testing.T) {
	t.Parallel()
	const history, days = 14, 21
	for _, step := range []time.Duration{30 * time.Minute, time.Hour} {
		for _, jobs := range []int{1, 2} {
			t.Run(fmt.Sprintf("%v %d a day", step, jobs), func(t *testing.T) {
				t.Parallel()
				perDay := int(24 * time.Hour / step)
				var began, ready, between, high float64
				for seed := range uint64(24) {
					r := rand.New(rand.NewPCG(seed, 30))
					slot, length, p := r.IntN(perDay), 1+int(seed)%3, 0.4+0.2*float64(seed/3%4)
					shape, job := 0.6*float64(seed%2), 2+5*float64(seed/2%2) // times the load
					y, near, begins := make([]float64, days*perDay), make([]bool, (days+1)*perDay), make([]bool, days*perDay)
					for i := range y {
						y[i] = 300 * (1 - shape*math.Cos(2*math.Pi*float64(i)/float64(perDay))) * (1 + 0.05*r.NormFloat64())
					}
					for k := range days * jobs {
						from := (k*perDay/jobs + slot) % len(y)
						for i := max(from-2, 0); i <= from+length+1; i++ {
							near[i] = true
						}
						if begins[from] = r.Float64() < p; begins[from] {
							for i := from; i < min(from+length, len(y)); i++ {
								y[i] *= 1 + job
							}
						}
					}
					o := forecaster.Options{Step: step, Horizons: []int{1}, Refit: perDay / 4}
					var m *forecaster.Model
					for i := history * perDay; i+1 < len(y); i++ {
						if i%(perDay/2) == perDay/10 || m == nil {
							from := i + 1 - history*perDay
							var err error
							m, err = forecaster.Fit(o, monday+int64(from)*step.Milliseconds(), y[from:i+1], nil)
							require.NoError(t, err)
						} else {
							m.Advance(y[i])
						}
						maximum := m.MaxQuantile(1, 0.9)
						switch {
						case begins[i+1]:
							began++
							if maximum > 0.8*y[i+1] {
								ready++
							}
						case !near[i+1]:
							between++
							if maximum > 1.6*y[i+1] {
								high++
							}
						}
					}
				}
				t.Logf("ready for %v of %v, high in %.2f %% of %v hours between", ready, began, 100*high/between, between)
				require.GreaterOrEqual(t, ready, 0.93*began)
				require.LessOrEqual(t, high, 0.01*between)
			})
		}
	}
}

// Noise and the shape of a day are not taken for what recurs, and so do not decide whether a job is.
func TestMaxQuantile_HoldsADailyJobOnTopOfTheShapeOfTheDay(t *testing.T) {
	t.Parallel()
	const history, step, perDay, horizon = 14, 5 * time.Minute, 288, 3
	var came, held float64
	for seed := range uint64(30) {
		r := rand.New(rand.NewPCG(seed, 88))
		slot := 12 + r.IntN(perDay-24)
		y := make([]float64, (history+1)*perDay)
		for i := range y {
			y[i] = 300 * (1 - 0.6*math.Cos(2*math.Pi*float64(i)/perDay)) * (1 + 0.05*r.NormFloat64())
			if i%perDay >= slot && i%perDay < slot+3 && i/perDay%5 < 2 {
				y[i] *= 3
			}
		}
		o := forecaster.Options{Step: step, Horizons: []int{horizon}}
		midnight := history * perDay
		m, err := forecaster.Fit(o, monday, y[:midnight], nil)
		require.NoError(t, err)
		for _, v := range y[midnight : midnight+slot-1] {
			m.Advance(v)
		}
		usual := 300 * (1 - 0.6*math.Cos(2*math.Pi*float64(slot)/perDay))
		came++
		if m.MaxQuantile(horizon, 0.9) > 2.4*usual {
			held++
		}
	}
	t.Logf("held %v of %v", held, came)
	require.GreaterOrEqual(t, held, 0.95*came)
}

// One event a day that comes on 40 % of the days is in few of the past windows that forecasts are compared by, and
// comes in none of some of them. The days tell of it all the same.
func TestMaxQuantile_HoldsWhatFewPastWindowsHeld(t *testing.T) {
	const at, history, days, step, perDay, horizon = 6 * 60, 14, 16, 5 * time.Minute, 288, 3
	o := forecaster.Options{Step: step, Horizons: []int{horizon}}
	var known, held float64
	for seed := range uint64(60) {
		y := every(withEvents(rand.New(rand.NewPCG(seed, 40)), days, []event{{at, 20, chance(0.4), 0}}), step)
		for from := range days - history {
			y, came := y[from*perDay:(from+history)*perDay+at/5], 0
			for i := at / 5; i < len(y); i += perDay {
				if y[i] > 2000 {
					came++
				}
			}
			if came < 4 {
				continue // that may be chance
			}
			midnight := history * perDay
			m, err := forecaster.Fit(o, monday+int64(from)*perDay*step.Milliseconds(), y[:midnight], nil)
			require.NoError(t, err)
			for _, v := range y[midnight:] {
				m.Advance(v)
			}
			known++
			if m.MaxQuantile(horizon, 0.9) > 2000 {
				held++
			}
		}
	}
	require.Greater(t, known, 60.0)
	require.GreaterOrEqual(t, held, 0.95*known)
}

// What recurs comes on top of the level of today: after a step of the level, too, also one that is larger than it.
func TestMaxQuantile_HoldsWhatRecursOnTopOfTheLevelOfToday(t *testing.T) {
	t.Parallel()
	const at, history, steppedAt, size = 6 * 60, 14, (13*24 + 15) * 60, 2700.0
	for _, step := range []time.Duration{time.Minute, 5 * time.Minute} {
		for _, added := range []float64{-200, 270, 600, 3000} {
			t.Run(fmt.Sprintf("%v %+v", step, added), func(t *testing.T) {
				t.Parallel()
				r := rand.New(rand.NewPCG(9, 2))
				y := withEvents(r, history+1, []event{{at, 20, always, 0}})
				for i := steppedAt; i < len(y); i++ {
					y[i] += added
				}
				y = every(y, step)
				perDay, horizon := int(24*time.Hour/step), int(15*time.Minute/step)
				now := history*perDay + at*perDay/(24*60) - horizon
				for _, fitted := range []int{4, 12, 20} { // hours ago, the last one of which does not know of the step
					fit := now - fitted*perDay/24
					o := forecaster.Options{Step: step, Horizons: []int{horizon}}
					m, err := forecaster.Fit(o, monday, y[:fit], nil)
					require.NoError(t, err)
					for _, v := range y[fit : now+1] {
						m.Advance(v)
					}
					peak := 300 + added + size
					maximum := m.MaxQuantile(horizon, 0.9)
					require.Greater(t, maximum, 0.98*peak, "fitted %d hours ago", fitted)
					require.Less(t, maximum, 1.25*peak, "fitted %d hours ago", fitted)
					require.Greater(t, m.BreachProbability(horizon, 0.9*peak, true), 0.5)
				}
			})
		}
	}
}

// What only chance brings to the same time on some days is not expected there, and what it adds to the maximum is
// calibrated as ever.
func TestMaxQuantile_ExpectsNothingAtATimeWhereThereWasOnlyChance(t *testing.T) {
	r := rand.New(rand.NewPCG(5, 7))
	const step, days, perDay = 5 * time.Minute, 14, 288
	o := forecaster.Options{Step: step, Horizons: []int{3}}
	high := 0.0
	for range 5 {
		y := make([]float64, (days+1)*perDay)
		for i := range y {
			y[i] = 300 * (1 + 0.05*r.NormFloat64())
		}
		for range 3 * days {
			for i, at := 0, r.IntN(len(y)); i < 4 && at+i < len(y); i++ {
				y[at+i] += 2700
			}
		}
		m, err := forecaster.Fit(o, monday, y[:days*perDay], nil)
		require.NoError(t, err)
		for _, v := range y[days*perDay:] {
			m.Advance(v)
			if v < 1000 && m.MaxQuantile(3, 0.9) > 2000 {
				high++
			}
		}
	}
	require.Less(t, high/(5*perDay), 0.1)
}

// Where a bound is crossed at the same time on most days, that is as probable as it was often.
func TestBreachProbability_CountsTheDaysOnWhichItHappened(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	y := every(withEvents(r, 15, []event{{6 * 60, 20, func(day int, _ *rand.Rand) bool {
		return day%3 > 0
	}, 0}}), 5*time.Minute)
	now := 14*288 + 6*12 - 2
	o := forecaster.Options{Step: 5 * time.Minute, Horizons: []int{3}}
	m, err := forecaster.Fit(o, monday, y[:now+1], nil)
	require.NoError(t, err)
	require.InDelta(t, 9.0/14, m.BreachProbability(3, 2000, true), 0.01)
	require.Less(t, m.BreachProbability(3, 4000, true), 0.05)
}

// nightlyFile is the share of a disk that is used, by minute. Every night, at about ten to three, a job writes a file
// of a third of the disk within 20 minutes, and removes it five minutes later. stays is a day on which it does not.
func nightlyFile(r *rand.Rand, days, stays int) []float64 {
	y := make([]float64, days*24*60)
	for day := range days {
		from, end := day*24*60+170+r.IntN(17)-8, 25
		if day == stays {
			end = len(y)
		}
		for i := from; i < min(from+end, len(y)); i++ {
			y[i] += 35 * min(float64(i-from)/20, 1)
		}
	}
	for i := range y {
		y[i] += 55 + 0.2*float64(i)/(24*60) + 0.005*r.NormFloat64()
	}
	return y
}

// A job that begins some minutes earlier or later is not expected a second time, nor to go on beyond what it did on
// other days. So no bound beyond those is threatened, on what is used or on what is free.
func TestBreachProbability_IsLowWhereWhatRecursMovesByMinutes(t *testing.T) {
	if testing.Short() {
		t.Skip("takes seconds")
	}
	t.Parallel()
	const step, hour = 5 * time.Minute, 12
	for name, upper := range map[string]bool{"used": true, "free": false} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			o := forecaster.Options{Step: step, Horizons: []int{hour, 6 * hour}, DataRange: [2]float64{0, 100}}
			for seed := range uint64(2) {
				y, bound := every(nightlyFile(rand.New(rand.NewPCG(seed, 1)), 18, -1), step), 98.0
				if !upper {
					bound = 2
					for i, v := range y {
						y[i] = 100 - v
					}
				}
				follow(t, o, y, 14*24*hour, int(seed)*hour, func(i int, m *forecaster.Model) {
					require.Less(t, m.BreachProbability(hour, bound, upper), 0.5, "at %v", time.Duration(i)*step)
				})
			}
		})
	}
}

// What goes on after the time at which it ends on other days is followed.
func TestModel_FollowsWhatRecursAndDoesNotEnd(t *testing.T) {
	if testing.Short() {
		t.Skip("takes seconds")
	}
	t.Parallel()
	for _, step := range []time.Duration{time.Minute, 5 * time.Minute} {
		hour := int(time.Hour / step)
		const day = 15
		y := every(nightlyFile(rand.New(rand.NewPCG(1, 1)), day+1, day), step)
		o := forecaster.Options{Step: step, Horizons: []int{hour / 4, hour}, DataRange: [2]float64{0, 100}}
		follow(t, o, y[:day*24*hour+7*hour], day*24*hour+4*hour, 0, func(i int, m *forecaster.Model) {
			require.InEpsilon(t, y[i], m.Quantile(hour/4, 0.5), 0.1, "at %v", time.Duration(i)*step)
		})
	}
}

// What recurs is told apart from what lasts: before it comes, at its minutes, and after them.
func TestModel_TellsWhatRecursApart(t *testing.T) {
	t.Parallel()
	const day, at, h = 24 * 60, 6*60 + 2, 15
	y := withEvents(rand.New(rand.NewPCG(1, 9)), 14, []event{{at, 3, always, 0}})
	o := forecaster.Options{Step: time.Minute, Horizons: []int{h}, KeepDays: true}
	m := fit(t, o, y[:13*day+at-h], nil) // what comes next is 15 minutes before it
	low, high := func(v float64) bool { return v < 500 }, func(v float64) bool { return v > 2500 }
	for i := 13*day + at - h; i < 13*day+at+5; i++ {
		m.Advance(300) // it does not come
		minute := i - 13*day - at
		ahead := minute < 0
		require.Equal(t, ahead, high(m.MaxQuantile(h, 0.9)), "minute %d", minute)
		require.Equal(t, ahead, high(m.EarlierMaxQuantile(h, 0.9)), "minute %d", minute)
		require.Equal(t, ahead, high(m.RecurringMaxQuantile(1, h, 0.9)), "minute %d", minute)
		require.Equal(t, !ahead, math.IsNaN(m.RecurringMaxQuantile(1, h, 0.9)), "minute %d", minute)
		require.Equal(t, minute >= 0 && minute < 3, high(m.RecurringMaxQuantile(0, 0, 0.9)), "minute %d", minute)
		require.True(t, low(m.LastingMaxQuantile(h, 0.9)), "minute %d", minute)
		require.True(t, low(m.EarlierLastingMaxQuantile(h, 0.9)), "minute %d", minute)
	}
}

// What earlier days held is in the unit of the series under a transform, too.
func TestEarlierMaxQuantile_KnowsTheUnitOfATransform(t *testing.T) {
	r := rand.New(rand.NewPCG(2, 9))
	const perDay, days = 288, 14
	y := make([]float64, days*perDay)
	for i := range y {
		y[i] = 100 * math.Exp(0.5*r.NormFloat64())
		if i%perDay >= 100 && i%perDay < 104 {
			y[i] = 3000
		}
	}
	y[3*perDay+100] = 9000
	for _, model := range []string{"ses", "auto"} {
		m := fit(t, forecaster.Options{
			Model: model, Step: 5 * time.Minute, Horizons: []int{3}, KeepDays: true, DataRange: [2]float64{0, math.Inf(1)},
		}, y[:13*perDay+98], nil)
		if model == "ses" {
			require.Equal(t, "ses/log", m.Name())
		}
		require.InDelta(t, 3000, m.EarlierMaxQuantile(3, 0.8), 1, model)
		require.InDelta(t, 3000, m.RecurringMaxQuantile(1, 3, 0.8), 1, model)
		require.InDelta(t, 3000, m.MaxQuantile(3, 0.8), 1, model)
		require.InDelta(t, 1, m.BreachProbability(3, 2500, true), 0.01, model)
		require.InDelta(t, 1.0/13, m.BreachProbability(3, 5000, true), 0.01, model)
		require.Less(t, m.LastingMaxQuantile(3, 0.8), 1000.0, model)
	}
}

func TestEarlierMaxQuantile_IsThatOfTheSameTimeOfOtherDays(t *testing.T) {
	const perDay = 288
	y := make([]float64, 9*perDay)
	for i := range y {
		y[i] = float64(i / perDay) // the number of the day
	}
	const noon = 8*perDay + perDay/2
	y[noon-5*perDay+10] = 50
	o := forecaster.Options{Step: 5 * time.Minute, Horizons: []int{3}, KeepDays: true}
	fit := func(o forecaster.Options, n int) *forecaster.Model {
		m, err := forecaster.Fit(o, monday, y[:n], nil)
		require.NoError(t, err)
		return m
	}
	m := fit(o, noon)
	require.InDelta(t, 7, m.EarlierMaxQuantile(3, 0.9), 1e-6, "eight days")
	require.InDelta(t, 3.5, m.EarlierMaxQuantile(3, 0.5), 1e-6)
	for range 9 {
		m.Advance(8)
	}
	require.InDelta(t, 50, m.EarlierMaxQuantile(3, 0.9), 1e-5, "what came ten steps after noon is ahead")
	for range 3 {
		m.Advance(8)
	}
	require.InDelta(t, 7, m.EarlierMaxQuantile(3, 0.9), 1e-6)
	require.InDelta(t, 0, fit(o, perDay+1).EarlierMaxQuantile(3, 0.9), 1e-6, "one day is enough")
	require.True(t, math.IsNaN(fit(o, perDay/2).EarlierMaxQuantile(3, 0.9)))
	o.KeepDays = false
	require.True(t, math.IsNaN(fit(o, 9*perDay).EarlierMaxQuantile(3, 0.9)))
}
