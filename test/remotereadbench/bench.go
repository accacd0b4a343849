package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"iter"
	"math/rand/v2"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"text/tabwriter"
	"time"

	"github.com/prometheus/prometheus/model/labels"

	"github.com/anomaly-exporter/anomaly-exporter/test/servers"
)

const metricName = "http_requests_total"

// options are the options of the benchmark.
type options struct {
	Series         int
	Span, Interval time.Duration // of the samples of a series
	Step           time.Duration // of the grid
	Rounds         int           // reads with each client, alternating
	Clients        []string
}

// samples is the number of samples of a series.
func (o options) samples() int { return int(o.Span / o.Interval) }

// result is the result of one client: the medians of its rounds.
type result struct {
	Client string
	outcome
}

// serverCost is what the reads cost the server.
type serverCost struct {
	CPU       float64 // seconds a read
	PeakBytes int64   // of its resident memory
}

// measure writes the data, starts a Prometheus on it and reads it with all clients, several times, alternating, each
// time in a process of its own.
func measure(ctx context.Context, o options) (results []result, server serverCost, err error) {
	dir, err := os.MkdirTemp("", "remotereadbench-")
	if err != nil {
		return nil, server, err
	}
	defer os.RemoveAll(dir)
	end := time.Now().Truncate(o.Interval).UnixMilli()
	start := end - o.Span.Milliseconds() + o.Interval.Milliseconds()
	if err := servers.WriteBlocks(dir, o.counters(start)); err != nil {
		return nil, server, err
	}
	prometheus, err := servers.StartPrometheus(ctx, servers.PrometheusOptions{Dir: dir})
	if err != nil {
		return nil, server, err
	}
	defer prometheus.Stop()

	outcomes := make([][]outcome, len(o.Clients))
	before, err := prometheus.CPUSeconds()
	if err != nil {
		return nil, server, err
	}
	for range o.Rounds {
		for i, client := range o.Clients {
			one, err := spawn(ctx, job{
				Client: client, URL: prometheus.URL() + "/api/v1/read",
				Start: start, End: end, Step: o.Step.Milliseconds(),
			})
			if err != nil {
				return nil, server, err
			}
			if one.Series != o.Series || one.Samples != o.Series*o.samples() {
				return nil, server, fmt.Errorf("%s: read %d series and %d samples of %d and %d",
					client, one.Series, one.Samples, o.Series, o.Series*o.samples())
			}
			outcomes[i] = append(outcomes[i], one)
		}
	}
	after, err := prometheus.CPUSeconds()
	if err != nil {
		return nil, server, err
	}
	for i, client := range o.Clients {
		results = append(results, result{Client: client, outcome: median(outcomes[i])})
		if results[i].Checksum != results[0].Checksum {
			return nil, server, fmt.Errorf("%s and %s read different data", client, results[0].Client)
		}
	}
	server.CPU = (after - before) / float64(o.Rounds*len(o.Clients))
	_, server.PeakBytes, err = prometheus.RSS()
	return results, server, err
}

// counters returns counters from start on. Their increments are random, with a fixed seed.
func (o options) counters(start int64) iter.Seq[servers.Series] {
	return func(yield func(servers.Series) bool) {
		for i := range o.Series {
			s := servers.Series{
				Labels: labels.FromStrings(labels.MetricName, metricName, "job", "shop", "namespace", "default",
					"instance", "10.0."+strconv.Itoa(i/250)+"."+strconv.Itoa(i%250)+":8080", "pod", "shop-"+strconv.Itoa(i)),
				Samples: func(yield func(int64, float64) bool) {
					rnd := rand.New(rand.NewPCG(1, uint64(i)))
					rate := 100 * rnd.Float64() * o.Interval.Seconds()
					total := float64(rnd.IntN(1e9))
					for k := range o.samples() {
						if !yield(start+int64(k)*o.Interval.Milliseconds(), total) {
							return
						}
						total += float64(int(rate * (0.5 + rnd.Float64())))
					}
				},
			}
			if !yield(s) {
				return
			}
		}
	}
}

// spawn runs a job in a process of its own, so that no client pays for the garbage of another.
func spawn(ctx context.Context, j job) (o outcome, err error) {
	text, err := json.Marshal(j)
	if err != nil {
		return o, err
	}
	self, err := os.Executable()
	if err != nil {
		return o, err
	}
	child := exec.CommandContext(ctx, self)
	child.Env = append(os.Environ(), jobVariable+"="+string(text))
	child.Stderr = os.Stderr
	out, err := child.Output()
	if err != nil {
		return o, fmt.Errorf("child process: %w", err)
	}
	return o, json.Unmarshal(out, &o)
}

// median returns the median of each measurement.
func median(all []outcome) outcome {
	o := all[0]
	o.Wall = medianOf(all, func(o outcome) float64 { return o.Wall })
	o.CPU = medianOf(all, func(o outcome) float64 { return o.CPU })
	o.PeakBytes = medianOf(all, func(o outcome) int64 { return o.PeakBytes })
	o.BaseBytes = medianOf(all, func(o outcome) int64 { return o.BaseBytes })
	return o
}

// medianOf returns the (upper) median of a measurement.
func medianOf[T int64 | float64](all []outcome, of func(outcome) T) T {
	values := make([]T, len(all))
	for i, o := range all {
		values[i] = of(o)
	}
	slices.Sort(values)
	return values[len(values)/2]
}

// report prints a table. The ratio is the CPU time relative to that of the first client.
func report(w io.Writer, results []result, server serverCost) error {
	fmt.Fprintf(w, "%d series, %.1f million samples; the server: %.2f CPU s a read, peak %.0f MiB\n",
		results[0].Series, float64(results[0].Samples)/1e6, server.CPU, float64(server.PeakBytes)/(1<<20))
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(t, "client\twall s\tCPU s\tratio\tns/sample\tpeak MiB\tof which before\t")
	for _, r := range results {
		fmt.Fprintf(t, "%s\t%.2f\t%.2f\t%.2f\t%.1f\t%.1f\t%.1f\t\n", r.Client, r.Wall, r.CPU, r.CPU/results[0].CPU,
			r.CPU/float64(r.Samples)*1e9, float64(r.PeakBytes)/(1<<20), float64(r.BaseBytes)/(1<<20))
	}
	return t.Flush()
}
