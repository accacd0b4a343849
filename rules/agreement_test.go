package rules_test

import (
	"math"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"
)

// The signals of a workload are simulated as normal variables with a correlation, in slots of 5 minutes. With the
// correlation that the rule is made for, 0.5, CorrelatedDrift reaches its bar no more often than its share of the alert
// budget allows. docs/models.md shows the figures. The bar here is lower than in real fleets, to be reached at all.
func TestAgreement_KeepsItsShare(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("simulates 10^8 values: some seconds")
	}
	const (
		draws   = 20_000_000
		bar     = 3e5    // workload:agreement_return_period:seconds at which it fires, in units of 5 minutes
		unusual = 3.0902 // once in 3.5 days
	)
	for _, tc := range []struct {
		signals     int
		correlation float64
		most        float64 // of the share
	}{
		{2, 0, 0.05},
		{2, 0.5, 1.3},
		{5, 0.5, 1.3},
		{2, 0.9, 13},
		{5, 0.9, 10},
	} {
		r := rand.New(rand.NewPCG(1, 2))
		slots, fired := draws/tc.signals, 0
		shared, own := math.Sqrt(tc.correlation), math.Sqrt(1-tc.correlation)
		for range slots {
			common := shared * r.NormFloat64()
			sum, count := 0.0, 0
			for range tc.signals {
				if z := common + own*r.NormFloat64(); z >= unusual {
					sum -= math.Log10(math.Erfc(z/math.Sqrt2) / 2)
					count++
				}
			}
			if count >= 2 && math.Pow(10, 2*sum/float64(1+count)) >= bar {
				fired++
			}
		}
		pairs := float64(tc.signals*(tc.signals-1)) / 2
		// With a budget of B, bar = 16 weeks * pairs / B, and the share is B / 8 a week: 2 * pairs / bar.
		share := 2 * pairs / bar * float64(slots)
		t.Logf("%d signals, correlation %g: %.2f of the share (%d)", tc.signals, tc.correlation, float64(fired)/share, fired)
		require.LessOrEqual(t, float64(fired)/share, tc.most)
		if tc.correlation == 0.5 {
			require.GreaterOrEqual(t, float64(fired)/share, 0.5, "the rule is stricter than it has to be")
		}
	}
}
