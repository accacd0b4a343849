package main

import (
	"context"
	"io"

	"github.com/alecthomas/kingpin/v2"
	"github.com/go-kit/log"
	"github.com/prometheus/common/version"
	toolkit "github.com/prometheus/exporter-toolkit/web"
	"github.com/prometheus/exporter-toolkit/web/kingpinflag"

	"github.com/anomaly-exporter/anomaly-exporter/cmd/anomaly-exporter/ask"
	"github.com/anomaly-exporter/anomaly-exporter/web"
	"github.com/anomaly-exporter/anomaly-exporter/web/mcp"
)

// mcpOptions are the flags of the mcp command.
type mcpOptions struct {
	exporter  ask.Server
	transport string
	listen    *toolkit.FlagConfig
}

func addMCPCommand(app *kingpin.Application) (*kingpin.CmdClause, *mcpOptions) {
	var o mcpOptions
	cmd := app.Command("mcp", "Let a language model ask a running exporter, over the Model Context Protocol. Read-only.")
	o.exporter.AddTo(cmd, "exporter", "", "http://localhost:9942",
		"URL of the exporter, with its route prefix if it has one.")
	cmd.Flag("transport", "How the client connects: stdio, if it starts this command itself; or http, at /mcp of "+
		"--web.listen-address.").Default("stdio").EnumVar(&o.transport, "stdio", "http")
	o.listen = kingpinflag.AddFlags(cmd, "127.0.0.1:9943")
	return cmd, &o
}

// runMCP is the mcp command. It returns when ctx ends or, over stdio, when the client has closed stdin.
func runMCP(ctx context.Context, o mcpOptions, logger log.Logger, stdin io.ReadCloser, stdout io.WriteCloser) error {
	client, err := o.exporter.Client()
	if err != nil {
		return err
	}
	defer client.CloseIdleConnections()
	logger = log.With(logger, "component", "mcp")
	s, err := mcp.New(mcp.Options{
		Exporter: client.URL(), Client: client.Client, Version: version.Version, Logger: slogger(logger),
	})
	if err != nil {
		return err
	}
	if o.transport == "http" {
		return web.NewServer(s.Handler(), o.listen, defaultMaxConnections, slogger(logger)).Run(ctx)
	}
	return s.Run(ctx, stdin, stdout)
}
