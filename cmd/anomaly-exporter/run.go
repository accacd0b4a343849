package main

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"strings"
	"time"

	"github.com/go-kit/log"
	"github.com/go-kit/log/level"
	group "github.com/oklog/run"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	versioncollector "github.com/prometheus/client_golang/prometheus/collectors/version"
	"github.com/prometheus/common/model"
	"github.com/prometheus/common/version"
	toolkit "github.com/prometheus/exporter-toolkit/web"

	"github.com/anomaly-exporter/anomaly-exporter/cmd/anomaly-exporter/memory"
	"github.com/anomaly-exporter/anomaly-exporter/cmd/anomaly-exporter/shard"
	"github.com/anomaly-exporter/anomaly-exporter/cmd/anomaly-exporter/source"
	"github.com/anomaly-exporter/anomaly-exporter/collector"
	"github.com/anomaly-exporter/anomaly-exporter/detector"
	"github.com/anomaly-exporter/anomaly-exporter/remoteread"
	"github.com/anomaly-exporter/anomaly-exporter/verdict"
	"github.com/anomaly-exporter/anomaly-exporter/web"
	"github.com/anomaly-exporter/anomaly-exporter/web/marks"
	"github.com/anomaly-exporter/anomaly-exporter/web/trial"
)

// defaultMaxConnections is Prometheus' default of --web.max-connections.
const defaultMaxConnections = 512

// runOptions are the flags of the run command.
type runOptions struct {
	configFile       string
	autoReload       model.Duration // interval at which the configuration is looked at; 0: never
	listen           *toolkit.FlagConfig
	externalURL      *url.URL // nil: not known
	prometheusURL    *url.URL // likewise
	grafanaURL       *url.URL // likewise
	routePrefix      string
	enableLifecycle  bool
	enablePlayground bool
	enablePprof      bool
	feedbackFile     string // "": none
	anonymous        bool   // whether feedback is taken from anybody
	maxConnections   int
	shard            shard.Flags
}

// run is the run command. It returns when ctx has ended and everything has stopped, or with the error that stopped
// it. A signal on hup reloads the configuration.
func run(ctx context.Context, o runOptions, q queryOptions, hup <-chan os.Signal, logger log.Logger) error {
	e, err := newExporter(o, q, logger)
	if err != nil {
		return err
	}
	stopped := make(chan error, 1)
	go func() { stopped <- e.run(ctx, hup) }()
	select {
	case err := <-stopped:
		return err
	case <-ctx.Done():
	}
	select {
	case err := <-stopped:
		return err
	case <-time.After(stopTimeout):
		level.Warn(logger).Log("msg", "Stopped without waiting for work in progress", "after", stopTimeout)
		return nil
	}
}

// stopTimeout is how long a stop may take. Everything is computed again at the next start, so nothing is lost with what
// is in progress, such as the fit of a large pool. Chosen: well below the 30 seconds after which Kubernetes kills.
const stopTimeout = 4 * time.Second

// exporter holds the parts of the program.
type exporter struct {
	logger     log.Logger
	registry   *prometheus.Registry
	registerer prometheus.Registerer // that of the registry, for this shard
	manager    *detector.Manager
	collector  *collector.Collector
	feedback   *verdict.File // nil: none
	reloader   *reloader
	server     *web.Server
}

// newExporter creates the parts and connects them. Nothing runs, listens or reads a file yet.
func newExporter(o runOptions, q queryOptions, logger log.Logger) (*exporter, error) {
	e := &exporter{logger: logger, registry: prometheus.NewRegistry()}
	own, err := o.shard.Shard()
	if err != nil {
		return nil, err
	}
	e.registerer = own.Registerer(e.registry)
	e.registerer.MustRegister(
		versioncollector.NewCollector("anomaly_exporter"), collectors.NewGoCollector(),
		collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}),
	)
	if o.externalURL != nil {
		e.registerer.MustRegister(newWebInfo(o.externalURL))
	}
	e.collector, err = collector.New(collector.Options{
		Registerer: e.registerer,
		Gatherer:   e.registry,
		Logger:     log.With(logger, "component", "collector"),
	})
	if err != nil {
		return nil, err
	}
	e.manager, err = detector.New(detector.Options{
		Engine:     q.engine(logger),
		Logger:     logger,
		Registerer: e.registerer,
		Limits:     q.limits(),
		OnPublish:  e.collector.Publish,
		Owns:       own.Ownership(),
	})
	if err != nil {
		return nil, fmt.Errorf("detector: %w", err)
	}
	e.reloader = newReloader(o.configFile, e.manager.ApplyConfig, e.registerer, source.Options{
		Metrics:        remoteread.NewMetrics(e.registerer),
		MaxConcurrency: q.maxConcurrency,
		Logger:         logger,
	})
	e.reloader.interval = time.Duration(o.autoReload)
	if o.feedbackFile != "" {
		if err := e.addFeedback(o.feedbackFile); err != nil {
			return nil, err
		}
	}
	var trials *trial.Trials
	if o.enablePlayground {
		if trials, err = e.newTrials(q); err != nil {
			return nil, err
		}
	}
	q.maxSamples = min(q.maxSamples, pageSamples)
	handler, err := e.handler(o, marks.Range(q.engine(logger), e.reloader.queryable), trials)
	if err != nil {
		return nil, err
	}
	e.server = web.NewServer(handler, o.listen, o.maxConnections, slogger(log.With(logger, "component", "web")))
	return e, nil
}

// newWebInfo returns the metric from which alerting rules make links to pages.
func newWebInfo(external *url.URL) prometheus.Collector {
	bare := *external
	bare.User = nil
	info := prometheus.NewGaugeVec(prometheus.GaugeOpts{
		Name: "anomaly_exporter_web_info",
		Help: "1; the label is where people reach the exporter, as --web.external-url says. Absent without the flag.",
	}, []string{"external_url"})
	info.WithLabelValues(strings.TrimRight(bare.String(), "/")).Set(1)
	return info
}

func (e *exporter) handler(o runOptions, queryRange marks.Query, trials *trial.Trials) (http.Handler, error) {
	return web.NewHandler(web.Options{
		Metrics:         e.collector,
		Ready:           e.manager.Ready,
		Starting:        e.manager.Starting,
		Config:          e.reloader.config,
		Reload:          e.reloader.reload,
		Snapshot:        e.manager.Snapshot,
		Replay:          e.manager.ReplaySeries,
		Query:           e.manager.Query,
		QueryRange:      queryRange,
		Gatherer:        e.registry,
		Faults:          e.manager.Faults,
		Now:             time.Now,
		Verdicts:        e.feedback,
		Author:          web.Author(*o.listen.WebConfigFile, o.anonymous),
		Trials:          trials,
		ExternalURL:     o.externalURL,
		PrometheusURL:   o.prometheusURL,
		GrafanaURL:      o.grafanaURL,
		RoutePrefix:     o.routePrefix,
		EnableLifecycle: o.enableLifecycle,
		EnablePprof:     o.enablePprof,
		Version:         version.Info(),
		Logger:          log.With(e.logger, "component", "web"),
	})
}

// run loads the configuration, then runs all parts until ctx ends or one of them returns.
func (e *exporter) run(ctx context.Context, hup <-chan os.Signal) error {
	level.Info(e.logger).Log("msg", "Starting anomaly-exporter",
		"version", version.Info(), "build_context", version.BuildContext())
	defer e.reloader.close()
	if err := e.reloader.load(); err != nil {
		return err
	}
	// The first part that returns stops the others. waiting returns when ctx ends.
	waiting := func(ctx context.Context) error { <-ctx.Done(); return nil }
	reloading := func(ctx context.Context) error { return e.reloader.run(ctx, hup) }
	var g group.Group
	pacing := func(ctx context.Context) error { return memory.Pace(ctx, e.manager.Unfitted) }
	parts := []func(context.Context) error{waiting, reloading, pacing, e.manager.Run, e.collector.Run, e.server.Run}
	if e.feedback != nil {
		parts = append(parts, e.feedback.Run)
	}
	for _, part := range parts {
		ctx, cancel := context.WithCancel(ctx)
		g.Add(func() error { return part(ctx) }, func(error) { cancel() })
	}
	err := g.Run()
	level.Info(e.logger).Log("msg", "Stopped anomaly-exporter")
	return err
}
