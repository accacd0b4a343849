package detector

import (
	"time"

	"github.com/anomaly-exporter/anomaly-exporter/config"
	"github.com/anomaly-exporter/anomaly-exporter/detector/anomaly"
	"github.com/anomaly-exporter/anomaly-exporter/detector/schedule"
	"github.com/anomaly-exporter/anomaly-exporter/history"
)

const (
	// seriesBytes is the memory of a series besides its history: models, labels, results.
	seriesBytes = 16 << 10
	// memberBytes is the additional memory of a member of a pool.
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

// MemoryLimit returns the memory limit that the program needs if its series take so many bytes, as EstimateBytes says.
func MemoryLimit(series int64) int64 { return baseBytes + int64(headroom*float64(series)) }

// EstimateBytes estimates how many bytes of memory a detector needs for a number of series with complete histories.
func EstimateBytes(d config.Detector, series int) int64 {
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
