package report

import (
	"crypto/sha256"
	"embed"
	"encoding/base64"
	"fmt"
	"html/template"
	"io"
	"strconv"
	"strings"
	"time"

	"github.com/anomaly-exporter/anomaly-exporter/backtest"
	"github.com/anomaly-exporter/anomaly-exporter/web/ui"
)

//go:embed report.html report.js
var files embed.FS

// promised is how often normal behaviour reaches a score of 0.8 at most (definition of the score: docs/models.md).
const promised = 3e6 * time.Second

// Write writes the report as one HTML page. It has all that it shows, and loads nothing.
func (r *Report) Write(w io.Writer, title, version string) error {
	p := page{Report: r, Title: title, Version: version, Tables: map[string][][]string{}}
	for _, t := range r.Tables() {
		if t.About == "alerts" {
			t.Rows = t.Rows[:min(len(t.Rows), 1+maxMarks)]
		}
		p.Tables[t.About] = t.Rows
	}
	p.number()
	if err := p.inline(); err != nil {
		return fmt.Errorf("report: %w", err)
	}
	t, err := template.New("report.html").Funcs(template.FuncMap{
		"stamp":    func(t time.Time) string { return t.UTC().Format("2006-01-02 15:04") },
		"selector": ui.Selector,
		"bad":      func(verdict string) bool { return strings.HasPrefix(verdict, backtest.Bad+":") },
		"deciders": func() []string { return []string{"forecast", "current", "stabilization", "min", "max"} },
	}).ParseFS(files, "report.html")
	if err == nil {
		err = t.Execute(w, &p)
	}
	if err != nil {
		return fmt.Errorf("report: %w", err)
	}
	return nil
}

// page is what the template shows.
type page struct {
	*Report
	Title, Version string
	Tables         map[string][][]string // by what they are about
	Shown          []shown               // findings
	Ahead, Warned  []shown
	Scaled         []shown
	Charts         []*Chart // all, in the order of the page

	Styles  template.CSS
	Scripts []template.JS
	Policy  string
}

// shown is a chart with its number on the page.
type shown struct {
	*Chart
	Number int
	Lines  []string
}

func (p *page) number() {
	add := func(c *Chart, lines ...string) shown {
		p.Charts = append(p.Charts, c)
		return shown{c, len(p.Charts) - 1, lines}
	}
	for i := range p.Findings {
		lines := p.Report.Report.Findings[i].Lines()
		p.Shown = append(p.Shown, add(&p.Findings[i], lines[:]...))
	}
	for i := range p.Forecasts {
		p.Ahead = append(p.Ahead, add(&p.Forecasts[i]))
	}
	for i := range p.Breaches {
		p.Warned = append(p.Warned, add(&p.Breaches[i]))
	}
	for i := range p.Scalers {
		p.Scaled = append(p.Scaled, add(&p.Scalers[i]))
	}
}

// inline sets the styles and scripts, and the policy that lets a browser take these and nothing else.
func (p *page) inline() error {
	var styles, scripts []string
	for _, name := range []string{
		"uPlot.min.css", "style.css", "uPlot.iife.min.js", "charts.js", "series.js", "scaler.js",
	} {
		text, err := ui.Asset(name)
		if err != nil {
			return err
		}
		if strings.HasSuffix(name, ".css") {
			styles = append(styles, text)
		} else {
			scripts = append(scripts, text)
		}
	}
	own, err := files.ReadFile("report.js")
	if err != nil {
		return err
	}
	scripts = append(scripts, string(own))
	p.Styles = template.CSS(strings.Join(styles, "\n"))
	hash := func(text string) string {
		sum := sha256.Sum256([]byte(text))
		return "'sha256-" + base64.StdEncoding.EncodeToString(sum[:]) + "'"
	}
	allowed := make([]string, 0, len(scripts))
	for _, text := range scripts {
		p.Scripts = append(p.Scripts, template.JS(text))
		allowed = append(allowed, hash(text))
	}
	p.Policy = "default-src 'none'; base-uri 'none'; form-action 'none'; style-src " + hash(string(p.Styles)) +
		"; script-src " + strings.Join(allowed, " ")
	return nil
}

// A promise compares the alerts of a detector with what the score promises.
type promise struct {
	backtest.Detector
	Most  string // alerts that normal behaviour would have had at most
	More  bool   // there were more
	Marks []mark // of its alerts and incidents
}

// Promises compares the alerts of each detector with what the score promises.
func (p *page) Promises() (all []promise) {
	for _, d := range p.Detectors {
		one := promise{Detector: d, Most: strconv.FormatFloat(most(&d), 'g', 2, 64)}
		one.More = float64(d.Alerts) > most(&d)
		for _, i := range d.Incidents[:min(len(d.Incidents), p.marks())] {
			one.Marks = append(one.Marks, p.mark("truth", i, "incident"))
		}
		for _, a := range d.Breaches[:min(len(d.Breaches), p.marks())] {
			what := fmt.Sprintf("alert that the %s bound will be crossed, %s", a.Bound, a.Labels)
			one.Marks = append(one.Marks, p.mark("breach", a.Period, what))
		}
		for _, a := range d.Fired[:min(len(d.Fired), p.marks())] {
			one.Marks = append(one.Marks, p.mark("alert", a.Period, "alert on "+a.Labels.String()))
		}
		all = append(all, one)
	}
	return all
}

// most returns how many alerts normal behaviour would have had at most.
func most(d *backtest.Detector) float64 {
	return float64(d.Steps) * float64(d.Step) / float64(promised)
}

// More names the detectors that alerted more than promised; "": none.
func (p *page) More() string {
	var names []string
	for _, one := range p.Promises() {
		if one.More {
			names = append(names, one.Name)
		}
	}
	return strings.Join(names, ", ")
}

// mark is a period on a time line that is a thousand wide.
type mark struct {
	Class, Text string
	From, Wide  string
}

func (p *page) mark(class string, of backtest.Period, what string) mark {
	all := float64(max(p.End.Sub(p.Start), time.Minute))
	at := func(d time.Duration) float64 { return 1000 * float64(d) / all }
	from, wide := at(of.Start.Sub(p.Start)), max(at(of.End.Sub(of.Start)), 3)
	return mark{
		class, fmt.Sprintf("%s from %s to %s", what, of.Start.UTC().Format("2006-01-02 15:04"),
			of.End.UTC().Format("2006-01-02 15:04")),
		strconv.FormatFloat(from, 'f', 1, 64), strconv.FormatFloat(wide, 'f', 1, 64),
	}
}
