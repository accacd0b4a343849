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
