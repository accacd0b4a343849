// Remotereadbench compares our remote-read client with that of Prometheus (storage/remote). It reads the same
// counters from a real Prometheus with each, alternately, and prints the CPU time and memory of both. It is a module
// of its own, to keep the dependencies of storage/remote out of those of the program.
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
	o := options{Clients: []string{official, ours}}
	flag.IntVar(&o.Series, "series", 1000, "number of counters")
	flag.DurationVar(&o.Span, "span", 7*24*time.Hour, "length of the history")
	flag.DurationVar(&o.Interval, "interval", time.Minute, "time between two samples")
	flag.DurationVar(&o.Step, "step", 5*time.Minute, "step of the grid")
	flag.IntVar(&o.Rounds, "rounds", 3, "reads with each client; the medians are printed")
	growth := flag.Int("growth", 4, "repeat with this many times the series, to see what grows with them; 1 to not repeat")
	sampled := flag.Bool("sampled", false, "read once more as if the server did not stream")
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
		o.Clients, o.Rounds = []string{oursSampled}, 1
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
