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

// The range that is replayed for the dashboards. It ends before the exporter starts, so that all results during the
// story have been scraped.
const (
	backtestStart = "--start=-2d"
	backtestEnd   = "--end=-10m"
)

// backtest replays the last days and loads the results into Prometheus. It runs the commands that a user would run.
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
		{
			filepath.Join(root, ".build", "anomaly-exporter"), "backtest", "--config.file=" + config, backtestStart,
			backtestEnd, "--output=" + results,
		},
		{promtool, "tsdb", "create-blocks-from", "--max-block-duration=24h", "openmetrics", results, d.prometheusDir()},
	} {
		cmd := exec.CommandContext(ctx, command[0], command[1:]...)
		if out, err := cmd.CombinedOutput(); err != nil {
			return fmt.Errorf("%s: %w\n%s", strings.Join(command, " "), err, out)
		}
	}
	// Prometheus looks for new blocks when it starts, and then only once a minute.
	return errors.Join(os.Remove(results), d.prometheus.Restart(ctx))
}

// exporterConfig returns the configuration with the address of Prometheus.
func (d *demo) exporterConfig() string {
	return strings.ReplaceAll(exporterConfig, "http://localhost:9090", d.prometheus.URL())
}
