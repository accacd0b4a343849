// Shop stands in for the workloads of the demo's shop in a cluster. It serves the metrics of a workload, and writes
// their history for Prometheus:
//
//	shop serve --of=redis --anchor-file=/data/anchor
//	shop serve --of=frontend --anchor-url=http://redis:8080/anchor
//	shop history --anchor-url=http://redis:8080/anchor --dir=/prometheus
//
// The metrics are a function of the time since the anchor. This is when the first pod started; all others ask it.
// Every pod of a workload serves the metrics of the whole workload, so that a scrape may reach any of them, however
// many there are.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"iter"
	"net/http"
	"os"
	"os/signal"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/prometheus/common/model"

	"github.com/anomaly-exporter/anomaly-exporter/examples/demo/shop"
	"github.com/anomaly-exporter/anomaly-exporter/test/servers"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "shop:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, args []string) error {
	if len(args) == 0 {
		return errors.New("want a command: serve or history")
	}
	flags := flag.NewFlagSet(args[0], flag.ContinueOnError)
	of := flags.String("of", "", "serve: the workloads to serve, separated by commas")
	listen := flags.String("listen", ":8080", "serve: the address to listen on")
	dir := flags.String("dir", "/prometheus", "history: the data directory of Prometheus")
	file := flags.String("anchor-file", "", "file that keeps the anchor; it is created if it does not exist")
	url := flags.String("anchor-url", "", "URL that returns the anchor")
	if err := flags.Parse(args[1:]); err != nil {
		return err
	}
	anchor, err := findAnchor(ctx, *file, *url)
	if err != nil {
		return fmt.Errorf("anchor: %w", err)
	}
	switch s := shop.New(anchor); args[0] {
	case "serve":
		return serve(ctx, *listen, handler(s, strings.Split(*of, ",")))
	case "history":
		return writeHistory(ctx, s, *dir, time.Now())
	default:
		return fmt.Errorf("unknown command %q", args[0])
	}
}

// findAnchor returns the anchor from a file, which it creates with the current time if there is none, or from another
// pod.
func findAnchor(ctx context.Context, file, url string) (time.Time, error) {
	if file == "" {
		return askAnchor(ctx, url)
	}
	text, err := os.ReadFile(file)
	if errors.Is(err, os.ErrNotExist) {
		text = strconv.AppendInt(nil, time.Now().Unix(), 10)
		err = os.WriteFile(file, text, 0o600)
	}
	if err != nil {
		return time.Time{}, err
	}
	return parseAnchor(text)
}

// askAnchor asks until there is an answer, because all pods start at the same time.
func askAnchor(ctx context.Context, url string) (time.Time, error) {
	for {
		text, err := get(ctx, url)
		if err == nil {
			return parseAnchor(text)
		}
		fmt.Fprintln(os.Stderr, "shop: waiting for the anchor:", err)
		select {
		case <-ctx.Done():
			return time.Time{}, ctx.Err()
		case <-time.After(time.Second):
		}
	}
}

func get(ctx context.Context, url string) ([]byte, error) {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return nil, err
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return nil, err
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("%s: %s", url, response.Status)
	}
	return io.ReadAll(io.LimitReader(response.Body, 100))
}

func parseAnchor(text []byte) (time.Time, error) {
	seconds, err := strconv.ParseInt(strings.TrimSpace(string(text)), 10, 64)
	return time.Unix(seconds, 0), err
}

// describes reports whether a series is about one of the workloads. What kube-state-metrics says of deployments is left
// to the real cluster.
func describes(s *shop.Series, of []string) bool {
	if strings.HasPrefix(s.Labels.Get(model.MetricNameLabel), "kube_deployment_") {
		return false
	}
	workload := s.Labels.Get("container")
	if workload == "" {
		workload = s.Labels.Get("job")
	}
	return slices.Contains(of, workload)
}

func handler(s *shop.Shop, of []string) http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /anchor", func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, s.Anchor().Unix()) })
	mux.HandleFunc("GET /metrics", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/plain; version=0.0.4; charset=utf-8")
		now := time.Now()
		for _, one := range s.Series() {
			if v, ok := one.At(now); ok && describes(one, of) {
				fmt.Fprintf(w, "%s %s\n", exposed(one), strconv.FormatFloat(v, 'g', -1, 64))
			}
		}
	})
	return mux
}

// exposed returns the name and the labels of a series in the exposition format.
func exposed(s *shop.Series) string {
	isName := func(label string) bool { return label == model.MetricNameLabel }
	return s.Labels.Get(model.MetricNameLabel) + s.Labels.DropReserved(isName).String()
}

func serve(ctx context.Context, listen string, h http.Handler) error {
	server := &http.Server{Addr: listen, Handler: h, ReadHeaderTimeout: 10 * time.Second}
	closed := context.AfterFunc(ctx, func() { _ = server.Close() })
	defer closed()
	if err := server.ListenAndServe(); !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return nil
}

// writeHistory writes the last 14 days as TSDB blocks, unless there are blocks already.
func writeHistory(ctx context.Context, s *shop.Shop, dir string, now time.Time) error {
	if blocks, err := os.ReadDir(dir); err == nil && len(blocks) > 0 {
		return nil
	}
	return servers.WriteBlocks(dir, series(ctx, s, now))
}

func series(ctx context.Context, s *shop.Shop, now time.Time) iter.Seq[servers.Series] {
	return func(yield func(servers.Series) bool) {
		for _, one := range s.Series() {
			if !describes(one, workloads) {
				continue
			}
			samples := one.Samples(now.Add(-14*24*time.Hour), now, 30*time.Second)
			if ctx.Err() != nil || !yield(servers.Series{Labels: one.Labels, Samples: samples}) {
				return
			}
		}
	}
}

var workloads = []string{"frontend", "api", "payments", "worker", "redis"}
