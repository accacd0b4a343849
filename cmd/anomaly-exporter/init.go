package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/url"
	"os"
	"strconv"
	"text/tabwriter"
	"time"

	"github.com/alecthomas/kingpin/v2"
	"github.com/prometheus/client_golang/api"
	v1 "github.com/prometheus/client_golang/api/prometheus/v1"
	commoncfg "github.com/prometheus/common/config"

	"github.com/anomaly-exporter/anomaly-exporter/cmd/anomaly-exporter/preset"
	"github.com/anomaly-exporter/anomaly-exporter/detector"
)

// initOptions are the flags of the init command.
type initOptions struct {
	url        *url.URL
	httpConfig string
	output     string
	force      bool
	timezone   string
	maxSeries  int
}

func addInitCommand(app *kingpin.Application) (*kingpin.CmdClause, *initOptions) {
	var o initOptions
	cmd := app.Command("init", "Look at the metrics of a Prometheus and write a configuration for them.")
	cmd.Flag("url", "URL of the Prometheus.").Default("http://localhost:9090").URLVar(&o.url)
	cmd.Flag("http.config.file", "HTTP client configuration for the Prometheus: authentication, TLS, proxy. The format "+
		"is that of promtool. Its keys go into the configuration.").PlaceHolder("<filename>").ExistingFileVar(&o.httpConfig)
	cmd.Flag("output", "File to write.").Default("anomaly-exporter.yml").StringVar(&o.output)
	cmd.Flag("force", "Overwrite the file if there is one.").BoolVar(&o.force)
	cmd.Flag("timezone", "Time zone of most of your users, such as Europe/Berlin. The default is UTC.").
		PlaceHolder("ZONE").StringVar(&o.timezone)
	cmd.Flag("max-series", "Maximum number of series of all detectors together. Beyond it, the detectors with the most "+
		"series are left out.").Default("10000").IntVar(&o.maxSeries)
	return cmd, &o
}

// runInit is the init command. It writes what it found to stdout.
func runInit(ctx context.Context, o initOptions, stdout io.Writer) error {
	if o.url.Host == "" || o.url.Scheme != "http" && o.url.Scheme != "https" {
		return fmt.Errorf("--url: %s is no URL of a Prometheus, such as http://localhost:9090", o.url.Redacted())
	}
	if _, err := time.LoadLocation(o.timezone); err != nil {
		return fmt.Errorf("--timezone: %w", err)
	}
	if _, err := os.Stat(o.output); err == nil && !o.force {
		return fmt.Errorf("%s is there already: choose another --output, or overwrite it with --force", o.output)
	}
	plan, err := o.plan(ctx)
	if err != nil {
		return fmt.Errorf("%s: %w", o.url.Redacted(), err)
	}
	cfg, err := plan.Config(o.output)
	if err != nil {
		return err
	}
	text, err := plan.Text()
	if err != nil {
		return err
	}
	if err := o.write(text); err != nil {
		return err
	}
	series := printPlan(plan.Costs(), stdout)
	if n := plan.Scalers(); n > 0 {
		series += fmt.Sprintf("; %s suggested, as comments", count(n, "scaler"))
	}
	fmt.Fprintf(stdout, `
%[1]s: %[2]s, %[3]s

Next:
  anomaly-exporter check-config %[1]s
  anomaly-exporter backtest --config.file=%[1]s
  anomaly-exporter --config.file=%[1]s
`, o.output, count(len(cfg.Detectors), "detector"), series)
	return nil
}

// plan looks at the Prometheus.
func (o *initOptions) plan(ctx context.Context) (*preset.Plan, error) {
	p := preset.Options{URL: o.url, Timezone: o.timezone, MaxSeries: o.maxSeries, Now: time.Now()}
	c := commoncfg.DefaultHTTPClientConfig
	if o.httpConfig != "" {
		loaded, text, err := commoncfg.LoadHTTPConfigFile(o.httpConfig)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", o.httpConfig, err)
		}
		c, p.HTTPClient = *loaded, string(text)
	}
	client, err := commoncfg.NewClientFromConfig(c, "init")
	if err != nil {
		return nil, fmt.Errorf("%s: %w", o.httpConfig, err)
	}
	defer client.CloseIdleConnections()
	prometheus, err := api.NewClient(api.Config{Address: o.url.String(), Client: client})
	if err != nil {
		return nil, err
	}
	p.API = v1.NewAPI(prometheus)
	return preset.New(ctx, p)
}

// write writes the file. Credentials in it are for its owner.
func (o *initOptions) write(text string) (err error) {
	flags, mode := os.O_WRONLY|os.O_CREATE|os.O_EXCL, os.FileMode(0o644)
	if o.force {
		flags = os.O_WRONLY | os.O_CREATE | os.O_TRUNC
	}
	if o.httpConfig != "" || o.url.User != nil {
		mode = 0o600
	}
	file, err := os.OpenFile(o.output, flags, mode)
	if err != nil {
		return err
	}
	_, err = file.WriteString(text)
	return errors.Join(err, file.Close())
}

// printPlan writes what each detector costs, and returns what all of them cost.
func printPlan(costs []preset.Cost, stdout io.Writer) string {
	w := tabwriter.NewWriter(stdout, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "preset\tdetector\tseries\tseries_limit\tmemory")
	series, bytes := 0, int64(0)
	for _, c := range costs {
		limit, memory := "-", "left out: "+c.LeftOut
		if c.Limit > 0 {
			limit = strconv.Itoa(c.Limit)
		}
		if c.LeftOut == "" {
			memory = size(c.Bytes)
			series, bytes = series+c.Series, bytes+c.Bytes
		}
		fmt.Fprintf(w, "%s\t%s\t%d\t%s\t%s\n", c.Preset, c.Detector, c.Series, limit, memory)
	}
	w.Flush()
	return fmt.Sprintf("%s, memory limit to set: %s", count(series, "series"), size(detector.MemoryLimit(bytes)))
}
