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

// spikes of one kind last for some minutes. Their sizes are multiples of one that is typical of a time of day; the
// logarithm of that has a standard deviation of between.
type spikes struct {
	name    string
	minutes int
	between float64
	draw    func(r *rand.Rand) float64
}

func logNormal(sigma float64) func(*rand.Rand) float64 {
	return func(r *rand.Rand) float64 { return math.Exp(sigma * r.NormFloat64()) }
}

// At twelve fixed minutes of the day a spike comes with a chance of 40 to 80 %. Its size varies from day to day. The
// quantile 0.9 of what comes, or does not, is there for little more than it costs if chances and sizes are known.
func TestObserve_IsReadyForSpikesThatVaryInSize(t *testing.T) {
	if testing.Short() {
		t.Skip("statistical: fits some 1,400 models")
	}
	t.Parallel()
	twoSizes := func(r *rand.Rand) float64 { return 1 + 2*math.Floor(1.3*r.Float64()) }
	pareto := func(r *rand.Rand) float64 { return min(math.Sqrt(0.5/r.Float64()), 20) }
	for _, step := range []time.Duration{time.Minute, 5 * time.Minute} {
		t.Run(step.String(), func(t *testing.T) {
			t.Parallel()
			var all spikeSum
			costs, kinds := 0.0, 0.0
			for _, kind := range []spikes{
				{"log-normal 0.5", 5, 0, logNormal(0.5)},
				{"log-normal 0.8", 5, 0, logNormal(0.8)},
				{"one of two", 5, 0, twoSizes},
				{"Pareto 2", 5, 0, pareto},
				{"log-normal 0.5", 20, 0, logNormal(0.5)},
				{"log-normal 0.5, of typical sizes that differ by 0.8", 20, 0.8, logNormal(0.5)},
			} {
				var sum spikeSum
				for seed := range uint64(4) {
					sum.follow(t, step, kind, seed)
				}
				cost, bound, days := sum.cost/sum.reactive, sum.bound/sum.reactive, sum.seconds/86400
				ready, oracle := sum.ready/sum.slots, sum.oracleReady/sum.slots
				t.Logf("%s for %d minutes: cost %.2f (oracle %.2f), ready %.0f %% (%.0f), if it came %.0f %% (%.0f), "+
					"short %.2f %%, %.0f changes a day", kind.name, kind.minutes, cost, bound, 100*ready, 100*oracle,
					100*sum.readyCame/sum.came, 100*sum.oracleCame/sum.came, 100*sum.short/sum.seconds, sum.changes/days)
				require.Less(t, sum.short/sum.seconds, 0.02)
				require.Less(t, sum.changes/days, 40.0)
				require.GreaterOrEqual(t, ready, oracle-0.1)
				costs, kinds = costs+cost/bound, kinds+1
				all.slots, all.ready, all.oracleReady = all.slots+sum.slots, all.ready+sum.ready, all.oracleReady+sum.oracleReady
			}
			require.Less(t, costs/kinds, 1.08)
			require.GreaterOrEqual(t, all.ready/all.slots, all.oracleReady/all.slots-0.04)
		})
	}
}

// Bursts at random times leave nothing to learn. If one comes within the horizon less often than one time in ten, the
// replicas are not kept for it, and cost little more than following the load does. Otherwise they have to be there, and
// are.
func TestObserve_KeepsReplicasForRandomTimesOnlyIfTheyAreLikely(t *testing.T) {
	if testing.Short() {
		t.Skip("statistical: fits some 200 models")
	}
	t.Parallel()
	const history, days, perDay, base = 14, 19, 1440, 300.0
	for _, tc := range []struct {
		name                    string
		horizon, bursts, length int // minutes, a day, minutes
		height                  float64
		cost, short             float64 // at most
	}{
		{"five a day of 10 times the load", 15, 5, 5, 10, 1.15, 0.03},
		{"twelve a day that take 5 minutes to serve", 5, 12, 5, 5, 1.15, 0.05},
		{"three a day for 20 minutes", 15, 3, 20, 5, 1.15, 0.05},
		{"twelve a day", 15, 12, 5, 5, 3.2, 0.02},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			var sum replicas.StrategyTotals
			for seed := range uint64(3) {
				r := rand.New(rand.NewPCG(seed, 77))
				loads := make([]float64, days*perDay)
				for i := range loads {
					loads[i] = base * (1 + 0.05*r.NormFloat64())
				}
				for range tc.bursts * days {
					from := r.IntN(len(loads) - tc.length)
					for i := range tc.length {
						loads[from+i] += base * (tc.height - 1)
					}
				}
				o := options()
				o.Min, o.Max, o.Horizon = 1, 1000, tc.horizon
				a, _ := totalsOf(t, o, history, loads, nil)
				sum.Add(a)
			}
			cost := sum.ReplicaSeconds[replicas.Recommended] / sum.ReplicaSeconds[replicas.Reactive]
			changes := float64(sum.Raised+sum.Lowered) / (sum.Seconds / 86400)
			short := sum.UnderSeconds[replicas.Recommended] / sum.Seconds
			t.Logf("cost %.2f, short %.2f %%, %.0f changes a day", cost, 100*short, changes)
			require.Less(t, cost, tc.cost)
			require.Less(t, short, tc.short)
			require.Less(t, changes, 40.0)
		})
	}
}

// spikeSum sums what was recommended for spikes, and what an oracle would have that knows all but whether one comes.
type spikeSum struct {
	cost, reactive, bound, seconds, short, changes float64
	slots, ready, came, readyCame                  float64 // times at which one may come: with enough replicas; if it came
	oracleReady, oracleCame                        float64
}

func (s *spikeSum) follow(t *testing.T, step time.Duration, kind spikes, seed uint64) {
	t.Helper()
	const history, days, slots, base = 14, 19, 12, 300.0
	r := rand.New(rand.NewPCG(seed, 13))
	perDay, every := int(24*time.Hour/step), int(step/time.Minute)
	horizon := int(15 * time.Minute / step)
	loads, oracle := make([]float64, days*perDay), make([]float64, days*perDay)
	for i := range loads {
		loads[i] = base * (1 + 0.05*r.NormFloat64())
		oracle[i] = base * 1.1
	}
	came, expected := map[int]bool{}, map[int]float64{} // by step at which one may come
	for k := range slots {
		at := (k*120 + 15 + r.IntN(90)) / every
		chance, typical := 0.4+0.4*float64(k*5%slots)/(slots-1), 4*base*logNormal(kind.between)(r)
		drawn := make([]float64, 2000)
		for i := range drawn {
			if r.Float64() < chance {
				drawn[i] = typical * kind.draw(r)
			}
		}
		slices.Sort(drawn)
		for day := range days {
			from, size := day*perDay+at, typical*kind.draw(r)
			for i := max(0, from-horizon); i <= from; i++ {
				oracle[i] += drawn[len(drawn)*9/10]
			}
			expected[from] = oracle[from]
			came[from] = r.Float64() < chance
			for i := from; i < min(from+kind.minutes/every, len(loads)) && came[from]; i++ {
				loads[i] += size
				oracle[i] = loads[i]
			}
		}
	}
	o := options()
	o.Step, o.Min, o.Max, o.Horizon = step, 1, 1000, horizon
	first, recommended := (history+1)*perDay+1, make([]int, len(loads))
	a, _ := totalsOf(t, o, history, loads, func(i, n int) { recommended[i] = n })
	s.cost += a.ReplicaSeconds[replicas.Recommended]
	s.reactive += a.ReplicaSeconds[replicas.Reactive]
	s.seconds += a.Seconds
	s.short += a.UnderSeconds[replicas.Recommended]
	s.changes += float64(a.Raised + a.Lowered)
	for _, load := range oracle[first:] {
		s.bound += math.Ceil(load/100) * step.Seconds()
	}
	for at, came := range came {
		if at-horizon < first {
			continue
		}
		most := math.Ceil(expected[at]/100) * 100
		enough, oracleEnough := 100*float64(slices.Min(recommended[at-horizon:at+1])) >= loads[at], most >= loads[at]
		s.slots++
		s.ready += one(enough)
		s.oracleReady += one(oracleEnough)
		s.came += one(came)
		s.readyCame += one(came && enough)
		s.oracleCame += one(came && oracleEnough)
	}
}

// one is 1 if something holds, else 0.
func one(holds bool) float64 {
	if holds {
		return 1
	}
	return 0
}
