package forecaster

import (
	"math"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// TestRefitIsRefused: of two candidates the second one is better in one refit interval alone. Weights chosen with it did
// worse in the interval after it, so those from before it stay in service; where they did not, all that is known counts.
func TestRefitIsRefused(t *testing.T) {
	t.Parallel()
	const n, refit = 3 * 288, 72
	o := Options{Step: 5 * time.Minute, Horizons: []int{3, 12}, Refit: refit}
	require.NoError(t, o.validate())
	y := make([]float64, n)
	for i := range y {
		y[i] = float64(i % 7)
	}
	w, err := newWindow(&o, 0, y, nil)
	require.NoError(t, err)
	ends := w.buckets(12)
	r := w.plan(ends, 0)
	for _, tc := range []struct {
		name        string
		good        [3]int // the better candidate: at first, in the interval before the last, in the last
		wantKnown   int
		wantRefused bool
	}{
		{"nothing new", [3]int{0, 0, 0}, n, false},
		{"misled", [3]int{0, 1, 0}, n - 2*refit, true},
		{"well advised", [3]int{0, 1, 1}, n, false},
	} {
		rng := rand.New(rand.NewPCG(1, 13))
		b := &backtest{count: 2, errs: make([]float64, 2*len(r.t)), choosing: w.fading(weightHalfLife), columns: make([]float64, (selectFrom+2)*bucketRows)}
		for i := range r.t {
			phase := 0
			if r.target(i) >= n-2*refit {
				phase++
			}
			if r.target(i) >= n-refit {
				phase++
			}
			b.errs[2*i], b.errs[2*i+1] = rng.Float64(), rng.Float64()
			b.errs[2*i+1-tc.good[phase]] += 3 // the other one
			if phase == 1 {
				b.errs[2*i] *= 20
				b.errs[2*i+1] *= 20
			}
		}
		known, refused := b.known(w, r, ends, 0, &o)
		require.Equal(t, tc.wantKnown, known, tc.name)
		require.Equal(t, tc.wantRefused, refused, tc.name)
		weights := make([]float64, 2)
		b.weigh(r, len(ends)-1, known, weights, nil)
		require.Equal(t, tc.wantRefused || tc.good == [3]int{}, weights[0] == 1, tc.name)
	}
	o.Refit = n
	_, refused := (&backtest{count: 2}).known(w, r, ends, 0, &o)
	require.False(t, refused, "too short to tell")
}

// TestRefusedRefitIsAnEarlierOne: what a refused fit takes into service does not know of the last two intervals, but its
// state does; other fits are what they are without a refit interval.
func TestRefusedRefitIsAnEarlierOne(t *testing.T) {
	t.Parallel()
	o := Options{Step: 5 * time.Minute, Horizons: []int{3, 12, 72}, Refit: 72}
	free := o
	free.Refit = 0
	refused := 0
	for seed := range uint64(60) {
		rng, level := rand.New(rand.NewPCG(seed, 11)), 0.0
		y := make([]float64, 740)
		for i := range y {
			level += rng.NormFloat64()
			y[i] = 100 + level
		}
		m, err := Fit(o, 0, y, nil)
		require.NoError(t, err)
		f, err := Fit(free, 0, y, nil)
		require.NoError(t, err)
		require.False(t, f.Refused())
		a, b := m.p.(*combination), f.p.(*combination)
		require.Equal(t, b.last, a.last)
		if !m.Refused() {
			require.Equal(t, b.used, a.used)
			require.Equal(t, b.weights, a.weights)
			continue
		}
		refused++
		for i := 740 - 2*o.Refit; i < len(y); i++ { // none of this matters, as long as it is refused
			y[i] += 1e-3 * math.Sin(float64(i))
		}
		again, err := Fit(o, 0, y, nil)
		require.NoError(t, err)
		if again.Refused() {
			require.InDeltaSlice(t, a.weights, again.p.(*combination).weights, 1e-9)
		}
	}
	require.Greater(t, refused, 0)
}
