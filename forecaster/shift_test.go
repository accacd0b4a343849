package forecaster_test

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/anomaly-exporter/anomaly-exporter/forecaster"
)

// follow calls at after every value of y from first on, with a model that is fitted anew every six hours, as a detector
// does: at the multiples of six hours and refit steps.
func follow(t *testing.T, o forecaster.Options, y []float64, first, refit int, at func(i int, m *forecaster.Model)) {
	t.Helper()
	o.Refit = int(6 * time.Hour / o.Step)
	var m *forecaster.Model
	for i := first; i < len(y); i++ {
		if m == nil || i%o.Refit == refit {
			m = fit(t, o, y[max(0, i-int(14*24*time.Hour/o.Step)):i], nil)
		}
		m.Advance(y[i])
		at(i, m)
	}
}

// A shift is a latency of 0.25 for fourteen days and more, and then of factor times that.
type shift struct {
	step                       time.Duration
	persistence, shape, factor float64
}

func (s *shift) series(seed uint64) (y []float64, jump int) {
	rng := rand.New(rand.NewPCG(seed, uint64(100*s.factor)))
	hour := int(time.Hour / s.step)
	jump = 15*24*hour + hour + rng.IntN(24*hour)
	y = make([]float64, jump+7*hour)
	noise := 0.0
	for i := range y {
		noise = s.persistence*noise + math.Sqrt(1-s.persistence*s.persistence)*rng.NormFloat64()
		y[i] = 0.25 * (1 + 0.05*noise) * (1 + s.shape*math.Sin(2*math.Pi*float64(i)/float64(24*hour)))
		if i >= jump {
			y[i] *= s.factor
		}
	}
	return y, jump
}

func TestModel_FollowsALevelThatHasJumped(t *testing.T) {
	if testing.Short() {
		t.Skip("takes seconds")
	}
	t.Parallel()
	for _, step := range []time.Duration{time.Minute, 5 * time.Minute} {
		for _, persistence := range []float64{0, 0.8, 0.95, 0.99} {
			for _, shape := range []float64{0, 0.3} {
				t.Run(fmt.Sprintf("%v/%g/%g", step, persistence, shape), func(t *testing.T) {
					t.Parallel()
					var soon, late shiftScore
					for _, factor := range []float64{0.5, 0.7, 1.3, 1.9, 3} {
						s := shift{step, persistence, shape, factor}
						before := len(soon.errors)
						s.score(t, &soon, &late)
						require.Less(t, median(soon.errors[before:]), 0.1, "factor %g", factor)
					}
					t.Logf("soon %v, late %v", &soon, &late)
					require.Greater(t, soon.share(soon.inside), 0.7)
					require.Less(t, soon.share(soon.exceeded), 0.2)
					require.InDelta(t, 0.8, late.share(late.inside), 0.12)
					require.Less(t, late.share(late.exceeded), 0.2)
				})
			}
		}
	}
}

// score adds the forecasts for 15 minutes: to soon from half an hour to two hours after the jump, then to late.
func (s *shift) score(t *testing.T, soon, late *shiftScore) {
	hour := int(time.Hour / s.step)
	h := hour / 4
	for seed := range uint64(2) {
		y, jump := s.series(seed)
		o := forecaster.Options{Step: s.step, Horizons: []int{h, hour}, DataRange: [2]float64{0, math.Inf(1)}}
		follow(t, o, y, jump-2*hour, int(seed)*hour, func(i int, m *forecaster.Model) {
			switch {
			case i < jump+hour/2 || i+h >= len(y):
			case i < jump+2*hour:
				soon.add(m, y, i, h)
			default:
				late.add(m, y, i, h)
			}
		})
	}
}

type shiftScore struct {
	errors           []float64
	inside, exceeded float64
}

func (s *shiftScore) add(m *forecaster.Model, y []float64, i, h int) {
	v := y[i+h]
	s.errors = append(s.errors, math.Abs(m.Quantile(h, 0.5)/v-1))
	if m.Quantile(h, 0.1) <= v && v <= m.Quantile(h, 0.9) {
		s.inside++
	}
	if slices.Max(y[i+1:i+h+1]) > m.MaxQuantile(h, 0.9) {
		s.exceeded++
	}
}

func (s *shiftScore) share(count float64) float64 { return count / float64(len(s.errors)) }

func (s *shiftScore) String() string {
	return fmt.Sprintf("%.3f inside %.2f over %.2f", median(s.errors), s.share(s.inside), s.share(s.exceeded))
}

func median(v []float64) float64 {
	v = slices.Clone(v)
	slices.Sort(v)
	return v[len(v)/2]
}

// At once after a jump such as the series has never come back from, the interval widens, and capacity is not below what
// is there now.
func TestModel_DoubtsAtAJump(t *testing.T) {
	t.Parallel()
	for _, step := range []time.Duration{time.Minute, 5 * time.Minute} {
		s := shift{step, 0, 0, 1.9}
		y, jump := s.series(1)
		h := int(15 * time.Minute / step)
		o := forecaster.Options{Step: step, Horizons: []int{h, 4 * h}}
		var usual float64
		follow(t, o, y[:jump+h], jump-1, 0, func(i int, m *forecaster.Model) {
			width := m.Quantile(h, 0.9) - m.Quantile(h, 0.1)
			if i < jump {
				usual = width
				return
			}
			require.Greater(t, width, 3*usual, "%d steps after", i-jump)
			require.GreaterOrEqual(t, m.MaxQuantile(h, 0.9), y[i], "%d steps after", i-jump)
		})
	}
}

// A peak of minutes is not believed as a level: half an hour after it, forecasts are those of the series without it.
func TestModel_LetsAPeakPass(t *testing.T) {
	t.Parallel()
	for _, step := range []time.Duration{time.Minute, 5 * time.Minute} {
		for _, factor := range []float64{0.3, 2, 5} {
			s := shift{step, 0.5, 0.3, 1}
			plain, at := s.series(4)
			hour := int(time.Hour / step)
			plain = plain[:at+2*hour]
			y := slices.Clone(plain)
			for i := at; i < at+hour/6; i++ {
				y[i] *= factor
			}
			o := forecaster.Options{Step: step, Horizons: []int{hour / 4, hour}}
			var want []float64
			follow(t, o, plain, at-1, 0, func(_ int, m *forecaster.Model) { want = append(want, m.Quantile(hour, 0.5)) })
			follow(t, o, y, at-1, 0, func(i int, m *forecaster.Model) {
				if i >= at+hour/6+hour/2 {
					require.InEpsilon(t, want[i-at+1], m.Quantile(hour, 0.5), 0.1, "%v times %g, step %d", step, factor, i-at)
				}
			})
		}
	}
}
