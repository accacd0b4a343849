package forecaster_test

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/anomaly-exporter/anomaly-exporter/forecaster"
)

// linear is predict_linear(x[1h], 4*3600) after step i of y.
func linear(y []float64, i, hour int) float64 {
	var sum, moment float64
	for k := range hour {
		sum += y[i-k]
		moment -= float64(k) * y[i-k]
	}
	n := float64(hour)
	middle := -(n - 1) / 2
	slope := (moment - middle*sum) / (n * (n*n - 1) / 12)
	return sum/n + slope*(float64(4*hour)-middle)
}

// A growth is a memory share of 0.4 for two weeks, and then what value says after so many hours. The bound is 0.95.
type growth struct {
	value func(hours float64) float64
	from  float64 // judged from
	hours float64 // that it lasts
	noise float64
	// before, if not nil, is what it was before, in hours before it begins.
	before func(hours float64) float64
}

// told returns for how many hours before the bound is crossed, or the end, it was announced without a break, and for
// how many hours in all: by the forecast, and by a line through the last hour.
func (g *growth) told(t *testing.T, step time.Duration, seed uint64) (lead, all, linearLead, linearAll float64) {
	t.Helper()
	rng := rand.New(rand.NewPCG(seed, 35))
	hour := int(time.Hour / step)
	begins := 14*24*hour + rng.IntN(24*hour)
	y := make([]float64, begins+int(g.hours*float64(hour)))
	end := len(y)
	for i := range y {
		v := 0.4
		if h := float64(i-begins) / float64(hour); h >= 0 {
			v = g.value(h)
		} else if g.before != nil {
			v = g.before(-h)
		}
		if v > 0.95 {
			end = min(end, i)
		}
		y[i] = v + g.noise*rng.NormFloat64()
	}
	first := begins + int(g.from*float64(hour))
	quiet, quietLinear := first-1, first-1
	horizons := []int{max(hour/4, 1), hour, 6 * hour}
	o := forecaster.Options{Step: step, Horizons: horizons, DataRange: [2]float64{0, math.Inf(1)}}
	follow(t, o, y[:end], first, int(seed)*hour, func(i int, m *forecaster.Model) {
		if steps, ok := m.TimeToBreach(0.95, true); ok && steps < float64(4*hour) {
			all++
		} else {
			quiet = i
		}
		if linear(y, i, hour) > 0.95 {
			linearAll++
		} else {
			quietLinear = i
		}
	})
	hours := func(steps float64) float64 { return steps / float64(hour) }
	return hours(float64(end - 1 - quiet)), hours(all), hours(float64(end - 1 - quietLinear)), hours(linearAll)
}

// requireNoLater requires that breaches of so many draws are told as early as by a line through the last hour, and none
// later than by so many hours.
func (g *growth) requireNoLater(t *testing.T, step time.Duration, draws int, most float64) {
	t.Helper()
	lags := make([]float64, draws)
	for seed := range lags {
		lead, _, linearLead, _ := g.told(t, step, uint64(seed))
		lags[seed] = linearLead - lead
	}
	t.Logf("%.2f hours later", lags)
	require.Less(t, median(lags), 0.2)
	require.Less(t, slices.Max(lags), most)
}

// A leak that gets faster is told as early as a line through its last hour tells it.
func TestTimeToBreach_IsToldOfALeakThatGetsFaster(t *testing.T) {
	if testing.Short() {
		t.Skip("takes seconds")
	}
	t.Parallel()
	for name, g := range map[string]growth{
		"as a square": {hours: 17, value: func(h float64) float64 { return 0.4 + 0.55*h*h/16/16 }},
		"as a power": {hours: 13, value: func(h float64) float64 {
			return 0.4 + 0.55*(math.Exp(h/4)-1)/(math.Exp(12./4)-1)
		}},
		"threefold at once": {hours: 19, value: func(h float64) float64 { return 0.4 + 0.012*h + 0.036*max(h-10, 0) }},
		"than between restarts": {
			from: 1, hours: 17, value: func(h float64) float64 { return 0.4 + 0.55*h/16 },
			before: func(h float64) float64 { return 0.64 - math.Mod(h+12, 24)/100 },
		},
	} {
		for _, step := range steps {
			t.Run(fmt.Sprintf("%s/%v", name, step), func(t *testing.T) {
				t.Parallel()
				g.noise = 0.004
				g.requireNoLater(t, step, 5, 0.6)
			})
		}
	}
}

// What grows ever slower, to a level below the bound, is announced no longer than a line through its last hour does. To
// a level above it, it is told as early.
func TestTimeToBreach_IsThatOfWhatGrowsEverSlower(t *testing.T) {
	if testing.Short() {
		t.Skip("takes seconds")
	}
	t.Parallel()
	warmUp := func(tau, to float64) growth {
		return growth{hours: 5 * tau, value: func(h float64) float64 { return to - (to-0.4)*math.Exp(-h/tau) }}
	}
	mended := func(h float64) float64 { return min(0.4+0.04*h, 0.84) }
	for name, tc := range map[string]struct {
		growth
		crosses bool
	}{
		"a cache, in an hour":       {growth: warmUp(1, 0.9)},
		"a cache, in three hours":   {growth: warmUp(3, 0.9)},
		"a cache, in six hours":     {growth: warmUp(6, 0.9)},
		"a leak that is mended":     {growth: growth{hours: 18, value: mended}},
		"above the bound":           {growth: warmUp(3, 1.05), crosses: true},
		"slowly to above the bound": {growth: warmUp(6, 1.2), crosses: true},
	} {
		for _, step := range steps {
			t.Run(fmt.Sprintf("%s/%v", name, step), func(t *testing.T) {
				t.Parallel()
				tc.noise = 0.004
				longer := make([]float64, 5)
				for seed := range longer {
					lead, all, linearLead, linearAll := tc.told(t, step, uint64(seed))
					longer[seed] = all - linearAll
					if tc.crosses {
						longer[seed] = linearLead - lead
					}
				}
				t.Logf("%.2f hours", longer)
				require.Less(t, median(longer), 0.3)
				require.Less(t, slices.Max(longer), 0.8)
			})
		}
	}
}

// A leak is told as early as by predict_linear at long steps, too. Of steps of half an hour an hour has two, and any
// two values are on a line: there the forecast waits for up to two steps more.
func TestTimeToBreach_IsToldAsEarlyOfALeakAtLongSteps(t *testing.T) {
	if testing.Short() {
		t.Skip("takes seconds")
	}
	t.Parallel()
	for _, tc := range []struct {
		step time.Duration
		late float64
	}{{10 * time.Minute, 0}, {15 * time.Minute, 0}, {30 * time.Minute, 1}} {
		for _, hours := range []float64{4, 6, 12} {
			t.Run(fmt.Sprintf("%v/%g", tc.step, hours), func(t *testing.T) {
				t.Parallel()
				g := growth{hours: hours + 1, noise: 0.004, value: func(h float64) float64 { return 0.4 + 0.55*h/hours }}
				lags := make([]float64, 11)
				for seed := range lags {
					lead, _, linearLead, _ := g.told(t, tc.step, uint64(seed))
					lags[seed] = linearLead - lead
				}
				t.Logf("%.2f hours later", lags)
				require.LessOrEqual(t, median(lags), tc.late)
			})
		}
	}
}

// What was constant until it leaks, as a pool of connections or a disk that nothing wrote to, is told as early: there
// is no noise to tell a departure by, and until the next fit no model but its value.
func TestTimeToBreach_IsToldOfALeakOfWhatWasConstant(t *testing.T) {
	if testing.Short() {
		t.Skip("takes seconds")
	}
	t.Parallel()
	for name, value := range map[string]func(h float64) float64{
		"in a line":  func(h float64) float64 { return 0.4 + 0.56*h/6 },
		"in a stair": func(h float64) float64 { return 0.4 + 0.56*math.Floor(3*h)/18 },
	} {
		for _, step := range steps {
			t.Run(fmt.Sprintf("%s/%v", name, step), func(t *testing.T) {
				t.Parallel()
				g := growth{hours: 7, value: value}
				g.requireNoLater(t, step, 11, 0.5)
			})
		}
	}
}

// A leak that begins with a jump, as with the deploy that brought it, is told an hour after it.
func TestTimeToBreach_IsToldOfALeakOnTopOfAJump(t *testing.T) {
	if testing.Short() {
		t.Skip("takes seconds")
	}
	t.Parallel()
	for _, hours := range []float64{4, 8} {
		for _, step := range []time.Duration{time.Minute, 5 * time.Minute} {
			t.Run(fmt.Sprintf("%g/%v", hours, step), func(t *testing.T) {
				t.Parallel()
				g := growth{hours: hours + 1, noise: 0.004, value: func(h float64) float64 { return 0.6 + 0.35*h/hours }}
				leads := make([]float64, 7)
				for seed := range leads {
					leads[seed], _, _, _ = g.told(t, step, uint64(seed))
				}
				t.Logf("%.2f hours", leads)
				require.Greater(t, median(leads), min(hours-1.2, 3.7))
				require.Greater(t, slices.Min(leads), min(hours-1.2, 3.7)-1.5)
			})
		}
	}
}

// When a daily restart does not come, the usual falls away below the values. That is no leak that gets faster, whenever
// the restart was due.
func TestTimeToBreach_IsQuietWhereARestartDoesNotCome(t *testing.T) {
	if testing.Short() {
		t.Skip("takes seconds")
	}
	t.Parallel()
	for _, step := range steps {
		t.Run(step.String(), func(t *testing.T) {
			t.Parallel()
			early, late := make([]float64, 16), make([]float64, 16)
			for seed := range early {
				due := 0.75 * float64(seed)
				g := growth{
					hours: 17, noise: 0.004, value: func(h float64) float64 { return 0.4 + 0.55*h/16 },
					before: func(h float64) float64 { return 0.4 + math.Mod(48-h-due, 24)/100 },
				}
				lead, all, linearLead, _ := g.told(t, step, uint64(seed))
				early[seed], late[seed] = all-lead, linearLead-lead
			}
			t.Logf("%.2f hours early, %.2f late", early, late)
			require.Less(t, slices.Max(early), 0.3)
			require.Less(t, median(late), 0.2)
		})
	}
}

// Medians of the hour pass the middle of what the usual falls by, as on a line. That is none, either.
func TestTimeToBreach_IsQuietWhileTheHourPassesARestartThatDoesNotCome(t *testing.T) {
	if testing.Short() {
		t.Skip("takes seconds")
	}
	t.Parallel()
	for _, step := range steps {
		t.Run(step.String(), func(t *testing.T) {
			t.Parallel()
			hour := int(time.Hour / step)
			begins := 14*24*hour + 15*hour/2 // 7:30; a restart is due at 15:00
			o := forecaster.Options{Step: step, Horizons: []int{hour / 4, hour, 6 * hour}, DataRange: [2]float64{0, 1}}
			for seed := range 4 {
				rng := rand.New(rand.NewPCG(uint64(seed), 35))
				y := make([]float64, begins+10*hour)
				for i := range y {
					y[i] = 0.4 + math.Mod(float64(i)/float64(hour)+9, 24)/100
					if i >= begins {
						y[i] = 0.4 + 0.0344*float64(i-begins)/float64(hour)
					}
					y[i] += 0.004 * rng.NormFloat64()
				}
				follow(t, o, y, begins-4*hour, seed*hour, func(i int, m *forecaster.Model) {
					steps, ok := m.TimeToBreach(0.95, true)
					require.False(t, ok && steps < float64(4*hour), i)
				})
			}
		})
	}
}
