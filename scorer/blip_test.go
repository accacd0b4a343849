package scorer_test

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/anomaly-exporter/anomaly-exporter/scorer"
)

// A corrupt sample, or a few, at steps of a minute has a high score while it lasts and for the five minutes after it,
// also if a model is fitted then. What flickers for an hour has one for as long, and for as long after it as it pauses.
func TestModel_ForgetsABlip(t *testing.T) {
	const history, from = 14 * 24 * hour, 2 * hour
	for _, tc := range []struct {
		name  string
		is    func(s time.Duration) bool // since it began
		least time.Duration
		most  time.Duration
	}{
		{"a minute", func(s time.Duration) bool { return s == 0 }, 1, 5 * time.Minute},
		{"four minutes", func(s time.Duration) bool { return s >= 0 && s < 4*time.Minute }, 1, 8 * time.Minute},
		{
			"every ten minutes", func(s time.Duration) bool { return s >= 0 && s <= hour && s%(hour/6) == 0 },
			hour - 5*time.Minute, hour + 15*time.Minute,
		},
	} {
		for _, factor := range []float64{0, 2} {
			for seed := range uint64(3) {
				t.Run(fmt.Sprintf("%s/%g/%d", tc.name, factor, seed), func(t *testing.T) {
					r := rand.New(rand.NewPCG(seed, 17))
					s := daily{100, 900, 0.7, 0.04}
					y := make([]float64, (history+6*hour)/time.Minute)
					for i := range y {
						at := time.Duration(i) * time.Minute
						y[i] = s.at(at) * (1 + s.noise*r.NormFloat64())
						if tc.is(at - history - from) {
							y[i] *= factor
						}
					}
					all := liveFrom(t, scorer.Options{Step: time.Minute, ExplainThreshold: 2}, y, history, r)
					high, _ := high(all, time.Minute, from, 6*hour)
					require.GreaterOrEqual(t, time.Duration(high)*time.Minute, tc.least)
					require.LessOrEqual(t, time.Duration(high)*time.Minute, tc.most)
				})
			}
		}
	}
}

// times returns what multiplies a value.
func times(f float64) func(float64) float64 { return func(y float64) float64 { return f * y } }

// At steps of 5 to 15 minutes, a corrupt sample has a high score at its own step, and at the next two at most. Then
// scores are as in the twin without it. What flickers has high scores from the second time on, and after the last time
// for as long as it paused. What lasts for longer than a step has them for as long as ever.
func TestModel_ForgetsASingleStep(t *testing.T) {
	const history, from = 14 * 24 * hour, 2 * hour
	for _, tc := range []struct {
		name  string
		steps []int
		value func(y float64) float64
		after int // steps after the last one
		lasts bool
	}{
		{"a zero", []int{0}, times(0), 2, false},
		{"ten times as much", []int{0}, times(10), 2, false},
		{"a hundred times as much", []int{0}, times(100), 2, false},
		{"-1 without its sign", []int{0}, func(float64) float64 { return math.MaxUint64 }, 2, false},
		{"every other step", []int{0, 2, 4, 6, 8, 10}, times(0), 2, false},
		{"every third step", []int{0, 3, 6, 9}, times(0), 3, false},
		{"two steps", []int{0, 1}, times(0), 4, true},
	} {
		for _, step := range []time.Duration{5 * time.Minute, 10 * time.Minute, 15 * time.Minute} {
			for seed := range uint64(2) {
				t.Run(fmt.Sprintf("%s/%s/%d", tc.name, step, seed), func(t *testing.T) {
					r := rand.New(rand.NewPCG(seed, 17))
					s := daily{300, 900, 0.7, 0.03}
					y := make([]float64, (history+8*hour)/step)
					for i := range y {
						y[i] = s.at(time.Duration(i)*step) * (1 + s.noise*r.NormFloat64())
					}
					with, first := slices.Clone(y), int((history+from)/step)
					for _, i := range tc.steps {
						with[first+i] = tc.value(y[first+i])
					}
					live := func(y []float64) []scorer.Score {
						o, r := scorer.Options{Step: step, ExplainThreshold: 2}, rand.New(rand.NewPCG(seed, 3))
						return liveFrom(t, o, y, history, r)[from/step:]
					}
					again, last := tc.steps[min(1, len(tc.steps)-1)], tc.steps[len(tc.steps)-1]
					until := last + tc.after
					if len(tc.steps) == 1 {
						until = last
					}
					twin := live(y)
					for i, s := range live(with) {
						switch {
						case i == 0 || i >= again && i <= until:
							require.GreaterOrEqual(t, s.Value, 0.8, i)
						case i > last+tc.after && !tc.lasts:
							require.InDelta(t, twin[i].Value, s.Value, 0.05, i)
						}
					}
				})
			}
		}
	}
}

// At longer steps, a corrupt sample has a high score at its own step and is over after an hour, also if it is one of a
// few. What is only as far out as in an incident has scores as an incident, and so have two corrupt samples in a row.
func TestModel_ForgetsACorruptStep(t *testing.T) {
	const history, from, while = 14 * 24 * hour, 8 * hour, 48 * hour
	unsigned := func(float64) float64 { return math.MaxUint64 }
	for _, tc := range []struct {
		name             string
		direction, model string
		steps            []int
		value            func(y float64) float64
		lasts            bool
	}{
		{"ten times as much", "both", "", []int{0}, times(10), false},
		{"ten times as much, above", "above", "", []int{0}, times(10), false},
		{"a hundred times less than nothing", "both", "", []int{0}, times(-100), false},
		{"a hundred times less than nothing, below", "below", "", []int{0}, times(-100), false},
		{"-1 without its sign", "both", "", []int{0}, unsigned, false},
		{"-1 without its sign, a pattern", "both", "isolation_forest", []int{0}, unsigned, false},
		{"three times", "both", "", []int{0, 4, 8}, unsigned, false},
		{"six times", "both", "", []int{0, 3, 6, 10, 12, 19}, unsigned, false},
		{"two steps", "both", "", []int{0, 1}, unsigned, true},
		{"a zero", "both", "", []int{0}, times(0), true},
	} {
		for _, step := range []time.Duration{30 * time.Minute, hour} {
			for seed := range uint64(2) {
				t.Run(fmt.Sprintf("%s/%s/%d", tc.name, step, seed), func(t *testing.T) {
					r := rand.New(rand.NewPCG(seed, 17))
					s := daily{300, 900, 0.7, 0.05}
					y := generate(step, while, func(at time.Duration) float64 {
						return s.at(at+history) * (1 + s.noise*r.NormFloat64())
					})
					with, first := slices.Clone(y), int((history+from)/step)
					for _, i := range tc.steps {
						with[first+i] = tc.value(y[first+i])
					}
					o := scorer.Options{Step: step, ExplainThreshold: 2, Direction: tc.direction, Model: tc.model}
					twin := liveAfter(t, o, y, history, while)[from/step:]
					last := tc.steps[len(tc.steps)-1]
					lasts := false
					for i, s := range liveAfter(t, o, with, history, while)[from/step:] {
						if tc.model == "" && slices.Contains(tc.steps, i) {
							require.GreaterOrEqual(t, s.Value, 0.8, i)
						}
						switch over := time.Duration(i-last)*step >= hour; {
						case over && tc.lasts:
							lasts = lasts || s.Value >= 0.8
						case over:
							require.Less(t, s.Value, max(0.8, twin[i].Value+0.05), i)
						}
					}
					require.Equal(t, tc.lasts, lasts)
				})
			}
		}
	}
}

// In a pool, what a member had for a step is forgotten as soon as in a series by itself. An outage is not.
func TestGroup_ForgetsABlip(t *testing.T) {
	const history, while, members = 4 * 24 * hour, 4 * hour, 5
	upTo15m := []time.Duration{time.Minute, 5 * time.Minute, 15 * time.Minute}
	long := []time.Duration{30 * time.Minute, hour}
	for _, tc := range []struct {
		name  string
		lasts time.Duration // 0: a step
		value func(y float64) float64
		steps []time.Duration
	}{
		{"zero", 0, times(0), upTo15m},
		{"a hundred times as much", 0, times(100), slices.Concat(upTo15m, long)},
		{"-1 without its sign", 0, func(float64) float64 { return math.MaxUint64 }, slices.Concat(upTo15m, long)},
		{"outage", hour, times(0), upTo15m},
	} {
		for _, step := range tc.steps {
			t.Run(fmt.Sprintf("%s/%s", tc.name, step), func(t *testing.T) {
				run := func(happens bool) (scores []float64) {
					r := rand.New(rand.NewPCG(3, 4))
					y := make([][]float64, members)
					for i := range y {
						y[i] = make([]float64, (history+while)/step)
						for j := range y[i] {
							s := daily{60, 140, 1, 0.05}
							y[i][j] = s.at(time.Duration(j)*step) * (1 + s.noise*r.NormFloat64())
							since := time.Duration(j)*step - history - hour
							if i == 0 && happens && since >= 0 && since < max(tc.lasts, step) {
								y[i][j] = tc.value(y[i][j])
							}
						}
					}
					n := int(history / step)
					g, states, err := scorer.FitGroup(scorer.Options{Step: step, ExplainThreshold: 2}, 0, n,
						func(yield func([]float64, []bool) bool) {
							for i := range y {
								window, learn := thin(y[i][:n], step)
								if learn == nil {
									learn = slices.Repeat([]bool{true}, n)
								}
								if !yield(window, learn) {
									return
								}
							}
						})
					require.NoError(t, err)
					pool := make([]scorer.Member, members)
					for j := n; j < len(y[0]); j++ {
						for i := range pool {
							pool[i] = scorer.Member{State: states[i], Value: y[i][j], Learn: true}
						}
						g.Score(pool)
						scores = append(scores, pool[0].Score.Value)
					}
					return scores[hour/step:]
				}
				with, without := run(true), run(false)
				require.GreaterOrEqual(t, with[0], 0.8)
				if tc.lasts > 0 {
					require.GreaterOrEqual(t, slices.Min(with[:(tc.lasts+hour)/step]), 0.8)
					return
				}
				for i := max(int(5*time.Minute/step), min(3, int(hour/step))); i < len(with); i++ {
					require.Less(t, with[i], without[i]+0.05, i)
				}
			})
		}
	}
}

// A corrupt sample of one of several signals is forgotten within an hour.
func TestMultivariate_ForgetsACorruptSample(t *testing.T) {
	const history, while = 14 * 24 * hour, 6 * hour
	for step, tolerance := range map[time.Duration]float64{
		time.Minute: 0.05, 5 * time.Minute: 0.05, 30 * time.Minute: 0.05,
		hour: 0.1, // one value in sixteen moves the level
	} {
		n := int(history / step)
		y := shop(5, n+int(while/step), step)
		run := func(corrupt int) (scores []float64) {
			m := fitMultivariate(t, scorer.Options{Step: step, ExplainThreshold: 2}, signals(y, 0, n))
			for i := n; i < len(y[0]); i++ {
				v := []float64{y[0][i], y[1][i], y[2][i]}
				if i == n && corrupt >= 0 {
					v[corrupt] = math.MaxUint64
				}
				scores = append(scores, m.Score(v, true).Value)
			}
			return scores
		}
		without := run(-1)
		for signal := range y {
			t.Run(fmt.Sprintf("%s/%d", step, signal), func(t *testing.T) {
				with := run(signal)
				require.GreaterOrEqual(t, with[0], 0.8)
				for i := int(hour / step); i < len(with); i++ {
					require.InDelta(t, without[i], with[i], tolerance, i)
				}
			})
		}
	}
}

// A probe times out now and then, for a minute at most: of these minutes the history, which holds every fifth, shows a
// few. They are no news, but what lasts is, though it is as large.
func TestModel_KnowsUsualBlips(t *testing.T) {
	skipStatistical(t)
	const week, step = 7 * 24 * hour, time.Minute
	for _, perDay := range []float64{1, 4} {
		for _, direction := range []string{"above", "both"} {
			t.Run(fmt.Sprintf("%g/%s", perDay, direction), func(t *testing.T) {
				t.Parallel()
				alerts, blips, found, lasting := 0, 0, 0, 0
				for seed := range uint64(4) {
					r := rand.New(rand.NewPCG(seed, 52))
					y := generate(step, week+4*hour, func(at time.Duration) float64 {
						v := 0.1 * math.Exp(0.15*r.NormFloat64())
						if r.Float64() < perDay/(24*60) {
							v += 0.5 + 4.5*r.Float64()
							if at >= 0 {
								blips++
							}
						}
						if at >= week+hour && at < week+3*hour {
							v += 0.5
						}
						return v
					})
					o := scorer.Options{Step: step, Direction: direction, ExplainThreshold: 2}
					all := live(t, o, y)
					n, _ := high(all, step, 0, week)
					alerts += n / 5 // minutes of a slot
					n, of := high(all, step, week+hour+40*time.Minute, week+3*hour)
					found, lasting = found+n, lasting+of
				}
				require.LessOrEqual(t, alerts, max(2, blips/20), "of %d", blips)
				require.GreaterOrEqual(t, found, lasting*3/4, "of %d", lasting)
			})
		}
	}
}
