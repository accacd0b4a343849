// Package web serves the HTTP endpoints of the program: /metrics, health, reload, the current configuration and, if
// enabled, profiles. It has a mux of its own, so that it serves nothing that a library registers with the default
// mux.
package web

import (
	"errors"
	"fmt"
	"net/http"
	"net/http/pprof"
	"runtime/debug"

	"github.com/go-kit/log"
	"github.com/go-kit/log/level"
	toolkit "github.com/prometheus/exporter-toolkit/web"
)

// Options of a Handler. Metrics, Ready, Config and Reload are required.
type Options struct {
	Metrics http.Handler  // serves /metrics
	Ready   func() bool   // reports whether a first cycle has been published
	Config  func() string // returns the current configuration as YAML, with its secrets hidden
	Reload  func() error  // reads the configuration again; if it fails, nothing has changed

	EnableLifecycle bool   // allow POST and PUT of /-/reload
	EnablePprof     bool   // serve /debug/pprof/
	Version         string // shown on the landing page
	Logger          log.Logger
}

func (o *Options) validate() error {
	if o.Metrics == nil || o.Ready == nil || o.Config == nil || o.Reload == nil {
		return errors.New("web: one of Metrics, Ready, Config and Reload is missing")
	}
	if o.Logger == nil {
		o.Logger = log.NewNopLogger()
	}
	return nil
}

// NewHandler returns the handler of all endpoints. A panic in one of them is logged and answered with status 500.
func NewHandler(o Options) (http.Handler, error) {
	if err := o.validate(); err != nil {
		return nil, err
	}
	landing, err := landingPage(o)
	if err != nil {
		return nil, fmt.Errorf("web: landing page: %w", err)
	}
	mux := http.NewServeMux()
	mux.Handle("/", landing)
	mux.Handle("/metrics", o.Metrics)
	mux.HandleFunc("/-/healthy", func(w http.ResponseWriter, _ *http.Request) {
		_, _ = fmt.Fprintln(w, "anomaly-exporter is healthy.")
	})
	mux.HandleFunc("/-/ready", func(w http.ResponseWriter, _ *http.Request) {
		if !o.Ready() {
			const message = "anomaly-exporter is not ready: no first cycle has been published yet."
			http.Error(w, message, http.StatusServiceUnavailable)
			return
		}
		_, _ = fmt.Fprintln(w, "anomaly-exporter is ready.")
	})
	mux.HandleFunc("/-/reload", func(w http.ResponseWriter, r *http.Request) { serveReload(o, w, r) })
	mux.HandleFunc("/config", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/plain; charset=utf-8")
		w.Header().Set("X-Content-Type-Options", "nosniff")
		_, _ = fmt.Fprint(w, o.Config())
	})
	if o.EnablePprof {
		mux.HandleFunc("/debug/pprof/", pprof.Index)
		mux.HandleFunc("/debug/pprof/cmdline", pprof.Cmdline)
		mux.HandleFunc("/debug/pprof/profile", pprof.Profile)
		mux.HandleFunc("/debug/pprof/symbol", pprof.Symbol)
		mux.HandleFunc("/debug/pprof/trace", pprof.Trace)
	}
	return recoverPanics(mux, o.Logger), nil
}

// serveReload responds as Prometheus does: 405 to methods other than POST and PUT, 403 if it is not enabled, 500 with
// the reason if the reload fails.
func serveReload(o Options, w http.ResponseWriter, r *http.Request) {
	if r.Method != http.MethodPost && r.Method != http.MethodPut {
		w.Header().Set("Allow", "POST, PUT")
		http.Error(w, "Only POST or PUT requests allowed.", http.StatusMethodNotAllowed)
		return
	}
	if !o.EnableLifecycle {
		http.Error(w, "Lifecycle API is not enabled: start with --web.enable-lifecycle.", http.StatusForbidden)
		return
	}
	if err := o.Reload(); err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	_, _ = fmt.Fprintln(w, "Configuration reloaded.")
}

// landingPage returns the handler of /.
func landingPage(o Options) (http.Handler, error) {
	c := toolkit.LandingConfig{
		Name:        "anomaly-exporter",
		Description: "Anomaly scores, forecasts and replica recommendations from the history that Prometheus holds",
		Version:     o.Version,
		Profiling:   "false",
		Links: []toolkit.LandingLinks{
			{Address: "/metrics", Text: "Metrics"},
			{Address: "/config", Text: "Configuration"},
			{Address: "/-/healthy", Text: "Healthy"},
			{Address: "/-/ready", Text: "Ready"},
		},
	}
	if o.EnablePprof {
		c.Profiling = "true"
	}
	return toolkit.NewLandingPage(c)
}

// recoverPanics logs a panic and responds with 500. Without it, net/http would only close the connection.
func recoverPanics(next http.Handler, logger log.Logger) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		defer func() {
			p := recover()
			if p == nil {
				return
			}
			if err, ok := p.(error); ok && errors.Is(err, http.ErrAbortHandler) {
				panic(p) // net/http expects it and logs nothing
			}
			level.Error(logger).Log("msg", "Panic in HTTP handler",
				"path", r.URL.Path, "err", fmt.Sprint(p), "stack", string(debug.Stack()))
			http.Error(w, "internal error", http.StatusInternalServerError)
		}()
		next.ServeHTTP(w, r)
	})
}
