package main

import (
	"context"
	"encoding/json"
	"io"
	"time"

	"github.com/alecthomas/kingpin/v2"
	"github.com/go-kit/log"

	"github.com/anomaly-exporter/anomaly-exporter/cmd/anomaly-exporter/check"
)

// checkTimeout is how long check-config waits for the servers of a file (chosen, not tuned).
const checkTimeout = 30 * time.Second

// checkOptions are the flags of the check-config command.
type checkOptions struct {
	files      []string
	output     string // text or json
	strict     bool   // a warning is a failure
	syntaxOnly bool
	timeout    time.Duration // to wait for the servers of a file
}

func addCheckConfigCommand(app *kingpin.Application) (*kingpin.CmdClause, *checkOptions) {
	o := checkOptions{timeout: checkTimeout}
	cmd := app.Command("check-config", "Check configuration files, and ask their servers whether what they name exists. "+
		"Estimate their memory, and the CPU of a start. The exit code is 0 if all files are valid, 1 if not, 2 for wrong "+
		"flags.")
	cmd.Arg("file", "Path of a configuration file.").Required().StringsVar(&o.files)
	cmd.Flag("output", "Format of the output: text, or json on stdout.").Default("text").EnumVar(&o.output, "text", "json")
	cmd.Flag("strict", "Exit with 1 also if there are warnings.").BoolVar(&o.strict)
	cmd.Flag("syntax-only", "Check the files only, and ask no server.").BoolVar(&o.syntaxOnly)
	return cmd, &o
}

// checkConfig is the check-config command. It writes what is wrong to stderr, as file:line: what is wrong, and the
// estimated cost of valid files to stdout; as JSON it writes all of it to stdout. It returns whether all files are
// valid and, if that is asked for, without warnings.
func checkConfig(ctx context.Context, o checkOptions, q queryOptions, stdout, stderr io.Writer) (bool, error) {
	all := struct {
		Files []*check.Result `json:"files"`
	}{[]*check.Result{}}
	good := true
	for _, file := range o.files {
		r := check.File(ctx, file, check.Options{
			Engine: q.engine(log.NewNopLogger()), MaxConcurrency: q.maxConcurrency,
			Offline: o.syntaxOnly, Now: time.Now(), Timeout: o.timeout,
		})
		good = good && r.Valid && !(o.strict && r.Warnings())
		all.Files = append(all.Files, r)
		if o.output == "text" {
			r.WriteProblems(stderr)
			r.WriteCosts(stdout)
		}
	}
	if o.output == "text" {
		return good, nil
	}
	enc := json.NewEncoder(stdout)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	return good, enc.Encode(all)
}
