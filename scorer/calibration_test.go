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

// shapes are kinds of normal life: each returns a generator of values at times in days.
var shapes = []struct {
	name string
	make func(r *rand.Rand, step time.Duration) func(t float64) float64
}{
	{"gaussian", func(r *rand.Rand, _ time.Duration) func(float64) float64 {
		return func(float64) float64 { return 100 + 5*r.NormFloat64() }
	}},
	{"heavy tailed", func(r *rand.Rand, _ time.Duration) func(float64) float64 {
		return func(float64) float64 { // Student's t with 3 degrees of freedom
			a, b, c := r.NormFloat64(), r.NormFloat64(), r.NormFloat64()
			return 50 + r.NormFloat64()/math.Sqrt((a*a+b*b+c*c)/3)
		}
	}},
	{"seasonal", func(r *rand.Rand, _ time.Duration) func(float64) float64 {
		return func(t float64) float64 {
			weekday := 1.0
			if d := math.Mod(t, 7); d >= 5 {
				weekday = 0.6
			}
			return weekday*(100+40*math.Sin(2*math.Pi*t)) + 4*r.NormFloat64()
		}
	}},
	{"counts, mostly zero", func(r *rand.Rand, step time.Duration) func(float64) float64 {
		p := 0.02 * math.Min(step.Minutes()/5, 5)
		return func(float64) float64 {
			n := 0.0
			for r.Float64() < p {
				n++
			}
			return n
		}
	}},
	{"bounded ratio", func(r *rand.Rand, _ time.Duration) func(float64) float64 {
		return func(float64) float64 { // of 200 requests, 2 % fail
			n := 0.0
			for range 200 {
				if r.Float64() < 0.02 {
					n++
				}
			}
			return n / 200
		}
	}},
	{"random walk", func(r *rand.Rand, step time.Duration) func(float64) float64 {
		x := 1000.0
		return func(float64) float64 { x += math.Sqrt(step.Minutes()) * r.NormFloat64(); return x }
	}},
	{"steps", func(r *rand.Rand, step time.Duration) func(float64) float64 {
		level := 10.0
		return func(float64) float64 { // a new level some thirty times a week
			if r.Float64() < step.Hours()/6 {
				level = 10 + 10*r.Float64()
			}
			return level + 0.3*r.NormFloat64()
		}
	}},
	{"nightly job", func(r *rand.Rand, _ time.Duration) func(float64) float64 {
		day, size, hours := -1.0, 0.0, 0.0
		return func(t float64) float64 { // from two o'clock on for some two hours, never twice the same
			if d := math.Floor(t); d != day {
				day, size, hours = d, 60*math.Exp(0.15*r.NormFloat64()), 2+0.2*r.NormFloat64()
			}
			v := 20 + 3*r.NormFloat64()
			if since := 24*(t-day) - 2; since > -1e-6 && since < hours { // of two o'clock itself rounding does not decide
				v += size
			}
			return v
		}
	}},
	{"sawtooth", func(r *rand.Rand, step time.Duration) func(float64) float64 {
		x, top := 0.0, 100.0
		return func(float64) float64 { // fills up in some seven hours
			x += 100 * step.Hours() / 7 * math.Exp(0.3*r.NormFloat64())
			if x > top {
				x, top = 10*r.Float64(), 90+20*r.Float64()
			}
			return 200 + x + 2*r.NormFloat64()
		}
	}},
	{"counts, none at night", func(r *rand.Rand, step time.Duration) func(float64) float64 {
		return func(t float64) float64 { // Poisson
			mean := max(0, 0.3+2.5*math.Sin(2*math.Pi*t)) * min(step.Minutes()/5, 4)
			n := 0.0
			for at := r.ExpFloat64(); at < mean; at += r.ExpFloat64() {
				n++
			}
			return n
		}
	}},
	{"constant, rare events", func(r *rand.Rand, step time.Duration) func(float64) float64 {
		left, size := 0.0, 0.0
		return func(float64) float64 { // three a week, of half an hour
			if left <= 0 && r.Float64() < step.Hours()*3/168 {
				left, size = math.Ceil(30/step.Minutes()), math.Ceil(5*r.ExpFloat64())
			}
			left--
			if left < 0 {
				return 5
			}
			return 5 + size
		}
	}},
}

// fewer are the shapes that may cross 0.8 less often than it means: deviations that have an end and come near to it
// each day, and those that come in runs, as a run is one crossing.
var fewer = []string{"nightly job", "sawtooth", "constant, rare events", "steps", "random walk"}

// uncalibrated are the cases that are known to miss the aim, and the crossings a series-week that they reach meanwhile.
// At a minute each of five steps may be the one, and two weeks at 5 minutes tell little of what is five times rarer.
var uncalibrated = map[string]float64{"heavy tailed/1m0s/2 weeks": 1}

// skipStatistical skips a test that measures how often something happens in generated data, which takes long.
func skipStatistical(t *testing.T) {
	t.Helper()
	if testing.Short() {
		t.Skip("statistical: not in short mode")
	}
}

// Normal life crosses 0.8 in the weeks after a fit as often as that means: 0.2 times a series-week, within a factor
// of three. The histories are of four and of two weeks.
func TestModel_IsCalibrated(t *testing.T) {
	skipStatistical(t)
	for _, weeks := range []int{4, 2} {
		for _, step := range []time.Duration{time.Minute, 5 * time.Minute, time.Hour} {
			for _, shape := range shapes {
				name := fmt.Sprintf("%s/%s/%d weeks", shape.name, step, weeks)
				t.Run(name, func(t *testing.T) {
					t.Parallel()
					crossings, of := 0, 0
					series := map[time.Duration]int{time.Minute: 24, 5 * time.Minute: 80, time.Hour: 120}[step]
					for seed := range series {
						crossings += crossingsOf(t, shape.make(rand.New(rand.NewPCG(uint64(seed), 1)), step), step, weeks)
						of += replayed
					}
					rate := float64(crossings) / float64(of)
					t.Logf("%.3f a week: %d crossings in %d series-weeks", rate, crossings, of)
					most := 0.2 * 3
					if known, ok := uncalibrated[name]; ok { // a case that gets better leaves the list
						require.Greater(t, rate, most)
						most = known
					}
					require.LessOrEqual(t, rate, most)
					if !slices.Contains(fewer, shape.name) {
						require.GreaterOrEqual(t, rate, 0.2/3)
					}
				})
			}
		}
	}
}

const replayed = 4 // weeks

// crossingsOf replays weeks after those of history, with a fit a week.
func crossingsOf(t *testing.T, value func(float64) float64, step time.Duration, weeks int) int {
	const week = 7 * 24 * time.Hour
	perWeek := int(week / step)
	history := weeks * perWeek
	y := make([]float64, history+replayed*perWeek)
	for i := range y {
		y[i] = value(float64(i) * step.Hours() / 24)
	}
	crossings := 0
	above := false
	for i := history; i < len(y); i += perWeek {
		window, learn := thin(y[i-history:i], step)
		start := int64(i-history) * step.Milliseconds()
		m, err := scorer.Fit(scorer.Options{Step: step, ExplainThreshold: 2}, start, window, learn)
		if errors.Is(err, scorer.ErrConstant) {
			continue
		}
		require.NoError(t, err)
		for _, v := range y[i : i+perWeek] {
			hot := m.Score(v, true).Value >= 0.8
			if hot && !above {
				crossings++
			}
			above = hot
		}
	}
	return crossings
}

// thin keeps of what is older than two days every fifth minute, as the history does.
func thin(y []float64, step time.Duration) ([]float64, []bool) {
	if step >= 5*time.Minute {
		return y, nil
	}
	every := int(5 * time.Minute / step)
	w, learn := make([]float64, len(y)), make([]bool, len(y))
	for i := range y {
		w[i], learn[i] = y[i], true
		if rest := i % every; i < len(y)-int(48*time.Hour/step) && rest != 0 {
			a, b := y[i-rest], y[min(i-rest+every, len(y)-1)]
			w[i], learn[i] = a+(b-a)*float64(rest)/float64(every), false
		}
	}
	return w, learn
}
