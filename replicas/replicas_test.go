package replicas_test

import (
	"math"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/anomaly-exporter/anomaly-exporter/replicas"
)

var nan = math.NaN()

func options() replicas.Options {
	return replicas.Options{
		Step: time.Minute, Capacity: 100, Min: 2, Max: 20, Horizon: 15, MaxError: 1, Stabilization: 10 * time.Minute,
	}
}

func TestRecommend(t *testing.T) {
	for _, tc := range []struct {
		name     string
		in       replicas.Input
		replicas int
		source   replicas.Source
	}{
		{"load now", replicas.Input{Load: 450, Forecast: 420}, 5, replicas.Current},
		{"forecast", replicas.Input{Load: 450, Forecast: 801}, 9, replicas.Forecast},
		{"a whole number is not rounded up", replicas.Input{Load: 300.00000000001, Forecast: nan}, 3, replicas.Current},
		{"no forecast", replicas.Input{Load: 450, Forecast: nan}, 5, replicas.Current},
		{"infinite forecast", replicas.Input{Load: 450, Forecast: math.Inf(1)}, 20, replicas.Max},
		{"minimum", replicas.Input{Load: 0, Forecast: 10}, 2, replicas.Min},
		{"negative load", replicas.Input{Load: -5, Forecast: -7}, 2, replicas.Min},
		{"maximum", replicas.Input{Load: 1e9, Forecast: 10}, 20, replicas.Max},
		{"held", replicas.Input{Load: 450, Forecast: 450, Recent: 7}, 7, replicas.Stabilization},
		{"not held by less", replicas.Input{Load: 450, Forecast: 450, Recent: 4}, 5, replicas.Current},
	} {
		t.Run(tc.name, func(t *testing.T) {
			r, ok := replicas.Recommend(options(), tc.in)
			require.True(t, ok)
			require.Equal(t, tc.replicas, r.Replicas)
			require.Equal(t, tc.source, r.Source)
		})
	}
	for _, unknown := range []float64{nan, math.Inf(1), math.Inf(-1)} {
		_, ok := replicas.Recommend(options(), replicas.Input{Load: unknown, Forecast: 500, Recent: 9})
		require.False(t, ok)
	}
}

func newWorkload(t *testing.T, o replicas.Options) *replicas.Workload {
	t.Helper()
	w, err := replicas.New(o)
	require.NoError(t, err)
	return w
}

func TestScaleDownWaits(t *testing.T) {
	w := newWorkload(t, options())
	var got []int
	for i := range 16 {
		load := 300.0
		if i == 2 {
			load = 900
		}
		r, ok := w.Observe(load, nan, nan)
		require.True(t, ok)
		got = append(got, r.Replicas)
	}
	require.Equal(t, []int{3, 3, 9, 9, 9, 9, 9, 9, 9, 9, 9, 9, 9, 3, 3, 3}, got, "9 for the ten minutes after the spike")
}

func TestMissingLoadNeverScalesDown(t *testing.T) {
	w := newWorkload(t, options())
	w.Observe(900, nan, nan)
	for range 5 {
		_, ok := w.Observe(nan, nan, nan)
		require.False(t, ok)
	}
	r, ok := w.Observe(100, nan, nan)
	require.True(t, ok)
	require.Equal(t, 9, r.Replicas)
	require.Equal(t, replicas.Stabilization, r.Source)
}

func TestBadForecastsAreNotTrusted(t *testing.T) {
	o := options()
	w := newWorkload(t, o)
	load := func(i int) float64 { return 500 + 300*math.Sin(2*math.Pi*float64(i)/1440) }
	var r replicas.Recommendation
	for i := range 2*1440 + 30 {
		r, _ = w.Observe(load(i), load(i)+900, load(i)+1000) // far over what then happens
	}
	require.Greater(t, w.Error(), 1.0)
	require.NotEqual(t, replicas.Forecast, r.Source)

	w = newWorkload(t, o)
	noise := rand.New(rand.NewPCG(1, 2))
	for i := range 2*1440 + 30 {
		r, _ = w.Observe(load(i)+20*noise.NormFloat64(), load(i+15), load(i+15)+200)
	}
	require.Less(t, w.Error(), 1.0)
	require.Equal(t, replicas.Forecast, r.Source)
}

// What a workload says depends on the steps within LookBack alone, however long it has been followed.
func TestWorkloadForgets(t *testing.T) {
	o := options()
	o.Step, o.Horizon, o.Stabilization = 5*time.Minute, 7, 33*time.Minute
	random := rand.New(rand.NewPCG(3, 4))
	n := 3 * int(replicas.LookBack(o)/o.Step)
	loads, medians, uppers := make([]float64, n), make([]float64, n), make([]float64, n)
	for i := range n {
		loads[i] = 800 + 300*random.NormFloat64()
		medians[i] = 800 + 200*random.NormFloat64()
		uppers[i] = medians[i] + 300
		if random.IntN(20) == 0 {
			loads[i] = nan
		}
	}
	always, late := newWorkload(t, o), newWorkload(t, o)
	begin := n - int(replicas.LookBack(o)/o.Step) - 50
	for i := range n {
		want, wantOK := always.Observe(loads[i], medians[i], uppers[i])
		if i < begin {
			continue
		}
		got, ok := late.Observe(loads[i], medians[i], uppers[i])
		if i >= n-50 {
			require.Equal(t, math.Float64bits(always.Error()), math.Float64bits(late.Error()))
			require.Equal(t, want, got)
			require.Equal(t, wantOK, ok)
		}
	}
}

func TestOptionsAreChecked(t *testing.T) {
	for _, change := range []func(*replicas.Options){
		func(o *replicas.Options) { o.Step = 0 },
		func(o *replicas.Options) { o.Capacity = nan },
		func(o *replicas.Options) { o.Capacity = 0 },
		func(o *replicas.Options) { o.Min = -1 },
		func(o *replicas.Options) { o.Max = 1 },
		func(o *replicas.Options) { o.Horizon = 0 },
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
	w, err := replicas.New(options())
	require.NoError(b, err)
	b.ReportAllocs()
	for i := range b.N {
		w.Observe(float64(500+i%100), 500, 600)
	}
}
