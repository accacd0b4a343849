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

// A story is a series that is 100 times a factor by the hour of the day, with noise of 5 %, for some days. Then it is
// multiplied by what after says of the hours since.
type story struct {
	step        time.Duration
	persistence float64
	days        float64
	lowest      float64 // of a day, as a share of its highest value
	after       func(hours float64) float64
	judged      float64 // hours after
}

func (s *story) series(seed uint64) (y []float64, event int) {
	rng := rand.New(rand.NewPCG(seed, uint64(100*s.days)))
	hour := int(time.Hour / s.step)
	event = int(s.days * 24 * float64(hour))
	if s.days > 7 { // at any time of the day
		event += rng.IntN(24 * hour)
	}
	y = make([]float64, event+int((s.judged+3)*float64(hour)))
	noise := 0.0
	for i := range y {
		noise = s.persistence*noise + math.Sqrt(1-s.persistence*s.persistence)*rng.NormFloat64()
		phase := 0.5 + 0.5*math.Sin(2*math.Pi*float64(i)/float64(24*hour))
		y[i] = 100 * (s.lowest + (1-s.lowest)*phase) * (1 + 0.05*noise)
		if i >= event {
			y[i] *= s.after(float64(i-event) / float64(hour))
		}
	}
	return y, event
}

// score adds the forecasts for 15 minutes: from half an hour to two hours after the last change.
func (s *story) score(t *testing.T, all *shiftScore, seeds uint64) {
	t.Helper()
	hour := int(time.Hour / s.step)
	h := hour / 4
	for seed := range seeds {
		y, event := s.series(seed)
		o := forecaster.Options{Step: s.step, Horizons: []int{h, hour}, DataRange: [2]float64{0, math.Inf(1)}}
		judged := event + int((s.judged+0.5)*float64(hour))
		follow(t, o, y[:judged+2*hour], event-1, int(seed)*hour/2, func(i int, m *forecaster.Model) {
			if i >= judged && i < judged+3*hour/2 {
				all.add(m, y, i, h)
			}
		})
	}
}

// From half an hour after a level has changed on, forecasts are right where the change is hard to see: when the load is
// a tenth of its peak, on the first days of a series, after the dip of a deploy, in a second step, and when the old
// level comes back.
func TestModel_FollowsNeighboursOfAJump(t *testing.T) {
	if testing.Short() {
		t.Skip("takes seconds")
	}
	t.Parallel()
	to := func(factor float64) func(float64) float64 { return func(float64) float64 { return factor } }
	first := func(hours, before, after float64) func(float64) float64 {
		return func(h float64) float64 {
			if h < hours {
				return before
			}
			return after
		}
	}
	for name, s := range map[string]story{
		"half of a load with quiet nights":     {days: 14, lowest: 0.1, after: to(0.5)},
		"0.7 times it":                         {days: 14, lowest: 0.1, after: to(0.7)},
		"1.3 times it":                         {days: 14, lowest: 0.1, after: to(1.3)},
		"on the second day":                    {days: 1.2, lowest: 1, after: to(0.5)},
		"on the second day, upwards":           {days: 1.6, lowest: 1, after: to(1.9)},
		"on the third day, with a shape":       {days: 2.3, lowest: 0.1, after: to(0.5)},
		"half after ten minutes of a deploy":   {days: 14, lowest: 1, after: first(1./6, 0.05, 0.5), judged: 0.4},
		"two steps down":                       {days: 14, lowest: 0.5, after: first(2, 0.75, 0.5), judged: 2},
		"back after three hours":               {days: 14, lowest: 0.5, after: first(3, 1.9, 1), judged: 3},
		"back after eight hours":               {days: 14, lowest: 1, after: first(8, 1.9, 1), judged: 8},
		"back after thirty hours, quiet night": {days: 14, lowest: 0.1, after: first(30, 1.9, 1), judged: 30},
		"up and then down":                     {days: 14, lowest: 0.5, after: first(4, 1.9, 0.5), judged: 4},
	} {
		for _, step := range []time.Duration{time.Minute, 5 * time.Minute} {
			s := s
			s.step = step
			t.Run(fmt.Sprintf("%s/%v", name, step), func(t *testing.T) {
				t.Parallel()
				var got shiftScore
				seeds := uint64(3)
				if s.days < 7 { // these cost little
					seeds = 12
				}
				for _, persistence := range []float64{0, 0.9} {
					s := s
					s.persistence = persistence
					s.score(t, &got, seeds)
				}
				t.Logf("%v", &got)
				require.Less(t, median(got.errors), 0.08)
				slices.Sort(got.errors)
				require.Less(t, got.errors[len(got.errors)*9/10], 0.3, "nine in ten")
				require.Greater(t, got.share(got.inside), 0.65)
				require.Less(t, got.share(got.exceeded), 0.25)
			})
		}
	}
}
