package scorer_test

import (
	"fmt"
	"math"
	"math/rand/v2"
	"time"

	"github.com/anomaly-exporter/anomaly-exporter/scorer"
)

// requests returns the requests per second of a service at steps of 5 minutes: a day, and noise.
func requests(seed uint64, days int) []float64 {
	r := rand.New(rand.NewPCG(seed, 0))
	y := make([]float64, days*288)
	for i := range y {
		y[i] = 100 + 40*math.Sin(2*math.Pi*float64(i)/288) + 3*r.NormFloat64()
	}
	return y
}

// Fit a model to two weeks of a series, and score the steps after them.
func ExampleFit() {
	y := requests(1, 15)
	window, later := y[:14*288], y[14*288:]
	start := time.Date(2026, 3, 2, 0, 0, 0, 0, time.UTC)

	options := scorer.Options{Step: 5 * time.Minute, ExplainThreshold: 0.8}
	model, err := scorer.Fit(options, start.UnixMilli(), window, nil)
	if err != nil {
		fmt.Println(err)
		return
	}
	score := model.Score(later[0], true)
	fmt.Printf("value %.0f, expected %.0f: anomalous %t\n", later[0], score.Expected, score.Value >= 0.8)

	score = model.Score(40, true)
	fmt.Printf("value 40, expected %.0f: anomalous %t, less than once in %d weeks\n",
		score.Expected, score.Value >= 0.8, 5)
	fmt.Printf("mostly because of its %s\n", score.Contributions[0].Feature)
	// Output:
	// value 96, expected 101: anomalous false
	// value 40, expected 101: anomalous true, less than once in 5 weeks
	// mostly because of its level
}

// Score pods by how far each of them is from the others.
func ExampleFitGroup() {
	pods := [][]float64{requests(1, 15), requests(2, 15), requests(3, 15), requests(4, 15)}
	const steps = 14 * 288
	windows := func(yield func(values []float64, learn []bool) bool) {
		learn := make([]bool, steps)
		for i := range learn {
			learn[i] = true
		}
		for _, pod := range pods {
			if !yield(pod[:steps], learn) {
				return
			}
		}
	}
	start := time.Date(2026, 3, 2, 0, 0, 0, 0, time.UTC)
	group, states, err := scorer.FitGroup(scorer.Options{Step: 5 * time.Minute}, start.UnixMilli(), steps, windows)
	if err != nil {
		fmt.Println(err)
		return
	}

	members := make([]scorer.Member, len(pods))
	for i := range members {
		members[i] = scorer.Member{State: states[i], Value: pods[i][steps], Learn: true}
	}
	members[2].Value = 60 // as it is every night, but now the others serve more
	group.Score(members)
	for i, member := range members {
		fmt.Printf("pod %d: anomalous %t\n", i, member.Score.Value >= 0.8)
	}
	// Output:
	// pod 0: anomalous false
	// pod 1: anomalous false
	// pod 2: anomalous true
	// pod 3: anomalous false
}

// Score several signals as one. Neither of the two values is unusual, but they usually rise and fall together.
func ExampleFitMultivariate() {
	r := rand.New(rand.NewPCG(1, 0))
	const steps = 14 * 288
	cpu, latency := make([]float64, steps), make([]float64, steps)
	for i := range steps {
		load := r.NormFloat64()
		cpu[i] = 4 + load + 0.1*r.NormFloat64()
		latency[i] = 0.2 + 0.02*load + 0.002*r.NormFloat64()
	}
	start := time.Date(2026, 3, 2, 0, 0, 0, 0, time.UTC)
	model, err := scorer.FitMultivariate(
		scorer.Options{Step: 5 * time.Minute, ExplainThreshold: 0.8}, start.UnixMilli(),
		[]scorer.Input{{Name: "cpu", Values: cpu}, {Name: "latency", Values: latency}})
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Printf("both high: anomalous %t\n", model.Score([]float64{5.5, 0.23}, true).Value >= 0.8)
	fmt.Printf("one high, one low: anomalous %t\n", model.Score([]float64{5.5, 0.17}, true).Value >= 0.8)
	// Output:
	// both high: anomalous false
	// one high, one low: anomalous true
}

// Explain a score to people: where the value has been going, and how much was counted in the last hour.
func ExampleExplain() {
	restarts := make([]float64, 15*288) // increase(...[5m])
	for i := 0; i < 14*288; i += 1009 {
		restarts[i] = 1
	}
	now := 14*288 + 3
	for i := now - 3; i <= now; i++ {
		restarts[i] = 2
	}
	start := time.Date(2026, 3, 2, 0, 0, 0, 0, time.UTC)
	const step = 5 * time.Minute
	model, err := scorer.Fit(scorer.Options{Step: step}, start.UnixMilli(), restarts[:14*288], nil)
	if err != nil {
		fmt.Println(err)
		return
	}
	var score scorer.Score
	for i := 14 * 288; i <= now; i++ {
		score = model.Score(restarts[i], true)
	}
	explanation := scorer.Explain(score, step, 5*time.Minute, func(back int) float64 { return restarts[now-back] })
	fmt.Printf("anomalous %t\n", explanation.Value >= 0.8)
	fmt.Printf("%s, %.0f in the last hour\n", explanation.Trend.Word, explanation.PerHour)
	fmt.Println("learned from", time.UnixMilli(explanation.From).UTC().Format(time.DateOnly),
		"to", time.UnixMilli(explanation.To).UTC().Format(time.DateOnly))
	// Output:
	// anomalous true
	// increasing, 8 in the last hour
	// learned from 2026-03-02 to 2026-03-15
}
