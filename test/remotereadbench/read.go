package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"math"
	"net/http"
	"net/url"
	"os"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/golang/snappy"
	config_util "github.com/prometheus/common/config"
	"github.com/prometheus/common/model"

	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/prompb"
	"github.com/prometheus/prometheus/storage"
	"github.com/prometheus/prometheus/storage/remote"
	"github.com/prometheus/prometheus/tsdb/chunkenc"

	"github.com/anomaly-exporter/anomaly-exporter/remoteread"
)

// The clients that are compared.
const (
	official    = "official"      // prometheus storage/remote
	ours        = "ours"          // remoteread
	oursSampled = "ours, sampled" // remoteread, from a server that does not stream
)

// job says what a child process reads. It is passed in the environment.
type job struct {
	Client     string
	URL        string
	Start, End int64 // ms, inclusive
	Step       int64 // ms, of the grid
}

// outcome is what a child process measured. It is passed on standard output.
type outcome struct {
	Series, Samples int
	Checksum        uint64  // over the cells of all grids: equal for all clients
	Wall, CPU       float64 // seconds for the read
	PeakBytes       int64   // largest resident memory of the process
	BaseBytes       int64   // the same before the read
}

// run does the job in this process.
func (j job) run(ctx context.Context) (o outcome, err error) {
	queryable, err := j.queryable()
	if err != nil {
		return o, err
	}
	base, err := peakMemory()
	if err != nil {
		return o, err
	}
	start, cpu := time.Now(), cpuSeconds()
	if err := j.read(ctx, queryable, &o); err != nil {
		return o, err
	}
	o.Wall, o.CPU, o.BaseBytes = time.Since(start).Seconds(), cpuSeconds()-cpu, base
	o.PeakBytes, err = peakMemory()
	return o, err
}

func (j job) queryable() (storage.Queryable, error) {
	if j.Client != official {
		client := &http.Client{}
		if j.Client == oursSampled {
			client.Transport = samplesOnly{}
		}
		return remoteread.New(remoteread.Options{URL: j.URL, HTTPClient: client, Timeout: 10 * time.Minute})
	}
	u, err := url.Parse(j.URL)
	if err != nil {
		return nil, err
	}
	client, err := remote.NewReadClient("bench", &remote.ClientConfig{
		URL:              &config_util.URL{URL: u},
		Timeout:          model.Duration(10 * time.Minute),
		ChunkedReadLimit: 50e6,
	})
	if err != nil {
		return nil, err
	}
	return remote.NewSampleAndChunkQueryableClient(client, labels.EmptyLabels(), nil, true, nil), nil
}

// read reads all series of the benchmark, one at a time, and reduces each to a grid.
func (j job) read(ctx context.Context, queryable storage.Queryable, o *outcome) error {
	querier, err := queryable.Querier(j.Start, j.End)
	if err != nil {
		return err
	}
	defer querier.Close()
	var (
		set = querier.Select(ctx, false, nil, labels.MustNewMatcher(labels.MatchEqual, labels.MetricName, metricName))
		g   = newGrid(j.Start, j.End, j.Step)
		it  chunkenc.Iterator
	)
	for set.Next() {
		g.reset()
		it = set.At().Iterator(it)
		for it.Next() == chunkenc.ValFloat {
			t, v := it.At()
			g.add(t, v)
			o.Samples++
		}
		if err := it.Err(); err != nil {
			return err
		}
		o.Series++
		o.Checksum = g.checksum(o.Checksum)
	}
	return set.Err()
}

// samplesOnly removes the accepted types from requests, so that the server answers with samples.
type samplesOnly struct{}

func (samplesOnly) RoundTrip(req *http.Request) (*http.Response, error) {
	compressed, err := io.ReadAll(req.Body)
	if err != nil {
		return nil, err
	}
	message, err := snappy.Decode(nil, compressed)
	if err != nil {
		return nil, err
	}
	var read prompb.ReadRequest
	if err := read.Unmarshal(message); err != nil {
		return nil, err
	}
	read.AcceptedResponseTypes = nil
	if message, err = read.Marshal(); err != nil {
		return nil, err
	}
	body := snappy.Encode(nil, message)
	req = req.Clone(req.Context())
	req.Body, req.ContentLength = io.NopCloser(bytes.NewReader(body)), int64(len(body))
	return http.DefaultTransport.RoundTrip(req)
}

// grid keeps the last sample of each step. Cell k holds that of (start + (k-1) step, start + k step].
type grid struct {
	start, step int64
	cells       []float64
	k           int
	bound       int64 // the end of cell k
}

func newGrid(start, end, step int64) *grid {
	return &grid{start: start, step: step, cells: make([]float64, (end-start)/step+2)}
}

func (g *grid) reset() {
	for i := range g.cells {
		g.cells[i] = math.NaN()
	}
	g.k, g.bound = 0, g.start
}

func (g *grid) add(t int64, v float64) {
	for t > g.bound {
		g.k++
		g.bound += g.step
	}
	g.cells[g.k] = v
}

// checksum adds the cells to an FNV-1a hash, word by word.
func (g *grid) checksum(sum uint64) uint64 {
	for _, v := range g.cells {
		sum = (sum ^ math.Float64bits(v)) * 1099511628211
	}
	return sum
}

// cpuSeconds returns the CPU time of this process so far, user and system.
func cpuSeconds() float64 {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		return math.NaN()
	}
	return float64(u.Utime.Nano()+u.Stime.Nano()) / 1e9
}

// peakMemory returns VmHWM. The maxrss of getrusage would include the memory that the parent had when it forked.
func peakMemory() (int64, error) {
	status, err := os.ReadFile("/proc/self/status")
	if err != nil {
		return 0, err
	}
	for line := range strings.Lines(string(status)) {
		if rest, ok := strings.CutPrefix(line, "VmHWM:"); ok {
			kib, err := strconv.ParseInt(strings.TrimSuffix(strings.TrimSpace(rest), " kB"), 10, 64)
			return kib << 10, err
		}
	}
	return 0, fmt.Errorf("no VmHWM in /proc/self/status")
}

// jobVariable is the environment variable that makes a process a child.
const jobVariable = "REMOTEREADBENCH_JOB"

// runChild does the job of a child process, if this process is one.
func runChild(ctx context.Context) (isChild bool, err error) {
	text := os.Getenv(jobVariable)
	if text == "" {
		return false, nil
	}
	var j job
	if err := json.Unmarshal([]byte(text), &j); err != nil {
		return true, err
	}
	o, err := j.run(ctx)
	if err != nil {
		return true, fmt.Errorf("%s: %w", j.Client, err)
	}
	return true, json.NewEncoder(os.Stdout).Encode(o)
}
