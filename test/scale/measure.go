package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/anomaly-exporter/anomaly-exporter/test/servers"
)

// measurement is what one start, one cycle and one scrape cost.
type measurement struct {
	options
	server   *servers.Prometheus
	exporter *servers.Exporter
	cycles   cycleLog

	cold                     time.Duration // until the exporter is ready
	coldCPU, serverCPU       float64       // seconds of it
	readCPU                  float64       // seconds of it until the history had been read
	serverBefore, serverPeak int64         // resident memory
	coldPeak, resident, heap int64
	cycle                    time.Duration
	cycleCPU                 float64
	fits, fitting            float64 // of it: models, seconds
	coldBytes, cycleBytes    float64 // that were read
	scrape                   time.Duration
	scrapeBytes, compressed  int64
	scored, results          float64
}

func (m *measurement) measure(ctx context.Context) (err error) {
	cpuBefore, err := m.server.CPUSeconds()
	if err != nil {
		return err
	}
	if m.serverBefore, _, err = m.server.RSS(); err != nil {
		return err
	}
	m.cycles = make(cycleLog, 1)
	begin := time.Now()
	m.exporter, err = servers.StartExporter(ctx, servers.ExporterOptions{
		Config: m.config(m.server.URL()), Log: m.cycles,
		Flags: []string{
			"--web.enable-pprof", "--log.level=debug", "--shard.index=0", "--shard.total=" + strconv.Itoa(m.shards),
		},
	})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, m.exporter.Stop()) }()
	for {
		err := m.exporter.Ready(ctx)
		if err == nil {
			break
		}
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if m.readCPU == 0 && strings.Contains(err.Error(), "fitting models") {
			if m.readCPU, err = m.exporter.CPUSeconds(); err != nil {
				return err
			}
		}
		time.Sleep(50 * time.Millisecond)
	}
	m.cold = time.Since(begin)
	serverCPU, err := m.server.CPUSeconds()
	if err != nil {
		return err
	}
	m.serverCPU = serverCPU - cpuBefore
	if _, m.serverPeak, err = m.server.RSS(); err != nil {
		return err
	}
	if m.coldCPU, err = m.exporter.CPUSeconds(); err != nil {
		return err
	}
	if _, m.coldPeak, err = m.exporter.RSS(); err != nil {
		return err
	}
	time.Sleep(rendering)
	<-m.cycles // the first
	if m.cold > m.step/2 {
		fmt.Fprintln(os.Stderr, "waiting for the cycle that catches up")
		<-m.cycles // if the start took longer than a step, it has begun
		time.Sleep(rendering)
	}
	if err := m.measureScrape(ctx); err != nil {
		return err
	}
	fmt.Fprintf(os.Stderr, "ready after %s, waiting for the next cycle\n", m.cold.Round(time.Second))
	return m.measureCycle(ctx)
}

const (
	duration = "anomaly_exporter_cycle_duration_seconds"
	heap     = "go_memstats_heap_inuse_bytes"
	bytes    = "anomaly_exporter_remote_read_bytes_total"
	results  = "anomaly_exporter_results"
	fits     = "anomaly_exporter_fit_duration_seconds_count"
	fitting  = "anomaly_exporter_fit_duration_seconds_sum"
	scored   = "anomaly_exporter_series"
)

// measureScrape takes the quickest of some scrapes, and what is held after a collection of garbage.
func (m *measurement) measureScrape(ctx context.Context) error {
	if _, _, err := m.get(ctx, "/debug/pprof/heap?gc=1", false); err != nil {
		return err
	}
	found, err := m.metrics(ctx)
	if err != nil {
		return err
	}
	m.heap, m.coldBytes, m.results, m.scored = int64(found[heap]), found[bytes], found[results], found[scored]
	if m.resident, _, err = m.exporter.RSS(); err != nil {
		return err
	}
	var took [5]time.Duration
	for i := range took {
		begin := time.Now()
		if m.scrapeBytes, _, err = m.get(ctx, "/metrics", false); err != nil {
			return err
		}
		took[i] = time.Since(begin)
	}
	m.scrape = min(took[0], took[1], took[2], took[3], took[4])
	m.compressed, _, err = m.get(ctx, "/metrics", true)
	return err
}

// measureCycle waits for the next cycle. Nothing else goes on meanwhile.
func (m *measurement) measureCycle(ctx context.Context) error {
	before, err := m.metrics(ctx)
	if err != nil {
		return err
	}
	cpuBefore, err := m.exporter.CPUSeconds()
	if err != nil {
		return err
	}
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-m.cycles:
	case <-time.After(2*m.step + time.Minute):
		return errors.New("no second cycle")
	}
	time.Sleep(rendering)
	cpu, err := m.exporter.CPUSeconds()
	if err != nil {
		return err
	}
	after, err := m.metrics(ctx)
	if err != nil {
		return err
	}
	m.cycle = time.Duration(after[duration] * float64(time.Second))
	m.cycleCPU, m.cycleBytes = cpu-cpuBefore, after[bytes]-before[bytes]
	m.fits, m.fitting = after[fits]-before[fits], after[fitting]-before[fitting]
	return nil
}

// rendering is longer than it takes to render the results of a cycle.
const rendering = 3 * time.Second

// cycleLog receives the log of the program, and tells when a cycle is done.
type cycleLog chan struct{}

func (c cycleLog) Write(b []byte) (int, error) {
	if strings.Contains(string(b), `msg="Cycle done"`) {
		select {
		case c <- struct{}{}:
		default: // nobody waits
		}
	}
	return len(b), nil
}

// metrics returns the sums of what the exporter tells about itself.
func (m *measurement) metrics(ctx context.Context) (map[string]float64, error) {
	_, found, err := m.get(ctx, "/metrics", false)
	return found, err
}

// get reads an answer, and sums up the metrics in it.
func (m *measurement) get(ctx context.Context, path string, compressed bool) (int64, map[string]float64, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, m.exporter.URL()+path, nil)
	if err != nil {
		return 0, nil, err
	}
	request.Header.Set("Accept-Encoding", "identity")
	if compressed {
		request.Header.Set("Accept-Encoding", "gzip")
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return 0, nil, err
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		return 0, nil, fmt.Errorf("%s: %s", path, response.Status)
	}
	counted := &counter{Reader: response.Body}
	if path != "/metrics" || compressed {
		_, err := io.Copy(io.Discard, counted)
		return counted.n, nil, err
	}
	found := map[string]float64{}
	lines := bufio.NewScanner(counted)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		line := lines.Text()
		if !strings.HasPrefix(line, "anomaly_exporter_") && !strings.HasPrefix(line, "go_memstats_") {
			continue
		}
		name, _, _ := strings.Cut(line, " ")
		name, _, _ = strings.Cut(name, "{")
		value, err := strconv.ParseFloat(line[strings.LastIndexByte(line, ' ')+1:], 64)
		if err != nil {
			return 0, nil, fmt.Errorf("%s: %w", line, err)
		}
		found[name] += value
	}
	return counted.n, found, lines.Err()
}

type counter struct {
	io.Reader
	n int64
}

func (c *counter) Read(b []byte) (int, error) {
	n, err := c.Reader.Read(b)
	c.n += int64(n)
	return n, err
}

// report prints a row of the table in docs/operations.md, with its head.
func (m *measurement) report(w io.Writer) error {
	mib := func(n int64) string { return fmt.Sprintf("%d MiB", n>>20) }
	of := fmt.Sprint(m.series)
	if m.shards > 1 {
		of = fmt.Sprintf("%.0f of %d, one of %d shards", m.scored, m.series, m.shards)
	}
	_, err := fmt.Fprintf(w, `
| series | start: wall, CPU, of it to read | peak | resident, heap after | cycle: wall, CPU, read `+
		`| Prometheus: CPU, peak, before | scrape, plain, gzip |
|---|---|---|---|---|---|---|
| %s | %.1f s, %.1f s, %.1f s | %s | %s, %s | %.2f s, %.2f s, %.2f %% | %.1f s, %s, %s | %d ms, %.1f MB, %.1f MB |

%.0f results, %.1f a series; %.1f MB read at the start; %.1f KiB of heap a series
%.0f models were fitted in the cycle, which took %.2f s
`,
		of, m.cold.Seconds(), m.coldCPU, m.readCPU, mib(m.coldPeak), mib(m.resident), mib(m.heap),
		m.cycle.Seconds(), m.cycleCPU, 100*m.cycleBytes/m.coldBytes,
		m.serverCPU, mib(m.serverPeak), mib(m.serverBefore),
		m.scrape.Milliseconds(), float64(m.scrapeBytes)/1e6, float64(m.compressed)/1e6,
		m.results, m.results/m.scored, m.coldBytes/1e6, float64(m.heap)/1024/m.scored,
		m.fits, m.fitting)
	return err
}
