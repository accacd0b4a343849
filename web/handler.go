// Package web serves the HTTP endpoints of the program: /metrics, the pages, the API, health, reload, the current
// configuration and, if enabled, profiles. It has a mux of its own, so that it serves nothing that a library registers
// with the default mux.
package web

import (
	"errors"
	"fmt"
	"net/http"
	"net/http/pprof"
	"net/url"
	"runtime/debug"
	"strings"
	"time"

	"github.com/go-kit/log"
	"github.com/go-kit/log/level"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/anomaly-exporter/anomaly-exporter/config"
	"github.com/anomaly-exporter/anomaly-exporter/detector/result"
	"github.com/anomaly-exporter/anomaly-exporter/verdict"
	"github.com/anomaly-exporter/anomaly-exporter/web/api"
	"github.com/anomaly-exporter/anomaly-exporter/web/incident"
	"github.com/anomaly-exporter/anomaly-exporter/web/marks"
	"github.com/anomaly-exporter/anomaly-exporter/web/past"
	"github.com/anomaly-exporter/anomaly-exporter/web/trial"
	"github.com/anomaly-exporter/anomaly-exporter/web/ui"
	"github.com/anomaly-exporter/anomaly-exporter/web/ui/links"
	"github.com/anomaly-exporter/anomaly-exporter/web/view"
)

// Options of a Handler. All but the Enable fields, Starting, QueryRange, Gatherer, Faults, Trials, the addresses and
// Logger are required.
type Options struct {
	Metrics  http.Handler          // serves /metrics
	Ready    func() bool           // reports whether a first cycle has been published
	Starting func() []string       // returns what is going on until then, in lines; nil: not known
	Config   func() *config.Config // returns the configuration in force; nil: none yet
	Reload   func() error          // reads the configuration again; if it fails, nothing has changed
	Snapshot func() *result.Snapshot
	Replay   past.Replay
	Query    incident.Query // evaluates an expression over the source of the configuration in force
	// Gatherer has the exporter's own metrics, and Faults returns why cycles failed, for its pages and the API; nil:
	// there is none.
	Gatherer prometheus.Gatherer
	Faults   func() map[result.Source]result.Fault
	// QueryRange does so at each step of a range, for the marks in charts; nil: there are none.
	QueryRange marks.Query
	Now        func() time.Time

	// Verdicts is the file of what people said; nil: they cannot say anything. Author tells who sends a request, see the
	// function Author; it is required with Verdicts.
	Verdicts *verdict.File
	Author   func(*http.Request) (who string, err error)

	// Trials run what people try out in the playground; nil: there is none.
	Trials *trial.Trials

	// ExternalURL is where people reach the exporter, for links in the API; nil: not known. Its path is also that of
	// links in pages.
	ExternalURL *url.URL
	// PrometheusURL is where people look at expressions; nil: not known.
	PrometheusURL *url.URL
	// GrafanaURL is that of a Grafana with the shipped dashboards; nil: not known.
	GrafanaURL *url.URL
	// RoutePrefix is the path that all endpoints are below, such as "/anomaly"; "/": none; "": that of ExternalURL.
	RoutePrefix string

	EnableLifecycle bool   // allow POST and PUT of /-/reload
	EnablePprof     bool   // serve /debug/pprof/
	Version         string // shown on the pages
	Logger          log.Logger
}

func (o *Options) validate() error {
	if o.Metrics == nil || o.Ready == nil || o.Config == nil || o.Reload == nil {
		return errors.New("web: one of Metrics, Ready, Config and Reload is missing")
	}
	if o.RoutePrefix == "" && o.ExternalURL != nil {
		o.RoutePrefix = o.ExternalURL.Path
	}
	o.RoutePrefix = "/" + strings.Trim(o.RoutePrefix, "/")
	if o.RoutePrefix == "/" {
		o.RoutePrefix = ""
	}
	if o.Logger == nil {
		o.Logger = log.NewNopLogger()
	}
	return nil
}

// NewHandler returns the handler of all endpoints. A panic in one of them is logged and answered with status 500. What
// a page of another origin posts is answered with 403.
func NewHandler(o Options) (http.Handler, error) {
	if err := o.validate(); err != nil {
		return nil, err
	}
	mux := http.NewServeMux()
	if err := o.registerPages(mux); err != nil {
		return nil, fmt.Errorf("web: %w", err)
	}
	mux.Handle("/metrics", o.Metrics)
	mux.HandleFunc("/-/healthy", func(w http.ResponseWriter, _ *http.Request) {
		_, _ = fmt.Fprintln(w, "anomaly-exporter is healthy.")
	})
	mux.HandleFunc("/-/ready", func(w http.ResponseWriter, _ *http.Request) {
		if !o.Ready() {
			lines := []string{"anomaly-exporter is not ready: no first cycle has been published yet."}
			if o.Starting != nil {
				lines = append(lines, o.Starting()...)
			}
			http.Error(w, strings.Join(lines, "\n"), http.StatusServiceUnavailable)
			return
		}
		_, _ = fmt.Fprintln(w, "anomaly-exporter is ready.")
	})
	mux.HandleFunc("/-/reload", func(w http.ResponseWriter, r *http.Request) { serveReload(o, w, r) })
	mux.HandleFunc("/config", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/plain; charset=utf-8")
		w.Header().Set("X-Content-Type-Options", "nosniff")
		if cfg := o.Config(); cfg != nil {
			_, _ = fmt.Fprint(w, cfg)
		}
	})
	if o.EnablePprof {
		mux.HandleFunc("/debug/pprof/", pprof.Index)
		mux.HandleFunc("/debug/pprof/cmdline", pprof.Cmdline)
		mux.HandleFunc("/debug/pprof/profile", pprof.Profile)
		mux.HandleFunc("/debug/pprof/symbol", pprof.Symbol)
		mux.HandleFunc("/debug/pprof/trace", pprof.Trace)
	}
	protection, err := o.crossOriginProtection()
	if err != nil {
		return nil, err
	}
	return o.recoverPanics(protection.Handler(below(o.RoutePrefix, mux))), nil
}

// crossOriginProtection refuses what the pages of other sites let a browser send, except to read.
func (o *Options) crossOriginProtection() (*http.CrossOriginProtection, error) {
	p := http.NewCrossOriginProtection()
	if u := o.ExternalURL; u != nil && u.Host != "" {
		if err := p.AddTrustedOrigin(u.Scheme + "://" + u.Host); err != nil {
			return nil, fmt.Errorf("web: external URL: %w", err)
		}
	}
	p.SetDenyHandler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		o.refuse(w, r, http.StatusForbidden, "forbidden", "the page of another site sent this")
	}))
	return p, nil
}

// refuse answers with an error: in the envelope where the API is, else in plain text.
func (o *Options) refuse(w http.ResponseWriter, r *http.Request, status int, kind, message string) {
	if strings.HasPrefix(r.URL.Path, o.RoutePrefix+"/api/") {
		api.WriteError(w, status, kind, errors.New(message))
		return
	}
	http.Error(w, message, status)
}

// registerPages adds the API and the pages to a mux.
func (o *Options) registerPages(mux *http.ServeMux) error {
	public, prefix := "", o.RoutePrefix
	if o.ExternalURL != nil {
		prefix = strings.TrimRight(o.ExternalURL.Path, "/")
		public = address(o.ExternalURL)
	} else {
		public = prefix
	}
	v, err := view.New(view.Options{
		Snapshot: o.Snapshot, Config: o.Config, Now: o.Now, Replay: o.Replay, Faults: o.Faults,
		Public: public,
	})
	if err != nil {
		return err
	}
	a, err := api.New(api.Options{
		View: v, Config: o.Config, Query: o.Query, Now: o.Now, Verdicts: o.Verdicts, Author: o.Author,
		Trials: o.Trials,
	})
	if err != nil {
		return err
	}
	handler, err := a.Handler()
	if err != nil {
		return err
	}
	mux.Handle("/api/", handler)
	var playground func() *config.Config
	if o.Trials != nil {
		playground = o.Config
	}
	var finder *marks.Finder
	if o.QueryRange != nil {
		finder = marks.New(o.QueryRange)
	}
	pages, err := ui.New(ui.Options{
		View: v, Now: o.Now, Prefix: prefix,
		Links:   links.Servers{Graph: address(o.PrometheusURL), Grafana: address(o.GrafanaURL)},
		Version: o.Version, Logger: o.Logger, Verdicts: o.Verdicts, Author: o.Author, Playground: playground,
		Config: o.Config, Marks: finder, Gatherer: o.Gatherer, Faults: o.Faults,
	})
	if err != nil {
		return err
	}
	pages.Register(mux)
	return nil
}

// address returns a URL for links: without a password, nor a slash at its end; "" for nil.
func address(u *url.URL) string {
	if u == nil {
		return ""
	}
	bare := *u
	bare.User = nil
	return strings.TrimRight(bare.String(), "/")
}

// below serves h below a prefix, to which / is redirected.
func below(prefix string, h http.Handler) http.Handler {
	if prefix == "" {
		return h
	}
	mux := http.NewServeMux()
	mux.Handle(prefix+"/", http.StripPrefix(prefix, h))
	mux.Handle("/{$}", http.RedirectHandler(prefix+"/", http.StatusFound))
	return mux
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

// recoverPanics logs a panic and responds with 500. Without it, net/http would only close the connection.
func (o *Options) recoverPanics(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		defer func() {
			p := recover()
			if p == nil {
				return
			}
			if err, ok := p.(error); ok && errors.Is(err, http.ErrAbortHandler) {
				panic(p) // net/http expects it and logs nothing
			}
			level.Error(o.Logger).Log("msg", "Panic in HTTP handler",
				"path", r.URL.Path, "err", fmt.Sprint(p), "stack", string(debug.Stack()))
			o.refuse(w, r, http.StatusInternalServerError, "internal", "internal error")
		}()
		next.ServeHTTP(w, r)
	})
}
