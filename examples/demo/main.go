// Demo runs a small shop that is getting into trouble, a Prometheus with its last 14 days, and an anomaly-exporter
// that reads them. All servers are real, listen on loopback and are removed at the end. See README.md for the story.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"
	"time"
)

type options struct {
	once    bool
	timeout time.Duration
	log     io.Writer // receives the logs of the servers; nil by default
}

func main() {
	o := options{}
	flag.BoolVar(
		&o.once, "once", false,
		"exit when Prometheus shows every trouble of the story, with status 1 if it does not within the timeout",
	)
	flag.DurationVar(&o.timeout, "timeout", 10*time.Minute, "how long to wait for the troubles")
	verbose := flag.Bool("verbose", false, "show the logs of the servers")
	flag.Parse()
	if *verbose {
		o.log = os.Stderr
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	err := run(ctx, o, os.Stdout)
	if ctx.Err() != nil && !o.once {
		err = nil // it was ended with Ctrl-C, as it should be
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "demo:", err)
		os.Exit(1)
	}
}

// run starts everything, prints what it sees, and leaves nothing behind.
func run(ctx context.Context, o options, out io.Writer) (err error) {
	d := &demo{log: o.log, out: out}
	defer func() {
		if ctx.Err() != nil {
			fmt.Fprintln(out, "\nStopping the servers and removing their data.")
		}
		err = errors.Join(err, d.stop())
	}()
	if err := d.start(ctx, time.Now()); err != nil {
		return err
	}
	if !o.once {
		fmt.Fprintf(out, "\nOpen %s in a browser.\n\n", d.exporter.URL())
	}
	missing, err := d.watch(ctx, o.timeout)
	if err != nil {
		return err
	}
	if err := d.report(ctx); err != nil {
		return err
	}
	if len(missing) > 0 && o.once {
		return fmt.Errorf("not seen in Prometheus after %s: %s", o.timeout, names(missing))
	}
	if o.once {
		return nil
	}
	d.reportAddresses() // of servers that stay
	fmt.Fprintln(out, "\nThe story goes on. Press Ctrl-C to end it.")
	<-ctx.Done()
	return nil
}
