package replicas_test

import (
	"fmt"
	"log"
	"math"
	"time"

	"github.com/anomaly-exporter/anomaly-exporter/replicas"
)

// A replica carries 100 requests per second. The forecast sees 900 coming, so replicas are started before the load is
// there.
func Example() {
	w, err := replicas.New(replicas.Options{
		Step: time.Minute, Min: 2, Max: 20, Horizon: 15, Probability: 0.9, MaxError: 1, Stabilization: 10 * time.Minute,
	})
	if err != nil {
		log.Fatal(err)
	}
	at := time.Date(2026, 3, 2, 9, 0, 0, 0, time.UTC).Unix() / 60
	for i, upper := range []float64{400, 900, 400} {
		r, ok := w.Observe(replicas.Observation{
			At: at + int64(i), Load: 350, Upper: upper, Earlier: math.NaN(), Peak: 1200,
			Capacity: 100, Horizon: 15,
		})
		fmt.Println(r.Replicas, r.Source, ok)
	}
	_, ok := w.Observe(replicas.Observation{At: at + 3, Load: math.NaN(), Upper: 400, Capacity: 100, Horizon: 15})
	fmt.Println(ok) // never scale by an unknown load
	// Output:
	// 4 current true
	// 9 forecast true
	// 9 stabilization true
	// false
}

func ExampleWorkload_TakeTotals() {
	w, err := replicas.New(replicas.Options{
		Step: time.Minute, Min: 1, Max: 20, Horizon: 1, Probability: 0.9, MaxError: 1, Stabilization: 10 * time.Minute,
	})
	if err != nil {
		log.Fatal(err)
	}
	for i, load := range []float64{350, 350, 800, 800} { // a replica takes a minute to serve
		upper := load
		if i == 1 {
			upper = 800 // forecast one step ahead
		}
		w.Observe(replicas.Observation{
			At: int64(i), Load: load, Upper: upper, Earlier: math.NaN(), Peak: 800,
			Capacity: 100, Horizon: 1,
		})
	}
	totals := w.TakeTotals()
	for s := range replicas.NumStrategies {
		minutes := totals.ReplicaSeconds[s] / 60
		fmt.Printf("%-11s %2.0f replica minutes, too few for %.0f s\n", s, minutes, totals.UnderSeconds[s])
	}
	// Output:
	// recommended 28 replica minutes, too few for 0 s
	// reactive    24 replica minutes, too few for 60 s
	// static      32 replica minutes, too few for 0 s
}

// Ten replicas at half their CPU served 600 requests per second. At a target of 70 % each would serve 84.
func ExampleCapacity() {
	var samples []replicas.UtilizationSample
	for range 12 {
		samples = append(samples, replicas.UtilizationSample{Load: 600, Utilization: 0.5, Replicas: 10})
	}
	capacity, ok := replicas.Capacity(samples, 0.7)
	fmt.Printf("%.1f %t\n", capacity, ok)
	// Output: 84.0 true
}

func ExampleStartupSteps() {
	steps, ok := replicas.StartupSteps([]float64{40, 55, 61, 70, 95}, time.Minute, 60) // seconds
	fmt.Println(steps, ok)
	// Output: 2 true
}

func ExampleCPURequest() {
	usage := replicas.Usage{Step: 6 * time.Hour, Values: []float64{0.2, 0.4, 0.3, 0.4}} // cores
	fmt.Println(replicas.CPURequest(usage, math.NaN()))
	fmt.Println(replicas.CPURequest(usage, 0.6)) // forecast to use more
	// Output:
	// 0.46
	// 0.69
}

func ExampleNewMemoryRequest() {
	const mib = 1 << 20
	usage := replicas.Usage{Step: 6 * time.Hour, Values: []float64{800 * mib, 1000 * mib, 900 * mib, 950 * mib}}
	request := replicas.NewMemoryRequest(usage, math.NaN())
	fmt.Println(request.Bytes()/mib, "MiB")
	request.Observe(math.NaN(), true) // killed for lack of memory
	fmt.Println(request.Bytes()/mib, "MiB")
	// Output:
	// 1150 MiB
	// 1380 MiB
}
