package replicas_test

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/anomaly-exporter/anomaly-exporter/forecaster"
	"github.com/anomaly-exporter/anomaly-exporter/replicas"
)

// autoscaler is the Kubernetes HPA with average values of external metrics as its triggers, each with a target of 1: of
// every metric desired = ceil(current * metric / target) unless that is within 10 % of what runs; the largest wins. It
// is written from the HPA's documentation, not after the one that is tested.
type autoscaler struct{ current int }

func (a *autoscaler) sync(lower, upper int, metrics ...float64) {
	desired := 0
	for _, metric := range metrics {
		perReplica := metric / float64(a.current)
		if math.Abs(perReplica-1) <= 0.1 {
			desired = max(desired, a.current)
		} else {
			desired = max(desired, int(math.Ceil(float64(a.current)*perReplica)))
		}
	}
	a.current = min(max(desired, lower), upper)
}

// A spike that nothing forecasts is served no later with the recommendation and the reactive trigger, as in
// examples/keda, than by the reactive trigger alone. The recommendation comes late by a cycle and a scrape.
func TestObserve_ServesSpikeNoLaterThanReactive(t *testing.T) {
	r := rand.New(rand.NewPCG(5, 6))
	sooner := 0
	for range 400 {
		const late, spikeAt, end = 2, 90, 120
		o := options()
		o.Min, o.Max = 1, 400
		level, spike := 100*(1+100*r.Float64()), 1.02+3*r.Float64()*r.Float64()
		upper := level * (1 + 0.2*r.Float64())
		f := follow(t, o)
		both, alone := &autoscaler{current: 1}, &autoscaler{current: 1}
		served := func(a *autoscaler, load float64) bool { return load/float64(a.current)/100 <= 1.1 }
		var published []float64
		bothServed, aloneServed := -1, -1
		for i := range end {
			load := level * (1 + 0.02*r.NormFloat64())
			if i >= spikeAt {
				load = level * spike
			}
			x, ok := f.see(load, upper) // the forecast never learns of it
			require.True(t, ok)
			published = append(published, float64(x.Replicas))
			alone.sync(o.Min, o.Max, load/100)
			both.sync(o.Min, o.Max, load/100, published[max(0, i-late)])
			if i >= spikeAt && bothServed < 0 && served(both, load) {
				bothServed = i
			}
			if i >= spikeAt && aloneServed < 0 && served(alone, load) {
				aloneServed = i
			}
		}
		require.GreaterOrEqual(t, bothServed, spikeAt)
		require.LessOrEqual(t, bothServed, aloneServed)
		require.GreaterOrEqual(t, both.current, int(math.Ceil(level*spike/100/1.1-1e-9)))

		// Even alone, and late as it is, the recommendation asks for all of it in one step.
		first := published[spikeAt]
		for _, n := range published[spikeAt:] {
			require.GreaterOrEqual(t, n, math.Ceil(level*spike/100-1e-9))
			require.LessOrEqual(t, n, first)
		}
		if first == published[spikeAt-1] {
			sooner++ // it was there before
		}
	}
	require.Positive(t, sooner)
}

// plain is the rule without hysteresis and kept numbers, the obvious way: the largest number wanted within the
// stabilization window.
type plain struct {
	wanted, asked                    []int
	changes, steps, replicas, tooFew int
}

func (p *plain) see(o replicas.Options, load, upper, capacity float64, count bool) {
	p.wanted = append(p.wanted, min(max(int(math.Ceil(max(load, upper)/capacity)), o.Min), o.Max))
	window := int(o.Stabilization / o.Step)
	p.asked = append(p.asked, slices.Max(p.wanted[max(0, len(p.wanted)-1-window):]))
	if !count {
		return
	}
	last := len(p.asked) - 1
	p.steps++
	p.replicas += p.asked[last]
	if p.asked[last] != p.asked[last-1] {
		p.changes++
	}
	if load > float64(slices.Min(p.asked[last-o.Horizon:]))*capacity {
		p.tooFew++
	}
}

// totalsOf runs a workload over loads, with forecasts made as the program makes them, and returns what it has meant
// from the ninth day on; and what the plain rule would have.
func totalsOf(t *testing.T, o replicas.Options, capacity float64, loads []float64) (replicas.StrategyTotals, plain) {
	t.Helper()
	const perDay = 24 * 60
	var without plain
	f := follow(t, o)
	f.next.Capacity = capacity
	fo := forecaster.Options{
		Step: o.Step, Horizons: []int{o.Horizon}, MaxProbability: 0.9, DataRange: [2]float64{0, math.Inf(1)},
		KeepDays: true,
	}
	var m *forecaster.Model
	var forecast forecaster.Forecast
	f.next.Peak = loads[0]
	for i, load := range loads {
		f.next.Earlier = nan
		upper := nan
		if m != nil {
			m.Advance(load)
			m.Forecast(&forecast)
			f.next.Earlier, upper = m.EarlierMaxQuantile(o.Horizon, 0.9), forecast.Points[0].Max
		}
		f.see(load, upper)
		if math.IsNaN(upper) || f.Error() > o.MaxError {
			upper = load
		}
		without.see(o, load, upper, capacity, i > 8*perDay)
		f.next.Peak = max(load, f.next.Peak)
		if i >= perDay && i%(perDay/4) == 0 {
			from := max(0, i+1-7*perDay)
			var err error
			m, err = forecaster.Fit(fo, f.at*o.Step.Milliseconds(), loads[from:i+1], nil)
			require.NoError(t, err)
		}
		if i == 8*perDay {
			f.TakeTotals()
		}
	}
	return f.TakeTotals(), without
}

// Five days of different loads: few changes, and far less time with too few replicas than a reactive autoscaler has,
// for not much more than it costs and less than a static fleet does.
func TestObserve_RarelyChangesAndIsRarelyShort(t *testing.T) {
	if testing.Short() {
		t.Skip("statistical: fits some 200 models")
	}
	const days, perDay = 13, 24 * 60
	r := rand.New(rand.NewPCG(7, 8))
	season := func(i int) float64 { return 1000 * (1 - 0.6*math.Cos(2*math.Pi*float64(i)/perDay)) }
	var changes, changesWithout int
	spikes, ramp, level := make([]float64, days*perDay+20), 0.5, 0.5
	for range 4 * days {
		at := r.IntN(days * perDay)
		for i := range 5 + r.IntN(10) {
			spikes[at+i] = 1000
		}
	}
	for _, tc := range []struct {
		name string
		load func(i int) float64
	}{
		{"daily season with noise", func(i int) float64 { return season(i) * (1 + 0.1*r.NormFloat64()) }},
		{"and spikes", func(i int) float64 { return season(i)*(1+0.05*r.NormFloat64()) + spikes[i] }},
		{"ramps", func(i int) float64 {
			if i%300 == 0 {
				level = 0.3 + r.Float64()
			}
			ramp += (level - ramp) / 40
			return 1000 * ramp * (1 + 0.05*r.NormFloat64())
		}},
		{"steady with noise", func(int) float64 { return 1000 * (1 + 0.05*r.NormFloat64()) }},
	} {
		t.Run(tc.name, func(t *testing.T) {
			loads := make([]float64, days*perDay)
			for i := range loads {
				loads[i] = max(0, tc.load(i))
			}
			o := options()
			o.Min, o.Max = 1, 100
			a, without := totalsOf(t, o, 100, loads)
			perDay := func(changes int) float64 { return float64(changes) / (a.Seconds / (24 * time.Hour).Seconds()) }
			mean := func(s replicas.Strategy) float64 { return a.ReplicaSeconds[s] / a.Seconds }
			short := func(s replicas.Strategy) float64 { return a.UnderSeconds[s] / a.Seconds }
			steps := float64(without.steps)
			meanWithout, shortWithout := float64(without.replicas)/steps, float64(without.tooFew)/steps
			for s := range replicas.NumStrategies {
				t.Logf("%-11s %4.1f replicas, too few %5.2f %%", s, mean(s), 100*short(s))
			}
			t.Logf("changes a day: %.1f; without hysteresis: %.1f, with %.1f replicas, too few %.2f %%",
				perDay(a.Raised+a.Lowered), perDay(without.changes), meanWithout, 100*shortWithout)
			require.Less(t, short(replicas.Recommended), short(replicas.Reactive)/2)
			require.Less(t, mean(replicas.Recommended), 1.3*mean(replicas.Reactive))
			require.Less(t, mean(replicas.Recommended), mean(replicas.Static))
			require.LessOrEqual(t, a.Raised+a.Lowered, without.changes)
			changes, changesWithout = changes+a.Raised+a.Lowered, changesWithout+without.changes
			require.LessOrEqual(t, short(replicas.Recommended), shortWithout)
			require.Less(t, mean(replicas.Recommended), 1.05*meanWithout)
		})
	}
	require.Less(t, changes, changesWithout*3/4)
}

// The reactive strategy and the static one, by hand.
func TestTakeTotals_CountsReactiveAndStatic(t *testing.T) {
	o := options()
	o.Min, o.Max, o.Horizon, o.Stabilization = 1, 50, 2, 3*time.Minute
	f := follow(t, o)
	f.at -= f.at % (24 * 60) // midnight
	f.next.Peak = 1500
	loads := []float64{1000, 1050, 1110, 1110, 1110, 950, 950, 950, 950, 950}
	reactive := []int{10, 10 /* within 10 % */, 12, 12, 12, 12 /* stabilization */, 12, 12, 10, 10}
	sum, short := 0, 0
	for i, load := range loads {
		f.see(load, nan)
		sum += reactive[i]
		serving := reactive[i]
		for j := max(0, i-2); j < i; j++ {
			serving = min(serving, reactive[j])
		}
		if load > float64(100*serving) {
			short++
		}
		d := f.Decision()
		require.Equal(t, reactive[i], d.Requested[replicas.Reactive])
		require.Equal(t, 15, d.Requested[replicas.Static])
		require.Equal(t, load > float64(100*serving), d.Short[replicas.Reactive])
		require.True(t, math.IsNaN(d.Upper), "there is no forecast")
	}
	a := f.TakeTotals()
	require.Equal(t, 600.0, a.Seconds)
	require.Equal(t, float64(60*sum), a.ReplicaSeconds[replicas.Reactive])
	require.Equal(t, float64(60*short), a.UnderSeconds[replicas.Reactive])
	require.Equal(t, 60.0*10*15, a.ReplicaSeconds[replicas.Static])
	require.Zero(t, a.UnderSeconds[replicas.Static])
	require.Equal(t, 2, a.Raised, "to 11, to 12")

	var both replicas.StrategyTotals
	both.Add(a)
	both.Add(a)
	require.Equal(t, 1200.0, both.Seconds)
	require.Equal(t, 2*a.ReplicaSeconds[replicas.Static], both.ReplicaSeconds[replicas.Static])
	require.Zero(t, f.TakeTotals().Seconds)
	require.Equal(t, "static", replicas.Static.String())
}
