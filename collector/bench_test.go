package collector_test

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/anomaly-exporter/anomaly-exporter/detector/result"
)

const benchSeries = 100_000

// benchSnapshot is benchSeries results of 50 detectors, in two families.
func benchSnapshot() *result.Snapshot {
	s := &result.Snapshot{}
	for d := range 50 {
		name := fmt.Sprintf("detector_%02d", d)
		b := batch(name, many(name, benchSeries/100)...)
		for i := range b.Series {
			b.Series[i].Score.Expected = float64(i) / 7
		}
		s.Batches = append(s.Batches, b)
	}
	return s
}

// discard is a response that goes nowhere.
type discard struct{ header http.Header }

func (d discard) Header() http.Header       { return d.header }
func (discard) Write(b []byte) (int, error) { return len(b), nil }
func (discard) WriteHeader(int)             {}

func benchScrape(b *testing.B, h http.Handler, encoding string) {
	req := httptest.NewRequest(http.MethodGet, "/metrics", nil)
	req.Header.Set("Accept", acceptV3)
	req.Header.Set("Accept-Encoding", encoding)
	srv := httptest.NewServer(h)
	defer srv.Close()
	req.RequestURI, req.URL.Scheme, req.URL.Host = "", "http", srv.Listener.Addr().String()
	client := &http.Client{Transport: &http.Transport{DisableCompression: true}}
	defer client.CloseIdleConnections()
	b.ReportAllocs()
	for b.Loop() {
		resp, err := client.Do(req)
		if err != nil {
			b.Fatal(err)
		}
		n, err := io.Copy(io.Discard, resp.Body)
		if err != nil {
			b.Fatal(err)
		}
		resp.Body.Close()
		b.ReportMetric(float64(n)/1e6, "MB/scrape")
	}
}

// BenchmarkScrape is a scrape of 100,000 results over loopback, by the collector and by client_golang from metrics that
// were built before.
func BenchmarkScrape(b *testing.B) {
	s := benchSnapshot()
	c, _ := newCollector(b)
	c.Publish(s)
	scrape(b, c)
	reg := prometheus.NewRegistry()
	reg.MustRegister(newConstant(s))
	theirs := promhttp.HandlerFor(reg, promhttp.HandlerOpts{EnableOpenMetrics: true})

	b.Run("ours/plain", func(b *testing.B) { benchScrape(b, c, "identity") })
	b.Run("ours/gzip", func(b *testing.B) { benchScrape(b, c, "gzip") })
	b.Run("client_golang/plain", func(b *testing.B) { benchScrape(b, theirs, "identity") })
	b.Run("client_golang/gzip", func(b *testing.B) { benchScrape(b, theirs, "gzip") })
	b.Run("client_golang/gather_only", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if _, err := reg.Gather(); err != nil {
				b.Fatal(err)
			}
		}
	})
}

// BenchmarkRender is what a cycle costs: of all 50 detectors at once, and of one while the others have not changed.
func BenchmarkRender(b *testing.B) {
	w := discard{http.Header{}}
	req := httptest.NewRequest(http.MethodGet, "/metrics", nil)
	req.Header.Set("Accept-Encoding", "gzip")
	b.Run("all", func(b *testing.B) {
		c, _ := newCollector(b)
		s := benchSnapshot()
		b.ReportAllocs()
		for b.Loop() {
			next := &result.Snapshot{}
			for _, b := range s.Batches {
				clone := *b
				next.Batches = append(next.Batches, &clone)
			}
			c.Publish(next)
			c.ServeHTTP(w, req)
		}
	})
	b.Run("one", func(b *testing.B) {
		c, _ := newCollector(b)
		s := benchSnapshot()
		c.Publish(s)
		c.ServeHTTP(w, req)
		b.ReportAllocs()
		for b.Loop() {
			next := snapshot(slices.Clone(s.Batches)...)
			clone := *next.Batches[7]
			next.Batches[7] = &clone
			c.Publish(next)
			c.ServeHTTP(w, req)
		}
	})
}

// constant is a client_golang collector of metrics that were built once.
type constant struct {
	descs   []*prometheus.Desc
	metrics []prometheus.Metric
}

func newConstant(s *result.Snapshot) *constant {
	c := &constant{}
	for family := range result.NumFamilies {
		var desc *prometheus.Desc
		for _, b := range s.Batches {
			b.Flatten(family, s.Dropped, func(sample result.Sample) bool {
				var names, values []string
				for _, l := range sample.Labels.With(nil, sample.Extra) {
					names, values = append(names, l.Name), append(values, l.Value)
				}
				if desc == nil {
					desc = prometheus.NewDesc(family.Name(), family.Help(), names, nil)
					c.descs = append(c.descs, desc)
				}
				metric := prometheus.MustNewConstMetric(desc, prometheus.GaugeValue, sample.Value, values...)
				c.metrics = append(c.metrics, metric)
				return true
			})
		}
	}
	return c
}

func (c *constant) Describe(ch chan<- *prometheus.Desc) {
	for _, d := range c.descs {
		ch <- d
	}
}

func (c *constant) Collect(ch chan<- prometheus.Metric) {
	for _, m := range c.metrics {
		ch <- m
	}
}
