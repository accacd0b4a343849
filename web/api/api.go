// Package api answers questions about the newest results, and about the past of one series, over HTTP: JSON in the
// envelope of Prometheus' own API.
package api

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"sync"
	"time"

	"github.com/klauspost/compress/gzhttp"

	"github.com/anomaly-exporter/anomaly-exporter/config"
	"github.com/anomaly-exporter/anomaly-exporter/detector/result"
	"github.com/anomaly-exporter/anomaly-exporter/verdict"
	"github.com/anomaly-exporter/anomaly-exporter/web/incident"
	"github.com/anomaly-exporter/anomaly-exporter/web/past"
	"github.com/anomaly-exporter/anomaly-exporter/web/trial"
	"github.com/anomaly-exporter/anomaly-exporter/web/view"
)

// Options of an API. All but Verdicts and Trials are required; Author is with Verdicts.
type Options struct {
	View   *view.View
	Config func() *config.Config // the one in force; nil: none yet
	Query  incident.Query
	Now    func() time.Time

	Verdicts *verdict.File                               // what people said; nil: they cannot say anything
	Author   func(*http.Request) (who string, err error) // "": unknown; an error: nothing is taken from them
	Trials   *trial.Trials                               // nil: nothing can be tried out
}

// API answers from the newest results. It is safe for concurrent use.
type API struct {
	o       Options
	started int64 // tells the tags of two processes apart

	mu       sync.Mutex // guards what follows
	last     state
	sequence int // of last
}

// New returns an API.
func New(o Options) (*API, error) {
	if o.View == nil || o.Config == nil || o.Query == nil || o.Now == nil {
		return nil, errors.New("api: one of View, Config, Query and Now is missing")
	}
	if o.Verdicts != nil && o.Author == nil {
		return nil, errors.New("api: Author is missing")
	}
	return &API{o: o, started: o.Now().UnixNano()}, nil
}

// markdown is data that is not wrapped in the envelope.
type markdown string

// endpoint answers a request with the data that it returns.
type endpoint func(ctx context.Context, s *result.Snapshot, q *query) (data any, err error)

// endpoints are the paths below /api/v1/; openapi.yml describes them.
func (a *API) endpoints() map[string]endpoint {
	return map[string]endpoint{
		"anomalies":       a.anomalies,
		"series":          a.series,
		"forecast":        a.forecast,
		"recommendations": a.recommendations,
		"detectors":       a.detectors,
		"context":         a.context,
	}
}

// Handler serves the endpoints below /api/v1/, with gzip if the client takes it.
func (a *API) Handler() (http.Handler, error) {
	mux := http.NewServeMux()
	for name, f := range a.endpoints() {
		mux.HandleFunc("/api/v1/"+name, func(w http.ResponseWriter, r *http.Request) { a.serve(w, r, name, f) })
	}
	optional := func(path, flag string, on bool, handler http.HandlerFunc) {
		if !on {
			handler = func(w http.ResponseWriter, _ *http.Request) {
				WriteError(w, http.StatusNotFound, "not_found",
					fmt.Errorf("%s is turned off: the exporter was started without %s", path, flag))
			}
		}
		mux.HandleFunc(path, handler)
	}
	optional("/api/v1/feedback", "--feedback.file", a.o.Verdicts != nil, a.feedback)
	optional("/api/v1/backtest", "--web.enable-playground", a.o.Trials != nil, a.backtest)
	mux.HandleFunc("GET /api/v1/openapi.yml", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/yaml")
		_, _ = w.Write(openAPI)
	})
	mux.HandleFunc("/api/", func(w http.ResponseWriter, r *http.Request) {
		WriteError(w, http.StatusNotFound, "not_found", fmt.Errorf("there is no %s; see /api/v1/openapi.yml", r.URL.Path))
	})
	compress, err := gzhttp.NewWrapper()
	if err != nil {
		return nil, fmt.Errorf("api: %w", err)
	}
	return compress(mux), nil
}

func (a *API) serve(w http.ResponseWriter, r *http.Request, name string, f endpoint) {
	if r.Method != http.MethodGet && r.Method != http.MethodHead {
		w.Header().Set("Allow", "GET, HEAD")
		WriteError(w, http.StatusMethodNotAllowed, "bad_data", errors.New("only GET requests allowed"))
		return
	}
	snapshot := a.o.View.Snapshot()
	tag := a.tag(snapshot)
	w.Header().Set("Etag", tag)
	w.Header().Set("Cache-Control", "no-cache") // ask again, with the tag
	if r.Header.Get("If-None-Match") == tag {
		w.WriteHeader(http.StatusNotModified)
		return
	}
	q, err := parseQuery(r)
	if err == nil {
		err = checkFormat(name, q.format)
	}
	var data any
	if err == nil {
		a.o.View.Settle(r.Context(), func() { data, err = f(r.Context(), snapshot, q) })
	}
	if err != nil {
		writeFailure(w, err)
		return
	}
	switch data := data.(type) {
	case markdown:
		writeText(w, "text/markdown; charset=utf-8", []byte(data))
	case *table:
		text, err := data.encode()
		if err != nil {
			writeFailure(w, err)
			return
		}
		w.Header().Set("Content-Disposition", `attachment; filename="`+data.fileName()+`"`)
		writeText(w, "text/csv; charset=utf-8; header=present", text)
	default:
		writeJSON(w, http.StatusOK, response{Status: "success", Data: data})
	}
}

// writeFailure writes an error of an endpoint, as Prometheus would tell it.
func writeFailure(w http.ResponseWriter, err error) {
	switch bad := (view.Invalid{}); {
	case errors.As(err, &bad):
		WriteError(w, http.StatusBadRequest, "bad_data", err)
	case errors.Is(err, context.Canceled):
		WriteError(w, http.StatusServiceUnavailable, "canceled", err)
	case errors.Is(err, context.DeadlineExceeded):
		WriteError(w, http.StatusServiceUnavailable, "timeout", err)
	case errors.Is(err, past.ErrBusy), errors.Is(err, trial.ErrBusy):
		w.Header().Set("Retry-After", "5")
		WriteError(w, http.StatusServiceUnavailable, "unavailable", err)
	default:
		WriteError(w, http.StatusUnprocessableEntity, "execution", err)
	}
}

func writeText(w http.ResponseWriter, kind string, text []byte) {
	w.Header().Set("Content-Type", kind)
	w.Header().Set("X-Content-Type-Options", "nosniff")
	_, _ = w.Write(text)
}

// state is what answers are made of.
type state struct {
	results  *result.Snapshot
	verdicts *verdict.Set
}

// tag identifies the results of a snapshot. It changes with the results, with what people said, and with a restart.
func (a *API) tag(s *result.Snapshot) string {
	now := state{results: s}
	if a.o.Verdicts != nil {
		now.verdicts = a.o.Verdicts.Set()
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	if now != a.last {
		a.last = now
		a.sequence++
	}
	return fmt.Sprintf(`W/"%x-%d"`, a.started, a.sequence)
}

// response is the envelope of Prometheus' HTTP API.
type response struct {
	Status    string `json:"status"`
	Data      any    `json:"data,omitempty"`
	ErrorType string `json:"errorType,omitempty"`
	Error     string `json:"error,omitempty"`
}

// WriteError answers with an error in the envelope. kind is its type, as Prometheus has them.
func WriteError(w http.ResponseWriter, status int, kind string, err error) {
	w.Header().Del("Etag")
	writeJSON(w, status, response{Status: "error", ErrorType: kind, Error: err.Error()})
}

func writeJSON(w http.ResponseWriter, status int, r response) {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(r); err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("X-Content-Type-Options", "nosniff")
	w.WriteHeader(status)
	_, _ = w.Write(b.Bytes())
}
