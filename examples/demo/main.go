// Demo runs a small shop that is getting into trouble, a Prometheus that knows its last 14 days, and an anomaly-exporter
// that reads them: all real, all on loopback, and gone when it ends. See README.md for the story.
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
	log     io.Writer // of the servers; nil unless asked for
}

func main() {
	o := options{}
	flag.BoolVar(&o.once, "once", false, "end when every trouble of the story has been seen in Prometheus; exit 1 if one is missing at the timeout")
	flag.DurationVar(&o.timeout, "timeout", 10*time.Minute, "how long to wait for the troubles to be seen")
	verbose := flag.Bool("verbose", false, "show the logs of the servers")
	flag.Parse()
	if *verbose {
		o.log = os.Stderr
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	err := run(ctx, o, os.Stdout)
	if ctx.Err() != nil && !o.once {
		err = nil // Ctrl-C is how it ends
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "demo:", err)
		os.Exit(1)
	}
}

// run starts everything, tells what it sees, and leaves nothing behind.
func run(ctx context.Context, o options, out io.Writer) (err error) {
	d := &demo{log: o.log, out: out}
	defer func() {
		if ctx.Err() != nil {
			fmt.Fprintln(out, "\nEnding the servers and removing their data.")
		}
		err = errors.Join(err, d.stop())
	}()
	if err := d.start(ctx, time.Now()); err != nil {
		return err
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
	fmt.Fprintln(out, "\nThe story goes on. Ctrl-C ends it.")
	<-ctx.Done()
	return nil
}
