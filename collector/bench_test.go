package collector_test

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/anomaly-exporter/anomaly-exporter/detector"
)

const benchSeries = 100_000

// benchSnapshot is benchSeries results of 50 detectors, in two families.
func benchSnapshot() *detector.Snapshot {
	s := &detector.Snapshot{}
	for d := range 50 {
		name := fmt.Sprintf("detector_%02d", d)
		p := part(name, detector.Score, many(name, benchSeries/100)...)
		p.Results[detector.Yhat] = many(name, benchSeries/100)
		s.Parts = append(s.Parts, p)
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

// BenchmarkScrape is a scrape of 100,000 results over loopback, by the collector and by client_golang from metrics that were built before.
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
	b.Run("all", func(b *testing.B) {
		c, _ := newCollector(b)
		s := benchSnapshot()
		b.ReportAllocs()
		for b.Loop() {
			next := &detector.Snapshot{}
			for _, p := range s.Parts {
				clone := *p
				next.Parts = append(next.Parts, &clone)
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
			next := &detector.Snapshot{Parts: append([]*detector.Part(nil), s.Parts...)}
			clone := *next.Parts[7]
			next.Parts[7] = &clone
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

func newConstant(s *detector.Snapshot) *constant {
	c := &constant{}
	for family := range detector.NumFamilies {
		var desc *prometheus.Desc
		for _, p := range s.Parts {
			for _, r := range p.Results[family] {
				var names, values []string
				for _, l := range r.Labels {
					names, values = append(names, l.Name), append(values, l.Value)
				}
				if desc == nil {
					desc = prometheus.NewDesc(family.Name(), family.Help(), names, nil)
					c.descs = append(c.descs, desc)
				}
				c.metrics = append(c.metrics, prometheus.MustNewConstMetric(desc, prometheus.GaugeValue, r.Value, values...))
			}
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
