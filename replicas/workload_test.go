package replicas_test

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/anomaly-exporter/anomaly-exporter/replicas"
)

var nan = math.NaN()

func options() replicas.Options {
	return replicas.Options{
		Step: time.Minute, Min: 2, Max: 20, Horizon: 15, Probability: 0.9, MaxError: 1, Stabilization: 10 * time.Minute,
	}
}

// follower feeds a workload one step after the other.
type follower struct {
	*replicas.Workload
	at   int64
	next replicas.Observation // of which At is filled in
}

func follow(t testing.TB, o replicas.Options) *follower {
	t.Helper()
	w, err := replicas.New(o)
	require.NoError(t, err)
	return &follower{Workload: w, at: 29_000_000, next: replicas.Observation{
		Peak: nan, Capacity: 100, Horizon: o.Horizon, Upper: nan, Earlier: nan,
	}}
}

// see observes a load and the forecast of its maximum.
func (f *follower) see(load, upper float64) (replicas.Recommendation, bool) {
	o := f.next
	o.At, o.Load, o.Upper = f.at, load, upper
	f.at++
	return f.Observe(o)
}

func TestObserve_RecommendsTheLargerOfLoadAndForecast(t *testing.T) {
	for _, tc := range []struct {
		name            string
		before          []float64 // loads at the steps before
		load, upper     float64
		replicas        int
		source          replicas.Source
		unknownCapacity bool
	}{
		{"load now", nil, 450, 420, 5, replicas.Current, false},
		{"forecast", nil, 450, 801, 9, replicas.Forecast, false},
		{"a whole number is not rounded up", nil, 300.00000000001, nan, 3, replicas.Current, false},
		{"what exceeds it is", nil, 300.0001, nan, 4, replicas.Current, false},
		{"no forecast", nil, 450, nan, 5, replicas.Current, false},
		{"infinite forecast", nil, 450, math.Inf(1), 20, replicas.Max, false},
		{"minimum", nil, 0, 10, 2, replicas.Min, false},
		{"negative load", nil, -5, -7, 2, replicas.Min, false},
		{"maximum", nil, 1e9, 10, 20, replicas.Max, false},
		{"held", []float64{700, 400}, 450, 450, 7, replicas.Stabilization, false},
		{"not held by less", []float64{400}, 450, 450, 5, replicas.Current, false},
		{"load unknown", []float64{900}, nan, 500, 0, "", false},
		{"load infinite", []float64{900}, math.Inf(1), 500, 0, "", false},
		{"capacity unknown", nil, 450, 500, 0, "", true},
	} {
		t.Run(tc.name, func(t *testing.T) {
			f := follow(t, options())
			for _, load := range tc.before {
				f.see(load, nan)
			}
			if tc.unknownCapacity {
				f.next.Capacity = nan
			}
			r, ok := f.see(tc.load, tc.upper)
			require.Equal(t, tc.source != "", ok)
			require.Equal(t, replicas.Recommendation{Replicas: tc.replicas, Source: tc.source}, r)
		})
	}
}

func TestObserve_LowersAfterTheStabilizationWindow(t *testing.T) {
	f := follow(t, options())
	var got []int
	for i := range 16 {
		load := 300.0
		if i == 2 {
			load = 900
		}
		r, ok := f.see(load, nan)
		require.True(t, ok)
		got = append(got, r.Replicas)
	}
	require.Equal(t, []int{3, 3, 9, 9, 9, 9, 9, 9, 9, 9, 9, 9, 9, 3, 3, 3}, got,
		"9 for the ten minutes after the spike, and then at once 3")
}

// lowered counts how often the number falls over some loads.
func (f *follower) lowered(loads []float64) (steps int) {
	last := 0
	for _, load := range loads {
		r, _ := f.see(load, nan)
		if r.Replicas < last {
			steps++
		}
		last = r.Replicas
	}
	return steps
}

// A queue that drains asks for less at every step. The fleet follows in few steps, and is down soon after.
func TestObserve_LowersInFewStepsWhileTheLoadFalls(t *testing.T) {
	for _, minutes := range []int{10, 20, 40, 60} {
		f := follow(t, options())
		loads := []float64{0, 0}
		for i := range minutes {
			loads = append(loads, 1900*(1-float64(i)/float64(minutes)))
		}
		require.LessOrEqual(t, f.lowered(append(loads, make([]float64, 30)...)), 5, minutes)
		r, _ := f.see(0, nan)
		require.Equal(t, 2, r.Replicas, "half an hour later")
	}

	f := follow(t, options())
	desired := []int{}
	for i := range 8 * 60 {
		load := 2000 - 1600*float64(i)/480
		desired = append(desired, int(math.Ceil(load/100)))
		r, _ := f.see(load, nan)
		require.LessOrEqual(t, r.Replicas, desired[max(0, i-60)], "nothing is kept that was not needed for an hour")
	}
}

// A number that the load keeps coming close to is kept. Otherwise this load would make it flap between 4 and 3 all day.
func TestObserve_KeepsNumberThatTheLoadComesCloseTo(t *testing.T) {
	f := follow(t, options())
	for i := range 24 * 60 {
		load := 295.0
		if i%30 == 0 {
			load = 301
		}
		f.see(load, nan)
	}
	a := f.TakeTotals()
	require.Zero(t, a.Raised+a.Lowered)

	var got []int
	for range 120 {
		r, _ := f.see(295, nan)
		got = append(got, r.Replicas)
	}
	require.Equal(t, 4, got[30], "desired an hour ago, which is six windows, and 10 % more would desire it")
	require.Equal(t, 3, got[31], "not for ever")
	f.see(301, nan)
	for range 30 {
		f.see(250, nan)
	}
	r, _ := f.see(250, nan)
	require.Equal(t, 3, r.Replicas, "10 % more would not desire 4")
}

func TestObserve_NeverLowersOnMissingLoad(t *testing.T) {
	f := follow(t, options())
	f.see(900, nan)
	for range 60 {
		_, ok := f.see(nan, nan)
		require.False(t, ok, "unknown: absent, not lower")
	}
	for range 10 {
		r, ok := f.see(100, nan)
		require.True(t, ok)
		require.Equal(t, replicas.Recommendation{Replicas: 9, Source: replicas.Stabilization}, r,
			"steps without a load are no waiting")
	}
	r, _ := f.see(100, nan)
	require.Equal(t, 2, r.Replicas)
}

// seeDays feeds two days of a load and its forecasts, and returns the last recommendation.
func (f *follower) seeDays(load, upper, earlier func(i int) float64) (r replicas.Recommendation) {
	for i := range 2*1440 + 30 {
		f.next.Earlier = earlier(i)
		r, _ = f.see(load(i), upper(i))
	}
	return r
}

func wave(i int) float64 { return 500 + 300*math.Sin(2*math.Pi*float64(i)/240) }

// ahead is more than the largest load of the next 15 steps by so much.
func ahead(by float64) func(i int) float64 {
	return func(i int) float64 { return max(wave(i+1), wave(i+15)) + by }
}

// Forecasts are trusted as long as their loss is not larger than that of what can be said without them; else the best
// of that is.
func TestObserve_TrustsWhatHadTheLeastLoss(t *testing.T) {
	for _, tc := range []struct {
		name           string
		upper, earlier func(i int) float64
		least, most    float64 // of Error
		replicas       int     // the load is 707, and 774 in 15 minutes
		source         replicas.Source
	}{
		{"the better forecast", ahead(100), ahead(200), 0.4, 0.6, 9, replicas.Forecast},
		{"earlier days", ahead(900), ahead(100), 5, 10, 9, replicas.Forecast},
		{"the load", ahead(2000), ahead(1500), 4, 8, 8, replicas.Current},
		{"nothing to compare with", ahead(900), func(int) float64 { return nan }, nan, nan, 17, replicas.Forecast},
	} {
		t.Run(tc.name, func(t *testing.T) {
			f := follow(t, options())
			r := f.seeDays(wave, tc.upper, tc.earlier)
			require.Equal(t, replicas.Recommendation{Replicas: tc.replicas, Source: tc.source}, r)
			if math.IsNaN(tc.least) {
				require.True(t, math.IsNaN(f.Error()))
				return
			}
			require.GreaterOrEqual(t, f.Error(), tc.least)
			require.LessOrEqual(t, f.Error(), tc.most)
		})
	}
}

// The losses of a day hang on a few peaks, so an alternative that did better by less than a tenth was lucky.
func TestObserve_KeepsTheForecastUnlessItIsClearlyWorse(t *testing.T) {
	for over, want := range map[float64]int{130: 10, 150: 9} {
		f := follow(t, options())
		r := f.seeDays(wave, ahead(over), ahead(120))
		require.Equal(t, want, r.Replicas, "the load is 774 in 15 minutes")
		require.Equal(t, want == 9, f.Error() > 1, over)
	}
}

// Where days are alike, what they tell has no loss at all. A forecast that holds the daily spike as well is trusted all
// the same, or else the earlier days are: in any case the replicas are there before the spike.
func TestObserve_IsReadyForADailySpikeWhicheverIsTrusted(t *testing.T) {
	load := func(i int) float64 {
		if i%1440 >= 360 && i%1440 < 380 {
			return 1000
		}
		return 300
	}
	largest := func(i int) float64 {
		most := 0.0
		for h := 1; h <= 15; h++ {
			most = max(most, load(i+h))
		}
		return most
	}
	for _, factor := range []float64{1, 1.05, 1.5, 3} {
		f := follow(t, options())
		for i := range 3 * 1440 {
			f.next.Earlier = nan
			if i >= 1440 {
				f.next.Earlier = largest(i)
			}
			r, _ := f.see(load(i), factor*largest(i))
			if minute := i % 1440; i >= 2*1440 && minute >= 350 && minute < 360 {
				require.GreaterOrEqual(t, r.Replicas, 10, factor)
			}
		}
	}
}

// Where forecasts and earlier days are far too high all day, the load decides, except where something recurs and that
// was told well. What comes once a day is not given up for a day on which it did not come, what came every hour is.
func TestObserve_TrustsWhatRecursApartFromTheRest(t *testing.T) {
	for _, tc := range []struct {
		name  string
		every int  // minutes
		ready bool // on the day after the one on which it did not come
	}{{"once a day", 1440, true}, {"every hour", 60, false}} {
		t.Run(tc.name, func(t *testing.T) {
			begin := tc.every - 20
			f := follow(t, options())
			f.at -= f.at % 1440
			steps, ready := [5]int{}, [5]int{}
			for i := range 5 * 1440 {
				day, minute := i/1440, i%tc.every
				load, upper := 300.0, 3000.0
				f.next.Earlier, f.next.Recurring = 4000, replicas.Recurring{
					Known: true, Lasting: upper, EarlierLasting: 4000, Passing: nan, Coming: nan,
				}
				if minute >= begin-15 {
					upper, f.next.Recurring.Lasting, f.next.Recurring.Coming = 1000, 400, 1000
				}
				if minute >= begin && day < 3 {
					load = 1000
				}
				r, _ := f.see(load, upper)
				if minute > begin-15 && minute < begin {
					steps[day]++
					if r.Replicas == 10 {
						ready[day]++
					}
				}
			}
			require.Equal(t, steps[1:3], ready[1:3])
			if tc.ready {
				require.Equal(t, steps[3:], ready[3:])
			} else {
				require.Zero(t, ready[4])
			}
		})
	}
}

// A job that was forecast and did not come says nothing of the forecast for the rest of the day.
func TestObserve_TrustsTheRestApartFromWhatRecurs(t *testing.T) {
	f := follow(t, options())
	f.at -= f.at % 1440
	var r replicas.Recommendation
	for i := range 2*1440 + 60 {
		upper := ahead(100)(i)
		f.next.Earlier = ahead(200)(i)
		f.next.Recurring = replicas.Recurring{
			Known: true, Lasting: upper, EarlierLasting: f.next.Earlier, Passing: nan, Coming: nan,
		}
		if minute := i % 1440; minute >= 600 && minute < 615 {
			upper = 20000
		}
		r, _ = f.see(wave(i), upper)
	}
	require.Equal(t, replicas.Forecast, r.Source)
	require.Less(t, f.Error(), 1.0)
}

// random is a workload of random loads, gaps, forecasts and capacities.
func random(seed uint64, n int) []replicas.Observation {
	r := rand.New(rand.NewPCG(seed, 4))
	all := make([]replicas.Observation, n)
	level := 800.0
	for i := range all {
		if r.IntN(50) == 0 {
			level = 2000 * r.Float64()
		}
		all[i] = replicas.Observation{
			At: 5_800_000 + int64(i), Load: level + 300*r.NormFloat64(), Peak: 2000 + float64(i),
			Capacity: 100 + 10*float64(i/100%3), Horizon: 1 + i/77%7,
			Upper: level + 500*r.Float64(), Earlier: level + 500*r.Float64(),
		}
		if r.IntN(20) == 0 {
			all[i].Load = nan
		}
		if r.IntN(20) == 0 {
			all[i].Upper, all[i].Earlier = nan, nan
		}
		all[i].Recurring = replicas.Recurring{
			Known: i/500%2 == 0, Passing: nan, Coming: nan,
			Lasting: all[i].Upper - 200*r.Float64(), EarlierLasting: all[i].Earlier - 200*r.Float64(),
		}
		if i/40%3 == 0 {
			all[i].Recurring.Passing, all[i].Recurring.Coming = level+300, level+300
		}
	}
	return all
}

// Whatever happens, the number is at least what the load now needs, and within the bounds.
func TestObserve_IsNeverBelowReactive(t *testing.T) {
	for seed := range uint64(20) {
		o := options()
		o.Min, o.Max, o.Horizon = int(seed%3), 5+int(seed), 7
		w, err := replicas.New(o)
		require.NoError(t, err)
		for _, x := range random(seed, 2000) {
			r, ok := w.Observe(x)
			require.Equal(t, !math.IsNaN(x.Load), ok)
			if ok {
				reactive := min(max(int(math.Ceil(x.Load/x.Capacity)), o.Min), o.Max)
				require.GreaterOrEqual(t, r.Replicas, reactive)
				require.LessOrEqual(t, r.Replicas, o.Max)
			}
		}
	}
}

// However long a workload has been followed, what it recommends depends on the steps within LookBack alone; and so does
// what its totals grow by.
func TestObserve_DependsOnLookBackAlone(t *testing.T) {
	for _, step := range []time.Duration{time.Minute, 5 * time.Minute, time.Hour} {
		o := options()
		o.Step, o.Horizon, o.Stabilization = step, 7, 33*time.Minute
		steps := int(replicas.LookBack(o) / step)
		all := random(3, 2*steps+50)
		always, err := replicas.New(o)
		require.NoError(t, err)
		late, err := replicas.New(o)
		require.NoError(t, err)
		for i, x := range all {
			want, wantOK := always.Observe(x)
			if i < len(all)-50-steps {
				continue
			}
			got, ok := late.Observe(x)
			if i >= len(all)-50 {
				require.Equal(t, math.Float64bits(always.Error()), math.Float64bits(late.Error()))
				require.Equal(t, want, got)
				require.Equal(t, wantOK, ok)
				require.Equal(t, always.TakeTotals(), late.TakeTotals())
				a, b := always.Decision(), late.Decision()
				require.Equal(t, math.Float64bits(a.Upper), math.Float64bits(b.Upper))
				require.Equal(t, a.Requested, b.Requested)
				require.Equal(t, a.Short, b.Short)
			}
			always.TakeTotals()
			late.TakeTotals()
		}
	}
}

// 10 % of the load decides whether a number is kept: 4 replicas carry 400.
func TestObserve_LowersToWhatTenPercentMoreLoadNeeds(t *testing.T) {
	for _, tc := range []struct {
		load     float64
		replicas int
	}{
		{274, 4}, {272, 3},
	} {
		f := follow(t, options())
		f.see(301, nan)
		var r replicas.Recommendation
		for range 20 {
			r, _ = f.see(tc.load, nan)
		}
		require.Equal(t, tc.replicas, r.Replicas, "load %v", tc.load)
	}
}

// The pinball loss of the quantile 0.9 is nine tenths of what is missing, or a tenth of what is too much.
func TestError_IsThePinballLossRelativeToTheLeastOfTheOthers(t *testing.T) {
	f := follow(t, options())
	f.at -= f.at % 60
	f.next.Earlier = 900 // 100 missing: 90
	for range 60 {
		f.see(1000, 1300) // 300 too much: 30
		require.True(t, math.IsNaN(f.Error()), "told from the next hour on")
	}
	f.see(1000, 1300)
	require.InDelta(t, 30.0/(0+0.1*10), f.Error(), 1e-9, "the load was right; 1 % of it too much costs a tenth of that")

	f = follow(t, options())
	f.at -= f.at % 60
	f.next.Earlier = 1100
	for i := range 61 {
		f.see(1000+float64(i), 1300) // from 16 to 60 minus 1015 to 1059
	}
	require.InDelta(t, (0.1*(1300-1037))/(0.1*(1100-1037)*1.1+0.1*10.37), f.Error(), 1e-9, "the load was worse")
}

// A bad forecast counts for the 24 hours after the hour that it fell in.
func TestError_ForgetsAfterADay(t *testing.T) {
	f := follow(t, options())
	f.at -= f.at % 60
	f.next.Earlier = 1100
	for range 30 { // all are due in this hour
		f.see(1000, 1500)
	}
	for range 25*60 - 30 {
		f.see(1000, 1000)
	}
	require.Positive(t, f.Error())
	f.see(1000, 1000)
	require.Zero(t, f.Error())
}

// A recommendation counts for a day, whatever the gaps. Whether it used forecasts depends on their errors in the day
// before it, rounded to whole hours, and so on forecasts made a horizon earlier.
func TestLookBack_CoversNumbersOfADayAndTheErrorsBefore(t *testing.T) {
	for _, tc := range []struct{ gap, replicas int }{{1439, 2}, {1438, 9}} {
		f := follow(t, options())
		f.see(900, nan)
		for range tc.gap {
			f.see(nan, nan)
		}
		r, _ := f.see(100, nan)
		require.Equal(t, tc.replicas, r.Replicas)
	}
	require.Equal(t, 48*time.Hour+24*time.Hour+2*time.Hour+15*time.Minute, replicas.LookBack(options()))
}

func TestNew_RefusesBadOptions(t *testing.T) {
	for _, change := range []func(*replicas.Options){
		func(o *replicas.Options) { o.Step = 0 },
		func(o *replicas.Options) { o.Min = -1 },
		func(o *replicas.Options) { o.Max = 1 },
		func(o *replicas.Options) { o.Horizon = 0 },
		func(o *replicas.Options) { o.Probability = 1 },
		func(o *replicas.Options) { o.MaxError = nan },
		func(o *replicas.Options) { o.Stabilization = -1 },
	} {
		o := options()
		change(&o)
		_, err := replicas.New(o)
		require.Error(t, err)
	}
}

func BenchmarkObserve(b *testing.B) {
	f := follow(b, options())
	f.next.Earlier = 650
	b.ReportAllocs()
	for i := range b.N {
		f.see(float64(500+i%100), 600)
	}
}

// recur observes a load of 300 with a spike of 1,500 that recurs from one step to another, and which comes from came
// on for so many steps. It returns what is recommended.
func (f *follower) recur(steps, from, to, came, length int) (got []int) {
	for i := range steps {
		ahead := func(until int) float64 { // what recurs in the steps up to one
			if i+1 <= to && i+until >= from {
				return 1500
			}
			return nan
		}
		f.next.Recurring = replicas.Recurring{
			Known: true, Lasting: 300, EarlierLasting: 300, Passing: nan, Coming: ahead(15 + 10),
		}
		if from <= i && i <= to {
			f.next.Recurring.Passing = 1500
		}
		load, upper := 300.0, 300.0
		if came <= i && i < came+length {
			load = 1500
		}
		if !math.IsNaN(ahead(15)) {
			upper = 1500
		}
		f.next.Earlier = upper
		r, _ := f.see(load, upper)
		got = append(got, r.Replicas)
	}
	return got
}

func TestObserve_LowersAtOnceWhatRecursAndIsOver(t *testing.T) {
	for name, tc := range map[string]struct{ from, to, came, length, begins, ends int }{
		"it comes":             {30, 34, 30, 5, 15, 35},
		"it does not come":     {30, 34, 30, 0, 15, 34},
		"it ends early":        {30, 34, 30, 2, 15, 34},
		"it lasts":             {30, 34, 30, 10, 15, 40 + 10},
		"it recurs for long":   {30, 130, 30, 101, 15, 131 + 10},
		"it comes when it may": {30, 34, 5, 2, 5, 5 + 2 + 10},
	} {
		t.Run(name, func(t *testing.T) {
			got := follow(t, options()).recur(150, tc.from, tc.to, tc.came, tc.length)
			for i, n := range got {
				if want := tc.begins <= i && i < tc.ends; name != "it comes when it may" || i < 15 {
					require.Equal(t, want, n == 15, "step %d: %d", i, n)
				}
			}
		})
	}
}

// While a spike that recurs is there, the number follows neither its noise nor every step of its end. It is raised in
// one step to what comes within the stabilization window.
func TestObserve_ChangesLittleWhileWhatRecursIsThere(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 3))
	o := options()
	o.Max = 100
	f := follow(t, o)
	f.next.Recurring = replicas.Recurring{Known: true, Lasting: 300, EarlierLasting: 300, Passing: nan, Coming: nan}
	var got []int
	see := func(load, upper, earlier float64) {
		f.next.Earlier = earlier
		x, _ := f.see(load, upper)
		got = append(got, x.Replicas)
	}
	f.next.Recurring.Coming = 3000
	see(300, 300, 300)
	require.Equal(t, 3, got[0], "what comes after the horizon raises nothing")
	see(300, 2000, 2000)
	for range 14 {
		see(300, 3000, 3000)
	}
	require.Equal(t, []int{3, 30}, slices.Compact(slices.Clone(got)), "in one step")
	f.next.Recurring.Passing, f.next.Recurring.Coming = 3000, nan
	for range 20 {
		see(3000-200*r.Float64(), 3300, 3000)
	}
	for load := 2500.0; load > 600; load -= 400 {
		see(load, 3300, 300)
	}
	see(300, 300, 300)
	require.Equal(t, []int{3, 30, 21, 3}, slices.Compact(got), "to 25 saves less than a quarter")
}

// A spike that is larger than on other days is over as well, unless it is more than twice as large.
func TestObserve_LowersAtOnceWhatRecursAndIsLarger(t *testing.T) {
	for load, want := range map[float64]int{2900: 3, 3100: 31} {
		o := options()
		o.Max = 100
		f := follow(t, o)
		f.next.Recurring = replicas.Recurring{Known: true, Lasting: 300, EarlierLasting: 300, Passing: nan, Coming: nan}
		f.next.Earlier = 300
		f.see(300, 300)
		f.next.Recurring.Passing = 1500
		for range 5 {
			r, _ := f.see(load, 1500)
			require.Equal(t, int(load/100), r.Replicas)
		}
		f.next.Recurring.Passing = nan
		r, _ := f.see(300, 300)
		require.Equal(t, want, r.Replicas, "load %g", load)
	}
}

// Between two that come soon after each other the number is kept.
// What fills much of the day recurs, too. A rush of more than twice as much that is over meanwhile does not keep the
// number up beyond the stabilization window.
func TestObserve_LowersAfterARushWhileSomethingRecurs(t *testing.T) {
	o := options()
	o.Max = 100
	f := follow(t, o)
	f.at -= f.at % 1440 // midnight is far
	n := 0
	see := func(steps int, load, upper float64) {
		f.next.Recurring = replicas.Recurring{Known: true, Lasting: upper, EarlierLasting: nan, Passing: 1800, Coming: 1800}
		for range steps {
			r, ok := f.see(load, upper)
			require.True(t, ok)
			n = r.Replicas
		}
	}
	see(60, 1600, 1800)
	require.Equal(t, 18, n)
	see(20, 4000, 7000)
	require.Equal(t, 70, n)
	see(10, 1600, 2000)
	require.Equal(t, 70, n, "stabilization")
	see(2, 1600, 2000)
	require.LessOrEqual(t, n, 20)
}

func TestObserve_KeepsWhatRecursAgainSoon(t *testing.T) {
	f := follow(t, options())
	f.next.Recurring = replicas.Recurring{Known: true, Lasting: 300, EarlierLasting: 300, Passing: nan, Coming: 1500}
	r, _ := f.see(300, 1500)
	require.Equal(t, 15, r.Replicas)
	r, _ = f.see(300, 300)
	require.Equal(t, replicas.Recommendation{Replicas: 15, Source: replicas.Stabilization}, r)
	f.next.Recurring.Coming = 700
	r, _ = f.see(300, 300)
	require.Equal(t, replicas.Recommendation{Replicas: 7, Source: replicas.Stabilization}, r)
	f.next.Recurring.Coming = nan
	r, _ = f.see(300, 300)
	require.Equal(t, 3, r.Replicas)
	f.next.Recurring.Coming = 1500
	r, _ = f.see(300, 300)
	require.Equal(t, 3, r.Replicas, "nothing is raised for what comes after the horizon")
}

func TestObserve_HoldsAcrossMidnightWhatIsStillStabilizing(t *testing.T) {
	const midnight = 20_139 * 24 * 60
	f := follow(t, options())
	f.at = midnight - 3
	for range 3 {
		r, _ := f.see(800, nan)
		require.Equal(t, 8, r.Replicas)
	}
	f.next.Recurring = replicas.Recurring{Known: true, Lasting: nan, EarlierLasting: nan, Passing: nan, Coming: 1000}
	r, _ := f.see(450, nan)
	require.Equal(t, replicas.Recommendation{Replicas: 8, Source: replicas.Stabilization}, r,
		"what was held is forgotten, but not what was desired within the stabilization window")
}
