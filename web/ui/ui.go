// Package ui serves the pages for people: what is anomalous now, and one series in detail. Pages show what package view
// describes, load nothing from other hosts, and have their content without JavaScript too.
package ui

import (
	"bytes"
	"embed"
	"errors"
	"fmt"
	"html/template"
	"maps"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/go-kit/log"
	"github.com/go-kit/log/level"

	"github.com/anomaly-exporter/anomaly-exporter/web/view"
)

//go:embed assets templates
var files embed.FS

// policy lets a page load nothing but its own files, and be part of no other page.
const policy = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; " +
	"form-action 'self'; base-uri 'none'; frame-ancestors 'none'"

// Options of a UI. View and Now are required.
type Options struct {
	View    *view.View
	Now     func() time.Time
	Prefix  string // path before that of each page, without a slash at its end
	Graph   string // address of the server that PromQL is looked at in, such as http://prometheus:9090; "": not known
	Version string // shown on each page
	Logger  log.Logger
}

// UI serves the pages.
type UI struct {
	o     Options
	pages map[string]*template.Template
}

// New returns a UI.
func New(o Options) (*UI, error) {
	if o.View == nil || o.Now == nil {
		return nil, errors.New("ui: View or Now is missing")
	}
	if o.Logger == nil {
		o.Logger = log.NewNopLogger()
	}
	u := &UI{o: o, pages: map[string]*template.Template{}}
	for _, name := range []string{"overview", "series", "missing"} {
		t, err := template.New("layout.html").Funcs(u.functions()).
			ParseFS(files, "templates/layout.html", "templates/"+name+".html")
		if err != nil {
			return nil, fmt.Errorf("ui: %w", err)
		}
		u.pages[name] = t
	}
	return u, nil
}

// Register adds the pages and their files to a mux.
func (u *UI) Register(mux *http.ServeMux) {
	mux.HandleFunc("/{$}", u.overview)
	mux.HandleFunc("/series", u.series)
	assets := http.FileServerFS(files)
	mux.HandleFunc("/assets/", func(w http.ResponseWriter, r *http.Request) {
		if strings.HasSuffix(r.URL.Path, "/") {
			http.NotFound(w, r) // lists no folder
			return
		}
		w.Header().Set("Cache-Control", "max-age=3600")
		w.Header().Set("X-Content-Type-Options", "nosniff")
		assets.ServeHTTP(w, r)
	})
}

// head is what all pages show.
type head struct {
	Title   string
	Prefix  string
	Version string
	Step    time.Time // newest of all results; zero: none yet
	Data    any
}

// show writes a page.
func (u *UI) show(w http.ResponseWriter, status int, name, title string, data any) {
	var b bytes.Buffer
	h := head{Title: title, Prefix: u.o.Prefix, Version: u.o.Version, Step: u.o.View.NewestStep(), Data: data}
	if err := u.pages[name].Execute(&b, h); err != nil {
		level.Error(u.o.Logger).Log("msg", "Page cannot be shown", "page", name, "err", err)
		http.Error(w, "internal error", http.StatusInternalServerError)
		return
	}
	header := w.Header()
	header.Set("Content-Type", "text/html; charset=utf-8")
	header.Set("Content-Security-Policy", policy)
	header.Set("X-Content-Type-Options", "nosniff")
	header.Set("Referrer-Policy", "no-referrer")
	header.Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	_, _ = w.Write(b.Bytes())
}

// missing tells that there is nothing at an address.
func (u *UI) missing(w http.ResponseWriter, status int, text string, such []view.Series) {
	u.show(w, status, "missing", text, struct {
		Text string
		Such []view.Series
	}{text, such})
}

// overview shows what is anomalous now.
func (u *UI) overview(w http.ResponseWriter, r *http.Request) {
	q := r.URL.Query()
	o, err := u.o.View.Overview(strings.TrimSpace(q.Get("match")), q.Get("severity"), q.Get("detector"))
	if err != nil {
		u.missing(w, http.StatusBadRequest, err.Error(), nil)
		return
	}
	u.show(w, http.StatusOK, "overview", "Now", struct {
		*view.Overview
		Names                     []string
		Match, Severity, Detector string
	}{o, u.o.View.Names(), q.Get("match"), q.Get("severity"), q.Get("detector")})
}

// ranges are those that a series can be looked at over.
var ranges = []struct {
	Name string
	Of   time.Duration
}{
	{"1h", time.Hour},
	{"6h", 6 * time.Hour},
	{"24h", 24 * time.Hour},
	{"7d", 7 * 24 * time.Hour},
	{"14d", 14 * 24 * time.Hour},
}

const defaultRange = 1 // index in ranges

// link is a link of a page.
type link struct {
	Text, URL string
	Current   bool
}

// series shows one series.
func (u *UI) series(w http.ResponseWriter, r *http.Request) {
	query := r.URL.Query()
	found := u.o.View.Find(query)
	if len(found) != 1 {
		text, status := "No series has these labels now", http.StatusNotFound
		if len(found) > 1 {
			text, status = fmt.Sprintf("%d series have these labels", len(found)), http.StatusMultipleChoices
		}
		u.missing(w, status, text, found[:min(len(found), 100)])
		return
	}
	s := &found[0]
	chosen := ranges[defaultRange]
	var zooms []link
	for _, one := range ranges {
		if !u.o.View.Replayable(s, one.Of) {
			continue
		}
		if one.Name == query.Get("range") {
			chosen = one
		}
		zooms = append(zooms, link{Text: one.Name, URL: with(query, "range", one.Name)})
	}
	for i := range zooms {
		zooms[i].Current = zooms[i].Text == chosen.Name
	}
	data := url.Values{"match[]": {s.Selector()}, s.Kind: {strings.SplitN(s.Source, "/", 2)[0]}}
	data.Set("start", s.Step.Add(-chosen.Of).Format(time.RFC3339))
	u.show(w, http.StatusOK, "series", s.Title(), struct {
		*view.Series
		Forecast    *view.Forecast
		Also        []view.Series
		Zooms       []link
		Expressions []link
		Data        string
	}{
		s, u.o.View.Forecast(s), u.o.View.Also(s), zooms, u.expressions(s),
		u.o.Prefix + "/api/v1/series?" + data.Encode(),
	})
}

// expressions returns the PromQL of a series, with links to the server that it can be looked at in.
func (u *UI) expressions(s *view.Series) (links []link) {
	for _, expr := range u.o.View.Expressions(s) {
		l := link{Text: expr}
		if u.o.Graph != "" {
			l.URL = u.o.Graph + "/graph?" + url.Values{"g0.expr": {expr}, "g0.tab": {"0"}}.Encode()
		}
		links = append(links, l)
	}
	return links
}

// with returns a query with one parameter changed.
func with(query url.Values, name, value string) string {
	changed := maps.Clone(query)
	changed.Set(name, value)
	return "?" + changed.Encode()
}
