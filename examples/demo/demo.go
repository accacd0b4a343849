package main

import (
	"context"
	_ "embed"
	"errors"
	"fmt"
	"io"
	"iter"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"go.yaml.in/yaml/v3"

	"github.com/anomaly-exporter/anomaly-exporter/examples/demo/shop"
	"github.com/anomaly-exporter/anomaly-exporter/test/servers"
)

const (
	// history is the length of the shop's history on disk.
	history = 14 * 24 * time.Hour
	// historyStep is longer than the live scrape interval, so that the history is written within seconds.
	historyStep = 30 * time.Second
	// startTimeout is the longest time that each server may take to start.
	startTimeout = time.Minute
)

//go:embed prometheus.yml
var prometheusConfig string

//go:embed anomaly-exporter.yml
var exporterConfig string

// demo holds the servers that run. stop ends those that have been started.
type demo struct {
	log io.Writer
	out io.Writer

	dir          string
	shop         *shop.Shop
	shopAddr     string
	prometheus   *servers.Prometheus
	alertmanager *servers.Alertmanager
	exporter     *servers.Exporter

	stops []func() error // in the order of the starts
}

func (d *demo) start(ctx context.Context, now time.Time) error {
	var err error
	if d.dir, err = os.MkdirTemp("", "anomaly-exporter-demo-"); err != nil {
		return err
	}
	d.stops = append(d.stops, func() error { return os.RemoveAll(d.dir) })
	d.shop = shop.New(now)

	for _, step := range []struct {
		title string
		run   func(context.Context) error
	}{
		{"14 days of a shop's history, written as TSDB blocks", d.writeHistory},
		{"the shop, live", d.startShop},
		{"Prometheus and Alertmanager", d.startServers},
		{"a backtest of the last two days, loaded into Prometheus", d.backtest},
		{"anomaly-exporter, reading the history from Prometheus", d.startExporter},
	} {
		if err := d.progress(ctx, step.title, step.run); err != nil {
			return err
		}
	}
	return nil
}

// progress runs one step and prints how long it took.
func (d *demo) progress(ctx context.Context, title string, run func(context.Context) error) error {
	began := time.Now()
	fmt.Fprintf(d.out, "%-60s", title)
	if err := run(ctx); err != nil {
		fmt.Fprintln(d.out)
		return fmt.Errorf("%s: %w", title, err)
	}
	fmt.Fprintf(d.out, " %5.1fs\n", time.Since(began).Seconds())
	return ctx.Err()
}

func (d *demo) prometheusDir() string { return filepath.Join(d.dir, "prometheus") }

func (d *demo) writeHistory(ctx context.Context) error {
	for from := time.Now().Add(-history); ; {
		to := time.Now()
		err := servers.WriteBlocks(d.prometheusDir(), seriesOf(ctx, d.shop, from, to, historyStep))
		if err != nil || time.Since(to) < historyStep/2 {
			return err
		}
		from = to // what has passed meanwhile
	}
}

// seriesOf returns the series of the shop in a range of time. It ends early if the context ends.
func seriesOf(ctx context.Context, s *shop.Shop, from, to time.Time, step time.Duration) iter.Seq[servers.Series] {
	return func(yield func(servers.Series) bool) {
		for _, one := range s.Series() {
			if ctx.Err() != nil || !yield(servers.Series{Labels: one.Labels, Samples: one.Samples(from, to, step)}) {
				return
			}
		}
	}
}

func (d *demo) startShop(context.Context) error {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	d.shopAddr = listener.Addr().String()
	mux := http.NewServeMux()
	mux.Handle("/metrics", d.shop)
	server := &http.Server{Handler: mux, ReadHeaderTimeout: 10 * time.Second}
	served := make(chan error, 1)
	go func() { served <- server.Serve(listener) }()
	d.stops = append(d.stops, func() error {
		err := server.Close()
		if end := <-served; !errors.Is(end, http.ErrServerClosed) {
			err = errors.Join(err, end)
		}
		return err
	})
	return nil
}

func (d *demo) startServers(ctx context.Context) error {
	if err := copyRules(filepath.Join(d.prometheusDir(), "rules")); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, startTimeout)
	defer cancel()
	routes, err := exampleRoutes()
	if err != nil {
		return err
	}
	d.alertmanager, err = servers.StartAlertmanager(
		ctx, servers.AlertmanagerOptions{Dir: d.dir, Config: routes, Log: d.log},
	)
	if err != nil {
		return err
	}
	d.stops = append(d.stops, d.alertmanager.Stop)
	// startExporter configures what it scrapes, once there is an exporter.
	d.prometheus, err = servers.StartPrometheus(ctx, servers.PrometheusOptions{Dir: d.prometheusDir(), Log: d.log})
	if err != nil {
		return err
	}
	d.stops = append(d.stops, d.prometheus.Stop)
	return d.scrapeShop()
}

// scrapeShop lets Prometheus scrape the shop, and nothing else yet. A gap between the history and the first scrape, as
// long as the backtest takes, would make rates fall.
func (d *demo) scrapeShop() error {
	var config struct {
		Global        any   `yaml:"global"`
		ScrapeConfigs []any `yaml:"scrape_configs"`
	}
	if err := yaml.Unmarshal([]byte(prometheusConfig), &config); err != nil {
		return err
	}
	config.ScrapeConfigs = config.ScrapeConfigs[:1]
	b, err := yaml.Marshal(config)
	if err != nil {
		return err
	}
	return d.prometheus.Configure(strings.ReplaceAll(string(b), "localhost:8080", d.shopAddr))
}

// copyRules copies the rules of the project, without their tests, to where the configuration of Prometheus expects
// them.
func copyRules(dir string) error {
	root, err := servers.Root()
	if err != nil {
		return err
	}
	files, err := filepath.Glob(filepath.Join(root, "rules", "*.yml"))
	if err != nil {
		return err
	}
	if err := os.MkdirAll(dir, 0o777); err != nil {
		return err
	}
	for _, file := range files {
		if strings.HasSuffix(file, "_test.yml") {
			continue
		}
		b, err := os.ReadFile(file)
		if err != nil {
			return err
		}
		if err := os.WriteFile(filepath.Join(dir, filepath.Base(file)), b, 0o666); err != nil {
			return err
		}
	}
	return nil
}

// exampleRoutes returns the example of a configuration for Alertmanager. Its receivers notify nobody here.
func exampleRoutes() (string, error) {
	root, err := servers.Root()
	if err != nil {
		return "", err
	}
	b, err := os.ReadFile(filepath.Join(root, "examples", "alertmanager", "alertmanager.yml"))
	if err != nil {
		return "", err
	}
	var example struct {
		Route        any              `yaml:"route"`
		InhibitRules any              `yaml:"inhibit_rules"`
		Receivers    []map[string]any `yaml:"receivers"`
	}
	if err := yaml.Unmarshal(b, &example); err != nil {
		return "", err
	}
	for i, r := range example.Receivers {
		example.Receivers[i] = map[string]any{"name": r["name"]}
	}
	b, err = yaml.Marshal(example)
	return string(b), err
}

func (d *demo) startExporter(ctx context.Context) error {
	starting, cancel := context.WithTimeout(ctx, startTimeout)
	defer cancel()
	addr, err := freeAddress()
	if err != nil {
		return err
	}
	d.exporter, err = servers.StartExporter(starting, servers.ExporterOptions{
		Dir:    d.dir,
		Config: d.exporterConfig(),
		Flags: []string{
			"--web.external-url=http://" + addr, "--web.prometheus-url=" + d.prometheus.URL(), "--web.enable-playground",
		},
		Addr: addr,
		Log:  d.log,
	})
	if err != nil {
		return err
	}
	d.stops = append(d.stops, d.exporter.Stop)
	host := func(url string) string { return strings.TrimPrefix(url, "http://") }
	return d.prometheus.Configure(strings.NewReplacer(
		"localhost:8080", d.shopAddr, "localhost:9093", host(d.alertmanager.URL()),
		"localhost:9942", host(d.exporter.URL()),
	).Replace(prometheusConfig))
}

// freeAddress returns an address to listen on. The exporter has to know its own when it starts, for links in alerts.
func freeAddress() (string, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	return l.Addr().String(), l.Close()
}

// stop ends everything, in the opposite order of the start.
func (d *demo) stop() error {
	var errs []error
	for _, v := range slices.Backward(d.stops) {
		errs = append(errs, v())
	}
	d.stops = nil
	return errors.Join(errs...)
}
