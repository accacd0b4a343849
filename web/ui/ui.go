// Package ui serves the pages for people: what is anomalous now, and one series in detail. Pages show what package view
// describes, load nothing from other hosts, and have their content without JavaScript too.
package ui

import (
	"bytes"
	"cmp"
	"embed"
	"errors"
	"fmt"
	"hash/fnv"
	"html/template"
	"io/fs"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/go-kit/log"
	"github.com/go-kit/log/level"
	"github.com/klauspost/compress/gzhttp"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/anomaly-exporter/anomaly-exporter/config"
	"github.com/anomaly-exporter/anomaly-exporter/detector/result"
	"github.com/anomaly-exporter/anomaly-exporter/verdict"
	"github.com/anomaly-exporter/anomaly-exporter/web/marks"
	"github.com/anomaly-exporter/anomaly-exporter/web/ui/links"
	"github.com/anomaly-exporter/anomaly-exporter/web/view"
)

//go:embed assets templates
var files embed.FS

// Asset returns a file that pages load, for pages that are to load none.
func Asset(name string) (string, error) {
	b, err := files.ReadFile("assets/" + name)
	return string(b), err
}

// policy lets a page load nothing but its own files, and be part of no other page.
const policy = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; " +
	"form-action 'self'; base-uri 'none'; frame-ancestors 'none'"

// Options of a UI. View and Now are required.
type Options struct {
	View    *view.View
	Now     func() time.Time
	Prefix  string // path before that of each page, without a slash at its end
	Links   links.Servers
	Version string // shown on each page
	Logger  log.Logger

	Verdicts *verdict.File                               // what people said; nil: they cannot say anything
	Author   func(*http.Request) (who string, err error) // required with Verdicts; an error: nothing is taken from them

	Playground func() *config.Config // returns the configuration that people try out changes of; nil: they cannot

	// Config returns the one in force, and Marks find what its expressions of roll-outs and alerts mark in charts; nil:
	// nothing is marked.
	Config func() *config.Config
	Marks  *marks.Finder

	// Gatherer has the exporter's own metrics, and Faults returns why cycles failed, for the page of its status; nil:
	// there is none.
	Gatherer prometheus.Gatherer
	Faults   func() map[result.Source]result.Fault
}

// UI serves the pages.
type UI struct {
	o        Options
	pages    map[string]*template.Template
	assets   string // tells the files of this version from those that browsers keep of another
	compress func(http.Handler) http.HandlerFunc
}

// New returns a UI.
func New(o Options) (*UI, error) {
	if o.View == nil || o.Now == nil || o.Verdicts != nil && o.Author == nil || o.Gatherer != nil && o.Faults == nil {
		return nil, errors.New("ui: one of View, Now, Author and Faults is missing")
	}
	if o.Logger == nil {
		o.Logger = log.NewNopLogger()
	}
	compress, err := gzhttp.NewWrapper()
	if err != nil {
		return nil, fmt.Errorf("ui: %w", err)
	}
	u := &UI{o: o, pages: map[string]*template.Template{}, compress: compress}
	if u.assets, err = checksum(); err != nil {
		return nil, fmt.Errorf("ui: %w", err)
	}
	for _, name := range []string{"overview", "series", "scaler", "missing", "feedback", "playground", "status"} {
		t, err := template.New("layout.html").Funcs(u.functions()).
			ParseFS(files, "templates/layout.html", "templates/verdicts.html", "templates/links.html",
				"templates/moment.html", "templates/"+name+".html")
		if err != nil {
			return nil, fmt.Errorf("ui: %w", err)
		}
		u.pages[name] = t
	}
	return u, nil
}

// checksum is that of all files that pages load.
func checksum() (string, error) {
	h := fnv.New64a()
	err := fs.WalkDir(files, "assets", func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		text, err := files.ReadFile(path)
		_, _ = h.Write(text)
		return err
	})
	return strconv.FormatUint(h.Sum64(), 36), err
}

// Register adds the pages and their files to a mux, with gzip for browsers that take it.
func (u *UI) Register(mux *http.ServeMux) {
	handle := func(path string, h http.HandlerFunc) { mux.Handle(path, u.compress(h)) }
	handle("/{$}", u.overview)
	handle("/series", u.series)
	handle("/scaler", u.scaler)
	if u.o.Playground != nil {
		handle("/playground", u.playground)
	}
	if u.o.Gatherer != nil {
		handle("/status", u.status)
	}
	if u.o.Verdicts != nil {
		handle("/feedback", u.allFeedback)
	}
	assets := http.FileServerFS(files)
	handle("/assets/", func(w http.ResponseWriter, r *http.Request) {
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
	Title      string
	Prefix     string
	Version    string
	Assets     string    // to be added to the addresses of files
	Feedback   bool      // whether there is a page of verdicts
	Playground bool      // whether there is a playground
	Status     bool      // whether there is a page of the exporter's own status
	Step       time.Time // newest of all results; zero: none yet
	Data       any
}

// show writes a page.
func (u *UI) show(w http.ResponseWriter, status int, name, title string, data any) {
	var b bytes.Buffer
	h := head{
		Title: title, Prefix: u.o.Prefix, Version: u.o.Version, Assets: u.assets, Feedback: u.o.Verdicts != nil,
		Playground: u.o.Playground != nil, Status: u.o.Gatherer != nil, Step: u.o.View.NewestStep(), Data: data,
	}
	if err := u.pages[name].Execute(&b, h); err != nil {
		level.Error(u.o.Logger).Log("msg", "Page cannot be shown", "page", name, "err", err)
		http.Error(w, "internal error", http.StatusInternalServerError)
		return
	}
	header := w.Header()
	header.Set("Content-Type", "text/html; charset=utf-8")
	header.Set("Content-Security-Policy", policy)
	header.Set("X-Content-Type-Options", "nosniff")
	header.Set("Referrer-Policy", "same-origin") // with no-referrer, browsers hide the origin of a form from ourselves
	header.Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	_, _ = w.Write(b.Bytes())
}

// missing tells that there is nothing at an address, but at some others.
func (u *UI) missing(w http.ResponseWriter, status int, text string, such []view.Series) {
	u.choose(w, status, text, such, url.Values{})
}

// choose lists the series that may be meant, those with the highest score first, or what ended last, page by page.
func (u *UI) choose(w http.ResponseWriter, status int, text string, such []view.Series, query url.Values) {
	slices.SortStableFunc(such, func(a, b view.Series) int {
		if a.Gone != nil && b.Gone != nil {
			return b.Gone.Compare(*a.Gone)
		}
		return cmp.Compare(float64(b.Score), float64(a.Score))
	})
	page := struct {
		Text string
		Such []view.Series
		pages
		Gone, Others string // command and address that help if there is none any more
		Ended        int    // series of the detector that are gone
		EndedPath    string
	}{Text: text, pages: newPages(query, len(such), shownChoices)}
	page.Such = such[page.From-1 : page.To]
	switch {
	case status == http.StatusNotFound:
		page.Gone, page.Others = u.gone(query)
	case status == http.StatusOK && !query.Has("gone"):
		page.EndedPath = with(without(query, "offset"), "gone", "true")
		page.Ended = len(u.o.View.Find(url.Values{such[0].Kind: {such[0].Source}, "gone": {"true"}}))
	}
	u.show(w, status, "missing", text, page)
}

// pages are a part of a list, and the addresses of the parts before and behind it; "": there is none.
type pages struct {
	From, To, Of   int // the first and the last, counted from 1, of so many
	Before, Behind string
}

// newPages returns the part that a query asks for of a list of so many, with at most each.
func newPages(query url.Values, of, each int) pages {
	offset, _ := strconv.Atoi(query.Get("offset")) // 0 if it is none
	offset = min(max(offset, 0), of)
	p := pages{From: offset + 1, To: min(offset+each, of), Of: of}
	if offset > 0 {
		p.Before = with(query, "offset", strconv.Itoa(max(0, offset-each)))
	}
	if p.To < of {
		p.Behind = with(query, "offset", strconv.Itoa(p.To))
	}
	return p
}

// gone returns the command that tells of a time at which there were such series, and the address of all those of the
// detector; "": there is none.
func (u *UI) gone(query url.Values) (command, address string) {
	labels := map[string]string{}
	for name := range query {
		labels[name] = query.Get(name)
	}
	for _, kind := range []string{"detector", "scaler"} {
		if name := labels[kind]; slices.Contains(u.o.View.Names(), name) {
			at := query.Get("at")
			if then, err := parseTime("at", at); err == nil {
				at = then.Format(time.RFC3339)
			} else {
				at = "TIME"
			}
			return contextCommand(labels, at), u.o.Prefix + "/series?" + url.Values{kind: {name}}.Encode()
		}
	}
	return "", ""
}

// overview shows what is anomalous now.
func (u *UI) overview(w http.ResponseWriter, r *http.Request) {
	q := r.URL.Query()
	var o *view.Overview
	var err error
	u.o.View.Settle(r.Context(), func() {
		o, err = u.o.View.Overview(strings.TrimSpace(q.Get("match")), q.Get("severity"), q.Get("detector"))
	})
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

// lookBack is a range that a series can be looked at over.
type lookBack struct {
	Name string
	Of   time.Duration
}

var ranges = []lookBack{
	{"1h", time.Hour},
	{"6h", 6 * time.Hour},
	{"24h", 24 * time.Hour},
	{"7d", 7 * 24 * time.Hour},
	{"14d", 14 * 24 * time.Hour},
}

// The ranges at first, as indices: an anomaly began within hours, and a scaler follows a day.
const defaultSeriesRange, defaultScalerRange = 1, 2

// link is a link of a page.
type link struct {
	Text, URL string
	Current   bool
}

// shownChoices is how many series are listed on a page. Guard: nobody reads more at once.
const shownChoices = 100

// find returns the series that a page is about; nil: there is not exactly one, and the answer says so.
func (u *UI) find(w http.ResponseWriter, r *http.Request) *view.Series {
	var found []view.Series
	u.o.View.Settle(r.Context(), func() { found = u.o.View.Find(r.URL.Query()) })
	if len(found) == 1 {
		return &found[0]
	}
	query := r.URL.Query()
	text, status := "No series has these labels now", http.StatusNotFound
	if len(found) > 1 {
		text, status = fmt.Sprintf("%d series have these labels", len(found)), http.StatusMultipleChoices
		if found[0].Gone != nil {
			text = fmt.Sprintf("%d series had these labels, and are gone", len(found))
		}
	}
	if rest := without(query, "offset"); len(found) > 1 && len(rest) == 1 && rest.Has(found[0].Kind) {
		text, status = fmt.Sprintf("The %d series of %s", len(found), found[0].Source), http.StatusOK
	}
	if query.Get("gone") == "true" && len(found) > 0 {
		text, status = fmt.Sprintf("%d series of %s that are gone", len(found), found[0].Source), http.StatusOK
	}
	u.choose(w, status, text, found, query)
	return nil
}

// zooms returns links to the ranges that a series can be looked at over, up to the history that it is learned from, and
// the range that a query chooses.
func (u *UI) zooms(s *view.Series, query url.Values, otherwise int) (links []link, chosen time.Duration) {
	whole := u.o.View.Learned(s)
	all := slices.DeleteFunc(slices.Clone(ranges), func(r lookBack) bool { return whole > 0 && r.Of > whole })
	if len(all) > 0 && all[len(all)-1].Of < whole {
		all = append(all, lookBack{"all", whole})
	}
	name := ranges[otherwise].Name
	for _, one := range all {
		if u.o.View.Replayable(s, one.Of) {
			links = append(links, link{Text: one.Name, URL: with(query, "range", one.Name)})
			if one.Name == query.Get("range") {
				name = one.Name
			}
		}
	}
	for i, one := range links {
		links[i].Current = one.Text == name
	}
	for _, one := range slices.Concat(ranges, all) {
		if one.Name == name {
			chosen = one.Of
		}
	}
	return links, chosen
}

// links returns the links of the page of a series, which may have a forecast, over a range.
func (u *UI) links(s *view.Series, f *view.Forecast, over links.Range) links.Links {
	return links.New(u.o.Links, s, u.o.View.Expressions(s), f, over)
}

// data returns the address of what was published of a series, at an endpoint of the API, until a time (zero: now), with
// overlays ("": none).
func (u *UI) data(s *view.Series, endpoint string, from, to time.Time, overlays string) string {
	query := url.Values{
		"match[]": {s.Selector()}, s.Kind: {strings.SplitN(s.Source, "/", 2)[0]}, "start": {from.Format(time.RFC3339)},
	}
	if s.Gone != nil {
		query.Set("gone", "true")
	}
	if !to.IsZero() {
		query.Set("end", to.Format(time.RFC3339))
	}
	if overlays != "" {
		query.Set("overlay", overlays)
	}
	return u.o.Prefix + "/api/v1/" + endpoint + "?" + query.Encode()
}

// with returns a query with one parameter changed.
func with(query url.Values, name, value string) string {
	changed := maps.Clone(query)
	if changed == nil {
		changed = url.Values{}
	}
	changed.Set(name, value)
	return "?" + changed.Encode()
}
