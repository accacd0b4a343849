// Soak runs the program for a while on a real Prometheus with moving data, and does to it what happens in production:
// scrapes, pages, reloads, and restarts of its Prometheus. It fails if memory, goroutines or open files grow, if an
// answer is a 5xx, or if there is a panic. "make soak" runs it.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/signal"
	"strings"
	"sync/atomic"
	"time"

	"github.com/anomaly-exporter/anomaly-exporter/test/servers"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	duration := flag.Duration("duration", 10*time.Minute, "how long to measure, after the start")
	flag.Parse()
	if err := run(ctx, *duration, os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "soak:", err)
		os.Exit(1)
	}
}

const (
	// round is the time in which everything happens once.
	round = 40 * time.Second
	// shortest is the shortest run whose thirds have three measurements each.
	shortest = 9 * round
)

// soak is one run.
type soak struct {
	prometheus *servers.Prometheus
	exporter   *servers.Exporter
	log        panics
	answers    atomic.Int64 // of the exporter
	failures   failures
}

func run(ctx context.Context, duration time.Duration, w io.Writer) (err error) {
	if duration < shortest {
		return fmt.Errorf("the duration is at least %s", shortest)
	}
	dir, err := os.MkdirTemp("", "soak-")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	now := time.Now()
	if err := servers.WriteBlocks(dir, history(now)); err != nil {
		return err
	}
	pods, err := expose()
	if err != nil {
		return err
	}
	defer pods.Close()
	var s soak
	s.prometheus, err = servers.StartPrometheus(ctx, servers.PrometheusOptions{Dir: dir, Config: scrape(pods.address)})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.prometheus.Stop()) }()
	s.exporter, err = servers.StartExporter(ctx, servers.ExporterOptions{
		Config: config(s.prometheus.URL(), false), Log: &s.log, Flags: []string{"--web.enable-pprof"},
	})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.exporter.Stop()) }()
	exporter := strings.TrimPrefix(s.exporter.URL(), "http://")
	if err := s.prometheus.Configure(scrape(pods.address, exporter)); err != nil {
		return err
	}
	for s.exporter.Ready(ctx) != nil {
		if err := sleep(ctx, time.Second); err != nil {
			return err
		}
	}

	visiting, stop := context.WithCancel(ctx)
	visited := make(chan struct{})
	go func() {
		s.visit(visiting)
		close(visited)
	}()
	taken, err := s.rounds(ctx, duration)
	stop()
	<-visited
	if err != nil {
		return err
	}
	if err := taken.write(w); err != nil {
		return err
	}
	fmt.Fprintf(w, "\n%d rounds of reloads and a restart of Prometheus; %d pages and scrapes besides those of it\n",
		len(taken), s.answers.Load())
	return errors.Join(taken.grown(), s.failures.err(), s.log.err(), s.works(ctx))
}

// rounds does what happens in production, and measures when it has become quiet again.
func (s *soak) rounds(ctx context.Context, duration time.Duration) (taken measurements, err error) {
	for begin, n := time.Now(), 1; time.Since(begin) < duration; n++ {
		end := time.Now().Add(round)
		// The configurations differ in a key of the models, so that the models of a detector are replaced, and in a detector.
		for _, other := range []bool{true, false} {
			if err := s.exporter.Configure(config(s.prometheus.URL(), other)); err != nil {
				return nil, fmt.Errorf("reload: %w", err)
			}
			if err := s.exporter.Configure("detectors: [{}]"); err == nil {
				return nil, errors.New("an invalid configuration was loaded")
			}
			if err := sleep(ctx, round/8); err != nil {
				return nil, err
			}
		}
		if n%2 == 0 { // as a crash would
			if err := s.prometheus.Kill(); err != nil {
				return nil, err
			}
			if err := sleep(ctx, 3*time.Second); err != nil {
				return nil, err
			}
		}
		if err := s.prometheus.Restart(ctx); err != nil {
			return nil, err
		}
		if err := sleep(ctx, time.Until(end)); err != nil {
			return nil, err
		}
		m, err := s.measure(ctx, time.Since(begin))
		if err != nil {
			return nil, err
		}
		taken = append(taken, m)
		fmt.Fprintln(os.Stderr, m)
	}
	return taken, nil
}

// works says whether Prometheus still gets new results.
func (s *soak) works(ctx context.Context) error {
	at := time.Now()
	for expr, least := range map[string]int{
		"count(anomaly_score)": 1, "sum(recommended_replicas)": 1,
		"time() - max(anomaly_exporter_last_step_timestamp_seconds) < 30": 0,
	} {
		v, err := s.prometheus.Query(ctx, expr, at)
		if err != nil {
			return err
		}
		if len(v) != 1 || float64(v[0].Value) < float64(least) {
			return fmt.Errorf("%s is %v at the end", expr, v)
		}
	}
	return nil
}

// visit asks for pages until the context ends, as people and other programs do.
func (s *soak) visit(ctx context.Context) {
	paths := []string{"/metrics", "/", "/api/v1/anomalies", "/config", "/-/healthy"}
	for i := 0; sleep(ctx, 100*time.Millisecond) == nil; i++ {
		path := paths[i%len(paths)]
		request, err := http.NewRequestWithContext(ctx, http.MethodGet, s.exporter.URL()+path, nil)
		if err != nil {
			s.failures.add(err)
			return
		}
		response, err := http.DefaultClient.Do(request)
		if err == nil {
			_, err = io.Copy(io.Discard, response.Body)
			response.Body.Close()
		}
		switch {
		case ctx.Err() != nil:
			return
		case err != nil:
			s.failures.add(fmt.Errorf("%s: %w", path, err))
		case response.StatusCode != http.StatusOK:
			s.failures.add(fmt.Errorf("%s: %s", path, response.Status))
		default:
			s.answers.Add(1)
		}
	}
}

func sleep(ctx context.Context, d time.Duration) error {
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(d):
		return nil
	}
}
