package forecaster_test

import (
	"math"
	"math/rand/v2"
	"time"
)

// monday is midnight of a Monday, in milliseconds since the epoch.
const monday = int64(1767571200000)

// daily is n values with the shape of a day, noise that grows with the level, and weekends at half the load.
func daily(n int, step time.Duration, seed uint64) []float64 {
	rng := rand.New(rand.NewPCG(seed, 0))
	y := make([]float64, n)
	for i := range y {
		day := float64(i) * step.Hours() / 24
		level := 100 + 60*math.Sin(2*math.Pi*day) + 15*math.Sin(6*math.Pi*day)
		if int(day)%7 >= 5 {
			level /= 2
		}
		y[i] = level * (1 + 0.05*rng.NormFloat64())
	}
	return y
}
