package main

import (
	"fmt"
	"math"
	"runtime"
	"runtime/debug"
	"strconv"
	"time"

	"github.com/alecthomas/kingpin/v2"
	"github.com/go-kit/log"
	commoncfg "github.com/prometheus/common/config"
	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/promql"
	"github.com/prometheus/prometheus/promql/parser"
	"github.com/prometheus/prometheus/storage"

	"github.com/anomaly-exporter/anomaly-exporter/config"
	"github.com/anomaly-exporter/anomaly-exporter/detector"
	"github.com/anomaly-exporter/anomaly-exporter/remoteread"
	"github.com/anomaly-exporter/anomaly-exporter/remoteread/dedup"
	"github.com/anomaly-exporter/anomaly-exporter/remoteread/limit"
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
	return &q
}

// limits returns how much the detectors do at the same time, and how much history they read at once if memory is
// limited.
func (q queryOptions) limits() *detector.Limits {
	l := detector.NewLimits(q.maxConcurrency)
	if memory, limited := memoryLimit(); limited {
		return l.WithMemory(memory)
	}
	return l
}

// memoryLimit returns the limit that the Go runtime keeps to, from GOMEMLIMIT or the cgroup, in bytes.
func memoryLimit() (bytes int64, limited bool) {
	bytes = debug.SetMemoryLimit(-1) // which only reads it
	return bytes, bytes < math.MaxInt64
}

const (
	// answerShare is the share of the memory limit that one answer may take, before it is evaluated. Chosen, not tuned.
	answerShare = 8
	// leastAnswer is what an answer may take in any case. Guard: about as much as a frame and its series.
	leastAnswer = 64 << 20
)

// answerLimits returns the limits of an answer.
func answerLimits(entry config.RemoteRead) limit.Limits {
	l := limit.Limits{
		Labels: entry.LabelLimit, LabelNameLength: entry.LabelNameLengthLimit, LabelValueLength: entry.LabelValueLengthLimit,
	}
	if memory, limited := memoryLimit(); limited {
		l.Bytes = max(memory/answerShare, leastAnswer)
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

// source reads from all remote_read entries of a configuration.
type source struct {
	storage.Queryable
	clients []*remoteread.Client
}

// sourceOptions are the options that all clients of a source share.
type sourceOptions struct {
	metrics        *remoteread.Metrics
	maxConcurrency int
	maxRetries     int // 0 means the default of remoteread, negative means none
	logger         log.Logger
}

// newSource returns a source with a client for each entry. It does not connect.
func newSource(entries []config.RemoteRead, o sourceOptions) (*source, error) {
	s := &source{}
	var all []storage.Queryable
	for i, entry := range entries {
		httpClient, err := commoncfg.NewClientFromConfig(entry.HTTPClientConfig, "remote_read")
		if err != nil {
			return nil, fmt.Errorf("remote_read[%d]: %w", i, err)
		}
		client, err := remoteread.New(remoteread.Options{
			URL:            entry.URL.String(),
			HTTPClient:     httpClient,
			Secrets:        entry.Secrets,
			ExternalLabels: entry.ExternalLabels,
			Limits:         answerLimits(entry),
			Timeout:        time.Duration(entry.RemoteTimeout),
			MaxConcurrency: max(o.maxConcurrency, 1),
			MaxRetries:     o.maxRetries,
			Metrics:        o.metrics,
			Logger:         log.With(o.logger, "component", "remote_read"),
		})
		if err != nil {
			return nil, err
		}
		s.clients = append(s.clients, client)
		all = append(all, client)
	}
	s.Queryable = merged(all)
	return s, nil
}

// close closes idle connections, and those of reads in flight once these are over.
func (s *source) close() {
	for _, c := range s.clients {
		c.Retire()
	}
}

// merged returns a Queryable that reads from several servers. Series with the same labels are those of replicas, and
// become one. If a server fails, the whole read fails: otherwise models would learn from incomplete data.
func merged(all []storage.Queryable) storage.Queryable {
	if len(all) == 1 {
		return all[0]
	}
	return storage.QueryableFunc(func(mint, maxt int64) (storage.Querier, error) {
		queriers := make([]storage.Querier, 0, len(all))
		for _, q := range all {
			querier, err := q.Querier(mint, maxt)
			if err != nil {
				return nil, err
			}
			queriers = append(queriers, querier)
		}
		return storage.NewMergeQuerier(queriers, nil, dedup.Merge), nil
	})
}
