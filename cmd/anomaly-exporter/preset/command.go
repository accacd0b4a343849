package preset

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/url"
	"os"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/prometheus/client_golang/api"
	v1 "github.com/prometheus/client_golang/api/prometheus/v1"
	commoncfg "github.com/prometheus/common/config"

	"github.com/anomaly-exporter/anomaly-exporter/backtest"
	"github.com/anomaly-exporter/anomaly-exporter/cmd/anomaly-exporter/ask"
	"github.com/anomaly-exporter/anomaly-exporter/config"
	"github.com/anomaly-exporter/anomaly-exporter/detector/estimate"
)

// Command is the command init, with its flags.
type Command struct {
	URL        *url.URL // of the Prometheus
	HTTPConfig string   // file; "": none
	Output     string   // file
	Force      bool     // overwrite it
	Timezone   string   // "": UTC
	MaxSeries  int      // of all detectors together
	Backtest   bool     // leave out detectors that would have alerted too often
}

// Environment is what the command needs of the program.
type Environment struct {
	Stdout io.Writer
	Size   func(bytes int64) string // for people
	// Replay replays the last week of some detectors.
	Replay func(ctx context.Context, cfg *config.Config, names []string, now time.Time) (*backtest.Report, error)
}

// Run looks at the Prometheus and writes the configuration. It tells on stdout what each detector costs.
func (c *Command) Run(ctx context.Context, e Environment) error {
	if _, err := time.LoadLocation(c.Timezone); err != nil {
		return fmt.Errorf("--timezone: %w", err)
	}
	if _, err := os.Stat(c.Output); err == nil && !c.Force {
		return fmt.Errorf("%s is there already: choose another --output, or overwrite it with --force", c.Output)
	}
	p, err := c.plan(ctx)
	switch _, said := errors.AsType[*v1.Error](err); {
	case ctx.Err() != nil:
		return errors.New("interrupted")
	case said || errors.As(err, new(*url.Error)):
		return ask.At("Prometheus", "--url", c.URL).Failed(err)
	case err != nil:
		return fmt.Errorf("%s: %w", c.URL.Redacted(), err)
	}
	if names := p.alerting(); c.Backtest && len(names) > 0 {
		cfg, err := p.load(c.Output)
		if err != nil {
			return err
		}
		report, err := e.Replay(ctx, cfg, names, p.at)
		if err != nil {
			return fmt.Errorf("--backtest: %w", err)
		}
		p.gate(report)
	}
	if _, err := p.load(c.Output); err != nil {
		return err
	}
	text, err := p.text()
	if err != nil {
		return err
	}
	if err := c.write(text); err != nil {
		return err
	}
	c.report(p, e)
	return nil
}

// plan looks at the Prometheus.
func (c *Command) plan(ctx context.Context) (*plan, error) {
	p := &plan{Command: c, at: time.Now()}
	httpConfig := commoncfg.DefaultHTTPClientConfig
	if c.HTTPConfig != "" {
		loaded, text, err := commoncfg.LoadHTTPConfigFile(c.HTTPConfig)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", c.HTTPConfig, err)
		}
		httpConfig, p.httpKeys = *loaded, string(text)
	}
	client, err := commoncfg.NewClientFromConfig(httpConfig, "init")
	if err != nil {
		return nil, fmt.Errorf("%s: %w", c.HTTPConfig, err)
	}
	defer client.CloseIdleConnections()
	prometheus, err := api.NewClient(api.Config{Address: c.URL.String(), Client: client})
	if err != nil {
		return nil, err
	}
	return p, p.inspect(ctx, &server{v1.NewAPI(prometheus), p.at})
}

// write writes the file. Credentials in it are for its owner.
func (c *Command) write(text string) error {
	flags, mode := os.O_WRONLY|os.O_CREATE|os.O_EXCL, os.FileMode(0o644)
	if c.Force {
		flags = os.O_WRONLY | os.O_CREATE | os.O_TRUNC
	}
	if c.HTTPConfig != "" || c.URL.User != nil {
		mode = 0o600
	}
	file, err := os.OpenFile(c.Output, flags, mode)
	if err != nil {
		return err
	}
	_, err = file.WriteString(text)
	return errors.Join(err, file.Close())
}

// firstScrapes is how long after its start a server may have targets that it has not scraped. Chosen: the default
// scrape interval, in which first scrapes are spread, and as much again.
const firstScrapes = 2 * time.Minute

// report tells what each detector costs, what all of them cost, and what to do next.
func (c *Command) report(p *plan, e Environment) {
	w := tabwriter.NewWriter(e.Stdout, 0, 0, 2, ' ', 0)
	fmt.Fprint(w, "preset\tdetector\tseries\tseries_limit\t")
	if c.Backtest {
		fmt.Fprint(w, "alerts in the replay\t")
	}
	fmt.Fprintln(w, "memory")
	detectors, series, bytes := 0, 0, int64(0)
	var young, absent []string
	for _, of := range p.parts {
		for _, d := range of.detectors {
			limit, memory := "-", "left out: "+d.leftOut
			if d.limit > 0 {
				limit = strconv.Itoa(d.limit)
			}
			if d.leftOut == "" {
				detectors, series, bytes = detectors+1, series+d.series, bytes+d.bytes
				memory = e.Size(d.bytes)
			}
			switch {
			case d.leftOut == noSeries:
				absent = append(absent, d.Name)
			case d.leftOut == "" && d.young:
				young = append(young, d.Name)
			}
			fmt.Fprintf(w, "%s\t%s\t%d\t%s\t", of.file, d.Name, d.series, limit)
			if c.Backtest {
				fmt.Fprint(w, d.alerts(), "\t")
			}
			fmt.Fprintln(w, memory)
		}
	}
	w.Flush()
	fmt.Fprintf(e.Stdout, "\n%s: %s, %s, memory limit to set: %s\n", c.Output,
		count(detectors, "detector", "detectors"), count(series, "series", "series"), e.Size(estimate.MemoryLimit(bytes)))
	if n := len(p.scalers); n > 0 {
		fmt.Fprintf(e.Stdout, "%s suggested, as comments at its end\n", count(n, "scaler", "scalers"))
	}
	if p.age > 0 && p.age < firstScrapes {
		fmt.Fprintf(e.Stdout, "the Prometheus was started %s ago: metrics that it has not scraped yet are missing; run init "+
			"again with --force in some minutes\n", p.age.Round(time.Second))
	}
	if n := len(young); n > 0 {
		fmt.Fprintf(e.Stdout, "%s without a value yet (%s): the metrics have been scraped only once, a rate needs two "+
			"samples\n", count(n, "detector", "detectors"), strings.Join(young, ", "))
	}
	if n := len(absent); n > 0 {
		fmt.Fprintf(e.Stdout, "%s left out for want of series (%s): once there are some, run init again with --force, or "+
			"remove the comment marks\n", count(n, "detector", "detectors"), strings.Join(absent, ", "))
	}
	fmt.Fprintf(e.Stdout, `
Next:
  anomaly-exporter check-config %[1]s
  anomaly-exporter backtest --config.file=%[1]s
  anomaly-exporter --config.file=%[1]s
`, c.Output)
}

// alerts tells what a replay found, for people.
func (d *planned) alerts() string {
	if d.replayed == nil {
		return "-"
	}
	return fmt.Sprintf("%d (%s, %s)", d.replayed.AllAlerts(),
		count(d.replayed.Workloads, "workload", "workloads"), days(d.replayed.Judged))
}

func count(n int, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return strconv.Itoa(n) + " " + many
}
