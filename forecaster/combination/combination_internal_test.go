package combination

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/anomaly-exporter/anomaly-exporter/forecaster/candidates"
	"github.com/anomaly-exporter/anomaly-exporter/forecaster/rollingorigin"
	"github.com/anomaly-exporter/anomaly-exporter/forecaster/window"
)

// Of two candidates the second one is better in one refit interval alone. Weights chosen with it did worse in the
// interval after it, so those from before it stay in service; where they did not, all that is known counts.
func TestTrainUntil_RejectsARefitThatDidWorse(t *testing.T) {
	t.Parallel()
	const n, refit = 3 * 288, 72
	o := Options{Horizons: []int{3, 12}, Refit: refit}
	y := make([]float64, n)
	for i := range y {
		y[i] = float64(i % 7)
	}
	w := window.New(window.Options{Step: 5 * time.Minute}, 0, y, nil)
	ends := rollingorigin.Buckets(w, 12)
	set := rollingorigin.Sample(w, ends, 0)
	for _, tc := range []struct {
		name         string
		good         [3]int // the better candidate: at first, in the interval before the last, in the last
		wantUntil    int
		wantRejected bool
	}{
		{"nothing new", [3]int{0, 0, 0}, n, false},
		{"misled", [3]int{0, 1, 0}, n - 2*refit, true},
		{"well advised", [3]int{0, 1, 1}, n, false},
	} {
		rng := rand.New(rand.NewPCG(1, 13))
		e := &evaluation{window: w, set: set, count: 2, room: newRoom(set.Len(), 2, n)}
		w.AgeWeights(e.selectionWeights, weightHalfLife)
		for i := range set.Len() {
			phase := 0
			if set.Target(i) >= n-2*refit {
				phase++
			}
			if set.Target(i) >= n-refit {
				phase++
			}
			e.errs[2*i], e.errs[2*i+1] = rng.Float64(), rng.Float64()
			e.errs[2*i+1-tc.good[phase]] += 3 // the other one
			if phase == 1 {
				e.errs[2*i] *= 20
				e.errs[2*i+1] *= 20
			}
		}
		until, rejected := e.trainUntil(ends, 0, &o)
		require.Equal(t, tc.wantUntil, until, tc.name)
		require.Equal(t, tc.wantRejected, rejected, tc.name)
		weights := make([]float64, 2)
		e.chooseWeights(len(ends)-1, until, weights, nil)
		require.Equal(t, tc.wantRejected || tc.good == [3]int{}, weights[0] == 1, tc.name)
	}
	o.Refit = n
	_, rejected := (&evaluation{window: w, set: set, count: 2}).trainUntil(ends, 0, &o)
	require.False(t, rejected, "too short to tell")
}

// What a fit takes into service whose refits were rejected does not know of the last two intervals, but its state does.
// Other fits are what they are without a refit interval.
func TestFit_KeepsEarlierWeightsWhenRefitsAreRejected(t *testing.T) {
	t.Parallel()
	o := Options{Horizons: []int{3, 12, 72}, Refit: 72}
	fit := func(y []float64, refit int) *Combination {
		w := window.New(window.Options{Step: 5 * time.Minute}, 0, y, nil)
		f := Fit(w, Options{Horizons: o.Horizons, Refit: refit})
		for _, v := range w.Values {
			f.Advance(v)
		}
		return f.Combination
	}
	rejected := 0
	for seed := range uint64(60) {
		rng, level := rand.New(rand.NewPCG(seed, 11)), 0.0
		y := make([]float64, 740)
		for i := range y {
			level += rng.NormFloat64()
			y[i] = 100 + level
		}
		a, b := fit(y, o.Refit), fit(y, 0)
		require.False(t, b.RefitRejected())
		require.Equal(t, b.forecast(candidates.LastValue), a.forecast(candidates.LastValue))
		if !a.RefitRejected() {
			require.Equal(t, b.terms, a.terms)
			continue
		}
		rejected++
		for i := len(y) - 2*o.Refit; i < len(y); i++ { // none of this matters, as long as refits are rejected
			y[i] += 1e-3 * math.Sin(float64(i))
		}
		if again := fit(y, o.Refit); again.RefitRejected() {
			require.InDeltaSlice(t, a.weights(), again.weights(), 1e-9)
		}
	}
	require.Positive(t, rejected)
}

// weights returns those of all terms, and their candidates.
func (c *Combination) weights() (all []float64) {
	for _, f := range slices.Concat(c.terms...) {
		all = append(all, float64(f.candidate), f.median.at, f.median.change, f.extreme.at, f.extreme.change)
	}
	return all
}

// forecast is that of a candidate for the next step.
func (c *Combination) forecast(candidate int) float64 {
	h := candidates.NewHorizon(1, 1.0/12)
	var t candidates.Target
	var f candidates.Forecasts
	c.state.PrepareTarget(&t, &h)
	c.state.Forecast(&f, &t, &c.ar)
	return f[candidate]
}

// What the pruned state leaves out does not change the candidates in use.
func TestFit_PrunesOnlyWhatIsUnused(t *testing.T) {
	t.Parallel()
	rng := rand.New(rand.NewPCG(3, 0))
	for _, step := range []time.Duration{time.Minute, 5 * time.Minute, time.Hour} {
		day := int(24 * time.Hour / step)
		y := make([]float64, 15*day)
		for i := range y {
			y[i] = 10 + 5*math.Sin(2*math.Pi*float64(i)/float64(day)) + rng.NormFloat64()
		}
		w := window.New(window.Options{Step: step}, 1767571200000, y[:14*day], nil)
		require.True(t, w.KnowsWeek(len(w.Values)))
		s, c := candidates.New(w), Fit(w, Options{Horizons: []int{1, 12}})
		for _, v := range y {
			s.Advance(w.Scaling.Forward(v))
			c.Advance(w.Scaling.Forward(v))
		}
		for _, steps := range []int{1, 12, day, 3 * day} {
			h := candidates.NewHorizon(steps, step.Hours())
			var a, b candidates.Target
			s.PrepareTarget(&a, &h)
			c.state.PrepareTarget(&b, &h)
			var all, pruned candidates.Forecasts
			s.Forecast(&all, &a, &c.ar)
			c.state.Forecast(&pruned, &b, &c.ar)
			for _, f := range slices.Concat(c.terms...) {
				require.Equal(t, all[f.candidate], pruned[f.candidate], candidates.Name(f.candidate))
			}
		}
	}
}
