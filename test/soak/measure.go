package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"
)

// measurement is what the exporter tells about itself after a collection of garbage.
type measurement struct {
	at         time.Duration // since the start
	heap       float64       // bytes of live objects
	goroutines float64
	files      float64
	resident   float64 // bytes
}

func (m measurement) String() string {
	return fmt.Sprintf("%8s  heap %6.1f MiB  resident %6.1f MiB  goroutines %3.0f  open files %3.0f",
		m.at.Round(time.Second), m.heap/(1<<20), m.resident/(1<<20), m.goroutines, m.files)
}

// measure takes the least of some readings: a cycle holds what it reads while it runs.
func (s *soak) measure(ctx context.Context, at time.Duration) (least measurement, err error) {
	for i := range 4 {
		m, err := s.read(ctx)
		if err != nil {
			return m, err
		}
		if i == 0 {
			least = m
		}
		least = measurement{
			at, min(least.heap, m.heap), min(least.goroutines, m.goroutines), min(least.files, m.files),
			min(least.resident, m.resident),
		}
		if err := sleep(ctx, step/4); err != nil {
			return m, err
		}
	}
	return least, nil
}

func (s *soak) read(ctx context.Context) (m measurement, err error) {
	if err := s.get(ctx, "/debug/pprof/heap?gc=1", func(r io.Reader) error {
		_, err := io.Copy(io.Discard, r)
		return err
	}); err != nil {
		return m, err
	}
	err = s.get(ctx, "/metrics", func(r io.Reader) error {
		parser := expfmt.NewTextParser(model.UTF8Validation)
		families, err := parser.TextToMetricFamilies(r)
		if err != nil {
			return err
		}
		for name, to := range map[string]*float64{
			"go_memstats_heap_alloc_bytes": &m.heap, "go_goroutines": &m.goroutines, "process_open_fds": &m.files,
			"process_resident_memory_bytes": &m.resident,
		} {
			family := families[name]
			if family == nil {
				return fmt.Errorf("%s is missing", name)
			}
			*to = family.GetMetric()[0].GetGauge().GetValue()
		}
		return nil
	})
	return m, err
}

func (s *soak) get(ctx context.Context, path string, read func(io.Reader) error) error {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, s.exporter.URL()+path, nil)
	if err != nil {
		return err
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		return fmt.Errorf("%s: %s", path, response.Status)
	}
	return read(response.Body)
}

// measurements are those of a run, one a round.
type measurements []measurement

// What may differ between the first and the last third of a run that holds on to nothing: the heap by the models that
// happen to be fitted, the others by connections that happen to be open. Measured over runs of ten minutes.
const (
	heapMargin  = 0.1 // of the heap
	countMargin = 8
)

// thirds returns a middle value of the first and of the last third. The very first one is left out: caches fill in it.
func (m measurements) thirds(of func(measurement) float64) (first, last float64) {
	rest := m[1:]
	third := len(rest) / 3
	middle := func(m measurements) float64 {
		var all []float64
		for _, one := range m {
			all = append(all, of(one))
		}
		slices.Sort(all)
		return all[len(all)/2]
	}
	return middle(rest[:third]), middle(rest[len(rest)-third:])
}

func heap(m measurement) float64       { return m.heap }
func goroutines(m measurement) float64 { return m.goroutines }
func files(m measurement) float64      { return m.files }

// grown returns an error for each of memory, goroutines and open files that the last third has more of than the first.
func (m measurements) grown() (err error) {
	if first, last := m.thirds(heap); last > first*(1+heapMargin) {
		err = errors.Join(err, fmt.Errorf("the heap has grown from %.1f to %.1f MiB", first/(1<<20), last/(1<<20)))
	}
	if first, last := m.thirds(goroutines); last > first+countMargin {
		err = errors.Join(err, fmt.Errorf("goroutines have grown from %.0f to %.0f", first, last))
	}
	if first, last := m.thirds(files); last > first+countMargin {
		err = errors.Join(err, fmt.Errorf("open files have grown from %.0f to %.0f", first, last))
	}
	return err
}

func (m measurements) write(w io.Writer) error {
	_, err := fmt.Fprintln(w, "| after GC | first third | last third |\n|---|---|---|")
	if err != nil {
		return err
	}
	for _, row := range []struct {
		name   string
		of     func(measurement) float64
		unit   float64
		format string
	}{
		{"heap", heap, 1 << 20, "| %s | %.1f MiB | %.1f MiB |\n"},
		{"resident memory", func(m measurement) float64 { return m.resident }, 1 << 20, "| %s | %.1f MiB | %.1f MiB |\n"},
		{"goroutines", goroutines, 1, "| %s | %.0f | %.0f |\n"},
		{"open files", files, 1, "| %s | %.0f | %.0f |\n"},
	} {
		first, last := m.thirds(row.of)
		if _, err := fmt.Fprintf(w, row.format, row.name, first/row.unit, last/row.unit); err != nil {
			return err
		}
	}
	return nil
}

// panics finds panics, and fatal errors of the race detector, in the log of the exporter.
type panics struct {
	mu    sync.Mutex
	lines []string
}

func (p *panics) Write(b []byte) (int, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for line := range strings.Lines(string(b)) {
		if lower := strings.ToLower(line); strings.Contains(lower, "panic") || strings.Contains(lower, "data race") {
			p.lines = append(p.lines, strings.TrimSpace(line))
		}
	}
	return len(b), nil
}

func (p *panics) err() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(p.lines) == 0 {
		return nil
	}
	return fmt.Errorf("the log tells of panics:\n%s", strings.Join(p.lines, "\n"))
}

// failures are the answers that were none. The first ones are kept.
type failures struct {
	mu  sync.Mutex
	n   int
	all []error
}

func (f *failures) add(err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.n++; f.n <= 5 {
		f.all = append(f.all, err)
	}
}

func (f *failures) err() error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.n == 0 {
		return nil
	}
	return fmt.Errorf("%d requests failed, such as: %w", f.n, errors.Join(f.all...))
}
