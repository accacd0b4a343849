// Package sizes tells how the sizes of what recurs by the clock vary from day to day, and whether they grow.
package sizes

import (
	"math"
	"slices"
)

const (
	// minSizes is how many sizes of a time of day are compared with each other at least. Guard: of two, one is the
	// larger.
	minSizes = 4
	// minRatios is how many sizes tell how sizes vary. Guard: fewer tell no upper quantile.
	minRatios = 30
	// minGrowthDays is how many days tell whether sizes grow. Guard: the standard error of fewer is chance.
	minGrowthDays = 7
	// growthErrors is how many standard errors a growth must be over 0. Chosen, not tuned: of windows of 14 days without
	// growth, 4 to 11 in 1,000 are beyond that (go test -run ByChance -v). What that costs is bounded: nothing is
	// expected to be larger than ever by more than the growth since it came last.
	growthErrors = 4
)

// A Size is what came on a day, as what it was over the usual. It is positive.
type Size struct {
	Day   int
	Value float32
}

// Ratios returns, sorted, how many times as large each size was as the median of the others at its time of day. all is
// by time of day. The growth of logarithms, a day, is taken out of them. It is nil if there are too few.
func Ratios(all [][]Size, growth float64) (ratios []float32) {
	var values []float32
	for _, some := range all {
		if len(some) < minSizes {
			continue
		}
		values = values[:0]
		for _, s := range some {
			values = append(values, s.Value*float32(math.Exp(-growth*float64(s.Day))))
		}
		slices.Sort(values)
		for i, v := range values {
			middle := (len(values) - 1) / 2 // of the others
			if middle >= i {
				middle++
			}
			ratios = append(ratios, v/values[middle])
		}
	}
	if len(ratios) < minRatios {
		return nil
	}
	slices.Sort(ratios)
	return ratios
}

// Growth returns by how much the logarithms of sizes grow a day: 0 unless they do so beyond doubt. all is by time of
// day, days are counted from the first one of the window and less than n.
//
// It is the least squares slope within times of day. Sizes of a day may vary together, so its standard error is by days
// (Liang and Zeger, "Longitudinal data analysis using generalized linear models", 1986).
func Growth(all [][]Size, n int) float64 {
	var xx, xy float64
	scores, days := make([]float64, n), make([]bool, n)
	within := func(use func(day int, x, y float64)) {
		for _, some := range all {
			if len(some) < minSizes {
				continue
			}
			var x, y float64
			for _, s := range some {
				x, y = x+float64(s.Day), y+math.Log(float64(s.Value))
			}
			x, y = x/float64(len(some)), y/float64(len(some))
			for _, s := range some {
				use(s.Day, float64(s.Day)-x, math.Log(float64(s.Value))-y)
			}
		}
	}
	within(func(day int, x, y float64) {
		xx, xy = xx+x*x, xy+x*y
		days[day] = true
	})
	growth := xy / xx
	within(func(day int, x, y float64) { scores[day] += x * (y - growth*x) })
	known, variance := 0.0, 0.0
	for day, score := range scores {
		if days[day] {
			known++
			variance += score * score
		}
	}
	standardError := math.Sqrt(variance*known/(known-2)) / xx
	if known < minGrowthDays || !(growth > growthErrors*standardError) {
		return 0
	}
	return growth
}
