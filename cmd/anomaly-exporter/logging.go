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

// logOptions are the flags --log.level and --log.format.
type logOptions struct{ level, format string }

func addLogFlags(app *kingpin.Application) *logOptions {
	var o logOptions
	app.Flag("log.level", "Lowest level of messages that are logged: debug, info, warn or error.").
		Default("info").EnumVar(&o.level, "debug", "info", "warn", "error")
	app.Flag("log.format", "Format of log messages: logfmt or json.").
		Default("logfmt").EnumVar(&o.format, "logfmt", "json")
	return &o
}

// logger returns a logger that writes to w. It may be used by several goroutines.
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

// logErrors logs a message for each line of err, because a configuration may have several problems.
func logErrors(logger log.Logger, msg string, err error) {
	for line := range strings.SplitSeq(err.Error(), "\n") {
		level.Error(logger).Log("msg", msg, "err", line)
	}
}

// slogger adapts logger to libraries that use log/slog. It passes on all levels; logger filters them.
func slogger(logger log.Logger) *slog.Logger {
	return slog.New(dropTime{sloggokit.NewGoKitHandler(logger, slog.LevelDebug)})
}

// dropTime removes the time from records, because the logger adds it.
type dropTime struct{ slog.Handler }

func (h dropTime) Handle(ctx context.Context, r slog.Record) error {
	r.Time = time.Time{}
	r.PC = 0 // and the source line
	return h.Handler.Handle(ctx, r)
}

func (h dropTime) WithAttrs(attrs []slog.Attr) slog.Handler {
	return dropTime{h.Handler.WithAttrs(attrs)}
}

func (h dropTime) WithGroup(name string) slog.Handler { return dropTime{h.Handler.WithGroup(name)} }
