package main

import (
	"context"
	"io"
	"time"

	"github.com/alecthomas/kingpin/v2"
	"github.com/go-kit/log"

	"github.com/anomaly-exporter/anomaly-exporter/cmd/anomaly-exporter/resources"
)

func addResourcesCommand(app *kingpin.Application) (*kingpin.CmdClause, *resources.Command) {
	var o resources.Command
	cmd := app.Command("resources", "Compare the requests that scalers with resources recommend with those of the "+
		"containers that run, as kube-state-metrics knows them. Nothing is applied.")
	cmd.Flag("config.file", "Path of the configuration file.").Default("anomaly-exporter.yml").StringVar(&o.ConfigFile)
	cmd.Flag("output", "A table for people, or strategic merge patches for kustomize.").
		Default("table").EnumVar(&o.Output, "table", "kustomize")
	cmd.Flag("match", "Selector of the containers, such as {namespace=\"shop\",container!=\"istio-proxy\"}, by labels of "+
		"kube-state-metrics.").PlaceHolder("SELECTOR").StringVar(&o.Match)
	cmd.Flag("min-change", "Keep requests that differ from the recommendation by no more than this share.").
		Default("0.1").Float64Var(&o.MinChange)
	cmd.Flag("cost-per-core-hour", "Price of a CPU core for an hour. With a price, the table shows what requests cost.").
		PlaceHolder("PRICE").Float64Var(&o.CoreHour)
	cmd.Flag("cost-per-gib-hour", "Price of a GiB of memory for an hour.").PlaceHolder("PRICE").Float64Var(&o.GiBHour)
	return cmd, &o
}

// runResources is the resources command. It writes the comparison to stdout, and what it leaves out to stderr.
func runResources(
	ctx context.Context, o resources.Command, q queryOptions, logger log.Logger, stdout, stderr io.Writer,
) error {
	return o.Run(ctx, resources.Environment{
		Stdout: stdout, Stderr: stderr, Logger: logger, Engine: q.engine(logger), Limits: q.limits(),
		MaxConcurrency: q.maxConcurrency, Now: time.Now(),
	})
}
