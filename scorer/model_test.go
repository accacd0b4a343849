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

var nan = math.NaN()

// noisy is a daily season with noise, two weeks at 5 minutes and a week more.
func noisy(seed uint64) []float64 {
	r := rand.New(rand.NewPCG(seed, 2))
	y := make([]float64, 21*288)
	for i := range y {
		y[i] = 100 + 20*math.Sin(2*math.Pi*float64(i)/288) + r.NormFloat64()
	}
	return y
}

const fitted = 14 * 288

func options() scorer.Options {
	return scorer.Options{Step: 5 * time.Minute, Contamination: 0.05, Seed: 7}
}

func fit(t testing.TB, o scorer.Options, y []float64) *scorer.Model {
	t.Helper()
	m, err := scorer.Fit(o, 0, y, nil)
	require.NoError(t, err)
	return m
}

// scores are those of the values after the fit.
func scores(t testing.TB, o scorer.Options, y []float64) []scorer.Score {
	t.Helper()
	m := fit(t, o, y[:fitted])
	var all []scorer.Score
	for _, v := range y[fitted:] {
		all = append(all, m.Score(v, true))
	}
	return all
}

func TestModel_ScoresSpikesAndDropsAtOnce(t *testing.T) {
	for _, model := range []string{"auto", "seasonal", "isolation_forest", "mad", "zscore"} {
		for _, tc := range []struct {
			name   string
			change func(v float64) float64
		}{
			{"spike", func(v float64) float64 { return v + 60 }},
			{"drop to zero", func(float64) float64 { return 0 }},
		} {
			t.Run(model+" "+tc.name, func(t *testing.T) {
				o := options()
				o.Model = model
				o.ExplainThreshold = 0.6
				y := noisy(1)[:fitted+100]
				m := fit(t, o, y[:fitted])
				for _, v := range y[fitted:] {
					s := m.Score(v, true)
					require.Less(t, s.Value, 0.8)
					require.True(t, s.Lower <= s.Expected && s.Expected <= s.Upper)
				}
				s := m.Score(tc.change(y[len(y)-1]), true)
				if model == "isolation_forest" {
					require.Greater(t, s.Value, 0.4, "a forest alone does not know how far away a value is")
					return
				}
				require.Greater(t, s.Value, 0.8)
				sum := 0.0
				for _, c := range s.Contributions {
					sum += c.Share
				}
				require.InDelta(t, 1, sum, 1e-6)
			})
		}
	}
}

func TestModel_ScoresDoNotDependOnLaterValues(t *testing.T) {
	y := noisy(2)
	whole := scores(t, options(), y)
	for _, cut := range []int{1, 100, 777} {
		other := append([]float64(nil), y...)
		for i := fitted + cut; i < len(other); i++ {
			other[i] *= 3
		}
		for i, s := range scores(t, options(), other)[:cut] {
			require.Equal(t, math.Float64bits(whole[i].Value), math.Float64bits(s.Value))
			require.Equal(t, math.Float64bits(whole[i].Expected), math.Float64bits(s.Expected))
		}
	}
}

func TestModel_ScoresDoNotDependOnUnitOrOffset(t *testing.T) {
	y := noisy(3)
	want := scores(t, options(), y)
	for _, unit := range []struct{ scale, offset float64 }{{1024, 0}, {1.0 / 1024, 0}, {1, 4096}} {
		other := make([]float64, len(y))
		for i, v := range y {
			other[i] = v*unit.scale + unit.offset
		}
		for i, s := range scores(t, options(), other) {
			require.InDelta(t, want[i].Value, s.Value, 0.02)
		}
	}
}

func TestModel_HonoursDirectionMinDeviationAndRange(t *testing.T) {
	y := noisy(4)
	up, down := append([]float64(nil), y[:fitted+1]...), append([]float64(nil), y[:fitted+1]...)
	up[fitted] += 40
	down[fitted] -= 40
	for _, tc := range []struct {
		name     string
		change   func(o *scorer.Options)
		up, down bool
	}{
		{"both", func(*scorer.Options) {}, true, true},
		{"above", func(o *scorer.Options) { o.Direction = "above" }, true, false},
		{"below", func(o *scorer.Options) { o.Direction = "below" }, false, true},
		{"too small", func(o *scorer.Options) { o.MinDeviation = 50 }, false, false},
		{"large enough", func(o *scorer.Options) { o.MinDeviation = 30 }, true, true},
		{"relatively too small", func(o *scorer.Options) { o.MinRelativeDeviation = 0.6 }, false, false},
	} {
		t.Run(tc.name, func(t *testing.T) {
			o := options()
			tc.change(&o)
			require.Equal(t, tc.up, scores(t, o, up)[0].Value > 0.8)
			require.Equal(t, tc.down, scores(t, o, down)[0].Value > 0.8)
		})
	}
	o := options()
	o.DataRange = [2]float64{0, 200}
	require.InDelta(t, 1, scores(t, o, append(append([]float64(nil), y[:fitted]...), 201))[0].Value, 0.01, "impossible")
}

// An incident that has begun before a fit is not learned by it. A level that stays is, within days.
func TestFit_LearnsALastingLevelButNotANewIncident(t *testing.T) {
	y := noisy(5)
	for i := fitted - 20; i < len(y); i++ {
		y[i] += 60
	}
	all := scores(t, options(), y)
	require.Greater(t, all[10].Value, 0.8, "still anomalous after a fit that saw its beginning")

	end := fitted + 3*288
	m := fit(t, options(), y[3*288:end])
	high := 0
	for _, v := range y[end : end+288] {
		if m.Score(v, true).Value > 0.8 {
			high++
		}
	}
	require.Less(t, high, 10, "learned after three days")
}

// A window of days does not know what the week holds: the same deviation scores lower than after weeks.
func TestFit_LowersScoresOfShortHistories(t *testing.T) {
	y := noisy(3)[:fitted]
	scoreOf := func(window []float64) float64 {
		const after = 95
		m, err := scorer.Fit(options(), int64(fitted-len(window))*options().Step.Milliseconds(), window, nil)
		require.NoError(t, err)
		for i := range after {
			m.Score(noisy(3)[fitted+i], true)
		}
		return m.Score(noisy(3)[fitted+after]+6, true).Value
	}
	days, weeks := scoreOf(y[fitted-3*288:]), scoreOf(y)
	require.Greater(t, weeks, 0.7)
	require.Less(t, days, 0.6)
	require.Greater(t, days, 0.4)
}

// At steps of a minute an event that flickers is one crossing, and perhaps one more when the score fades. A season that
// leaps within five minutes is none.
func TestModel_CountsAFlickeringEventOnceAtShortSteps(t *testing.T) {
	const perDay, seeds = 1440, 10
	event := 9*perDay + 13*60
	fading := 0
	for seed := range uint64(seeds) {
		r := rand.New(rand.NewPCG(seed, 6))
		y := make([]float64, 10*perDay)
		for i := range y {
			y[i] = 10 + 0.3*r.NormFloat64()
			if h := i % perDay; h >= 8*60+3 && h < 20*60+3 { // the shift begins three minutes past the hour
				y[i] += 20
			}
		}
		o := options()
		o.Step = time.Minute
		m := fit(t, o, y[:8*perDay])
		crossings, above := 0, false
		for i := 8 * perDay; i < len(y); i++ {
			v := y[i]
			if since := i - event; since >= 0 && since < 10 && since%2 == 0 {
				v += 6 // an event that flickers
			}
			hot := m.Score(v, true).Value >= 0.8
			if hot && !above {
				if i < event+10 {
					crossings++
					require.InDelta(t, event, i, 3, "seed %d", seed)
				} else {
					fading++
					require.Less(t, i, event+3*60, "seed %d", seed)
				}
			}
			above = hot
		}
		require.Equal(t, 1, crossings, "seed %d", seed)
	}
	require.LessOrEqual(t, fading, seeds)
}

func TestModel_ScoresTheChangeOfAConstantSeries(t *testing.T) {
	o := options()
	o.ExplainThreshold = 0.5
	m := fit(t, o, make([]float64, fitted))
	require.InDelta(t, 0, m.Score(0, true).Value, 0)
	s := m.Score(50, true)
	require.InDelta(t, math.Log10(fitted)/5, s.Value, 1e-9, "a first change is as rare as the window is long")
	require.InEpsilon(t, fitted*300, s.ReturnPeriod, 1e-9)
	require.Equal(t, []scorer.Contribution{{Feature: "change", Share: 1}}, s.Contributions)
	require.InEpsilon(t, 2*fitted*300, m.Score(50, true).ReturnPeriod, 1e-9, "the longer it stays, the rarer")
	require.InDelta(t, 0, m.Score(0, true).Value, 0)
	require.InEpsilon(t, fitted*300, m.Score(50, true).ReturnPeriod, 1e-9, "it begins again")
}

// The return period of a constant series doubles with each step that it stays away, up to the 60th. It is capped at
// 100,000 times the length of the window, the score is not.
func TestModel_RaisesTheScoreOfAChangeForSixtySteps(t *testing.T) {
	m := fit(t, options(), make([]float64, fitted))
	for step := range 100 {
		want := fitted * 300 * math.Exp2(float64(min(step, 59)))
		s := m.Score(50, true)
		require.InEpsilon(t, min(want, 1e5*(fitted-1)*300), s.ReturnPeriod, 1e-9, "step %d", step)
		require.InEpsilon(t, want, uncompressed(s.Value), 1e-6, "step %d", step)
	}
}

// uncompressed returns the return period, in seconds, that a score above 0.8 is made of.
func uncompressed(score float64) float64 {
	if score > 0.8 {
		score = 0.8 + 0.2*(0.2/(1-score)-1)
	}
	return 300 * math.Pow(10, 5*score)
}

// A return period above that of a score of 0.8 is that of the uncompressed score. At a score of 0.9 it is 347 days;
// it was 110 days when it was computed from the compressed score.
func TestScore_DoesNotCompressTheReturnPeriod(t *testing.T) {
	require.InDelta(t, 347.2, uncompressed(0.9)/86400, 0.1)
	const longest = 1e5 * (fitted - 1) * 300

	m := fit(t, options(), make([]float64, fitted))
	high := 0
	for range 60 {
		if s := m.Score(50, true); s.Value > 0.8 {
			require.InEpsilon(t, min(uncompressed(s.Value), longest), s.ReturnPeriod, 1e-6)
			high++
		}
	}
	require.Greater(t, high, 50)

	o := options()
	o.DataRange = [2]float64{0, 200}
	s := fit(t, o, noisy(6)[:fitted]).Score(203, true)
	require.InDelta(t, 1, s.Value, 0)
	require.InEpsilon(t, longest, s.ReturnPeriod, 1e-2, "outside of the data range")
}

func TestModel_HasNoScoreForMissingValues(t *testing.T) {
	for _, missing := range []float64{nan, math.Inf(1), math.Inf(-1)} {
		m := fit(t, options(), noisy(6)[:fitted])
		s := m.Score(missing, true)
		require.True(t, math.IsNaN(s.Value))
		require.True(t, math.IsNaN(s.ReturnPeriod))
		require.False(t, math.IsNaN(s.Expected))
		require.Less(t, m.Score(noisy(6)[fitted+1], true).Value, 0.8)
	}
}

func TestModel_ScoresASeriesThatGoesFlat(t *testing.T) {
	flat := noisy(7)
	for i := fitted; i < len(flat); i++ {
		flat[i] = 100
	}
	for _, s := range scores(t, options(), flat) {
		require.False(t, math.IsNaN(s.Value))
	}
}

func TestFit_SaysWhyASeriesCannotBeScored(t *testing.T) {
	gaps := slices.Repeat([]float64{nan}, fitted)
	withModel := func(model string) scorer.Options { return scorer.Options{Model: model, Step: 5 * time.Minute} }
	for _, tc := range []struct {
		name string
		o    scorer.Options
		y    []float64
		want error
		text string
	}{
		{"constant, mad", withModel("mad"), make([]float64, fitted), scorer.ErrConstant, "constant"},
		{"constant, zscore", withModel("zscore"), make([]float64, fitted), scorer.ErrConstant, "constant"},
		{"nothing", options(), nil, scorer.ErrShortHistory, "short_history"},
		{"three steps", options(), []float64{1, 2, 3}, scorer.ErrShortHistory, "short_history"},
		{"two hours", options(), noisy(1)[:24], scorer.ErrShortHistory, "short_history"},
		{"five days", scorer.Options{Step: 6 * time.Hour}, noisy(1)[:20], scorer.ErrShortHistory, "short_history"},
		{"gaps", options(), gaps, scorer.ErrGaps, "gaps"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			_, err := scorer.Fit(tc.o, 0, tc.y, nil)
			require.ErrorIs(t, err, tc.want)
			require.EqualError(t, err, tc.text)
		})
	}
}

// Steps may be longer than anything that a level looks back.
func TestFit_TakesStepsOfDays(t *testing.T) {
	for _, step := range []time.Duration{8 * time.Hour, 12 * time.Hour, 24 * time.Hour, 7 * 24 * time.Hour} {
		for n := 1; n < 120; n++ {
			m, err := scorer.Fit(scorer.Options{Step: step}, 0, noisy(1)[:n], nil)
			if n >= 60 {
				require.NoError(t, err, "%d steps of %s", n, step)
			}
			if err == nil {
				m.Score(100, true)
			}
		}
	}
}

func TestFit_RejectsBadOptions(t *testing.T) {
	for _, tc := range []struct {
		want   string
		change func(o *scorer.Options)
	}{
		{`scorer: unknown model "prophet"`, func(o *scorer.Options) { o.Model = "prophet" }},
		{`scorer: unknown direction "up"`, func(o *scorer.Options) { o.Direction = "up" }},
		{"scorer: step 0s is below 1ms", func(o *scorer.Options) { o.Step = 0 }},
		{"scorer: contamination NaN is not in [0, 0.5)", func(o *scorer.Options) { o.Contamination = nan }},
		{"scorer: forest of -1 trees of 256 samples", func(o *scorer.Options) { o.Trees = -1 }},
		{"scorer: minimal deviation -1, relative 0: below 0", func(o *scorer.Options) { o.MinDeviation = -1 }},
		{"scorer: data range [1, 0] is empty", func(o *scorer.Options) { o.DataRange = [2]float64{1, 0} }},
	} {
		o := options()
		tc.change(&o)
		_, err := scorer.Fit(o, 0, noisy(1), nil)
		require.EqualError(t, err, tc.want)
	}
	_, err := scorer.Fit(options(), 0, noisy(1)[:10], make([]bool, 3))
	require.EqualError(t, err, "scorer: 10 values, 3 learn marks")
}

func FuzzFit(f *testing.F) {
	f.Add(uint64(1), 300, 0.1, uint8(0))
	f.Fuzz(func(t *testing.T, seed uint64, n int, odd float64, model uint8) {
		n = int(uint(n) % 1500)
		r := rand.New(rand.NewPCG(seed, 1))
		y := make([]float64, n)
		for i := range y {
			switch r.IntN(20) {
			case 0:
				y[i] = odd
			case 1:
				y[i] = nan
			default:
				y[i] = r.NormFloat64()
			}
		}
		o := options()
		o.Model = []string{"auto", "seasonal", "isolation_forest", "mad", "zscore"}[model%5]
		m, err := scorer.Fit(o, 0, y, nil)
		if err != nil {
			return
		}
		for _, v := range []float64{0, odd, nan, math.MaxFloat64, -math.MaxFloat64, math.Inf(1)} {
			s := m.Score(v, true)
			if !math.IsNaN(s.Value) && !(s.Value >= 0 && s.Value <= 1) {
				t.Fatalf("score %v of %v", s.Value, v)
			}
		}
	})
}

func BenchmarkFit(b *testing.B) {
	for _, n := range []int{2016, 20160} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			y := make([]float64, n)
			r := rand.New(rand.NewPCG(1, 2))
			for i := range y {
				y[i] = math.Sin(2*math.Pi*float64(i)/288) + 0.1*r.NormFloat64()
			}
			o := options()
			if n > 10000 {
				o.Step = time.Minute
			}
			b.ReportAllocs()
			for b.Loop() {
				fit(b, o, y)
			}
		})
	}
}

func BenchmarkScore(b *testing.B) {
	for _, model := range []string{"auto", "seasonal", "mad"} {
		b.Run(model, func(b *testing.B) {
			o := options()
			o.Model, o.ExplainThreshold = model, 2
			y := noisy(1)
			m := fit(b, o, y[:fitted])
			b.ReportAllocs()
			for i := range b.N {
				m.Score(y[fitted+i%288], true)
			}
		})
	}
}

func TestModel_ToleratesRoundingAtTheEndOfAnInfiniteRange(t *testing.T) {
	r := rand.New(rand.NewPCG(8, 1))
	y := make([]float64, 14*288)
	for i := range y {
		y[i] = max(0, 400+300*r.NormFloat64())
		if y[i] == 0 {
			y[i] = -1e-9 // what a difference of two gauges is where they are equal
		}
	}
	o := options()
	o.DataRange = [2]float64{0, math.Inf(1)}
	m := fit(t, o, y)
	require.Less(t, m.Score(-1e-9, true).Value, 0.8)
	require.Less(t, m.Score(-3, true).Value, 0.8)
	require.Equal(t, 1.0, m.Score(-10, true).Value, "a value that cannot be")
}

func TestModel_ToleratesValuesThatLeaveTheRangeByRounding(t *testing.T) {
	r := rand.New(rand.NewPCG(8, 1))
	o := scorer.Options{Step: 5 * time.Minute, DataRange: [2]float64{0, 1}, ExplainThreshold: 0.6}
	busy := make([]float64, 14*288)
	for i := range busy {
		busy[i] = 0.985 + 0.008*r.NormFloat64()
	}
	idle := make([]float64, len(busy))
	for i := range idle {
		idle[i] = -0.0003 + 0.0001*r.NormFloat64()
	}
	for _, tc := range []struct {
		name      string
		y         []float64
		direction string
		least     float64 // min_deviation
		value     float64
		atLeast   float64
		atMost    float64
	}{
		{"a share a little over 1 that has always been near it", busy, "", 0, 1.005, 0, 0.8},
		{"one that cannot be", busy, "", 0, 1.02, 1, 1},
		{"one that cannot be, by less than counts", busy, "", 0.15, 1.02, 0, 0},
		{"by more than counts", busy, "", 0.15, 1.2, 1, 1},
		{"on the side that is looked at", busy, "above", 0, 1.5, 1, 1},
		{"on the other side", busy, "above", 0, -3, 0, 0},
		{"below, on the side that is looked at", busy, "below", 0, -3, 1, 1},
		{"below, on the other side", busy, "below", 0, 1.5, 0, 0},
		{"always a little below 0", idle, "", 0, -0.0003, 0, 0.6},
	} {
		t.Run(tc.name, func(t *testing.T) {
			o := o
			o.Direction, o.MinDeviation = tc.direction, tc.least
			m, err := scorer.Fit(o, 0, tc.y, nil)
			require.NoError(t, err)
			s := m.Score(tc.value, true)
			require.GreaterOrEqual(t, s.Value, tc.atLeast)
			require.LessOrEqual(t, s.Value, tc.atMost)
			require.GreaterOrEqual(t, s.Lower, 0.0, "what is expected stays within the range")
			require.LessOrEqual(t, s.Upper, 1.0)
			for _, y := range tc.y[len(tc.y)-12:] { // and an impossible value leaves nothing behind
				s = m.Score(y, true)
			}
			require.Less(t, s.Value, 0.8)
		})
	}
}

// A value that is rarely there at some hours of the day, as a ratio over too few requests is not, is compared with the
// few that were there about then. Where none were, there is no score.
func TestModel_HasNoVerdictWhereATimeOfDayIsNotKnown(t *testing.T) {
	for _, step := range []time.Duration{time.Minute, 5 * time.Minute, time.Hour} {
		for share, scored := range map[float64]bool{0.08: true, 0: false} { // of the values at night
			t.Run(fmt.Sprintf("%s/%g", step, share), func(t *testing.T) {
				r := rand.New(rand.NewPCG(3, 1))
				busy := func(i int) bool { h := i * int(step/time.Minute) / 60 % 24; return h >= 7 && h < 21 }
				value := func(i int) float64 {
					if busy(i) {
						return 0.3 + 0.5*math.Sin(math.Pi*(float64(i)*step.Hours()/24-7.0/24)*24/14) + 0.03*r.NormFloat64()
					}
					return 0.05 + 0.02*r.NormFloat64()
				}
				perDay := int(24 * time.Hour / step)
				y := make([]float64, 14*perDay)
				for i := range y {
					if y[i] = value(i % perDay); !busy(i) && r.Float64() >= share {
						y[i] = math.NaN()
					}
				}
				w, learn := thin(y, step)
				m, err := scorer.Fit(scorer.Options{Step: step, ExplainThreshold: 2}, 0, w, learn)
				require.NoError(t, err)
				atNight, known := 0, 0
				for i := range perDay {
					y := value(i)
					if h := i * int(step/time.Minute) / 60; h > 0 && h < 5 {
						s := m.Score(y, true)
						atNight++
						if s.Value == s.Value {
							known++
							require.Less(t, s.Value, 0.8, "%d: %g, expected %g", i, y, s.Expected)
						}
						continue
					}
					if !busy(i) {
						y = math.NaN()
					}
					m.Score(y, true)
				}
				if !scored {
					require.Zero(t, known)
				} else if step < time.Hour { // at an hour there are too few
					require.Greater(t, known, atNight*3/4)
				}
			})
		}
	}
}

// nightly is a job that runs from about 02:50 on each day: start, length and size are by day.
type nightly struct{ start, length, size float64 }

// What happens every night is normal, though it moves by some minutes and varies in length and size. It is so much
// normal that what differs from it is found: twice the size, another hour, or that it does not happen.
func TestModel_KnowsWhatHappensEveryNight(t *testing.T) {
	skipStatistical(t)
	uniform := func(r *rand.Rand, from, to float64) float64 { return from + (to-from)*r.Float64() }
	for _, job := range []struct {
		name  string
		usual float64 // size
		day   func(r *rand.Rand, d int) nightly
	}{
		{"moves", 200, func(r *rand.Rand, _ int) nightly { return nightly{uniform(r, -8, 8), 40, 200} }},
		{"moves by twenty minutes", 200, func(r *rand.Rand, _ int) nightly { return nightly{uniform(r, -20, 20), 60, 200} }},
		{"takes longer", 200, func(r *rand.Rand, _ int) nightly {
			return nightly{uniform(r, -4, 4), uniform(r, 30, 60), 200}
		}},
		{"varies in size", 200, func(r *rand.Rand, _ int) nightly { return nightly{0, 40, 200 + 30*r.NormFloat64()} }},
		{"is a drop", -60, func(r *rand.Rand, _ int) nightly { return nightly{uniform(r, -8, 8), 40, -60} }},
		{"on workdays", 200, func(r *rand.Rand, d int) nightly {
			if d%7 >= 5 {
				return nightly{}
			}
			return nightly{uniform(r, -8, 8), 40, 200}
		}},
		{"on Wednesdays", 100, func(r *rand.Rand, d int) nightly {
			if d%7 != 2 {
				return nightly{}
			}
			return nightly{uniform(r, -4, 4), 40, 100}
		}},
	} {
		for _, step := range []time.Duration{time.Minute, 5 * time.Minute} {
			t.Run(job.name+"/"+step.String(), func(t *testing.T) {
				t.Parallel()
				const odd = 23 // the day on which it differs, a Wednesday
				night := func(r *rand.Rand, d int) nightly { return job.day(r, d) }
				normal, found := 0, map[string]float64{}
				for seed := range uint64(3) {
					normal += daysOver(nights(seed, step, night), step, 14, 21, 28)
					for name, change := range map[string]func(n nightly) nightly{
						"twice":      func(n nightly) nightly { return nightly{n.start, n.length, 2 * job.usual} },
						"by day":     func(n nightly) nightly { return nightly{n.start + 600, n.length, n.size} },
						"not at all": func(nightly) nightly { return nightly{} },
					} {
						days := daysOver(nights(seed, step, func(r *rand.Rand, d int) nightly {
							n := night(r, d)
							if d == odd {
								n = change(n)
							}
							return n
						}), step, 14, odd, odd+1)
						found[name] += float64(days)
					}
				}
				require.LessOrEqual(t, normal, 2, "days over 0.8 in three weeks")
				for _, name := range []string{"twice", "by day"} {
					require.GreaterOrEqual(t, found[name], 2.0, name)
				}
				if job.name == "moves" || job.name == "is a drop" { // others are not there at any fixed time
					require.GreaterOrEqual(t, found["not at all"], 2.0)
				}
			})
		}
	}
}

// A job whose size varies goes beyond what its days were more often than a score of 0.8 says, unless it is known how
// far they went.
func TestModel_KnowsThatSizesVary(t *testing.T) {
	skipStatistical(t)
	t.Parallel()
	const seeds = 30
	over := 0
	for seed := range uint64(seeds) {
		job := func(r *rand.Rand, _ int) nightly { return nightly{0, 60, 200 * math.Exp(0.4*r.NormFloat64())} }
		y := append(nights(2*seed, time.Hour, job), nights(2*seed+1, time.Hour, job)...)
		over += daysOver(y, time.Hour, 28, 28, 56)
	}
	require.LessOrEqual(t, over, 2*seeds, "days over 0.8 in four weeks")
}

// nights returns four weeks of a daily season with a job.
func nights(seed uint64, step time.Duration, night func(r *rand.Rand, d int) nightly) []float64 {
	r, noise := rand.New(rand.NewPCG(seed, 5)), rand.New(rand.NewPCG(seed, 6))
	perDay := int(24 * time.Hour / step)
	y := make([]float64, 28*perDay)
	var job nightly
	for i := range y {
		if i%perDay == 0 {
			job = night(r, i/perDay)
		}
		y[i] = 100 + 30*math.Sin(2*math.Pi*float64(i)/float64(perDay)) + 2*noise.NormFloat64()
		if m := float64(i%perDay)*step.Minutes() - 170 - job.start; m >= 0 && m < job.length {
			y[i] += job.size
		}
	}
	return y
}

// daysOver returns on how many days a score reaches 0.8, with so many days of history and a fit every 6 hours.
func daysOver(y []float64, step time.Duration, history, from, to int) int {
	perDay := int(24 * time.Hour / step)
	days := map[int]bool{}
	for i := from * perDay; i < to*perDay; i += perDay / 4 {
		w, learn := thin(y[i-history*perDay:i], step)
		start := int64(i-history*perDay)*step.Milliseconds() + 4*24*time.Hour.Milliseconds() // day 0 is a Monday
		m, err := scorer.Fit(scorer.Options{Step: step, ExplainThreshold: 2}, start, w, learn)
		if err != nil {
			panic(err)
		}
		for k := i; k < i+perDay/4; k++ {
			if m.Score(y[k], true).Value >= 0.8 {
				days[k/perDay] = true
			}
		}
	}
	return len(days)
}

func TestModel_ConstantBelowZeroIsExpectedThere(t *testing.T) {
	s := fit(t, options(), slices.Repeat([]float64{-5}, 14*288)).Score(-5, true)
	require.Equal(t, [4]float64{0, -5, -5, -5}, [4]float64{s.Value, s.Expected, s.Lower, s.Upper})
}

func TestModel_RangeOfCountsDoesNotGoBelowZero(t *testing.T) {
	for _, offset := range []float64{0, -1} {
		r := rand.New(rand.NewPCG(2, 2))
		y := make([]float64, 14*288)
		for i := range y {
			y[i] = float64(poisson(r, 3)) + offset
		}
		s := fit(t, options(), y).Score(3, true)
		require.Equal(t, offset == 0, s.Lower == 0, "offset %g: from %g", offset, s.Lower)
		require.Greater(t, s.Upper, 8.0)
	}
}
