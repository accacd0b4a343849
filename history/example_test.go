package history_test

import (
	"fmt"
	"log"
	"time"

	"github.com/anomaly-exporter/anomaly-exporter/history"
)

func Example() {
	layout, err := history.NewLayout(time.Hour, 6*time.Hour, 0, history.Drop)
	if err != nil {
		log.Fatal(err)
	}
	s := history.New(layout)
	start := time.Date(2026, 3, 2, 0, 0, 0, 0, time.UTC)
	for i, v := range []float64{10, 11, 500, 13} {
		masked := i == 2 // an incident that nobody should learn from
		s.Append(start.Add(time.Duration(i)*time.Hour).UnixMilli(), v, masked)
	}

	var w history.Window
	s.Window(start.Add(5*time.Hour).UnixMilli(), &w)
	fmt.Println(w.Values)
	fmt.Println(w.Learn)
	// Output:
	// [10 11 12 13 NaN NaN]
	// [true true false true false false]
}

func ExampleSeries_View() {
	layout, err := history.NewLayout(time.Minute, time.Hour, 0, history.Drop)
	if err != nil {
		log.Fatal(err)
	}
	s := history.New(layout)
	s.Append(0, 1, false)
	s.Append(60_000, 2, false)
	view := s.View() // for other goroutines
	s.Append(60_000, 20, false)
	s.Append(120_000, 3, false)
	for p := range view.Points(0, 120_000) {
		fmt.Println(p.Time, p.Value)
	}
	// Output:
	// 0 1
	// 60000 2
}

func ExampleRestore() {
	layout, err := history.NewLayout(time.Minute, time.Hour, 0, history.Drop)
	if err != nil {
		log.Fatal(err)
	}
	s := history.New(layout)
	s.Append(0, 1, false)
	saved, err := s.AppendBinary(nil)
	if err != nil {
		log.Fatal(err)
	}

	restored, err := history.Restore(layout, saved)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(restored.At(0))

	layout.Step *= 2
	_, err = history.Restore(layout, saved)
	fmt.Println(err != nil)
	// Output:
	// 1 false
	// true
}
