// Package doctor asks a running exporter, the Prometheus that scrapes it and its Alertmanager whether results reach the
// people who are to be paged.
package doctor

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/url"
	"time"

	"github.com/alecthomas/kingpin/v2"
	"github.com/prometheus/client_golang/api"
	v1 "github.com/prometheus/client_golang/api/prometheus/v1"
	"github.com/prometheus/common/model"

	"github.com/anomaly-exporter/anomaly-exporter/cmd/anomaly-exporter/ask"
	"github.com/anomaly-exporter/anomaly-exporter/web/view"
)

// The outcomes of a check.
const (
	OK      = "ok"
	Warning = "warning" // something is missing that may be missing
	Error   = "error"   // nobody will be paged, or for the wrong reason
)

// timeout bounds a question to Prometheus (chosen, not tuned).
const timeout = 30 * time.Second

// A Check is what one check has found.
type Check struct {
	Status string `json:"status"`
	// Name is what was looked at: exporter, steps, scores, prometheus, scrape, labels, joins, rules, alertmanager or
	// routes.
	Name    string `json:"check"`
	Message string `json:"message"`
	Remedy  string `json:"remedy,omitempty"`
}

// Command is the command doctor, with its flags.
type Command struct {
	exporter, prometheus, alertmanager ask.Server
	format                             string
}

// AddCommand adds the command to a program.
func AddCommand(app *kingpin.Application) (*kingpin.CmdClause, *Command) {
	var c Command
	cmd := app.Command("doctor", "Ask a running exporter, the Prometheus that scrapes it and an Alertmanager whether "+
		"results and alerts arrive, a line for each check. The exit code is 1 if there is an error.")
	c.exporter.AddTo(cmd, "exporter", "", "http://localhost:9942",
		"URL of the exporter, with its route prefix if it has one.")
	c.prometheus.AddTo(cmd, "Prometheus", "prometheus.", "http://localhost:9090",
		"URL of the Prometheus that scrapes the exporter and evaluates the rules.")
	c.alertmanager.AddTo(cmd, "Alertmanager", "alertmanager.", "",
		"URL of the Alertmanager. Without it, routes are not checked.")
	cmd.Flag("format", "Format of the result: text, or json.").Default("text").EnumVar(&c.format, "text", "json")
	return cmd, &c
}

// doctor collects what the checks find.
type doctor struct {
	exporter   *ask.Client
	prometheus *ask.Client
	server     v1.API // that of prometheus
	now        time.Time

	detectors []view.Detector
	rules     []rule // that are loaded
	checks    []Check
}

// Run runs all checks and writes what they find to stdout. It returns whether there is no error.
func (c *Command) Run(ctx context.Context, stdout io.Writer) (bool, error) {
	d := &doctor{now: time.Now()}
	var err error
	if d.exporter, err = c.exporter.Client(); err != nil {
		return false, err
	}
	defer d.exporter.CloseIdleConnections()
	if d.prometheus, err = c.prometheus.Client(); err != nil {
		return false, err
	}
	defer d.prometheus.CloseIdleConnections()
	client, err := api.NewClient(api.Config{Address: d.prometheus.URL().String(), Client: d.prometheus.Client})
	if err != nil {
		return false, err
	}
	d.server = v1.NewAPI(client)

	known := d.checkExporter(ctx)
	if d.checkPrometheus(ctx) {
		if known {
			d.checkScrape(ctx)
		}
		d.checkRules(ctx)
		d.checkAlertmanagers(ctx)
	}
	if c.alertmanager.Given() {
		am, err := c.alertmanager.Client()
		if err != nil {
			return false, err
		}
		defer am.CloseIdleConnections()
		d.checkRoutes(ctx, am)
	}
	if c.format == "json" {
		err = writeJSON(stdout, d.checks)
	} else {
		err = writeText(stdout, d.checks)
	}
	return d.good(), err
}

func (d *doctor) good() bool {
	for _, c := range d.checks {
		if c.Status == Error {
			return false
		}
	}
	return true
}

func (d *doctor) add(status, name, remedy, format string, args ...any) {
	d.checks = append(d.checks, Check{status, name, fmt.Sprintf(format, args...), remedy})
}

// failed adds a question that was not answered.
func (d *doctor) failed(status, name string, f *ask.Failure) {
	d.add(status, name, f.Remedy, "%s", f.Err)
}

// checkPrometheus asks the Prometheus something that it can always answer.
func (d *doctor) checkPrometheus(ctx context.Context) bool {
	_, err := d.query(ctx, "vector(1)")
	if err != nil {
		d.failed(Error, "prometheus", d.prometheus.Failed(err))
	}
	return err == nil
}

// query returns the result of an expression now.
func (d *doctor) query(ctx context.Context, expr string) (model.Vector, error) {
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	return ask.Vector(ctx, d.server, expr, d.now)
}

// count returns the single value of an expression; 0 if there is none.
func (d *doctor) count(ctx context.Context, expr string) (int, error) {
	vector, err := d.query(ctx, "count("+expr+")")
	if err != nil || len(vector) == 0 {
		return 0, err
	}
	return int(vector[0].Value), nil
}

// all returns the parameters that ask the exporter for everything.
func all() url.Values { return url.Values{"limit": {"10000"}} }

func writeText(w io.Writer, checks []Check) error {
	for _, c := range checks {
		text := c.Message
		if c.Remedy != "" {
			text += "; " + c.Remedy
		}
		if _, err := fmt.Fprintf(w, "%-7s  %-12s  %s\n", c.Status, c.Name, text); err != nil {
			return err
		}
	}
	return nil
}

func writeJSON(w io.Writer, checks []Check) error {
	enc := json.NewEncoder(w)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	return enc.Encode(map[string]any{"checks": checks})
}
