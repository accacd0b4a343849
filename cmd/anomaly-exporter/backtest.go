package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/alecthomas/kingpin/v2"
	"github.com/go-kit/log"
	"github.com/prometheus/common/model"
	"github.com/prometheus/common/version"
	"github.com/prometheus/prometheus/storage"

	"github.com/anomaly-exporter/anomaly-exporter/backtest"
	"github.com/anomaly-exporter/anomaly-exporter/backtest/jsonreport"
	"github.com/anomaly-exporter/anomaly-exporter/cmd/anomaly-exporter/check"
	"github.com/anomaly-exporter/anomaly-exporter/cmd/anomaly-exporter/source"
	"github.com/anomaly-exporter/anomaly-exporter/config"
	"github.com/anomaly-exporter/anomaly-exporter/detector"
	"github.com/anomaly-exporter/anomaly-exporter/verdict"
	"github.com/anomaly-exporter/anomaly-exporter/web/report"
)

// backtestOptions are the flags of the backtest command.
type backtestOptions struct {
	configFile string
	start, end string
	names      []string
	output     string
	format     string // of the report on stdout: text or json
	report     string
	truth      string
	truthOn    []string
	feedback   string // file; "": none
}

func addBacktestCommand(app *kingpin.Application) (*kingpin.CmdClause, *backtestOptions) {
	var o backtestOptions
	cmd := app.Command("backtest", "Replay history through the code that runs live. Report what it would have published, "+
		"which alerts would have fired, and how accurate the results were.")
	cmd.Flag("config.file", "Path of the configuration file.").Default("anomaly-exporter.yml").StringVar(&o.configFile)
	cmd.Flag("start", "Start of the replay: a time (RFC 3339 or Unix seconds), or a duration before now as in "+
		"--start=-7d.").
		Default("-7d").PlaceHolder("-7d").StringVar(&o.start)
	cmd.Flag("end", "End of the replay, in the same format as --start. The default is now.").
		PlaceHolder("TIME").StringVar(&o.end)
	cmd.Flag("detector", "Replay only this detector or scaler. May be repeated.").
		PlaceHolder("NAME").StringsVar(&o.names)
	cmd.Flag("output", "Write the results as OpenMetrics text to this file, or to a file per detector in this directory.").
		PlaceHolder("FILE|DIR").StringVar(&o.output)
	cmd.Flag("format", "Format of the report on stdout: text, or json.").Default("text").EnumVar(&o.format, "text", "json")
	cmd.Flag("report", "Write the report as one HTML page with charts to this file, for example to attach it to a pull "+
		"request. It needs no other file, and no server.").
		PlaceHolder("FILE.html").StringVar(&o.report)
	cmd.Flag("truth", "PromQL expression that has a value during an incident. Alerts are compared with it. "+
		"The default is outcomes.truth of the configuration.").
		PlaceHolder("EXPR").StringVar(&o.truth)
	cmd.Flag("truth.on", "Label on which series and truth are joined. May be repeated. "+
		"The default is all labels that both have, except job and instance.").
		PlaceHolder("LABEL").StringsVar(&o.truthOn)
	addFeedbackFlag(cmd, &o.feedback)
	return cmd, &o
}

// runBacktest is the backtest command. It writes the report to stdout, and progress to stderr.
func runBacktest(
	ctx context.Context, o backtestOptions, q queryOptions, logger log.Logger, stdout, stderr io.Writer,
) error {
	cfg, err := config.LoadFile(o.configFile)
	if err != nil {
		return err
	}
	run := backtest.Options{Config: cfg, Logger: logger, Now: time.Now(), Names: o.names, Output: o.output}
	if run.Start, err = parseTime(o.start, run.Now); err != nil {
		return fmt.Errorf("--start: %w", err)
	}
	if run.End = run.Now; o.end != "" {
		run.End, err = parseTime(o.end, run.Now)
	}
	if err != nil {
		return fmt.Errorf("--end: %w", err)
	}
	if o.truth != "" {
		expr, err := config.ParseExpr(o.truth)
		if err != nil {
			return fmt.Errorf("--truth: %w", err)
		}
		run.Truth = &config.Selector{Expr: expr, On: o.truthOn}
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
	run.NewReplayer = newReplayer(src, said, detector.Options{
		Engine: q.engine(logger), Logger: logger, Limits: q.limits(),
	})
	run.Explain = func(ctx context.Context, detector string) (why string, later bool) {
		return check.WithoutSeriesUntil(ctx, cfg, detector, run.End, check.Options{
			Engine: q.engine(logger), MaxConcurrency: q.maxConcurrency, Now: run.Now, Timeout: checkTimeout,
		})
	}
	bar := newProgressBar(stderr)
	run.Progress = bar.show
	found, err := runReport(ctx, run, o)
	bar.clear()
	if err != nil {
		if ctx.Err() != nil {
			return errors.New("interrupted")
		}
		return err
	}
	if o.format == "json" {
		err = jsonreport.Write(stdout, found)
	} else {
		_, err = fmt.Fprint(stdout, found)
	}
	if why := withoutIncidents(found); why != "" {
		fmt.Fprintln(stderr, why)
	}
	var failed []string
	for _, d := range found.Detectors {
		if d.Failed {
			failed = append(failed, d.Name)
		}
	}
	if err == nil && len(failed) > 0 {
		return fmt.Errorf("not replayed, the report says why: %s", strings.Join(failed, ", "))
	}
	return err
}

// withoutIncidents says why no series had an incident, although there is a truth; "": one had, or those that there were
// are undecided.
func withoutIncidents(r *backtest.Report) (why string) {
	for _, d := range r.Detectors {
		switch {
		case d.Truth == nil:
			continue
		case d.Truth.Incidents > 0:
			return ""
		case len(d.Incidents) == 0 && why == "":
			why = "the truth had no value in this time"
		}
		for _, p := range d.Incidents {
			if p.Start.After(r.Start.Add(undecided)) && p.End.Before(r.End.Add(-undecided)) {
				why = fmt.Sprintf("the truth had a value from %s to %s, which belongs to no series that had a score then; if they "+
					"share no label but job and instance, name those to join on with --truth.on",
					p.Start.UTC().Format(time.RFC3339), p.End.UTC().Format(time.RFC3339))
				break
			}
		}
	}
	return why
}

// runReport runs a backtest and returns its report, which it also writes as a page if that is asked for.
func runReport(ctx context.Context, run backtest.Options, o backtestOptions) (*backtest.Report, error) {
	if o.report == "" {
		return backtest.Run(ctx, run)
	}
	// Now, rather than after an hour, and beside the report of an earlier backtest until this one is whole.
	file, err := os.CreateTemp(filepath.Dir(o.report), filepath.Base(o.report)+".*")
	if err != nil {
		return nil, fmt.Errorf("--report: %w", err)
	}
	defer os.Remove(file.Name())
	r, err := report.Run(ctx, run)
	if err != nil {
		return nil, errors.Join(err, file.Close())
	}
	w := bufio.NewWriter(file)
	err = errors.Join(
		r.Write(w, "Backtest of "+filepath.Base(o.configFile), version.Info()), w.Flush(), file.Chmod(0o644), file.Close(),
	)
	if err != nil {
		return nil, fmt.Errorf("--report: %w", err)
	}
	return r.Report, os.Rename(file.Name(), o.report)
}

// newReplayer returns what makes a detector.Manager of a configuration, for a replay of the history in src with what
// people said. All of them keep the limits of the options together.
func newReplayer(
	src storage.Queryable, said *verdict.Set, o detector.Options,
) func(*config.Config) (backtest.Replayer, error) {
	return func(cfg *config.Config) (backtest.Replayer, error) {
		m, err := detector.New(o)
		if err != nil {
			return nil, err
		}
		return m, errors.Join(m.ApplyVerdicts(said), m.ApplyConfig(cfg, src))
	}
}

// undecided is how close to the start or the end an incident is not counted at the usual lead_window, and longer.
const undecided = time.Hour

// maxSeconds is a guard: larger numbers are Unix times in milliseconds (1e11 seconds are in the year 5138).
const maxSeconds = 1e11

// parseTime parses a time in RFC 3339, in Unix seconds, or as a duration before now with or without a minus sign.
func parseTime(s string, now time.Time) (time.Time, error) {
	if t, err := time.Parse(time.RFC3339, s); err == nil {
		return t, nil
	}
	if seconds, err := strconv.ParseFloat(s, 64); err == nil && seconds >= 0 && seconds < maxSeconds {
		return time.UnixMilli(int64(seconds * 1000)), nil
	}
	if ago, err := model.ParseDuration(strings.TrimPrefix(s, "-")); err == nil {
		return now.Add(-time.Duration(ago)), nil
	}
	return time.Time{}, fmt.Errorf("%q is neither a time such as 2026-03-02T00:00:00Z or 1772409600, "+
		"nor a duration before now such as -7d", s)
}

// progressBar shows the progress of a replay on a terminal. It shows nothing if the output is not a terminal.
type progressBar struct {
	w     io.Writer // nil if it is not a terminal
	begun time.Time
	doing string
	shown time.Time // of the last update
}

func newProgressBar(w io.Writer) *progressBar {
	bar := &progressBar{begun: time.Now()}
	if file, ok := w.(*os.File); ok {
		if info, err := file.Stat(); err == nil && info.Mode()&os.ModeCharDevice != 0 {
			bar.w = w
		}
	}
	return bar
}

// show updates the bar, at most ten times a second while the same is done.
func (b *progressBar) show(doing string, done, total int) { b.showAt(time.Now(), doing, done, total) }

func (b *progressBar) showAt(now time.Time, doing string, done, total int) {
	const width = 20
	if b.w == nil || doing == b.doing && done < total && now.Sub(b.shown) < 100*time.Millisecond {
		return
	}
	b.shown, b.doing = now, doing
	full := width * done / total
	bar := strings.Repeat("=", full) + strings.Repeat(" ", width-full)
	left := ""
	if share := float64(done) / float64(total); share >= 0.01 { // less says nothing
		left = fmt.Sprintf(", %s left", time.Duration(float64(now.Sub(b.begun))*(1/share-1)).Round(time.Second))
	}
	fmt.Fprintf(b.w, "\r\x1b[K[%s] %d %%%s: %s", bar, 100*done/total, left, doing)
}

// clear removes the bar.
func (b *progressBar) clear() {
	if b.w != nil {
		fmt.Fprint(b.w, "\r\x1b[K")
	}
}
