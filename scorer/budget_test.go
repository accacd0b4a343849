package scorer_test

import (
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/anomaly-exporter/anomaly-exporter/scorer"
)

// services are kinds of load of a service, at times in days.
var services = []struct {
	name string
	make func(r *rand.Rand) func(t float64) float64
}{
	{"flat", func(r *rand.Rand) func(float64) float64 {
		return func(float64) float64 { return 100 * (1 + 0.05*r.NormFloat64()) }
	}},
	{"by day", func(r *rand.Rand) func(float64) float64 {
		return func(t float64) float64 { return busy(t, 1) * (1 + 0.05*r.NormFloat64()) }
	}},
	{"by week", func(r *rand.Rand) func(float64) float64 {
		return func(t float64) float64 { return busy(t, 0.5) * (1 + 0.03*r.NormFloat64()) }
	}},
	{"counts by day", func(r *rand.Rand) func(float64) float64 {
		return func(t float64) float64 { return float64(poisson(r, 0.4*busy(t, 1))) }
	}},
}

// busy is the load of a service at a time in days, with weekends that have a share of it.
func busy(t, weekend float64) float64 {
	v := 80 + 60*math.Cos(2*math.Pi*(t-14.0/24))
	if math.Mod(t, 7) >= 5 {
		v *= weekend
	}
	return v
}

// What is beyond any doubt clears the bar of a fleet of 200 series with a budget of one false alert a week: an outage,
// also of half of a busy service, a load test, three times the load. Half of the budget is AnomalyDetectedHighScore's,
// so the bar is 400 weeks.
func TestModel_OutagesClearTheBarOfAFleet(t *testing.T) {
	const bar = 2 * 200
	seeds := 4
	if testing.Short() {
		seeds = 1
	}
	events := []struct {
		name  string
		hours float64
		times float64
	}{{"outage", 1, 0}, {"outage", 6, 0}, {"half an outage", 6, 0.5}, {"load test", 2, 2.5}, {"three times", 6, 3}}
	for _, step := range []time.Duration{time.Minute, 5 * time.Minute, time.Hour} {
		for _, service := range services {
			for _, event := range events {
				if step == time.Hour && event.hours < 6 || service.name == "counts by day" && event.times == 0.5 {
					continue // a step or two say little, and so does half of a few events
				}
				t.Run(fmt.Sprintf("%s/%s/%s of %v h", step, service.name, event.name, event.hours), func(t *testing.T) {
					t.Parallel()
					alerts := 0
					for seed := range seeds {
						value := service.make(rand.New(rand.NewPCG(uint64(seed), 3)))
						during := int(event.hours * float64(time.Hour) / float64(step))
						periods := duringEvent(t, value, step, during, event.times)
						alerts += min(alertsOf(periods, bar, step), 1)
					}
					require.GreaterOrEqual(t, alerts, seeds-1, "of %d", seeds)
				})
			}
		}
	}
}

// duringEvent returns the return periods in weeks of the steps of an event from 10:00 on a Wednesday on, which
// multiplies the values of a series of two weeks.
func duringEvent(t *testing.T, value func(float64) float64, step time.Duration, during int, times float64) []float64 {
	perDay := int(24 * time.Hour / step)
	from := 16*perDay + 10*perDay/24
	y := make([]float64, from)
	for i := range y {
		y[i] = value(float64(i) / float64(perDay))
	}
	first := from - 14*perDay
	window, learn := thin(y[first:], step)
	m, err := scorer.Fit(scorer.Options{Step: step, ExplainThreshold: 2}, int64(first)*step.Milliseconds(), window, learn)
	require.NoError(t, err)
	periods := make([]float64, during)
	for i := range periods {
		y := math.Round(times*value(float64(from+i)/float64(perDay))*1e3) / 1e3
		periods[i] = m.Score(y, true).ReturnPeriod / week.Seconds()
	}
	return periods
}

// What no single value shows beyond doubt is shown by how long it lasts: an outage of six hours in a noisy service. A
// fit in the middle of it does not forget that.
func TestModel_LastingOutagesClearTheBarOfAFleet(t *testing.T) {
	const bar = 2 * 200
	seeds := uint64(10)
	if testing.Short() {
		seeds = 2
	}
	for _, step := range []time.Duration{time.Minute, 5 * time.Minute} {
		t.Run(step.String(), func(t *testing.T) {
			t.Parallel()
			perDay := int(24 * time.Hour / step)
			from, to := 16*perDay+10*perDay/24, 16*perDay+16*perDay/24
			for seed := range seeds {
				r := rand.New(rand.NewPCG(seed, 5))
				y := make([]float64, to)
				for i := range from {
					y[i] = busy(float64(i)/float64(perDay), 0.5) * (1 + 0.1*r.NormFloat64())
				}
				var periods []float64
				for _, fit := range []int{from, from + 4*perDay/24} {
					first := fit - 14*perDay
					w, learn := thin(y[first:fit], step)
					m, err := scorer.Fit(scorer.Options{Step: step, ExplainThreshold: 2}, int64(first)*step.Milliseconds(), w, learn)
					require.NoError(t, err)
					for _, v := range y[fit:min(to, fit+4*perDay/24)] {
						periods = append(periods, m.Score(v, true).ReturnPeriod/week.Seconds())
					}
				}
				require.Equal(t, 1, alertsOf(periods, bar, step), "seed %d", seed)
				rest := periods[len(periods)*5/6:]
				slices.Sort(rest)
				require.Greater(t, rest[len(rest)/20], float64(bar), "seed %d: most of the last hour", seed)
			}
		})
	}
}

// Bursts make it normal to be far from the level. Where a value may be expected, it does not matter for how long it has
// been there.
func TestModel_AFleetIsNotToldOfWhatMayBeExpected(t *testing.T) {
	const day = 24 * time.Hour
	for _, step := range []time.Duration{time.Minute, 5 * time.Minute} {
		for seed := range uint64(3) {
			r := rand.New(rand.NewPCG(seed, 9))
			y, burst := make([]float64, (7*day+6*time.Hour)/step), 0
			for i := range y {
				y[i] = 100 + r.NormFloat64()
				if burst--; burst > 0 {
					y[i] += 40 * r.Float64()
				} else if r.Float64() < float64(step)/float64(4*time.Hour) {
					burst = int(15*time.Minute/step) + 1
				}
				if time.Duration(i)*step >= 7*day {
					y[i] -= 10
				}
			}
			window, learn := thin(y[:7*day/step], step)
			m, err := scorer.Fit(scorer.Options{Step: step, ExplainThreshold: 2}, 0, window, learn)
			require.NoError(t, err)
			for _, v := range y[7*day/step:] {
				if s := m.Score(v, true); s.Value < 0.6 {
					require.Less(t, s.ReturnPeriod, week.Seconds(), "seed %d, %s: %v of %v to %v", seed, step, v, s.Lower, s.Upper)
				}
			}
		}
	}
}

// alertsOf counts the alerts of AnomalyDetectedHighScore: over the bar for 5 minutes, two steps at least, and then 15
// minutes on.
func alertsOf(periods []float64, bar float64, step time.Duration) (alerts int) {
	wait, keepFiring := max(2, int(5*time.Minute/step)+1), max(1, int(15*time.Minute/step))
	last, run, firing := -keepFiring, 0, false
	for i, r := range periods {
		if r < bar {
			run = 0
			continue
		}
		run++
		firing = firing && i-last <= keepFiring+1
		last = i
		if run == wait && !firing {
			alerts++
			firing = true
		}
	}
	return alerts
}

// hard are shapes of normal life that tempt an extrapolation to go too far: heavy tails, slow movements, and both.
var hard = []struct {
	name string
	make func(r *rand.Rand, step time.Duration) func(t float64) float64
}{
	{"heavy tailed", shapes[1].make},
	{"random walk", shapes[5].make},
	{"steps", shapes[6].make},
	{"slow", func(r *rand.Rand, step time.Duration) func(float64) float64 {
		x, a := 0.0, math.Exp(-step.Hours()/8)
		return func(t float64) float64 {
			x = a*x + math.Sqrt(1-a*a)*r.NormFloat64()
			return busy(t, 0.5) * (1 + 0.06*x + 0.01*r.NormFloat64())
		}
	}},
	{"heavy tailed and slow", func(r *rand.Rand, step time.Duration) func(float64) float64 {
		x, a, next := 0.0, math.Exp(-step.Hours()), shapes[1].make(r, step)
		return func(t float64) float64 {
			x = a*x + next(t) - 50
			return x
		}
	}},
	{"multiplied", func(r *rand.Rand, step time.Duration) func(float64) float64 {
		x, a := 0.0, math.Exp(-2*step.Hours())
		return func(t float64) float64 {
			x = a*x + math.Sqrt(1-a*a)*r.NormFloat64()
			return busy(t, 0.8) * math.Exp(0.5*x)
		}
	}},
	{"bursts", func(r *rand.Rand, step time.Duration) func(float64) float64 {
		left, size := 0.0, 0.0
		return func(float64) float64 { // two a day, of half an hour, Pareto with shape 1/2
			if left <= 0 && r.Float64() < step.Hours()/12 {
				left, size = math.Ceil(r.ExpFloat64()*30/step.Minutes()), 20/math.Sqrt(r.Float64())
			}
			left--
			v := 100 + 5*r.NormFloat64()
			if left >= 0 {
				v += size
			}
			return v
		}
	}},
	{"by week", func(r *rand.Rand, _ time.Duration) func(float64) float64 { return services[2].make(r) }},
}

// Beyond the sample, where a bar for a fleet lies, return periods come as often as they should, within a factor of
// three or less often, though the series are harder than most.
func TestModel_ReturnPeriodsKeepTheirRateBeyondTheSample(t *testing.T) {
	skipStatistical(t)
	const history, weeks = 2, 2
	for step, series := range map[time.Duration]int{5 * time.Minute: 40, time.Hour: 100} {
		t.Run(step.String(), func(t *testing.T) {
			t.Parallel()
			perWeek := int(week / step)
			atBar := map[float64]int{2 * 20: 0, 2 * 200: 0}
			for _, shape := range hard {
				for seed := range series {
					value := shape.make(rand.New(rand.NewPCG(uint64(seed), 11)), step)
					y := make([]float64, (history+weeks)*perWeek)
					for i := range y {
						y[i] = value(float64(i) * step.Hours() / 24)
					}
					var periods []float64
					for i := history * perWeek; i < len(y); i += perWeek {
						from := i - history*perWeek
						start := int64(from) * step.Milliseconds()
						m, err := scorer.Fit(scorer.Options{Step: step, ExplainThreshold: 2}, start, y[from:i], nil)
						if errors.Is(err, scorer.ErrConstant) {
							continue
						}
						require.NoError(t, err)
						for _, v := range y[i : i+perWeek] {
							periods = append(periods, m.Score(v, true).ReturnPeriod/week.Seconds())
						}
					}
					for bar := range atBar {
						atBar[bar] += alertsOf(periods, bar, step)
					}
				}
			}
			for bar, alerts := range atBar {
				expected := float64(len(hard)*series*weeks) / bar
				t.Logf("once in %v weeks: %d alerts, expected %.1f", bar, alerts, expected)
				require.LessOrEqual(t, float64(alerts), 3*expected)
			}
		})
	}
}
