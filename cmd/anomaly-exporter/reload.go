package main

import (
	"context"
	"fmt"
	"os"
	"reflect"
	"sync"

	"github.com/go-kit/log"
	"github.com/go-kit/log/level"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"
	"github.com/prometheus/prometheus/storage"

	"github.com/anomaly-exporter/anomaly-exporter/config"
	"github.com/anomaly-exporter/anomaly-exporter/verdict"
)

// reloader owns the current configuration and the clients made for it. An invalid file changes neither.
type reloader struct {
	file    string
	apply   func(*config.Config, storage.Queryable) error
	sources sourceOptions
	logger  log.Logger
	// feedback is read along with the configuration; nil: there is none.
	feedback *verdict.File

	successful prometheus.Gauge
	succeeded  prometheus.Gauge

	mu      sync.Mutex // held during a reload; guards what follows
	current *config.Config
	source  *source
}

// newReloader returns a reloader of file. apply puts a configuration in force; if it fails, it must have changed
// nothing.
func newReloader(
	file string, apply func(*config.Config, storage.Queryable) error, reg prometheus.Registerer, sources sourceOptions,
) *reloader {
	return &reloader{
		file:    file,
		apply:   apply,
		sources: sources,
		logger:  log.With(sources.logger, "component", "config"),
		successful: promauto.With(reg).NewGauge(prometheus.GaugeOpts{
			Name: "anomaly_exporter_config_last_reload_successful",
			Help: "Whether the last configuration reload succeeded (1) or failed (0).",
		}),
		succeeded: promauto.With(reg).NewGauge(prometheus.GaugeOpts{
			Name: "anomaly_exporter_config_last_reload_success_timestamp_seconds",
			Help: "Unix time of the last successful configuration reload.",
		}),
	}
}

// run reloads at each signal until ctx ends.
func (r *reloader) run(ctx context.Context, hup <-chan os.Signal) error {
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-hup:
			_ = r.reload() // it logs the error
		}
	}
}

// reload loads the file again. It logs the error, if any.
func (r *reloader) reload() error {
	err := r.load()
	if err != nil {
		logErrors(r.logger, "Reload failed, the previous configuration stays in force", err)
	}
	return err
}

// load reads the file and puts it in force. Everything that can fail is done before anything that runs is changed.
func (r *reloader) load() (err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	defer func() {
		if err != nil {
			r.successful.Set(0)
		}
	}()
	cfg, err := config.LoadFile(r.file)
	if err != nil {
		return err
	}
	next, same := r.source, r.current != nil && reflect.DeepEqual(r.current.RemoteRead, cfg.RemoteRead)
	if !same {
		if next, err = newSource(cfg.RemoteRead, r.sources); err != nil {
			return fmt.Errorf("%s: %w", r.file, err)
		}
	}
	if r.feedback != nil {
		if err := r.feedback.Load(); err != nil {
			next.close()
			return err
		}
	}
	if err := r.apply(cfg, next); err != nil {
		if !same {
			next.close()
		}
		return fmt.Errorf("%s: %w", r.file, err)
	}
	if r.source != nil && !same {
		r.source.close()
	}
	r.current, r.source = cfg, next
	r.successful.Set(1)
	r.succeeded.SetToCurrentTime()
	level.Info(r.logger).Log("msg", "Configuration loaded", "file", r.file,
		"remote_read", len(cfg.RemoteRead), "detectors", len(cfg.Detectors), "scalers", len(cfg.Scalers))
	return nil
}

// config returns the configuration in force; nil before the first.
func (r *reloader) config() *config.Config {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.current
}

// queryable returns the source of the configuration in force; nil before the first.
func (r *reloader) queryable() storage.Queryable {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.source == nil {
		return nil
	}
	return r.source
}

// close closes the idle connections of the current configuration.
func (r *reloader) close() {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.source != nil {
		r.source.close()
	}
}
