package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/alecthomas/kingpin/v2"
	"github.com/go-kit/log"

	"github.com/anomaly-exporter/anomaly-exporter/cmd/anomaly-exporter/source"
	"github.com/anomaly-exporter/anomaly-exporter/config"
	"github.com/anomaly-exporter/anomaly-exporter/detector"
	"github.com/anomaly-exporter/anomaly-exporter/detector/result"
	"github.com/anomaly-exporter/anomaly-exporter/web/incident"
	"github.com/anomaly-exporter/anomaly-exporter/web/view"
)

// contextLookBack is how long before the time asked for the replay begins, so that it is known since when most scores
// have been high. What was high already is replayed from further back. Chosen, not tuned.
const contextLookBack = 2 * time.Hour

// contextOptions are the flags of the context command.
type contextOptions struct {
	configFile string
	at         string
	match      []string
	format     string
	feedback   string // file; "": none
}

func addContextCommand(app *kingpin.Application) (*kingpin.CmdClause, *contextOptions) {
	var o contextOptions
	cmd := app.Command("context", "Describe what was anomalous at a time, who is suspected of being the cause, and what "+
		"else happened. History is replayed through the code that runs live.")
	cmd.Flag("config.file", "Path of the configuration file.").Default("anomaly-exporter.yml").StringVar(&o.configFile)
	cmd.Flag("at", "Time (RFC 3339 or Unix seconds), or a duration before now as in --at=-1h. The default is now.").
		PlaceHolder("TIME").StringVar(&o.at)
	cmd.Flag("match", "Selector over the labels of the results, such as {namespace=\"shop\"}. May be repeated.").
		PlaceHolder("SELECTOR").StringsVar(&o.match)
	cmd.Flag("format", "Format of the document.").Default("markdown").EnumVar(&o.format, "markdown", "json")
	addFeedbackFlag(cmd, &o.feedback)
	return cmd, &o
}

// runContext is the context command. It writes the document to stdout.
func runContext(ctx context.Context, o contextOptions, q queryOptions, logger log.Logger, stdout io.Writer) error {
	cfg, err := config.LoadFile(o.configFile)
	if err != nil {
		return err
	}
	now := time.Now()
	at := now
	if o.at != "" {
		if at, err = parseTime(o.at, now); err != nil {
			return fmt.Errorf("--at: %w", err)
		}
	}
	said, err := readFeedback(o.feedback, logger)
	if err != nil {
		return err
	}
	src, err := source.New(cfg.RemoteRead, source.Options{MaxConcurrency: q.maxConcurrency, Logger: logger})
	if err != nil {
		return err
	}
	defer src.Close()
	selectors, err := view.ParseSelectors(o.match)
	if err != nil {
		return fmt.Errorf("--match: %w", err)
	}
	m, err := detector.New(detector.Options{
		Engine: q.engine(logger), Logger: logger, Limits: q.limits(),
		Wants: func(l result.Labels) bool { return view.Matches(selectors, l) },
	})
	if err != nil {
		return err
	}
	if err := errors.Join(m.ApplyVerdicts(said), m.ApplyConfig(cfg, src)); err != nil {
		return err
	}
	newest := map[result.Source]*result.Batch{}
	keep := func(b *result.Batch) { newest[b.Source] = b }
	failed := m.Replay(ctx, at.Add(-contextLookBack), at, keep)
	if failed != nil && (ctx.Err() != nil || len(newest) == 0) {
		return failed
	}
	snapshot := result.NewSnapshot(result.Sorted(newest), cfg.Global.SampleLimit)
	v, err := view.New(view.Options{
		Snapshot: func() *result.Snapshot { return snapshot }, Config: func() *config.Config { return cfg },
		Now: func() time.Time { return at }, Replay: m.ReplaySeries,
	})
	if err != nil {
		return err
	}
	var d *incident.Document
	v.SettleAll(ctx, func() {
		d, err = incident.Describe(ctx, v, snapshot, cfg.Context, m.Query, o.match, incident.DefaultLimit)
	})
	if err != nil {
		return err
	}
	if failed != nil { // it is about the others
		d.Problems = append(d.Problems, strings.Split(failed.Error(), "\n")...)
	}
	if o.format == "markdown" {
		_, err = io.WriteString(stdout, d.Markdown())
		return err
	}
	enc := json.NewEncoder(stdout)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	return enc.Encode(d)
}
