package main

import (
	"fmt"
	"os"

	"github.com/alecthomas/kingpin/v2"
	"github.com/go-kit/log"
	"github.com/go-kit/log/level"

	"github.com/anomaly-exporter/anomaly-exporter/verdict"
)

// addFeedbackFlag adds the file of what people said about anomalies to a command.
func addFeedbackFlag(cmd *kingpin.CmdClause, file *string) {
	cmd.Flag("feedback.file", "File of what people said about anomalies. What they confirmed is never learned from; what "+
		"they rejected is.").PlaceHolder("FILE").StringVar(file)
}

// addFeedback makes the manager follow a file of what people said. It does not read it yet.
func (e *exporter) addFeedback(path string) error {
	logger := log.With(e.logger, "component", "feedback")
	e.feedback = verdict.NewFile(verdict.Options{
		Path: path, Logger: logger, Registerer: e.registerer,
		OnChange: func(s *verdict.Set) {
			if err := e.manager.ApplyVerdicts(s); err != nil {
				level.Error(logger).Log("msg", "Cannot put feedback in force", "err", err)
			}
		},
	})
	e.reloader.feedback = e.feedback
	return e.manager.ApplyVerdicts(e.feedback.Set())
}

// readFeedback returns what people said in a file; nil without a file.
func readFeedback(path string, logger log.Logger) (*verdict.Set, error) {
	if path == "" {
		return nil, nil
	}
	if _, err := os.Stat(path); err != nil { // run makes the file, other commands only read it
		return nil, fmt.Errorf("feedback file: %w", err)
	}
	f := verdict.NewFile(verdict.Options{Path: path, Logger: log.With(logger, "component", "feedback")})
	err := f.Load()
	return f.Set(), err
}
