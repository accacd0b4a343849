package replicas_test

import (
	"fmt"
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

// totalsOf runs a workload over loads, with forecasts made as the program makes them from a history of so many days. It
// returns what that has meant from a day after the history on, and what the plain rule would have. From then on it
// calls see at every step, unless that is nil.
func totalsOf(
	t *testing.T, o replicas.Options, history int, loads []float64, see func(i, recommended int),
) (replicas.StrategyTotals, plain) {
	t.Helper()
	const capacity = 100
	perDay := int(24 * time.Hour / o.Step)
	counted := (history + 1) * perDay
	var without plain
	f := follow(t, o)
	fo := forecaster.Options{
		Step: o.Step, Horizons: []int{o.Horizon}, MaxProbability: 0.9, DataRange: [2]float64{0, math.Inf(1)},
		KeepDays: true,
	}
	var m *forecaster.Model
	var forecast forecaster.Forecast
	f.next.Peak = loads[0]
	stabilization := int(o.Stabilization / o.Step)
	for i, load := range loads {
		upper := nan
		if m != nil {
			m.Advance(load)
			m.Forecast(&forecast)
			upper = forecast.Points[0].Max
			f.next.Earlier = m.EarlierMaxQuantile(o.Horizon, 0.9)
			f.next.Recurring = replicas.Recurring{
				Known:          true,
				Lasting:        m.LastingMaxQuantile(o.Horizon, 0.9),
				EarlierLasting: m.EarlierLastingMaxQuantile(o.Horizon, 0.9),
				Passing:        m.RecurringMaxQuantile(0, 0, 0.9),
				Coming:         m.RecurringMaxQuantile(1, o.Horizon+stabilization, 0.9),
			}
		}
		r, _ := f.see(load, upper)
		if see != nil && i > counted {
			see(i, r.Replicas)
		}
		if math.IsNaN(upper) || f.Error() > o.MaxError {
			upper = load
		}
		without.see(o, load, upper, capacity, i > counted)
		f.next.Peak = max(load, f.next.Peak)
		if i >= counted-3*perDay && i%(perDay/4) == 0 {
			from := max(0, i+1-history*perDay)
			var err error
			m, err = forecaster.Fit(fo, (f.at-int64(i+1-from))*o.Step.Milliseconds(), loads[from:i+1], nil)
			require.NoError(t, err)
		}
		if i == counted {
			f.TakeTotals()
		}
	}
	return f.TakeTotals(), without
}

// At twelve fixed minutes of the day a spike of some minutes comes with a chance of 40 to 80 %. The replicas are there,
// also if the spikes become larger from day to day, and not between; that costs little more than following the spikes
// does, and takes few changes.
func TestObserve_IsReadyForSpikesThatMayCome(t *testing.T) {
	if testing.Short() {
		t.Skip("statistical: fits some 300 models")
	}
	t.Parallel()
	const history, days, slots = 14, 18, 12
	for _, step := range []time.Duration{time.Minute, 5 * time.Minute} {
		for _, spike := range []struct {
			height  float64 // times the load
			minutes int
			growth  float64 // a day
		}{{3, 5, 0}, {5, 5, 0}, {3, 20, 0}, {10, 20, 0}, {3, 5, 0.02}, {3, 5, 0.05}} {
			name := fmt.Sprintf("%v times %g for %d, growing by %g", step, spike.height, spike.minutes, spike.growth)
			t.Run(name, func(t *testing.T) {
				t.Parallel()
				r := rand.New(rand.NewPCG(uint64(spike.height), 12))
				length, height := spike.minutes, spike.height
				perDay, every := int(24*time.Hour/step), int(step/time.Minute)
				loads, near, begins := make([]float64, days*perDay), make([]bool, days*perDay), map[int]bool{}
				for i := range loads {
					loads[i] = 300 * (1 + 0.05*r.NormFloat64())
				}
				for k := range slots {
					minute := (k*120 + 15 + r.IntN(90)) / every * every
					for day := range days {
						from := day*perDay + minute/every
						for i := from - 20/every; i <= min(from+(length+12)/every, len(near)-1); i++ {
							near[i] = true
						}
						if r.Float64() < 0.4+0.4*float64(k)/(slots-1) {
							begins[from] = true
							for i := range min(length/every, len(loads)-from) {
								loads[from+i] += 300 * (height - 1) * math.Pow(1+spike.growth, float64(day))
							}
						}
					}
				}
				o := options()
				o.Step, o.Min, o.Max, o.Horizon = step, 1, 100, int(15*time.Minute/step)
				recommended := make([]int, len(loads))
				var came, ready, between, high float64
				a, _ := totalsOf(t, o, history, loads, func(i, n int) {
					recommended[i] = n
					switch {
					case begins[i] && i > (history+1)*perDay+o.Horizon:
						came++
						if 100*float64(slices.Min(recommended[i-o.Horizon:i+1])) >= loads[i] {
							ready++
						}
					case !near[i]:
						between++
						if float64(n) > 6 {
							high++
						}
					}
				})
				cost := a.ReplicaSeconds[replicas.Recommended] / a.ReplicaSeconds[replicas.Reactive]
				short := a.UnderSeconds[replicas.Recommended] / a.Seconds
				changes := float64(a.Raised+a.Lowered) / (a.Seconds / (24 * time.Hour).Seconds())
				t.Logf("cost %.2f, short %.2f %%, %.0f changes a day, ready for %v of %v", cost, 100*short, changes, ready, came)
				require.Less(t, cost, 1.4)
				require.Less(t, short, 0.02)
				require.Less(t, changes, 40.0)
				require.GreaterOrEqual(t, ready, 0.9*came)
				require.Less(t, high, 0.01*between)
			})
		}
	}
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
			a, without := totalsOf(t, o, 7, loads, nil)
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
