package forecaster_test

import (
	"fmt"
	"log"
	"math"
	"time"

	"github.com/anomaly-exporter/anomaly-exporter/forecaster"
)

// requests is two weeks of requests per second every 5 minutes: 300 on average, most in the early afternoon, and a bit
// of noise.
func requests() []float64 {
	y := make([]float64, 14*288)
	for i := range y {
		day := float64(i) / 288
		y[i] = 300 - 200*math.Cos(2*math.Pi*(day-1.0/12)) + 10*math.Sin(37*float64(i)*float64(i))
	}
	return y
}

// Fit a model once in a while, advance it by each new value, and forecast.
func ExampleFit() {
	o := forecaster.Options{Step: 5 * time.Minute, Horizons: []int{12, 72}} // 1 and 6 hours
	start := time.Date(2026, time.March, 2, 0, 0, 0, 0, time.UTC)
	m, err := forecaster.Fit(o, start.UnixMilli(), requests(), nil)
	if err != nil {
		log.Fatal(err)
	}
	m.Advance(122) // the next value, at midnight

	var f forecaster.Forecast
	m.Forecast(&f)
	for _, p := range f.Points {
		ahead := time.Duration(p.Steps) * o.Step
		fmt.Printf("%v ahead: %.0f, between %.0f and %.0f with probability 0.8\n", ahead, p.Median, p.Lower, p.Upper)
	}
	// Output:
	// 1h0m0s ahead: 106, between 97 and 116 with probability 0.8
	// 6h0m0s ahead: 201, between 192 and 211 with probability 0.8
}

// What has to be provided for the next quarter of an hour is a quantile of the largest value within it. The upper end
// of an interval is for single steps: the largest of three exceeds it more often.
func ExampleModel_MaxQuantile() {
	o := forecaster.Options{Step: 5 * time.Minute, Horizons: []int{3}, MaxProbability: 0.95}
	m, err := forecaster.Fit(o, 0, requests(), nil)
	if err != nil {
		log.Fatal(err)
	}
	var f forecaster.Forecast
	m.Forecast(&f)
	const perReplica = 10.0 // requests per second
	fmt.Printf("a single step stays below %.1f, all three below %.1f, with probability 0.95\n",
		m.Quantile(3, 0.95), f.Points[0].Max)
	fmt.Printf("replicas: %.0f\n", math.Ceil(f.Points[0].Max/perReplica))
	// Output:
	// a single step stays below 131.3, all three below 139.5, with probability 0.95
	// replicas: 14
}

// How probable is it that the series rises over a limit, and when will it?
func ExampleModel_BreachProbability() {
	o := forecaster.Options{Step: 5 * time.Minute, Horizons: []int{72, 144, 168}} // up to 14 hours
	m, err := forecaster.Fit(o, 0, requests(), nil)
	if err != nil {
		log.Fatal(err)
	}
	const limit = 480
	for _, h := range o.Horizons {
		p := m.BreachProbability(h, limit, true)
		fmt.Printf("over %d within %v: %.2f\n", limit, time.Duration(h)*o.Step, p)
	}
	if steps, ok := m.TimeToBreach(limit, true); ok {
		fmt.Printf("expected in %.1f hours\n", steps*o.Step.Hours())
	}
	// Output:
	// over 480 within 6h0m0s: 0.00
	// over 480 within 12h0m0s: 0.38
	// over 480 within 14h0m0s: 1.00
	// expected in 12.4 hours
}
