package scorer_test

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/anomaly-exporter/anomaly-exporter/scorer"
)

// service is what a service with a night counts over five minutes, at every step.
type service struct {
	peak, night float64 // requests a minute
	failing     float64 // the share of requests that fail
	step        int     // minutes
}

// share returns the share of requests that fail, and how many there are, of some days. During outage, which is given in
// minutes, half of them fail.
func (s service) share(seed uint64, days int, outage [2]int) (share, requests []float64) {
	r := rand.New(rand.NewPCG(seed, 20))
	var all, failed [5]float64 // of the last minutes
	for minute := range days * 1440 {
		day := (1 - math.Cos(2*math.Pi*float64(minute)/1440)) / 2
		failing := s.failing
		if minute >= outage[0] && minute < outage[1] {
			failing = 0.5
		}
		i := minute % 5
		all[i], failed[i] = float64(poisson(r, s.peak*day*day+s.night)), 0
		for range int(all[i]) {
			if r.Float64() < failing {
				failed[i]++
			}
		}
		if minute%s.step == 0 {
			var n, k float64
			for i := range all {
				n, k = n+all[i], k+failed[i]
			}
			share, requests = append(share, k/n), append(requests, n) // 0/0 is NaN
		}
	}
	return share, requests
}

func poisson(r *rand.Rand, mean float64) (n int) {
	for p := r.Float64(); p > math.Exp(-mean); p *= r.Float64() {
		n++
	}
	return n
}

// The only requests of a night may fail, which is a share of 1. So without weights, half of the requests failing by day
// is nothing unusual.
func TestModel_WeightsFewEvents(t *testing.T) {
	const fitted, days = 14, 21
	outage := [2]int{20*1440 + 11*60, 20*1440 + 11*60 + 30} // late in the morning
	alerts, weeks := 0, 0.0
	for _, s := range []service{
		{peak: 8, night: 0.05, failing: 1.0 / 300, step: 5},
		{peak: 8, night: 0.05, failing: 1.0 / 300, step: 1},
		{peak: 2, night: 0.2, failing: 0.01, step: 5},
		{peak: 40, night: 0.05, failing: 0.05, step: 5},
		{peak: 100, night: 1, failing: 0.001, step: 5},
	} {
		for seed := range uint64(3) {
			for _, direction := range []string{"above", "below"} {
				name := fmt.Sprintf("%+v, seed %d, %s", s, seed, direction)
				y, requests := s.share(seed, days, outage)
				if direction == "below" { // the share that succeeds
					for i := range y {
						y[i] = 1 - y[i]
					}
				}
				o := scorer.Options{
					Step: time.Duration(s.step) * time.Minute, Direction: direction, MinDeviation: 0.005,
					DataRange: [2]float64{0, 1},
				}
				m, err := scorer.FitWeighted(o, 0, y[:fitted*1440/s.step], nil, requests[:fitted*1440/s.step])
				require.NoError(t, err, name)
				highest, high := 0.0, -1440
				for i := fitted * 1440 / s.step; i < len(y); i++ {
					score, minute := m.ScoreWeighted(y[i], requests[i], true), i*s.step
					if !(score.Value >= 0.8) {
						continue
					}
					require.Greater(t, requests[i], 3.0, "%s: minute %d", name, minute)
					switch {
					case minute >= outage[0] && minute < outage[1]+30:
						highest = max(highest, score.Value)
					case minute < outage[0] && minute > high+180:
						alerts++
						high = minute
					}
				}
				require.Greater(t, highest, 0.8, name)
				weeks += float64(outage[0]-fitted*1440) / 7 / 1440
			}
		}
	}
	require.Less(t, float64(alerts)/weeks, 2.0/5, "alerts in normal life a week, of which one in five is usual")
}

func TestModel_WeightsMakeTheExpectedRangeWider(t *testing.T) {
	y, requests := service{peak: 8, night: 0.05, failing: 1.0 / 300, step: 5}.share(1, 14, [2]int{})
	o := scorer.Options{Step: 5 * time.Minute, MinDeviation: 0.005}
	fit := func() *scorer.Model {
		m, err := scorer.FitWeighted(o, 0, y, nil, requests)
		require.NoError(t, err)
		return m
	}
	full := fit().ScoreWeighted(0.1, math.Inf(1), true)
	require.Equal(t, full, fit().Score(0.1, true), "an unknown number of events counts fully")
	half := fit().ScoreWeighted(0.1, 20, true)
	require.Equal(t, full.Expected, half.Expected)
	require.InEpsilon(t, 2*(full.Upper-full.Expected), half.Upper-half.Expected, 1e-9)
	require.Zero(t, half.Lower, "no share of the window is below 0")
	require.Less(t, half.Value, full.Value)
	none := fit().ScoreWeighted(0.1, 0, true)
	require.Zero(t, none.Value)
	require.False(t, math.IsInf(none.Upper, 0))
}

func TestFitWeighted_OfEventsInPlentyIsFit(t *testing.T) {
	y := noisy(1)
	requests := make([]float64, len(y))
	for i := range requests {
		requests[i] = math.Inf(1)
	}
	m, err := scorer.FitWeighted(options(), 0, y[:fitted], nil, requests[:fitted])
	require.NoError(t, err)
	for i, want := range scores(t, options(), y) {
		require.Equal(t, want, m.ScoreWeighted(y[fitted+i], requests[i], true))
	}
	_, err = scorer.FitWeighted(options(), 0, y, nil, requests[1:])
	require.ErrorContains(t, err, "weights")
}
