package main

import (
	"context"
	"io"
	"time"

	"github.com/alecthomas/kingpin/v2"
	"github.com/go-kit/log"

	"github.com/anomaly-exporter/anomaly-exporter/backtest"
	"github.com/anomaly-exporter/anomaly-exporter/cmd/anomaly-exporter/ask"
	"github.com/anomaly-exporter/anomaly-exporter/cmd/anomaly-exporter/check"
	"github.com/anomaly-exporter/anomaly-exporter/cmd/anomaly-exporter/preset"
	"github.com/anomaly-exporter/anomaly-exporter/cmd/anomaly-exporter/source"
	"github.com/anomaly-exporter/anomaly-exporter/config"
	"github.com/anomaly-exporter/anomaly-exporter/detector"
)

func addInitCommand(app *kingpin.Application) (*kingpin.CmdClause, *preset.Command) {
	var o preset.Command
	cmd := app.Command("init", "Look at the metrics of a Prometheus and write a configuration for them.")
	ask.URLVar(cmd.Flag("url", "URL of the Prometheus.").Default("http://localhost:9090"), &o.URL)
	cmd.Flag("http.config.file", "HTTP client configuration for the Prometheus: authentication, TLS, proxy. The format "+
		"is that of promtool. Its keys go into the configuration.").PlaceHolder("<filename>").ExistingFileVar(&o.HTTPConfig)
	cmd.Flag("output", "File to write.").Default("anomaly-exporter.yml").StringVar(&o.Output)
	cmd.Flag("force", "Overwrite the file if there is one.").BoolVar(&o.Force)
	cmd.Flag("timezone", "Time zone of most of your users, such as Europe/Berlin. The default is UTC.").
		PlaceHolder("ZONE").StringVar(&o.Timezone)
	cmd.Flag("max-series", "Maximum number of series of all detectors together. What users notice comes first; "+
		"detectors for which there is no room are left out.").Default("10000").IntVar(&o.MaxSeries)
	cmd.Flag("backtest", "Replay the last week, and leave out the detectors whose workloads would have alerted more "+
		"than once a week each.").BoolVar(&o.Backtest)
	return cmd, &o
}

// runInit is the init command. It writes what it found to stdout, and progress to stderr.
func runInit(
	ctx context.Context, o preset.Command, q queryOptions, logger log.Logger, stdout, stderr io.Writer,
) error {
	// Up to the full hour, so that two runs soon after each other find the same.
	replay := func(ctx context.Context, cfg *config.Config, names []string, now time.Time) (*backtest.Report, error) {
		src, err := source.New(cfg.RemoteRead, source.Options{MaxConcurrency: q.maxConcurrency, Logger: logger})
		if err != nil {
			return nil, err
		}
		defer src.Close()
		bar := newProgressBar(stderr)
		defer bar.clear()
		end := now.Truncate(time.Hour)
		return backtest.Run(ctx, backtest.Options{
			Config: cfg, Logger: logger, Names: names, Start: end.AddDate(0, 0, -7), End: end, Now: now,
			NewReplayer: newReplayer(src, nil, detector.Options{
				Engine: q.engine(logger), Logger: logger, Limits: q.limits(),
			}),
			Progress: bar.show,
		})
	}
	return o.Run(ctx, preset.Environment{Stdout: stdout, Size: check.Size, Replay: replay})
}
