// Package published knows the name of every metric that the program publishes, from the code that registers them. Rules
// and dashboards are tested against it.
package published

import (
	"fmt"
	"regexp"
	"strings"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/collectors/version"
	"github.com/prometheus/prometheus/promql"
	"github.com/prometheus/prometheus/promql/parser"

	"github.com/anomaly-exporter/anomaly-exporter/collector"
	"github.com/anomaly-exporter/anomaly-exporter/detector"
	"github.com/anomaly-exporter/anomaly-exporter/detector/result"
	"github.com/anomaly-exporter/anomaly-exporter/remoteread"
)

// ofCommand are the metrics that package main registers, which cannot be imported.
var ofCommand = []string{
	"anomaly_exporter_config_hash",
	"anomaly_exporter_config_last_reload_successful",
	"anomaly_exporter_config_last_reload_success_timestamp_seconds",
	"anomaly_exporter_shards",
	"anomaly_exporter_web_info",
}

// Names is a set of metric names.
type Names map[string]bool

// Has tells whether a name is in the set, or is a series of a histogram or summary in it.
func (n Names) Has(name string) bool {
	for _, suffix := range []string{"", "_bucket", "_sum", "_count"} {
		if base, ok := strings.CutSuffix(name, suffix); ok && n[base] {
			return true
		}
	}
	return false
}

// All returns the names of all results and of all metrics that the program has about itself.
func All() (Names, error) {
	names := Names{}
	for f := range result.NumFamilies {
		names[f.Name()] = true
	}
	for _, name := range ofCommand {
		names[name] = true
	}
	if err := names.registered(); err != nil {
		return nil, err
	}
	return names, nil
}

var fqName = regexp.MustCompile(`fqName: "([^"]*)"`)

// registered adds the names of what the packages register.
func (n Names) registered() error {
	reg := &recorder{names: n}
	_, err := detector.New(detector.Options{
		Engine:     promql.NewEngine(promql.EngineOpts{Parser: parser.NewParser(parser.Options{})}),
		Registerer: reg,
	})
	if err != nil {
		return fmt.Errorf("detector: %w", err)
	}
	if _, err := collector.New(collector.Options{Registerer: reg, Gatherer: prometheus.NewRegistry()}); err != nil {
		return fmt.Errorf("collector: %w", err)
	}
	remoteread.NewMetrics(reg)
	reg.MustRegister(
		version.NewCollector("anomaly_exporter"),
		collectors.NewGoCollector(),
		collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}),
	)
	return reg.err
}

// recorder is a registerer that only notes names.
type recorder struct {
	names Names
	err   error
}

func (r *recorder) Register(c prometheus.Collector) error {
	descs := make(chan *prometheus.Desc)
	go func() {
		defer close(descs)
		c.Describe(descs)
	}()
	for desc := range descs {
		if name := fqName.FindStringSubmatch(desc.String()); name != nil {
			r.names[name[1]] = true
		} else {
			r.err = fmt.Errorf("no name in %s", desc)
		}
	}
	return r.err
}

func (r *recorder) MustRegister(cs ...prometheus.Collector) {
	for _, c := range cs {
		_ = r.Register(c) // kept in r.err
	}
}

func (*recorder) Unregister(prometheus.Collector) bool { return false }
