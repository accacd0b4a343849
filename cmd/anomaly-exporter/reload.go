package main

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"os"
	"reflect"
	"sync"
	"time"

	"github.com/go-kit/log"
	"github.com/go-kit/log/level"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"
	"github.com/prometheus/prometheus/storage"

	"github.com/anomaly-exporter/anomaly-exporter/cmd/anomaly-exporter/source"
	"github.com/anomaly-exporter/anomaly-exporter/config"
	"github.com/anomaly-exporter/anomaly-exporter/config/files"
	"github.com/anomaly-exporter/anomaly-exporter/verdict"
)

// reloader owns the current configuration and the clients made for it. An invalid file changes neither.
type reloader struct {
	file    string
	apply   func(*config.Config, storage.Queryable) error
	sources source.Options
	logger  log.Logger
	// feedback is read along with the configuration; nil: there is none.
	feedback *verdict.File
	interval time.Duration // at which run looks for changes of the files; 0: never

	successful prometheus.Gauge
	succeeded  prometheus.Gauge
	hash       prometheus.Gauge

	mu      sync.Mutex        // held during a reload; guards what follows
	tried   [sha256.Size]byte // hash of the files that were last put in force or refused
	current *config.Config
	source  *source.Source
}

// newReloader returns a reloader of file. apply puts a configuration in force; if it fails, it must have changed
// nothing.
func newReloader(
	file string, apply func(*config.Config, storage.Queryable) error, reg prometheus.Registerer, sources source.Options,
) *reloader {
	return &reloader{
		file:    file,
		apply:   apply,
		sources: sources,
		logger:  log.With(sources.Logger, "component", "config"),
		successful: promauto.With(reg).NewGauge(prometheus.GaugeOpts{
			Name: "anomaly_exporter_config_last_reload_successful",
			Help: "Whether the last configuration reload succeeded (1) or failed (0).",
		}),
		succeeded: promauto.With(reg).NewGauge(prometheus.GaugeOpts{
			Name: "anomaly_exporter_config_last_reload_success_timestamp_seconds",
			Help: "Unix time of the last successful configuration reload.",
		}),
		hash: promauto.With(reg).NewGauge(prometheus.GaugeOpts{
			Name: "anomaly_exporter_config_hash",
			Help: "Hash of the configuration in force, made of the content of its files.",
		}),
	}
}

// run reloads at each signal, and when the files have changed, until ctx ends.
func (r *reloader) run(ctx context.Context, hup <-chan os.Signal) error {
	var tick <-chan time.Time
	if r.interval > 0 {
		t := time.NewTicker(r.interval)
		defer t.Stop()
		tick = t.C
	}
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-hup:
			_ = r.reload() // it logs the error
		case <-tick:
			_ = r.logged(r.read(true))
		}
	}
}

// reload loads the files again. It logs the error, if any.
func (r *reloader) reload() error { return r.logged(r.load()) }

// logged logs the error of a reload, if any, and returns it.
func (r *reloader) logged(err error) error {
	if err != nil {
		logErrors(r.logger, "Reload failed, the previous configuration stays in force", err)
	}
	return err
}

// load reads the files and puts them in force.
func (r *reloader) load() error { return r.read(false) }

// read reads the files and puts them in force. With onlyChanged, it ignores those that it has tried before, whether
// they are in force or were refused.
func (r *reloader) read(onlyChanged bool) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	set, err := files.Read(r.file)
	var hash [sha256.Size]byte
	if err != nil {
		hash = sha256.Sum256([]byte(err.Error()))
	} else {
		hash = set.Hash()
	}
	if onlyChanged && hash == r.tried {
		return nil
	}
	r.tried = hash
	if err == nil {
		err = r.put(set)
	}
	if err != nil {
		r.successful.Set(0)
		return err
	}
	r.successful.Set(1)
	r.succeeded.SetToCurrentTime()
	// As in Alertmanager: 48 bits, which a float holds exactly.
	r.hash.Set(float64(binary.BigEndian.Uint64(hash[:8]) >> 16))
	return nil
}

// put puts files in force. Everything that can fail is done before anything that runs is changed. The caller holds mu.
func (r *reloader) put(set *files.Set) error {
	cfg, err := config.LoadFiles(set)
	if err != nil {
		return err
	}
	next, same := r.source, r.current != nil && reflect.DeepEqual(r.current.RemoteRead, cfg.RemoteRead)
	if !same {
		if next, err = source.New(cfg.RemoteRead, r.sources); err != nil {
			return fmt.Errorf("%s: %w", r.file, err)
		}
	}
	if r.feedback != nil {
		if err := r.feedback.Load(); err != nil {
			if !same {
				next.Close()
			}
			return err
		}
	}
	if err := r.apply(cfg, next); err != nil {
		if !same {
			next.Close()
		}
		return fmt.Errorf("%s: %w", r.file, err)
	}
	if r.source != nil && !same {
		r.source.Close()
	}
	r.current, r.source = cfg, next
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
		r.source.Close()
	}
}
