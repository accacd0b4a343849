package scorer_test

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/anomaly-exporter/anomaly-exporter/scorer"
)

const hour = time.Hour

// live scores what comes after two weeks of history, with a fit on the two weeks before every six hours.
func live(t *testing.T, o scorer.Options, y []float64) []scorer.Score {
	t.Helper()
	return liveAfter(t, o, y, 14*24*hour, time.Duration(len(y))*o.Step-14*24*hour)
}

// liveAfter scores a time after a history, with a fit on the history before every six hours.
func liveAfter(t *testing.T, o scorer.Options, y []float64, before, while time.Duration) []scorer.Score {
	t.Helper()
	var all []scorer.Score
	history, refit := int(before/o.Step), int(6*hour/o.Step)
	var m *scorer.Model
	for i := history; i < history+int(while/o.Step); i++ {
		if (i-history)%refit == 0 {
			window, learn := thin(y[i-history:i], o.Step)
			var err error
			m, err = scorer.Fit(o, int64(i-history)*o.Step.Milliseconds(), window, learn)
			require.NoError(t, err)
		}
		all = append(all, m.Score(y[i], true))
	}
	return all
}

// generate returns two weeks of history and so much more, by the time since the end of the history.
func generate(step, more time.Duration, value func(at time.Duration) float64) []float64 {
	y := make([]float64, int((14*24*hour+more)/step))
	for i := range y {
		y[i] = value(time.Duration(i)*step - 14*24*hour)
	}
	return y
}

// high returns how many scores are 0.8 or more from one time since the end of the history to another, and of how many.
func high(all []scorer.Score, step, from, to time.Duration) (n, of int) {
	for _, s := range all[from/step : to/step] {
		if s.Value >= 0.8 {
			n++
		}
		of++
	}
	return n, of
}

// What goes in a straight line is expected where it goes, at any step, and what leaves it is anomalous.
func TestModel_ExpectsAStraightLineWhereItGoes(t *testing.T) {
	skipStatistical(t)
	for _, step := range []time.Duration{time.Minute, 5 * time.Minute, hour} {
		for _, tc := range []struct {
			name          string
			start, perDay float64
			noise         float64
			saw           time.Duration // what has gone is undone after so long; 0: never
		}{
			{"countdown", 60 * 86400, -86400, 0, 0},
			{"uptime", 1e6, 86400, 0, 0},
			{"uptime that begins again", 0, 86400, 0, 9 * 24 * hour},
			{"countdown that begins again", 60 * 86400, -86400, 0, 9 * 24 * hour},
			{"disk without noise", 1e11, 5e9, 0, 0},
			{"disk with little noise", 1e11, 5e9, 1e5, 0},
			{"disk with noise", 1e11, 5e9, 5e7, 0},
			{"free disk", 6e11, -5e9, 5e7, 0},
			{"disk that is cleaned", 1e11, 5e9, 5e7, 9 * 24 * hour},
		} {
			for _, direction := range []string{"both", "above", "below"} {
				t.Run(fmt.Sprintf("%s/%s/%s", tc.name, step, direction), func(t *testing.T) {
					t.Parallel()
					r := rand.New(rand.NewPCG(1, 1))
					line := func(at time.Duration) float64 {
						if tc.saw > 0 {
							at = (at + 14*24*hour) % tc.saw
						}
						return tc.start + tc.perDay*at.Hours()/24
					}
					y := generate(step, 30*hour, func(at time.Duration) float64 {
						return float64(float32(line(at) + tc.noise*r.NormFloat64())) // as history keeps it
					})
					o := scorer.Options{Step: step, Direction: direction, ExplainThreshold: 2}
					off := max(20*tc.noise, 0.2*math.Abs(tc.perDay))
					if direction == "below" {
						off = -off
					}
					for i := len(y) - int(6*hour/step); i < len(y); i++ {
						y[i] += off
					}
					all := live(t, o, y)
					n, of := high(all, step, 0, 24*hour)
					require.Zero(t, n, "of %d", of)
					for i, s := range all[:24*hour/step] {
						at := time.Duration(i) * step
						require.InDelta(t, s.Expected, line(at), tc.noise+math.Abs(line(at))/1e6, at)
					}
					if tc.saw > 0 && direction != "both" && (tc.perDay > 0) == (direction == "above") {
						return // on the way back to where it was
					}
					n, _ = high(all, step, 24*hour, 30*hour)
					require.Positive(t, n, "what leaves the line is found")
				})
			}
		}
	}
}

// A leak that begins today is no line that is expected.
func TestModel_FindsALeakThatHasJustBegun(t *testing.T) {
	for _, step := range []time.Duration{time.Minute, 5 * time.Minute} {
		r := rand.New(rand.NewPCG(1, 1))
		y := generate(step, 24*hour, func(at time.Duration) float64 {
			return 1e9 + 1e7*r.NormFloat64() + 2e7*max(at.Hours(), 0)
		})
		all := live(t, scorer.Options{Step: step, ExplainThreshold: 2}, y)
		n, of := high(all, step, 8*hour, 24*hour)
		require.Greater(t, float64(n), 0.95*float64(of), step)
	}
}

// An outage is anomalous for a day, though models are fitted on its beginning. When it is over it is over.
func TestModel_HoldsItsLevelDuringAnOutage(t *testing.T) {
	skipStatistical(t)
	for _, step := range []time.Duration{time.Minute, 5 * time.Minute} {
		for _, tc := range []struct {
			name          string
			season, noise float64
			during        func(usual float64) float64
			direction     string
		}{
			{"nothing is left", 0, 0.05, func(float64) float64 { return 0 }, "below"},
			{"of a day's shape", 0.5, 0.05, func(float64) float64 { return 0 }, "below"},
			{"on both sides", 0.5, 0.03, func(float64) float64 { return 0 }, "both"},
			{"twice as much", 0, 0.05, func(x float64) float64 { return 2 * x }, "above"},
			{"with much noise", 0.5, 0.2, func(x float64) float64 { return 8 * x }, "both"},
		} {
			for seed := range uint64(2) {
				t.Run(fmt.Sprintf("%s/%s/%d", tc.name, step, seed), func(t *testing.T) {
					r := rand.New(rand.NewPCG(seed, 1))
					y := generate(step, 84*hour, func(at time.Duration) float64 {
						usual := 100 * (1 + tc.season*math.Sin(2*math.Pi*at.Hours()/24)) * (1 + tc.noise*r.NormFloat64())
						if at >= 9*hour && at < 57*hour {
							return tc.during(usual)
						}
						return usual
					})
					all := live(t, scorer.Options{Step: step, Direction: tc.direction, ExplainThreshold: 2}, y)
					n, of := high(all, step, 9*hour+10*time.Minute, 9*hour+24*hour)
					require.Greater(t, float64(n), 0.97*float64(of), "%d of %d steps", n, of)
					n, _ = high(all, step, 59*hour, 84*hour)
					require.LessOrEqual(t, n, int(15*time.Minute/step))
				})
			}
		}
	}
}

// Half of what it was is normal after a day and a half.
func TestModel_BelievesANewLevelAfterADayAndAHalf(t *testing.T) {
	const step = 5 * time.Minute
	r := rand.New(rand.NewPCG(1, 1))
	y := generate(step, 72*hour, func(at time.Duration) float64 {
		if at >= 0 {
			return 50 + r.NormFloat64()
		}
		return 100 + r.NormFloat64()
	})
	all := live(t, scorer.Options{Step: step, ExplainThreshold: 2}, y)
	n, of := high(all, step, 0, 36*hour)
	require.Greater(t, n, of-12)
	n, _ = high(all, step, 39*hour, 72*hour)
	require.LessOrEqual(t, n, 2)
}

// The scores of a new level mean the same as those of the former one, though its noise is known from two days only.
func TestModel_KnowsTheNoiseOfANewLevel(t *testing.T) {
	skipStatistical(t)
	for _, tc := range []struct {
		step  time.Duration
		seeds uint64
		times float64 // level and noise are as large, an hour after the history
		alike float64 // how much of the noise is still there a step later
		most  float64 // steps at 0.8 or more in five weeks, over many seeds
	}{
		{5 * time.Minute, 40, 1.6, 0, 2},
		{5 * time.Minute, 40, 2, 0.9, 4}, // one excursion is several steps
		{hour, 100, 2, 0, 2},
		{hour, 100, 2, 0.9, 4},
	} {
		t.Run(fmt.Sprintf("%s/%g/%g", tc.step, tc.times, tc.alike), func(t *testing.T) {
			t.Parallel()
			n, of := 0, 0
			for seed := range tc.seeds {
				r := rand.New(rand.NewPCG(seed, 77))
				e := 0.0
				y := generate(tc.step, 5*24*hour, func(at time.Duration) float64 {
					e = tc.alike*e + math.Sqrt(1-tc.alike*tc.alike)*r.NormFloat64()
					if at < hour {
						return 100 + 3*e
					}
					return tc.times * (100 + 3*e)
				})
				all := live(t, scorer.Options{Step: tc.step, ExplainThreshold: 2}, y)
				above, steps := high(all, tc.step, 48*hour, 5*24*hour)
				n, of = n+above, of+steps
			}
			weeks := float64(of) / float64(7*24*hour/tc.step)
			require.Less(t, float64(n)/weeks, tc.most/5, "%d of %d steps", n, of)
		})
	}
}

// Less than usual is nothing to those who look above, nor is it when the usual comes back.
func TestModel_IgnoresTheOtherSideAndTheWayBack(t *testing.T) {
	skipStatistical(t)
	for _, step := range []time.Duration{time.Minute, 5 * time.Minute} {
		for _, direction := range []string{"above", "below"} {
			for _, season := range []float64{0, 0.5} {
				for _, back := range []time.Duration{5 * hour, 20 * hour, 60 * hour, 96 * hour, 1000 * hour} {
					t.Run(fmt.Sprintf("%s/%s/%g/%s", step, direction, season, back), func(t *testing.T) {
						r := rand.New(rand.NewPCG(1, 1))
						sign := map[string]float64{"above": -1, "below": 1}[direction]
						y := generate(step, 6*24*hour, func(at time.Duration) float64 {
							x := season*10*math.Sin(2*math.Pi*at.Hours()/24) + r.NormFloat64()
							if at >= hour && at < hour+back {
								x += sign * 40
							}
							return 100 + x
						})
						o := scorer.Options{Step: step, Direction: direction, ExplainThreshold: 2}
						n, of := high(live(t, o, y), step, 0, 6*24*hour)
						require.LessOrEqual(t, n, int(15*time.Minute/step), "of %d", of)
					})
				}
			}
		}
	}
}

// Values of a new level on the other side may stray farther than those of the former one did. While that is remembered
// they are not anomalous, and when it is forgotten it is known how far they stray.
func TestModel_KnowsTheNoiseOfALevelOnTheOtherSide(t *testing.T) {
	skipStatistical(t)
	for _, step := range []time.Duration{time.Minute, 5 * time.Minute, hour} {
		for _, tc := range []struct {
			direction    string
			level, noise float64 // after the step; before it 100 and 1
		}{{"below", 200, 2}, {"below", 300, 3}, {"above", 50, 3}} {
			for seed := range uint64(2) {
				t.Run(fmt.Sprintf("%s/%+v/%d", step, tc, seed), func(t *testing.T) {
					t.Parallel()
					r := rand.New(rand.NewPCG(seed, 1))
					y := generate(step, 11*24*hour, func(at time.Duration) float64 {
						if at >= hour {
							return tc.level + tc.noise*r.NormFloat64()
						}
						return 100 + r.NormFloat64()
					})
					o := scorer.Options{Step: step, Direction: tc.direction, ExplainThreshold: 2}
					n, of := high(live(t, o, y), step, 0, 11*24*hour)
					require.LessOrEqual(t, float64(n), 0.001*float64(of), "%d of %d", n, of)
				})
			}
		}
	}
}

// An hour after one corrupt sample, everything is as without it, and the next incident is found.
func TestModel_ForgetsACorruptSample(t *testing.T) {
	skipStatistical(t)
	for _, step := range []time.Duration{time.Minute, 5 * time.Minute} {
		for _, corrupt := range []float64{math.MaxUint64, -math.MaxUint64, 1e6} {
			for _, season := range []float64{0, 0.8} {
				t.Run(fmt.Sprintf("%s/%g/%g", step, corrupt, season), func(t *testing.T) {
					y := func(value float64) []float64 {
						r := rand.New(rand.NewPCG(1, 1))
						return generate(step, 30*hour, func(at time.Duration) float64 {
							x := 500 * (1 + season*math.Sin(2*math.Pi*at.Hours()/24)) * (1 + 0.04*r.NormFloat64())
							switch {
							case at == hour:
								return value
							case at >= 25*hour && at < 26*hour:
								return 3 * x
							}
							return x
						})
					}
					o := scorer.Options{Step: step, ExplainThreshold: 2}
					twin, all := live(t, o, y(500)), live(t, o, y(corrupt))
					require.Greater(t, all[hour/step].Value, 0.8)
					n, _ := high(all, step, 2*hour, 24*hour)
					require.Zero(t, n)
					for i := 2 * hour / step; i < 24*hour/step; i++ {
						require.InEpsilon(t, twin[i].Expected, all[i].Expected, 0.02)
					}
					n, of := high(all, step, 25*hour+10*time.Minute, 26*hour)
					require.Equal(t, of, n)
				})
			}
		}
	}
}
