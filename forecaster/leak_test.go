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

// steps are some at which an hour tells a line.
var steps = []time.Duration{time.Minute, 5 * time.Minute, 15 * time.Minute}

// When a straight line reaches its bound is told as early as predict_linear(x[1h], 4*3600) tells it, and from then on
// until it does, on a disk that fills and in a container that leaks.
func TestTimeToBreach_IsTheTimeUntilALineGetsThere(t *testing.T) {
	if testing.Short() {
		t.Skip("takes seconds")
	}
	t.Parallel()
	for _, step := range steps {
		for _, hours := range []int{4, 8, 12, 24, 48} {
			for _, sign := range []float64{1, -1} {
				t.Run(fmt.Sprintf("%v/%d/%g", step, hours, sign), func(t *testing.T) {
					t.Parallel()
					rng := rand.New(rand.NewPCG(uint64(hours), 32))
					hour := int(time.Hour / step)
					begins := 14*24*hour + rng.IntN(24*hour)
					y := make([]float64, begins+hours*hour)
					bound := 0.0 // where the line ends
					for i := range y {
						bound = 300 + 8*math.Sin(2*math.Pi*float64(i)/float64(24*hour))
						if i > begins {
							bound += sign * 275 * float64(i-begins) / float64(hours*hour)
						}
						y[i] = bound + rng.NormFloat64()
					}
					o := forecaster.Options{Step: step, Horizons: []int{max(hour/4, 1), hour, 6 * hour}}
					told, held := math.Inf(1), 0.0
					follow(t, o, y, begins-6*hour, hour, func(i int, m *forecaster.Model) {
						steps, ok := m.TimeToBreach(bound, sign > 0)
						if ok = ok && steps < float64(4*hour); ok {
							require.Greater(t, i, begins, "before it began")
							told = min(told, float64(i))
							held++
						}
					})
					lead := min(3.7, 0.75*float64(hours))
					require.Greater(t, (float64(len(y))-told)/float64(hour), lead)
					require.Greater(t, held, 0.9*(float64(len(y))-told))
				})
			}
		}
	}
}

// A countdown is told to reach its bound when it does, from the longest horizon on.
func TestTimeToBreach_IsThatOfACountdown(t *testing.T) {
	t.Parallel()
	for _, step := range []time.Duration{time.Minute, 5 * time.Minute, time.Hour} {
		day := int(24 * time.Hour / step)
		for _, offset := range []float64{0, 1, 37, 1000, 86417} { // they are rounded to either side
			y := make([]float64, 14*day)
			for i := range y {
				y[i] = (time.Duration(2*len(y)-i) * step).Seconds() + offset
			}
			o := forecaster.Options{Step: step, Horizons: []int{max(1, day/24), day}}
			m := fit(t, o, y, nil)
			for _, steps := range []int{1, day / 24, day / 2, day - 1, day} {
				bound := y[len(y)-1] - (time.Duration(steps) * step).Seconds()
				told, ok := m.TimeToBreach(bound, false)
				require.True(t, ok, "%v, offset %v: in %d steps", step, offset, steps)
				require.InDelta(t, steps, told, 1.01, "%v", step)
			}
		}
	}
}

// Lines that the past has seen end are not carried on to a bound that they have never reached.
func TestTimeToBreach_IsQuietWhereLinesEnd(t *testing.T) {
	if testing.Short() {
		t.Skip("takes seconds")
	}
	t.Parallel()
	for _, step := range steps {
		hour := int(time.Hour / step)
		for name, next := range map[string]func(rng *rand.Rand) func(i int) float64{
			// Garbage is collected when the heap has grown by 300 or so, in two to five hours.
			"garbage collection": func(rng *rand.Rand) func(i int) float64 {
				used, limit, rate := 0.0, 300.0, 100.0
				return func(int) float64 {
					if used += rate / float64(hour); used > limit {
						used, limit, rate = 0, 300*(0.85+0.3*rng.Float64()), 60+90*rng.Float64()
					}
					return used
				}
			},
			// Logs grow by day more than by night, and are rotated at some time of the day.
			"log rotation": func(rng *rand.Rand) func(i int) float64 {
				used, at := 0.0, 24*hour
				return func(i int) float64 {
					used += 300.0 / float64(24*hour) * (1 + 0.8*math.Sin(2*math.Pi*float64(i)/float64(24*hour)))
					if at--; at <= 0 {
						used, at = 0, 18*hour+rng.IntN(12*hour)
					}
					return used
				}
			},
			// From six to nine in the evening the load rises in a line, to a peak that varies.
			"evening peak": func(rng *rand.Rand) func(i int) float64 {
				peak := 300.0
				return func(i int) float64 {
					h := float64(i%(24*hour)) / float64(hour)
					if h == 0 {
						peak = 300 * (0.85 + 0.3*rng.Float64())
					}
					return peak * max(0, min((h-18)/3, (24-h)/3))
				}
			},
			// A job that begins at any time of the night takes memory for two hours.
			"nightly job": func(rng *rand.Rand) func(i int) float64 {
				begins := 0.0
				return func(i int) float64 {
					h := float64(i%(24*hour)) / float64(hour)
					if h == 0 {
						begins = 4 * rng.Float64()
					}
					if h -= begins; h < 0 || h > 2 {
						return 0
					}
					return 150 * h
				}
			},
		} {
			t.Run(fmt.Sprintf("%s/%v", name, step), func(t *testing.T) {
				t.Parallel()
				announced := 0
				for seed := range uint64(2) {
					rng := rand.New(rand.NewPCG(seed, 33))
					value := next(rng)
					y := make([]float64, 18*24*hour)
					for i := range y {
						y[i] = 300 + value(i) + 10*math.Sin(2*math.Pi*float64(i)/float64(24*hour)) + 2*rng.NormFloat64()
					}
					o := forecaster.Options{Step: step, Horizons: []int{max(hour/4, 1), hour, 6 * hour}}
					follow(t, o, y, 15*24*hour, 0, func(_ int, m *forecaster.Model) {
						if steps, ok := m.TimeToBreach(800, true); ok && steps < float64(4*hour) {
							announced++
						}
					})
				}
				require.Zero(t, announced)
			})
		}
	}
}

// A saw, as of garbage collection, is not announced to go further up than ever, however near to the bound it turns.
func TestTimeToBreach_IsQuietNearTheTopOfASaw(t *testing.T) {
	if testing.Short() {
		t.Skip("takes seconds")
	}
	t.Parallel()
	for _, step := range steps {
		hour := int(time.Hour / step)
		for _, minutes := range []float64{12, 20, 60, 150, 300} {
			for _, jitter := range []float64{0, 0.1, 0.3} {
				t.Run(fmt.Sprintf("%v/%g/%g", step, minutes, jitter), func(t *testing.T) {
					t.Parallel()
					y := saw(16*24*hour, minutes/60*float64(hour), jitter)
					bound := 1.1*slices.Max(y) - 0.1*300
					announced := 0
					o := forecaster.Options{Step: step, Horizons: []int{max(hour/4, 1), hour, 6 * hour}}
					follow(t, o, y, 14*24*hour, 0, func(_ int, m *forecaster.Model) {
						if steps, ok := m.TimeToBreach(bound, true); ok && steps < float64(4*hour) {
							announced++
						}
					})
					require.LessOrEqual(t, announced, 48*hour/100)
				})
			}
		}
	}
}

// A leak below a saw is told hours ahead, although the saw is a fifth as high as the way to the bound.
func TestTimeToBreach_IsToldOfALeakBelowASaw(t *testing.T) {
	if testing.Short() {
		t.Skip("takes seconds")
	}
	t.Parallel()
	for _, step := range []time.Duration{time.Minute, 5 * time.Minute} {
		hour := int(time.Hour / step)
		for _, minutes := range []float64{20, 60} {
			for _, tc := range []struct{ hours, lead float64 }{{4, 1.8}, {8, 2.7}} {
				t.Run(fmt.Sprintf("%v/%g/%g", step, minutes, tc.hours), func(t *testing.T) {
					t.Parallel()
					begins := 14*24*hour + 5*hour
					y := saw(begins+int(tc.hours*float64(hour)), minutes/60*float64(hour), 0.1)
					for i := begins; i < len(y); i++ {
						y[i] += 1400 * float64(i-begins) / float64(len(y)-begins)
					}
					end := slices.IndexFunc(y, func(v float64) bool { return v > 1700 })
					quiet := begins // the newest step that does not tell
					o := forecaster.Options{Step: step, Horizons: []int{max(hour/4, 1), hour, 6 * hour}}
					follow(t, o, y[:end], begins-1, 0, func(i int, m *forecaster.Model) {
						if steps, ok := m.TimeToBreach(1700, true); !ok || steps >= float64(4*hour) {
							quiet = i
						}
					})
					require.Greater(t, float64(end-quiet)/float64(hour), tc.lead)
				})
			}
		}
	}
}

// A leak that was ended by a restart each day is told hours ahead when nobody restarts.
func TestTimeToBreach_IsToldOfALeakThatIsNotRestarted(t *testing.T) {
	if testing.Short() {
		t.Skip("takes seconds")
	}
	t.Parallel()
	for _, step := range steps {
		hour := int(time.Hour / step)
		for name, restart := range map[string]func(rng *rand.Rand) int{
			"at three":       func(*rand.Rand) int { return 3 * hour },
			"at fifteen":     func(*rand.Rand) int { return 15 * hour },
			"in the daytime": func(rng *rand.Rand) int { return 10*hour + rng.IntN(8*hour) },
		} {
			for _, sign := range []float64{1, -1} {
				t.Run(fmt.Sprintf("%v/%s/%g", step, name, sign), func(t *testing.T) {
					t.Parallel()
					rng := rand.New(rand.NewPCG(1, 7))
					const days = 16
					used, at, most := 0.0, 0, 0.0
					y := make([]float64, (days+3)*24*hour)
					for i := range y {
						if i%(24*hour) == 0 && i < days*24*hour {
							at = i + restart(rng)
						}
						if used++; i == at {
							most, used = max(most, used), 0
						}
						y[i] = sign * (300 + 10*used/float64(hour) + 2*rng.NormFloat64())
					}
					bound := sign * (300 + 1.4*10*most/float64(hour))
					end := slices.IndexFunc(y, func(v float64) bool { return sign*(v-bound) > 0 })
					quiet := end - 6*hour // the newest step that does not tell
					o := forecaster.Options{Step: step, Horizons: []int{max(hour/4, 1), hour, 6 * hour}}
					follow(t, o, y[:end], end-8*hour, 0, func(i int, m *forecaster.Model) {
						if steps, ok := m.TimeToBreach(bound, sign > 0); !ok || steps >= float64(4*hour) {
							quiet = i
						}
					})
					require.Greater(t, float64(end-quiet)/float64(hour), 3.0)
				})
			}
		}
	}
}

// saw is one of n steps that rises from 300 to 600 in so many steps, or for as much longer or shorter as jitter says.
func saw(n int, steps, jitter float64) []float64 {
	rng := rand.New(rand.NewPCG(0, 33))
	used, limit := 0.0, 300.0
	y := make([]float64, n)
	for i := range y {
		if used += 300 / steps; used > limit {
			used, limit = 0, 300*(1+jitter*(2*rng.Float64()-1))
		}
		y[i] = 300 + used + 2*rng.NormFloat64()
	}
	return y
}

// A leak is told as early where the series is a day old, and where there is much noise.
func TestTimeToBreach_IsToldOfYoungAndNoisySeries(t *testing.T) {
	t.Parallel()
	for _, step := range []time.Duration{time.Minute, 5 * time.Minute} {
		for _, tc := range []struct{ days, hours, noise, lead float64 }{
			{1.2, 4, 3, 2.7},
			{1.7, 8, 3, 3.6},
			{14, 4, 15, 2.6},
			{14, 8, 15, 3.4},
		} {
			t.Run(fmt.Sprintf("%v/%g/%g/%g", step, tc.days, tc.hours, tc.noise), func(t *testing.T) {
				t.Parallel()
				hour := int(time.Hour / step)
				begins := int(tc.days * 24 * float64(hour))
				n := begins + int(tc.hours*float64(hour))
				leads := make([]float64, 5)
				for seed := range leads {
					rng := rand.New(rand.NewPCG(uint64(seed), 34))
					y := make([]float64, n)
					for i := range y {
						y[i] = 300 + tc.noise*rng.NormFloat64() + 600*float64(max(i-begins, 0))/float64(n-begins)
					}
					o := forecaster.Options{Step: step, Horizons: []int{max(hour/4, 1), hour, 6 * hour}}
					quiet := begins // the newest step that does not tell
					follow(t, o, y[:n-hour], begins-1, 0, func(i int, m *forecaster.Model) {
						if steps, ok := m.TimeToBreach(900, true); !ok || steps >= float64(4*hour) {
							quiet = i
						} else {
							require.GreaterOrEqual(t, i, begins, "before it began")
						}
					})
					leads[seed] = float64(n-quiet) / float64(hour)
				}
				require.Greater(t, median(leads), tc.lead)
			})
		}
	}
}

// What recurs at that time of the day is no reason to expect that a leak ends.
func TestModel_MaxQuantileOfALeakIsNotBelowItsMedian(t *testing.T) {
	t.Parallel()
	for _, step := range []time.Duration{time.Minute, 5 * time.Minute} {
		hour := int(time.Hour / step)
		day := 24 * hour
		for _, event := range []int{-30, 20, 60} { // minutes after the last value
			t.Run(fmt.Sprintf("%v/%d", step, event), func(t *testing.T) {
				t.Parallel()
				begins, from := 14*day, hour*(180+event)/60
				rng := rand.New(rand.NewPCG(1, 3))
				y := make([]float64, begins+3*hour)
				for i := range y {
					y[i] = 50 + 2*rng.NormFloat64() + 60*float64(max(i-begins, 0))/float64(hour)
					if at := i % day; at >= from && at < from+hour/3 && i < begins {
						y[i] += 100
					}
				}
				o := forecaster.Options{Step: step, Horizons: []int{hour / 4, hour}}
				follow(t, o, y, begins-1, 0, func(i int, m *forecaster.Model) {
					if i >= begins+hour/4 {
						require.GreaterOrEqual(t, m.MaxQuantile(hour, 0.9), m.Quantile(hour, 0.5), i)
					}
				})
			})
		}
	}
}
