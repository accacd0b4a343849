package keda_test

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

const (
	every = 15 * time.Second
	days  = 5
	ramp  = 40 * time.Minute
)

// shop counts requests: 300 a second. Starting some minutes before the test, on this day and on all days before, they
// rise to 1500 within the ramp.
type shop struct {
	start   time.Time // of history
	end     time.Time // of history
	counted []float64 // by 15 seconds since start, and into the future for live scrapes
	address string
}

func newShop(t *testing.T, end time.Time) *shop {
	s := &shop{start: end.Add(-days * 24 * time.Hour), end: end, counted: []float64{0}}
	random := rand.New(rand.NewPCG(1, 2))
	ramps := end.Add(-5 * time.Minute)
	for at := s.start; at.Before(end.Add(time.Hour)); at = at.Add(every) {
		since := (at.Sub(ramps)%(24*time.Hour) + 24*time.Hour) % (24 * time.Hour)
		busy := max(0, min(1, float64(since)/float64(ramp), 1-float64(since-5*time.Hour)/float64(ramp)))
		load := (300 + 1200*busy) * (1 + 0.02*random.NormFloat64())
		s.counted = append(s.counted, s.counted[len(s.counted)-1]+load*every.Seconds())
	}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/plain; version=0.0.4")
		fmt.Fprintf(w, "http_requests_total %f\n", s.at(time.Now()))
		fmt.Fprintln(w, "night_requests_total 5")
	}))
	t.Cleanup(server.Close)
	s.address = strings.TrimPrefix(server.URL, "http://")
	return s
}

// at is the count, between two that are known.
func (s *shop) at(now time.Time) float64 {
	i := int(now.Sub(s.start) / every)
	part := float64(now.Sub(s.start)%every) / float64(every)
	return s.counted[i] + part*(s.counted[i+1]-s.counted[i])
}

// startPrometheus starts a Prometheus that has scraped the shop for days, and returns how to have it scrape an
// exporter, too.
func (s *shop) startPrometheus(t *testing.T) (p *server, scrape func(exporter string)) {
	t.Helper()
	dir := t.TempDir()
	var text bytes.Buffer
	for _, name := range []string{"http_requests", "night_requests"} {
		fmt.Fprintf(&text, "# TYPE %s counter\n", name)
		for i, at := 0, s.start; at.Before(s.end); i, at = i+1, at.Add(every) {
			count := 5.0
			if name == "http_requests" {
				count = s.counted[i]
			}
			fmt.Fprintf(&text, "%s_total{namespace=\"shop\",job=\"checkout\",instance=\"checkout\"} %f %d.%03d\n",
				name, count, at.Unix(), at.Nanosecond()/1e6)
		}
	}
	text.WriteString("# EOF\n")
	history := filepath.Join(dir, "history.om")
	require.NoError(t, os.WriteFile(history, text.Bytes(), 0o600))
	promtool := exec.Command(filepath.Join(root, ".build/tools/promtool"),
		"tsdb", "create-blocks-from", "--max-block-duration=24h", "openmetrics", history, dir)
	out, err := promtool.CombinedOutput()
	require.NoError(t, err, "%s", out)

	file := filepath.Join(dir, "prometheus.yml")
	require.NoError(t, os.WriteFile(file, []byte(s.prometheusConfig("")), 0o600))
	p = startServer(t, "tools/prometheus", "/-/ready", "--config.file="+file, "--storage.tsdb.path="+dir)
	return p, func(exporter string) {
		require.NoError(t, os.WriteFile(file, []byte(s.prometheusConfig(exporter)), 0o600))
		require.NoError(t, answers(http.MethodPost, p.url+"/-/reload"))
	}
}

// prometheusConfig scrapes the shop and, if it is there, the exporter.
func (s *shop) prometheusConfig(exporter string) string {
	config := fmt.Sprintf(`
global: {scrape_interval: 2s}
scrape_configs:
  - job_name: checkout
    static_configs: [{targets: ['%s'], labels: {namespace: shop, instance: checkout}}]
`, s.address)
	if exporter != "" {
		config += fmt.Sprintf(`
  - job_name: anomaly-exporter
    honor_labels: true
    static_configs: [{targets: ['%s']}]
`, strings.TrimPrefix(exporter, "http://"))
	}
	return config
}

// startExporter starts an exporter with the configuration of the example, and a scaler for what is idle at night.
func startExporter(t *testing.T, p *server) *server {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(example, "anomaly-exporter.yml"))
	require.NoError(t, err)
	const address = "http://prometheus-operated.monitoring.svc:9090"
	require.Contains(t, string(text), address)
	config := strings.ReplaceAll(string(text), address, p.url) + `
  - name: night
    load: sum(rate(night_requests_total[5m]))
    capacity_per_replica: 100
    min_replicas: 0
    max_replicas: 20
`
	file := filepath.Join(t.TempDir(), "anomaly-exporter.yml")
	require.NoError(t, os.WriteFile(file, []byte(config), 0o600))
	return startServer(t, "anomaly-exporter", "/-/healthy", "--config.file="+file)
}
