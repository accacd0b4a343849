package main

import (
	"errors"
	"fmt"
	"io"
	"iter"
	"math"
	"math/rand/v2"
	"net"
	"net/http"
	"strings"
	"time"

	"github.com/prometheus/prometheus/model/labels"

	"github.com/anomaly-exporter/anomaly-exporter/test/servers"
)

const (
	pods = 60
	// life is how long a pod runs until another one takes its place for as long. There are two for each place, so that
	// series come and go, and are not more and more.
	life = 5 * time.Minute
	// length is that of the history on disk: models have all the history that they may use from the start.
	length   = 3 * time.Hour
	interval = 5 * time.Second // of samples
	step     = 5 * time.Second // of detectors
)

// value is the load of a pod: a function of pod and time alone, with a season of half an hour.
func value(pod int, ms int64) float64 {
	noise := rand.New(rand.NewPCG(uint64(pod), uint64(ms))).NormFloat64()
	return 100 + float64(pod) + 30*math.Sin(2*math.Pi*float64(ms%1_800_000)/1_800_000) + 3*noise
}

// alive reports whether a pod runs. Two thirds of the places keep their first pod.
func alive(pod int, ms int64) bool {
	place, second := pod%pods, pod >= pods
	if place%3 > 0 {
		return !second
	}
	return ms/life.Milliseconds()%2 == int64(pod/pods)
}

func podLabels(pod int) []string {
	return []string{
		"namespace", fmt.Sprintf("team-%d", pod%pods%6), "pod", fmt.Sprintf("app-%d-%d", pod%pods, pod/pods),
	}
}

// history yields the series before now.
func history(now time.Time) iter.Seq[servers.Series] {
	return func(yield func(servers.Series) bool) {
		for pod := range 2 * pods {
			s := servers.Series{
				Labels: labels.FromStrings(append(podLabels(pod), labels.MetricName, "load", "job", "pods", "instance", "pods")...),
				Samples: func(yield func(int64, float64) bool) {
					for at := now.Add(-length).Truncate(interval); at.Before(now); at = at.Add(interval) {
						if ms := at.UnixMilli(); alive(pod, ms) && !yield(ms, value(pod, ms)) {
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

// exposed serves the series as they are now.
type exposed struct {
	*http.Server
	address string
}

func expose() (*exposed, error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	handler := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		var text strings.Builder
		now := time.Now().UnixMilli()
		for pod := range 2 * pods {
			if l := podLabels(pod); alive(pod, now) {
				fmt.Fprintf(&text, "load{%s=%q,%s=%q} %g\n", l[0], l[1], l[2], l[3], value(pod, now))
			}
		}
		w.Header().Set("Content-Type", "text/plain; version=0.0.4")
		_, _ = io.WriteString(w, text.String())
	})
	e := &exposed{&http.Server{Handler: handler, ReadHeaderTimeout: 10 * time.Second}, listener.Addr().String()}
	go func() {
		if err := e.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
			panic(err)
		}
	}()
	return e, nil
}

// scrape is the configuration of a Prometheus that scrapes the pods and the exporter, once there is one.
func scrape(pods string, exporter ...string) string {
	return fmt.Sprintf(`
global: {scrape_interval: %s, scrape_timeout: %s}
scrape_configs:
  - {job_name: pods, static_configs: [{targets: ['%s'], labels: {instance: pods}}]}
  - {job_name: anomaly-exporter, honor_labels: true, static_configs: [{targets: %q}]}
`, interval, interval, pods, exporter)
}

// config is that of the exporter. The other one has another model for a detector, and a detector more.
func config(url string, other bool) string {
	horizons, more := "1m", ""
	if other {
		horizons, more = "5m", "  - {name: more, expr: sum by (namespace) (load), publish: [score, contribution]}\n"
	}
	return fmt.Sprintf(`
global: {step: %s, query_offset: 6s, history: 2h, min_history: 30m, refit_interval: 1m}
remote_read: [{url: %s/api/v1/read}]
detectors:
  - {name: alone, expr: load, forecaster: {horizons: [%s]}, bounds: {upper: 400}}
  - {name: siblings, expr: load, pool_by: [namespace]}
  - {name: joint, inputs: {mean: avg by (namespace) (load), most: max by (namespace) (load)}, by: [namespace]}
%sscalers:
  - {name: each, load: sum by (namespace) (load), by: [namespace], capacity_per_replica: 500, max_replicas: 90}
`, step, url, horizons, more)
}
