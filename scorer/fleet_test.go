package scorer_test

import (
	"errors"
	"flag"
	"fmt"
	"math/rand/v2"
	"runtime"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/anomaly-exporter/anomaly-exporter/scorer"
)

const (
	fleetSize  = 2000
	fleetWeeks = 2 // that are replayed
	fleetStep  = 5 * time.Minute
	perWeek    = int(week / fleetStep)
	// The bar of AnomalyDetectedHighScore in rules/recording.yml, in weeks, with a budget of one alert a week. SlowDrift
	// alerts from half of it, as the mean of an hour.
	fleetBar = 2 * fleetSize
	perHour  = int(time.Hour / fleetStep)
)

var fleet = flag.Bool("fleet", false, "run the test of a fleet of 2,000 series")

// A fleet of quiet series keeps the budget of one false alert a week: two at most, as chance has it. The bar is so high
// that no series has lived long enough to know it. All alerts here come from tails that were extrapolated too far.
func TestFleet_KeepsItsAlertBudget(t *testing.T) {
	if !*fleet {
		t.Skip("takes minutes of CPU: make test-fleet")
	}
	for _, history := range []int{2, 4} {
		t.Run(fmt.Sprintf("%d weeks", history), func(t *testing.T) {
			var mu sync.Mutex
			high, slow := map[string]int{}, map[string]int{}
			seeds := make(chan int)
			var wg sync.WaitGroup
			for range runtime.GOMAXPROCS(0) {
				wg.Go(func() {
					for seed := range seeds {
						shape := shapes[seed%len(shapes)]
						r := returnPeriods(t, shape.make(rand.New(rand.NewPCG(uint64(seed), 7)), fleetStep), history)
						h, s := alertsOf(r, fleetBar, fleetStep), slowDrifts(r, fleetBar)
						mu.Lock()
						high[shape.name] += h
						slow[shape.name] += s
						mu.Unlock()
					}
				})
			}
			for seed := range fleetSize {
				seeds <- seed
			}
			close(seeds)
			wg.Wait()
			highs, slows := 0, 0
			for _, shape := range shapes {
				t.Logf("%s: AnomalyDetectedHighScore %d, SlowDrift %d", shape.name, high[shape.name], slow[shape.name])
				highs, slows = highs+high[shape.name], slows+slow[shape.name]
			}
			require.LessOrEqual(t, highs, 2*fleetWeeks)
			// More than its share of the budget, an eighth: series that jump from level to level stay unusual for an hour.
			require.LessOrEqual(t, slows, fleetWeeks)
		})
	}
}

// returnPeriods replays weeks after those of history, with a fit a week, and returns the return periods in weeks.
func returnPeriods(t *testing.T, value func(float64) float64, history int) []float64 {
	y := make([]float64, (history+fleetWeeks)*perWeek)
	for i := range y {
		y[i] = value(float64(i) * fleetStep.Hours() / 24)
	}
	periods := make([]float64, 0, fleetWeeks*perWeek)
	for i := history * perWeek; i < len(y); i += perWeek {
		from := i - history*perWeek
		start := int64(from) * fleetStep.Milliseconds()
		m, err := scorer.Fit(scorer.Options{Step: fleetStep, ExplainThreshold: 2}, start, y[from:i], nil)
		if errors.Is(err, scorer.ErrConstant) {
			continue
		}
		if err != nil {
			t.Error(err)
			return periods
		}
		for _, v := range y[i : i+perWeek] {
			periods = append(periods, m.Score(v, true).ReturnPeriod/week.Seconds())
		}
	}
	return periods
}

// slowDrifts counts those of SlowDrift: the mean of an hour is over half the bar, and no step over the bar.
func slowDrifts(periods []float64, bar float64) (alerts int) {
	last := -perHour
	for i := perHour; i <= len(periods); i++ {
		sum, most := 0.0, 0.0
		for _, r := range periods[i-perHour : i] {
			sum += r
			most = max(most, r)
		}
		if sum/float64(perHour) < bar/2 || most >= bar {
			continue
		}
		if i-last > perHour {
			alerts++
		}
		last = i
	}
	return alerts
}

// How large a fleet may be so that the outage of one service still alerts, for docs/accuracy.md.
func TestFleet_FindsOutages(t *testing.T) {
	if !*fleet {
		t.Skip("prints a table: make test-fleet")
	}
	const of = 20
	noisy := services[2]
	noisy.name = "by week, 10 % noise"
	noisy.make = func(r *rand.Rand) func(float64) float64 {
		return func(t float64) float64 { return busy(t, 0.5) * (1 + 0.1*r.NormFloat64()) }
	}
	for _, outage := range []struct{ step, lasts time.Duration }{
		{time.Minute, time.Hour},
		{5 * time.Minute, time.Hour},
		{time.Minute, 6 * time.Hour},
		{5 * time.Minute, 6 * time.Hour},
		{time.Hour, 6 * time.Hour},
	} {
		step, lasts := outage.step, outage.lasts
		for _, service := range append(slices.Clip(services), noisy) {
			var found [3]int
			for seed := range uint64(of) {
				value := service.make(rand.New(rand.NewPCG(seed, 5)))
				periods := duringEvent(t, value, step, int(lasts/step), 0)
				for i, size := range []float64{20, 200, 2000} {
					found[i] += min(alertsOf(periods, 2*size, step), 1)
				}
			}
			t.Logf("%s at %s, outage of %s: %v of %d in fleets of 20, 200 and 2,000", service.name, step, lasts, found, of)
			require.Greater(t, found[0], of/2)
		}
	}
}
