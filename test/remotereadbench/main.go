// Remotereadbench reads counters from a real Prometheus with the client of Prometheus itself (storage/remote) and
// with ours, alternating, down to the same grids, and prints what each costs. It is a module of its own, so that the
// dependencies of storage/remote stay out of the program's.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"time"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := run(ctx); err != nil {
		fmt.Fprintln(os.Stderr, "remotereadbench:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context) error {
	if isChild, err := runChild(ctx); isChild {
		return err
	}
	o := options{Ways: []string{official, oursIterator, oursSlices}}
	flag.IntVar(&o.Series, "series", 1000, "number of counters")
	flag.DurationVar(&o.Span, "span", 7*24*time.Hour, "length of their history")
	flag.DurationVar(&o.Interval, "interval", time.Minute, "between two samples")
	flag.DurationVar(&o.Step, "step", 5*time.Minute, "of the grid")
	flag.IntVar(&o.Rounds, "rounds", 3, "reads by each client; the medians are printed")
	growth := flag.Int("growth", 4, "repeat with this many times the series, to see what grows; 1 for not")
	sampled := flag.Bool("sampled", false, "read once more, as from a server that does not stream")
	flag.Parse()

	for i := range 2 {
		if err := measureAndReport(ctx, o); err != nil {
			return err
		}
		if *growth <= 1 || i > 0 {
			break
		}
		o.Series *= *growth
	}
	if *sampled {
		o.Ways, o.Rounds = []string{oursSampled}, 1
		return measureAndReport(ctx, o)
	}
	return nil
}

func measureAndReport(ctx context.Context, o options) error {
	results, server, err := measure(ctx, o)
	if err != nil {
		return err
	}
	return report(os.Stdout, results, server)
}
