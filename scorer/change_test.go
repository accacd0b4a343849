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

// liveFrom scores all values after a history, with a fit on the history before at once and then, from a random time on,
// every six hours.
func liveFrom(
	t *testing.T, o scorer.Options, y []float64, history time.Duration, r *rand.Rand,
) (all []scorer.Score) {
	t.Helper()
	var m *scorer.Model
	refit := history - time.Duration(r.Int64N(int64(6*hour)))
	for now := history; now < time.Duration(len(y))*o.Step; now += o.Step {
		if m == nil || now >= refit {
			first := (now - history).Truncate(max(o.Step, 5*time.Minute))
			window, learn := thin(y[first/o.Step:now/o.Step], o.Step)
			var err error
			m, err = scorer.Fit(o, first.Milliseconds(), window, learn)
			require.NoError(t, err)
			refit += 6 * hour
		}
		all = append(all, m.Score(y[now/o.Step], true))
	}
	return all
}

// What was always the same, or but for a few moments, and no longer is, is anomalous for as long as it lasts, through
// every fit. After a day and a half it is normal, and so is the way back.
func TestModel_HoldsAChangeOfWhatWasAlwaysTheSame(t *testing.T) {
	type generator = func(r *rand.Rand, at time.Duration) float64
	always := func(x float64) generator { return func(*rand.Rand, time.Duration) float64 { return x } }
	around := func(x, noise float64) generator {
		return func(r *rand.Rand, _ time.Duration) float64 { return x * (1 + noise*r.NormFloat64()) }
	}
	moments := func(x, other float64, every time.Duration) generator {
		return func(_ *rand.Rand, at time.Duration) float64 {
			if (at+1000*every+every/8)%every < time.Minute {
				return other
			}
			return x
		}
	}
	for _, tc := range []struct {
		name           string
		before, during generator
	}{
		{"target is down", always(1), always(0)},
		{"replicas are missing", always(6), always(2)},
		{"errors", always(0), around(0.01, 0.15)},
		{"flag", always(0), always(1)},
		{"backlog", always(0), around(500, 0.1)},
		{"lag grows", always(0), func(_ *rand.Rand, at time.Duration) float64 { return 1 + at.Minutes() }},
		{"replicas that restart", moments(6, 5, 72*hour), always(2)},
		{"errors after errors", moments(0, 0.002, 24*hour), around(0.01, 0.15)},
	} {
		for _, window := range []struct{ step, history time.Duration }{
			{time.Minute, 14 * 24 * hour},
			{5 * time.Minute, 14 * 24 * hour},
			{5 * time.Minute, 28 * 24 * hour},
			{hour, 14 * 24 * hour},
		} {
			for _, lasts := range []time.Duration{30 * hour, 60 * hour} {
				for _, oneSided := range []bool{false, true} {
					if oneSided && lasts > 36*hour && window.step < hour {
						continue // slow, and the same
					}
					t.Run(fmt.Sprintf("%s/%+v/%t/%s", tc.name, window, oneSided, lasts), func(t *testing.T) {
						t.Parallel()
						r := rand.New(rand.NewPCG(uint64(lasts), uint64(window.step)))
						const quiet = 6 * hour
						step, begin, after := window.step, window.history+quiet, 12*hour
						y := make([]float64, (begin+lasts+after)/step)
						for i := range y {
							at := time.Duration(i)*step - begin
							if at >= 0 && at < lasts {
								y[i] = tc.during(r, at)
							} else {
								y[i] = tc.before(r, at)
							}
						}
						o := scorer.Options{Step: step, ExplainThreshold: 2}
						if oneSided {
							o.Direction = map[bool]string{true: "above", false: "below"}[y[begin/step] > y[0]]
						}
						all := liveFrom(t, o, y, window.history, r)
						n, _ := high(all, step, 0, quiet)
						require.Zero(t, n, "before")
						n, of := high(all, step, quiet+max(20*time.Minute, 3*step), quiet+min(lasts, 36*hour))
						require.Greater(t, float64(n), 0.97*float64(of), "%d of %d", n, of)
						if tc.name == "lag grows" {
							return // it never comes to a level
						}
						if tc.name != "errors after errors" && lasts > 38*hour {
							n, _ = high(all, step, quiet+38*hour, quiet+lasts)
							require.LessOrEqual(t, n, 1, "a new level")
						}
						n, _ = high(all, step, quiet+lasts+3*hour, quiet+lasts+after)
						require.LessOrEqual(t, n, 1, "afterwards")
					})
				}
			}
		}
	}
}

// What changes now and then, for as long as it did before, is normal.
func TestModel_LetsAConstantChangeAsItUsedTo(t *testing.T) {
	for _, tc := range []struct {
		name                string
		usual, other        float64
		every, lasts, stray time.Duration
	}{
		{"replicas for some hours a day", 4, 6, 24 * hour, 4 * hour, hour},
		{"a restart each day", 1, 0, 24 * hour, 3 * time.Minute, time.Minute},
		{"errors each day", 0, 0.01, 24 * hour, 20 * time.Minute, 5 * time.Minute},
		{"a deploy every third day", 6, 4, 72 * hour, 30 * time.Minute, 10 * time.Minute},
	} {
		for _, step := range []time.Duration{time.Minute, 5 * time.Minute, hour} {
			for seed := range uint64(2) {
				t.Run(fmt.Sprintf("%s/%s/%d", tc.name, step, seed), func(t *testing.T) {
					t.Parallel()
					r := rand.New(rand.NewPCG(seed, 3))
					const history = 14 * 24 * hour
					y := make([]float64, 2*history/step)
					var from, to time.Duration
					for i := range y {
						now := time.Duration(i) * step
						if now >= to {
							from = now + time.Duration((0.5+r.Float64())*float64(tc.every))
							to = from + tc.lasts + time.Duration(float64(tc.stray)*math.Tanh(r.NormFloat64()))
						}
						if y[i] = tc.usual; now >= from {
							y[i] = tc.other
						}
					}
					all := liveFrom(t, scorer.Options{Step: step, ExplainThreshold: 2}, y, history, r)
					n, of := high(all, step, 0, history)
					require.LessOrEqual(t, float64(n), 0.001*float64(of), "%d of %d", n, of)
				})
			}
		}
	}
}
