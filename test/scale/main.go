// Scale measures what a fleet of a given size costs: it writes the history of so many pods into a real Prometheus,
// starts the program on it, and prints how long the start takes, what the program and the Prometheus use for it, and
// what a later cycle and a scrape cost. "make bench-scale" runs it.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"math"
	"os"
	"os/signal"
	"strings"
	"time"

	"github.com/prometheus/prometheus/model/labels"

	"github.com/anomaly-exporter/anomaly-exporter/test/servers"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	var o options
	flag.IntVar(&o.series, "series", 1000, "number of pods, each with one series")
	flag.DurationVar(&o.history, "history", 7*24*time.Hour, "length of the history")
	flag.DurationVar(&o.interval, "interval", time.Minute, "time between two samples")
	flag.DurationVar(&o.step, "step", 5*time.Minute, "step of the detector")
	flag.IntVar(&o.shards, "shards", 1, "measure one of so many shards")
	flag.StringVar(&o.memory, "memory", "", "GOMEMLIMIT of the program, such as 3GiB; by default none")
	flag.Parse()
	if err := run(ctx, o, os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "scale:", err)
		os.Exit(1)
	}
}

type options struct {
	series                  int
	history, interval, step time.Duration
	shards                  int
	memory                  string
}

// longestRun is how far the history goes on after the start, so that later cycles have something to read.
const longestRun = time.Hour

// fleet yields the series of the pods: whole numbers with a daily season and noise, functions of pod and time alone.
func (o options) fleet(now time.Time) func(yield func(servers.Series) bool) {
	return func(yield func(servers.Series) bool) {
		for i := range o.series {
			s := servers.Series{
				Labels: labels.FromStrings("__name__", "pod_load", "job", "pods", "namespace", fmt.Sprintf("team-%d", i/100),
					"pod", fmt.Sprintf("app-%d-%d", i/10, i%10), "instance", fmt.Sprintf("10.%d.%d.%d:8080", i>>16, i>>8&255, i&255)),
				Samples: func(yield func(int64, float64) bool) {
					first := now.Add(-o.history - 2*time.Hour).Truncate(o.interval)
					for at := first; at.Before(now.Add(longestRun)); at = at.Add(o.interval) {
						if !yield(at.UnixMilli(), load(i, at.Unix())) {
							return
						}
					}
				},
			}
			if !yield(s) {
				return
			}
		}
	}
}

func load(pod int, second int64) float64 {
	x := uint64(pod)<<40 ^ uint64(second)
	noise := 0.0
	for range 4 { // the sum of four is nearly normal
		x += 0x9e3779b97f4a7c15
		z := (x ^ x>>30) * 0xbf58476d1ce4e5b9
		z = (z ^ z>>27) * 0x94d049bb133111eb
		noise += float64((z^z>>31)>>11)/(1<<53) - 0.5
	}
	day := math.Sin(2*math.Pi*float64(second%86_400)/86_400 + float64(pod%7))
	return math.Round(200 + 60*day + 20*noise)
}

func run(ctx context.Context, o options, w io.Writer) (err error) {
	dir, err := os.MkdirTemp("", "scale-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	fmt.Fprintf(os.Stderr, "writing the history of %d pods\n", o.series)
	if err := servers.WriteBlocks(dir, o.fleet(time.Now())); err != nil {
		return err
	}
	p, err := servers.StartPrometheus(ctx, servers.PrometheusOptions{Dir: dir})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, p.Stop()) }()
	time.Sleep(5 * time.Second) // what the server does at its start is not what the exporter costs it

	if o.memory != "" {
		if err := os.Setenv("GOMEMLIMIT", o.memory); err != nil {
			return err
		}
	}
	m := measurement{options: o, server: p}
	if err := m.measure(ctx); err != nil {
		return err
	}
	return m.report(w)
}

// config is that of the program: defaults, but for the limits that are in the way of a size.
func (o options) config(url string) string {
	return fmt.Sprintf(`
global: {step: %s, history: %s, series_limit: %d, sample_limit: %d}
remote_read: [{url: %s/api/v1/read, remote_timeout: 10m}]
detectors: [{name: pods, expr: pod_load}]
`, short(o.step), short(o.history), o.series, 20*o.series, url)
}

// short formats a duration as Prometheus writes it.
func short(d time.Duration) string {
	if d%time.Hour == 0 {
		return fmt.Sprintf("%dh", d/time.Hour)
	}
	return strings.TrimSuffix(d.String(), "0s")
}
