package forecaster_test

import (
	"fmt"
	"math"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/anomaly-exporter/anomaly-exporter/forecaster"
)

// From half an hour after a jump on, no forecast is far from the new level: neither a line through the medians of the
// hour, which pass the middle of the jump, nor noise that has grown with the level leads away from it.
func TestModel_TakesNoJumpForALine(t *testing.T) {
	if testing.Short() {
		t.Skip("takes seconds")
	}
	t.Parallel()
	for _, factor := range []float64{0.5, 1.9, 3} {
		for _, persistence := range []float64{0, 0.8, 0.95} {
			t.Run(fmt.Sprintf("%g/%g", factor, persistence), func(t *testing.T) {
				t.Parallel()
				const draws = 20
				far := 0
				for seed := range uint64(draws) {
					s := shift{time.Minute, persistence, 0, factor}
					if s.strays(t, seed) {
						far++
					}
				}
				require.LessOrEqual(t, far, draws/10, "of %d draws", draws)
			})
		}
	}
}

// strays tells whether any forecast for 15 minutes is off by a quarter of the new level: from half an hour to two hours
// after the jump.
func (s *shift) strays(t *testing.T, seed uint64) (far bool) {
	const hour = 60
	y, jump := s.series(seed)
	o := forecaster.Options{Step: s.step, Horizons: []int{15, hour}, DataRange: [2]float64{0, math.Inf(1)}}
	follow(t, o, y[:jump+2*hour], jump-1, int(seed)*18, func(i int, m *forecaster.Model) {
		if i >= jump+hour/2 {
			far = far || math.Abs(m.Quantile(15, 0.5)/(0.25*s.factor)-1) > 0.25
		}
	})
	return far
}

// Noise that persists hardly tells how large errors are, and what is multiplied grows faster by day. Nevertheless
// intervals and capacity hold what they should, from half an hour after a jump on in hours in which the day rises.
func TestModel_KnowsHowLittleItKnowsOfALevel(t *testing.T) {
	if testing.Short() {
		t.Skip("takes seconds")
	}
	t.Parallel()
	const hour = 60
	for _, persistence := range []float64{0.95, 0.99} {
		t.Run(fmt.Sprint(persistence), func(t *testing.T) {
			t.Parallel()
			var score shiftScore
			for seed, draws := uint64(0), 0; draws < 40; seed++ {
				s := shift{time.Minute, persistence, 0.3, 1.9}
				y, jump := s.series(seed)
				if at := jump / hour % 24; at < 18 || at > 22 {
					continue
				}
				draws++
				o := forecaster.Options{Step: s.step, Horizons: []int{15, hour}, DataRange: [2]float64{0, math.Inf(1)}}
				follow(t, o, y[:jump+3*hour], jump-1, int(seed), func(i int, m *forecaster.Model) {
					if i >= jump+hour/2 && i+15 < jump+3*hour {
						score.add(m, y, i, 15)
					}
				})
			}
			t.Log(&score)
			require.InDelta(t, 0.8, score.share(score.inside), 0.05)
			require.Less(t, score.share(score.exceeded), 0.11)
		})
	}
}
