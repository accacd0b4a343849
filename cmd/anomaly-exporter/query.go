package main

import (
	"errors"
	"runtime"
	"strconv"
	"time"

	"github.com/alecthomas/kingpin/v2"
	"github.com/go-kit/log"
	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/promql"
	"github.com/prometheus/prometheus/promql/parser"

	"github.com/anomaly-exporter/anomaly-exporter/cmd/anomaly-exporter/source"
	"github.com/anomaly-exporter/anomaly-exporter/detector"
)

// queryOptions are the --query.* flags. They bound the cost of reading and evaluating expressions.
type queryOptions struct {
	maxSamples     int
	timeout        model.Duration
	lookbackDelta  model.Duration
	maxConcurrency int
}

func addQueryFlags(app *kingpin.Application) *queryOptions {
	var q queryOptions
	app.Flag("query.max-samples", "Maximum number of samples that one query may hold in memory.").
		Default("50000000").IntVar(&q.maxSamples)
	app.Flag("query.timeout", "Maximum duration of one query.").Default("2m").SetValue(&q.timeout)
	app.Flag("query.lookback-delta", "Maximum age of a sample that counts as the current value, as in Prometheus.").
		Default("5m").SetValue(&q.lookbackDelta)
	app.Flag("query.max-concurrency",
		"Detectors that read history at the same time, and series that are fitted at the same time.").
		Default(strconv.Itoa(runtime.GOMAXPROCS(0))).IntVar(&q.maxConcurrency)
	app.Validate(func(*kingpin.Application) error { return q.validate() })
	return &q
}

// validate reports limits under which no query would succeed.
func (q queryOptions) validate() error {
	switch {
	case q.maxSamples < 1:
		return errors.New("--query.max-samples must be at least 1")
	case q.timeout == 0:
		return errors.New("--query.timeout must be longer than 0")
	case q.maxConcurrency < 1:
		return errors.New("--query.max-concurrency must be at least 1")
	}
	return nil
}

// limits returns how much the detectors do at the same time, and how much history they read at once if memory is
// limited.
func (q queryOptions) limits() *detector.Limits {
	l := detector.NewLimits(q.maxConcurrency)
	if memory, limited := source.MemoryLimit(); limited {
		return l.WithMemory(memory)
	}
	return l
}

// engine returns the PromQL engine that evaluates all expressions. It has no self-metrics, because they would look
// like those of a Prometheus.
func (q queryOptions) engine(logger log.Logger) *promql.Engine {
	return promql.NewEngine(promql.EngineOpts{
		Logger:                   slogger(log.With(logger, "component", "promql")),
		MaxSamples:               q.maxSamples,
		Timeout:                  time.Duration(q.timeout),
		LookbackDelta:            time.Duration(q.lookbackDelta),
		NoStepSubqueryIntervalFn: func(int64) int64 { return time.Minute.Milliseconds() }, // default evaluation_interval
		EnableAtModifier:         true,
		EnableNegativeOffset:     false, // config rejects expressions that look ahead, too
		Parser:                   parser.NewParser(parser.Options{}),
	})
}
