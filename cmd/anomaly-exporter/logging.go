package main

import (
	"context"
	"io"
	"log/slog"
	"strings"
	"time"

	"github.com/alecthomas/kingpin/v2"
	"github.com/go-kit/log"
	"github.com/go-kit/log/level"
	sloggokit "github.com/tjhop/slog-gokit"
)

// logOptions are --log.level and --log.format.
type logOptions struct{ level, format string }

func addLogFlags(app *kingpin.Application) *logOptions {
	var o logOptions
	app.Flag("log.level", "Only log what is at least that severe: debug, info, warn or error.").Default("info").EnumVar(&o.level, "debug", "info", "warn", "error")
	app.Flag("log.format", "Format of log lines: logfmt or json.").Default("logfmt").EnumVar(&o.format, "logfmt", "json")
	return &o
}

func (o *logOptions) logger(w io.Writer) log.Logger {
	w = log.NewSyncWriter(w)
	var logger log.Logger
	if o.format == "json" {
		logger = log.NewJSONLogger(w)
	} else {
		logger = log.NewLogfmtLogger(w)
	}
	logger = level.NewFilter(logger, level.Allow(level.ParseDefault(o.level, level.InfoValue())))
	now := log.TimestampFormat(func() time.Time { return time.Now().UTC() }, "2006-01-02T15:04:05.000Z07:00")
	return log.With(logger, "ts", now)
}

// logErrors logs an event for each line of err: a configuration may have several mistakes.
func logErrors(logger log.Logger, msg string, err error) {
	for line := range strings.SplitSeq(err.Error(), "\n") {
		level.Error(logger).Log("msg", msg, "err", line)
	}
}

// slogger is logger for the libraries that want log/slog. The levels are filtered by logger.
func slogger(logger log.Logger) *slog.Logger {
	return slog.New(untimed{sloggokit.NewGoKitHandler(logger, slog.LevelDebug)})
}

// untimed takes the time from records, for the logger has its own.
type untimed struct{ slog.Handler }

func (h untimed) Handle(ctx context.Context, r slog.Record) error {
	r.Time = time.Time{}
	r.PC = 0 // nor do we name source lines
	return h.Handler.Handle(ctx, r)
}

func (h untimed) WithAttrs(attrs []slog.Attr) slog.Handler {
	return untimed{h.Handler.WithAttrs(attrs)}
}

func (h untimed) WithGroup(name string) slog.Handler { return untimed{h.Handler.WithGroup(name)} }
