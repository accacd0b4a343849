// Package estimate estimates what the series of a configuration will cost, before they are read.
package estimate

import (
	"time"

	"github.com/anomaly-exporter/anomaly-exporter/config"
	"github.com/anomaly-exporter/anomaly-exporter/detector/anomaly"
	"github.com/anomaly-exporter/anomaly-exporter/detector/schedule"
	"github.com/anomaly-exporter/anomaly-exporter/history"
)

const (
	// seriesBytes is the memory of a series besides its history: models, labels, results. Chosen, with room to spare: the
	// test of check-config compares estimates with the memory of a start (docs/operations.md, "Size it").
	seriesBytes = 16 << 10
	// memberBytes is the additional memory of a member of a pool. Measured and rounded up (docs/models.md, "Pools").
	memberBytes = 2 << 10
)

const (
	// baseBytes is what the program needs without series: the runtime, the engine, and what is read at a time. Measured:
	// docs/operations.md has the table.
	baseBytes = 64 << 20
	// headroom is what the garbage collector needs for each byte that stays, so that it does not run all the time.
	// Measured with memory limits from half to twice of what it gives.
	headroom = 1.5
)

// The CPU time of a start. Chosen to lie between the measurements in docs/operations.md ("Size it", "Many series").
const (
	startCPU      = time.Second // of the program itself
	seriesCPU     = 2 * time.Millisecond
	pointCPU      = 500 * time.Nanosecond // for each step of the history: to read, evaluate and fit
	forecasterCPU = 5 * time.Millisecond
	forecastCPU   = 650 * time.Nanosecond // for each step of the history
)

// StartCPU returns how much CPU a start of the program takes if its series take so much, as SeriesCPU says.
func StartCPU(series time.Duration) time.Duration { return startCPU + series }

// SeriesCPU estimates how much CPU a start takes for a number of series of a detector with complete histories, which
// are forecast or not.
func SeriesCPU(d config.Detector, series int, forecast bool) time.Duration {
	points := time.Duration(d.History / d.Step)
	each := time.Duration(max(1, len(d.Inputs))) * (seriesCPU + points*pointCPU)
	if forecast {
		each += forecasterCPU + points*forecastCPU
	}
	return time.Duration(series) * each
}

// MemoryLimit returns the memory limit that the program needs if its series take so many bytes, as Bytes says.
func MemoryLimit(series int64) int64 { return baseBytes + int64(headroom*float64(series)) }

// Bytes estimates how many bytes of memory a detector needs for a number of series with complete histories.
func Bytes(d config.Detector, series int) int64 {
	s := schedule.New(time.Duration(d.Step), time.Duration(d.RefitInterval), time.Duration(d.MinHistory), 0)
	layout := history.Layout{
		Step: s.Step, Length: time.Duration(d.History).Milliseconds(), Overhang: s.Overhang().Milliseconds(),
	}
	histories := max(1, len(d.Inputs))
	if anomaly.EventWeight(&d) != nil {
		histories++
	}
	each := int64(histories)*layout.Bytes() + seriesBytes
	if len(d.PoolBy) > 0 {
		each += memberBytes
	}
	return int64(series) * each
}
