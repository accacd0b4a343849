package main

import (
	"time"

	"github.com/go-kit/log"
	"github.com/prometheus/common/model"

	"github.com/anomaly-exporter/anomaly-exporter/backtest"
	"github.com/anomaly-exporter/anomaly-exporter/config"
	"github.com/anomaly-exporter/anomaly-exporter/detector"
	"github.com/anomaly-exporter/anomaly-exporter/detector/estimate"
	"github.com/anomaly-exporter/anomaly-exporter/verdict"
	"github.com/anomaly-exporter/anomaly-exporter/web/trial"
)

// pageSamples bounds the samples that a query of a page holds in memory, which takes 16 bytes each. Guard: histories of
// trials are read in slices, which become shorter where one has more; marks in charts are left out.
const pageSamples = 5_000_000

// newTrials returns what runs trials over the history that the configuration in force reads, with what people said.
func (e *exporter) newTrials(q queryOptions) (*trial.Trials, error) {
	q.maxSamples, q.timeout = min(q.maxSamples, pageSamples), min(q.timeout, model.Duration(trial.MaxTime))
	o := detector.Options{Engine: q.engine(log.NewNopLogger()), Logger: log.NewNopLogger(), Limits: detector.NewLimits(1)}
	return trial.New(trial.Options{
		Config: e.reloader.config,
		NewReplayer: func(cfg *config.Config) (backtest.Replayer, error) {
			var said *verdict.Set
			if e.feedback != nil {
				said = e.feedback.Set()
			}
			return newReplayer(e.reloader.queryable(), said, o)(cfg)
		},
		EstimateBytes: estimate.Bytes,
		Now:           time.Now,
	})
}
