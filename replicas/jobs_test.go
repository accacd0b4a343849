package replicas_test

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/anomaly-exporter/anomaly-exporter/replicas"
)

// At steps of half an hour and an hour, a daily job of one to three steps comes with a chance of 40 to 100 %, on top of
// the shape of a day. The replicas are there, also on the day after one without it, and not in the hours between.
func TestObserve_IsReadyForADailyJobAtLongSteps(t *testing.T) {
	if testing.Short() {
		t.Skip("statistical: fits some 5,000 models")
	}
	t.Parallel()
	const history, days = 14, 22
	for _, step := range []time.Duration{30 * time.Minute, time.Hour} {
		for _, chance := range []float64{0.4, 0.6, 0.8, 1} {
			t.Run(fmt.Sprintf("%v %g", step, chance), func(t *testing.T) {
				t.Parallel()
				var sum replicas.StrategyTotals
				var came, ready, between, high float64
				perDay := int(24 * time.Hour / step)
				for seed := range uint64(18) {
					r := rand.New(rand.NewPCG(seed, 60))
					slot, length := 2+r.IntN(perDay-5), 1+int(seed)%3
					shape, height := 0.6*float64(seed%2), 3+5*float64(seed/2%2) // times the load
					loads, begins := make([]float64, days*perDay), map[int]bool{}
					for i := range loads {
						loads[i] = 3000 * (1 - shape*math.Cos(2*math.Pi*float64(i)/float64(perDay))) * (1 + 0.05*r.NormFloat64())
					}
					for from := slot; from < len(loads); from += perDay {
						if r.Float64() < chance {
							begins[from] = true
							for i := from; i < from+length; i++ {
								loads[i] *= height
							}
						}
					}
					o := options()
					o.Step, o.Min, o.Max, o.Horizon = step, 1, 1000, 1
					recommended := make([]int, len(loads))
					a, _ := totalsOf(t, o, history, loads, func(i, n int) {
						recommended[i] = n
						switch at := i % perDay; {
						case begins[i] && i > (history+1)*perDay+1:
							came++
							ready += one(100*float64(slices.Min(recommended[i-1:i+1])) >= 0.8*loads[i])
						case at < slot-1 || at > slot+length:
							between++
							high += one(100*float64(n) > 1.6*loads[i])
						}
					})
					sum.Add(a)
				}
				cost := sum.ReplicaSeconds[replicas.Recommended] / sum.ReplicaSeconds[replicas.Reactive]
				changes := float64(sum.Raised+sum.Lowered) / (sum.Seconds / 86400)
				t.Logf("ready for %v of %v, cost %.2f, %.0f changes a day, short %.2f %%, high between in %.2f %%", ready, came,
					cost, changes, 100*sum.UnderSeconds[replicas.Recommended]/sum.Seconds, 100*high/between)
				require.GreaterOrEqual(t, ready, 0.9*came)
				require.Less(t, cost, 1.4)
				require.Less(t, high, 0.01*between)
			})
		}
	}
}
