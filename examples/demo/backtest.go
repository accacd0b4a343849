package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"github.com/anomaly-exporter/anomaly-exporter/test/servers"
)

// What is replayed for the dashboards that look back. It ends before the exporter begins: what is seen of the story is what is scraped.
const (
	backtestStart = "--start=-2d"
	backtestEnd   = "--end=-10m"
)

// backtest replays the last days and loads the results into Prometheus, with the commands that anybody would give.
func (d *demo) backtest(ctx context.Context) error {
	root, err := servers.Root()
	if err != nil {
		return err
	}
	promtool, err := servers.Tool("promtool")
	if err != nil {
		return err
	}
	config, results := filepath.Join(d.dir, "backtest.yml"), filepath.Join(d.dir, "results.om")
	if err := os.WriteFile(config, []byte(d.exporterConfig()), 0o600); err != nil {
		return err
	}
	for _, command := range [][]string{
		{filepath.Join(root, ".build", "anomaly-exporter"), "backtest", "--config.file=" + config, backtestStart, backtestEnd, "--output=" + results},
		{promtool, "tsdb", "create-blocks-from", "--max-block-duration=24h", "openmetrics", results, d.prometheusDir()},
	} {
		cmd := exec.CommandContext(ctx, command[0], command[1:]...)
		if out, err := cmd.CombinedOutput(); err != nil {
			return fmt.Errorf("%s: %w\n%s", strings.Join(command, " "), err, out)
		}
	}
	// It looks for blocks when it starts, and else once a minute.
	return errors.Join(os.Remove(results), d.prometheus.Restart(ctx))
}

// exporterConfig is the configuration with the address that Prometheus has.
func (d *demo) exporterConfig() string {
	return strings.ReplaceAll(exporterConfig, "http://localhost:9090", d.prometheus.URL())
}
