// Command anomaly-exporter scores and forecasts the series of a Prometheus from its history, and publishes the
// results as metrics.
package main

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strconv"
	"strings"
	"syscall"
	_ "time/tzdata" // for the time zones of detectors; containers often have none

	"github.com/alecthomas/kingpin/v2"
	"github.com/go-kit/log"
	"github.com/prometheus/common/version"
	"github.com/prometheus/exporter-toolkit/web/kingpinflag"

	"github.com/anomaly-exporter/anomaly-exporter/cmd/anomaly-exporter/ask"
	"github.com/anomaly-exporter/anomaly-exporter/cmd/anomaly-exporter/check"
	"github.com/anomaly-exporter/anomaly-exporter/cmd/anomaly-exporter/doctor"
	"github.com/anomaly-exporter/anomaly-exporter/cmd/anomaly-exporter/memory"
	"github.com/anomaly-exporter/anomaly-exporter/config/document"
)

// Exit codes besides 0. docs/configuration.md has those of check-config.
const (
	exitFailure = 1
	exitUsage   = 2
)

func main() {
	// The version has several lines, and the header of a man page is one. man -k wants a description beside the name.
	kingpin.ManPageTemplate = strings.NewReplacer(
		"{{.App.Version}}", `"" "anomaly-exporter `+version.Version+`"`,
		"\"NAME\"\n{{.App.Name}}", "\"NAME\"\n{{.App.Name}} \\- {{.App.Help}}",
	).Replace(kingpin.ManPageTemplate)
	os.Exit(execute(os.Args[1:], os.Stdout, os.Stderr))
}

// execute runs the command given by args and returns its exit code.
func execute(args []string, stdout, stderr io.Writer) int {
	app := kingpin.New("anomaly-exporter",
		"Anomaly scores, forecasts and replica recommendations from the history that Prometheus holds.").
		Version(version.Print("anomaly-exporter")).
		UsageTemplate(usageTemplate()).
		UsageWriter(stdout).ErrorWriter(stderr)
	app.HelpFlag.Short('h')
	logging := addLogFlags(app)
	query := addQueryFlags(app)
	runCommand, running := addRunCommand(app)
	initCommand, starting := addInitCommand(app)
	checkCommand, checking := addCheckConfigCommand(app)
	backtestCommand, backtesting := addBacktestCommand(app)
	contextCommand, describing := addContextCommand(app)
	resourcesCommand, comparing := addResourcesCommand(app)
	seriesCommand, listing := ask.AddSeries(app)
	doctorCommand, examining := doctor.AddCommand(app)
	mcpCommand, asking := addMCPCommand(app)

	command, err := app.Parse(completable(args))
	if err != nil {
		fmt.Fprintf(stderr, "anomaly-exporter: error: %s%v%s\n", refused(app, args, err), err,
			cmp.Or(meant(app, args, err), ", try --help"))
		return exitUsage
	}
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	defer stop()
	context.AfterFunc(ctx, stop) // a second signal ends the program at once

	replaying := func() log.Logger { // what reads a history may need much memory
		logger := logging.logger(stderr)
		memory.Limit(logger)
		return logger
	}
	exitCode := func(good bool, err error) int {
		if err != nil {
			fmt.Fprintln(stderr, document.Explain(err)+check.Remedy(err))
		}
		if err != nil || !good {
			return exitFailure
		}
		return 0
	}
	switch command {
	case initCommand.FullCommand():
		return exitCode(true, runInit(ctx, *starting, *query, replaying(), stdout, stderr))
	case checkCommand.FullCommand():
		return exitCode(checkConfig(ctx, *checking, *query, stdout, stderr))
	case backtestCommand.FullCommand():
		return exitCode(true, runBacktest(ctx, *backtesting, *query, replaying(), stdout, stderr))
	case contextCommand.FullCommand():
		return exitCode(true, runContext(ctx, *describing, *query, replaying(), stdout))
	case resourcesCommand.FullCommand():
		return exitCode(true, runResources(ctx, *comparing, *query, replaying(), stdout, stderr))
	case seriesCommand.FullCommand():
		return exitCode(true, listing.Run(ctx, stdout))
	case doctorCommand.FullCommand():
		return exitCode(examining.Run(ctx, stdout))
	case mcpCommand.FullCommand():
		return exitCode(true, runMCP(ctx, *asking, logging.logger(stderr), os.Stdin, os.Stdout))
	case runCommand.FullCommand():
		logger := logging.logger(stderr)
		memory.Limit(logger)
		memory.CollectEarly()
		hup := make(chan os.Signal, 1)
		signal.Notify(hup, syscall.SIGHUP)
		defer signal.Stop(hup)
		if err := run(ctx, *running, *query, hup, logger); err != nil {
			logErrors(logger, "Cannot run", err)
			return exitFailure
		}
	}
	return 0
}

func addRunCommand(app *kingpin.Application) (*kingpin.CmdClause, *runOptions) {
	var o runOptions
	cmd := app.Command("run", "Run the exporter. This is the default command.").Default()
	cmd.Flag("config.file", "Path of the configuration file.").Default("anomaly-exporter.yml").StringVar(&o.configFile)
	cmd.Flag("config.auto-reload-interval", "Interval at which the configuration file and its detector_files are looked "+
		"at, to reload them when their content has changed. 0 turns it off.").Default("0s").SetValue(&o.autoReload)
	o.listen = kingpinflag.AddFlags(cmd, ":9942")
	cmd.Flag("web.max-connections", "Maximum number of simultaneous connections across all listeners.").
		Default(strconv.Itoa(defaultMaxConnections)).IntVar(&o.maxConnections)
	ask.URLVar(cmd.Flag("web.external-url", "URL under which people reach the exporter (for example, if it is served "+
		"via a reverse proxy). Used for links. If it has a path, that is the prefix of all endpoints; see "+
		"--web.route-prefix.").PlaceHolder("<URL>"), &o.externalURL)
	cmd.Flag("web.route-prefix", "Prefix of all endpoints. Defaults to the path of --web.external-url.").
		PlaceHolder("<path>").StringVar(&o.routePrefix)
	ask.URLVar(cmd.Flag("web.prometheus-url", "URL under which people reach the Prometheus whose history is read, or "+
		"another server with its pages. Used for links from PromQL.").PlaceHolder("<URL>"), &o.prometheusURL)
	ask.URLVar(cmd.Flag("web.grafana-url", "URL under which people reach a Grafana that has the shipped dashboards. "+
		"Used for links to them and to Explore.").PlaceHolder("<URL>"), &o.grafanaURL)
	cmd.Flag("web.enable-lifecycle", "Enable reloads over HTTP, by POST or PUT to /-/reload.").BoolVar(&o.enableLifecycle)
	cmd.Flag("web.enable-playground", "Serve the playground at /playground, where people try out detectors on past data. "+
		"Whoever reaches it can read all series of the servers in remote_read.").BoolVar(&o.enablePlayground)
	cmd.Flag("web.enable-pprof", "Serve profiles of the Go runtime at /debug/pprof/.").BoolVar(&o.enablePprof)
	addFeedbackFlag(cmd, &o.feedbackFile)
	cmd.Flag("web.allow-anonymous-feedback", "Take feedback on the pages and over HTTP from anybody who reaches the "+
		"exporter. By default only from people who authenticate, as --web.config.file says.").BoolVar(&o.anonymous)
	o.shard.AddTo(cmd)
	return cmd, &o
}
