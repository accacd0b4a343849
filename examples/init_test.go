package examples_test

import (
	"fmt"
	"math"
	"math/rand/v2"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus/promhttp"
	"github.com/stretchr/testify/require"
	"go.yaml.in/yaml/v3"

	"github.com/anomaly-exporter/anomaly-exporter/config"
	"github.com/anomaly-exporter/anomaly-exporter/test/servers"
)

// program runs a command of the exporter in a directory and returns what it writes.
func program(t *testing.T, dir string, args ...string) (string, error) {
	t.Helper()
	root, err := servers.Root()
	require.NoError(t, err)
	cmd := exec.CommandContext(t.Context(), filepath.Join(root, ".build", "anomaly-exporter"), args...)
	cmd.Dir = dir
	text, err := cmd.CombinedOutput()
	return string(text), err
}

// limits are the lines that init adds to detectors.
var limits = regexp.MustCompile(`(?m)^    series_limit: \d+\n`)

// init writes one configuration with the detectors of all files, which finds series and publishes results as those do.
func TestInit_PutsAllFilesTogether(t *testing.T) {
	if testing.Short() {
		t.Skip("starts real servers")
	}
	end := time.Now().Truncate(time.Second)
	data := t.TempDir()
	require.NoError(t, servers.WriteBlocks(data, slices.Values(seriesUntil(end))))
	require.NoError(t, writeHistogram(data, end))
	p, err := servers.StartPrometheus(t.Context(), servers.PrometheusOptions{
		Dir: data, Config: "global: {external_labels: {prometheus: main}}\n",
	})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, p.Stop()) })

	dir := t.TempDir()
	out, err := program(t, dir, "init", "--url="+p.URL(), "--timezone=Europe/Berlin")
	require.NoError(t, err, out)
	for _, next := range []string{"check-config ", "backtest --config.file=", "--config.file="} {
		require.Contains(t, out, "\n  anomaly-exporter "+next+"anomaly-exporter.yml\n")
	}
	require.Contains(t, out, "\n2 scalers suggested, as comments at its end\n")
	file := filepath.Join(dir, "anomaly-exporter.yml")
	written, err := os.ReadFile(file)
	require.NoError(t, err)
	cfg, err := config.LoadFile(file)
	require.NoError(t, err)
	require.Equal(t, "Europe/Berlin", cfg.Global.Timezone)
	require.Equal(t, "main", cfg.RemoteRead[0].ExternalLabels.Get("prometheus"))

	require.Equal(t, detectorsOfFiles(t), ownNames(cfg), "detectors")
	checkTextIsOfTheFiles(t, string(written))

	checked, err := program(t, dir, "check-config", "anomaly-exporter.yml")
	require.NoError(t, err, checked)
	warnings := regexp.MustCompile(`(?m)^.*: warning: .*$`).FindAllString(checked, -1)
	require.Len(t, warnings, 1, "no mistake in any file: %s", checked)
	require.Contains(t, warnings[0], "history is 2w, but the oldest values are about 2d2", "of the series of this test")
	require.NotContains(t, checked, "unknown number of series")
	require.NotContains(t, checked, ": 0 series")
	require.NotContains(t, checked, "over series_limit")

	out, err = program(t, dir, "init", "--url="+p.URL(), "--timezone=Europe/Berlin")
	require.ErrorContains(t, err, "exit status 1")
	require.Contains(t, out, "anomaly-exporter.yml is there already")
	out, err = program(t, dir, "init", "--url="+p.URL(), "--timezone=Europe/Berlin", "--force")
	require.NoError(t, err, out)
	again, err := os.ReadFile(file)
	require.NoError(t, err)
	require.Equal(t, string(written), string(again), "a second run")

	checkResults(t, cfg, results(t, file, p.URL()+"/api/v1/read"))
	checkServices(t, cfg)
	checkScalers(t, p, string(written))
	checkMaxSeries(t, p.URL(), len(cfg.Detectors))
	checkTenant(t, mimir(t, p.URL())+"/prometheus")
}

// checkTenant checks that what init needs to reach a server goes into the configuration.
func checkTenant(t *testing.T, server string) {
	t.Helper()
	dir := t.TempDir()
	out, err := program(t, dir, "init", "--url="+server)
	require.ErrorContains(t, err, "exit status 1")
	require.Contains(t, out, "answers: 401 Unauthorized; give credentials by --http.config.file")
	client := "---\n# of the shop\nhttp_headers:\n  X-Scope-OrgID: {values: [shop]}\n"
	require.NoError(t, os.WriteFile(filepath.Join(dir, "client.yml"), []byte(client), 0o600))
	out, err = program(t, dir, "init", "--url="+server, "--http.config.file=client.yml")
	require.NoError(t, err, out)
	out, err = program(t, dir, "check-config", "anomaly-exporter.yml")
	require.NoError(t, err, out)
	require.NotContains(t, out, "unknown number of series")
	info, err := os.Stat(filepath.Join(dir, "anomaly-exporter.yml"))
	require.NoError(t, err)
	require.Equal(t, os.FileMode(0o600), info.Mode(), "credentials are for the owner")
}

// checkScalers checks the scalers that are suggested, and their ScaledObjects.
func checkScalers(t *testing.T, p *servers.Prometheus, written string) {
	t.Helper()
	_, suggested, found := strings.Cut(written, "\n# scalers:\n")
	require.True(t, found)
	scalers, objects, found := strings.Cut(suggested, "\n##\n## ---\n")
	require.True(t, found)
	scalers, _, _ = strings.Cut(scalers, "\n\n")
	plain := regexp.MustCompile(`(?m)^# `).ReplaceAllString(scalers, "")
	cfg, err := config.Load([]byte("remote_read: [{url: '"+p.URL()+"/api/v1/read'}]\nscalers:\n"+plain+"\n"), "scalers")
	require.NoError(t, err, plain)

	documents := strings.Split(objects, "\n##\n## ---\n")
	require.Len(t, cfg.Scalers, 2)
	require.Len(t, documents, 2)
	for i, want := range []struct {
		deployment, load string
		capacity         float64 // four replicas share a load that 95 % of a day is below 1.33 times its mean
	}{
		{"checkout", `sum(rate(http_requests_total{namespace="shop", job="checkout"}[5m]))`, 100},
		{"other", `sum(rate(acme_requests_total{namespace="shop", pod=~"other-[a-z0-9]+-[a-z0-9]+"}[5m]))`, 10},
	} {
		s := cfg.Scalers[i]
		require.Equal(t, "shop-"+want.deployment, s.Name)
		require.Equal(t, want.load, s.Load.String())
		require.InEpsilon(t, want.capacity, s.CapacityPerReplica.Value, 0.03)
		require.Equal(t, []int{2, 12}, []int{s.MinReplicas, s.MaxReplicas})
		require.Equal(t, map[string]string{"namespace": "shop", "deployment": want.deployment}, s.Labels)
		load, err := p.Query(t.Context(), s.Load.String(), time.Now())
		require.NoError(t, err)
		require.Len(t, load, 1)

		var o struct {
			Metadata struct{ Name, Namespace string }
			Spec     struct {
				ScaleTargetRef  struct{ Name string }                  `yaml:"scaleTargetRef"`
				MinReplicaCount int                                    `yaml:"minReplicaCount"`
				MaxReplicaCount int                                    `yaml:"maxReplicaCount"`
				Fallback        struct{ Replicas int }                 `yaml:"fallback"`
				Triggers        []struct{ Metadata map[string]string } `yaml:"triggers"`
			}
		}
		text := regexp.MustCompile(`(?m)^## ?`).ReplaceAllString(documents[i], "")
		require.NoError(t, yaml.Unmarshal([]byte(text), &o), text)
		require.Equal(t, "shop/"+want.deployment, o.Metadata.Namespace+"/"+o.Metadata.Name)
		require.Equal(t, want.deployment, o.Spec.ScaleTargetRef.Name)
		require.Equal(t, []int{2, 12, 7}, []int{o.Spec.MinReplicaCount, o.Spec.MaxReplicaCount, o.Spec.Fallback.Replicas})
		trigger := o.Spec.Triggers[0].Metadata
		require.Equal(t, p.URL(), trigger["serverAddress"])
		require.Equal(t, fmt.Sprintf("max(last_over_time(recommended_replicas{scaler=%q}[2m]))", s.Name), trigger["query"])
		require.Equal(
			t, fmt.Sprintf("%s / %v", s.Load, s.CapacityPerReplica.Value), o.Spec.Triggers[1].Metadata["query"],
		)
	}
}

// checkMaxSeries checks that with fewer series, what users notice first is kept, and that others say why they are not.
func checkMaxSeries(t *testing.T, prometheus string, all int) {
	t.Helper()
	dir := t.TempDir()
	out, err := program(t, dir, "init", "--url="+prometheus, "--max-series=130", "--output=few.yml")
	require.NoError(t, err, out)
	m := regexp.MustCompile(`few\.yml: (\d+) detectors, (\d+) series, `).FindStringSubmatch(out)
	require.NotNil(t, m, out)
	series, err := strconv.Atoi(m[2])
	require.NoError(t, err)
	require.LessOrEqual(t, series, 130)
	require.Greater(t, series, 120, "no more than necessary is left out")

	file := filepath.Join(dir, "few.yml")
	written, err := os.ReadFile(file)
	require.NoError(t, err)
	cfg, err := config.LoadFile(file)
	require.NoError(t, err)
	require.Equal(t, m[1], strconv.Itoa(len(cfg.Detectors)))
	leftOut := regexp.MustCompile(`(?m)^  # Left out: beside what users notice first, .* --max-series=130\.$`)
	require.Len(t, leftOut.FindAllString(string(written), -1), all-len(cfg.Detectors))
	require.Contains(t, string(written), "\n  # - name: go_heap\n  #   series_limit: 100\n")
	require.Contains(t, string(written), "\n  - name: probe_success\n", "users notice it")

	// What was left out comes back if the marks are removed.
	back := regexp.MustCompile(`(?m)^  # (- name: .*|  .*)$`).ReplaceAll(written, []byte("  $1"))
	cfg, err = config.Load(back, "back.yml")
	require.NoError(t, err)
	require.Len(t, cfg.Detectors, all)
}

// Where there is nothing that a file is for, init says so and writes nothing.
func TestInit_SaysThatNothingIsThere(t *testing.T) {
	if testing.Short() {
		t.Skip("starts a real server")
	}
	p, err := servers.StartPrometheus(t.Context(), servers.PrometheusOptions{})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, p.Stop()) })
	dir := t.TempDir()
	out, err := program(t, dir, "init", "--url="+p.URL())
	require.ErrorContains(t, err, "exit status 1")
	require.Equal(t, p.URL()+": there was no metric within the last hour; does it scrape anything? If it "+
		"was started just now, wait for its first scrape\n", out)
	require.NoFileExists(t, filepath.Join(dir, "anomaly-exporter.yml"))
}

// On a Prometheus that was started seconds ago, check-config counts the series that init counted, and says that there
// is little history.
func TestInit_CountsAsCheckConfigOnANewPrometheus(t *testing.T) {
	if testing.Short() {
		t.Skip("starts a real server")
	}
	target := httptest.NewServer(promhttp.Handler())
	t.Cleanup(target.Close)
	p, err := servers.StartPrometheus(t.Context(), servers.PrometheusOptions{Config: fmt.Sprintf(`
scrape_configs:
  - job_name: test
    scrape_interval: 1s
    static_configs: [{targets: ['%s']}]
`, strings.TrimPrefix(target.URL, "http://"))})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, p.Stop()) })
	require.Eventually(t, func() bool {
		v, err := p.Query(t.Context(), "rate(process_cpu_seconds_total[1m])", time.Now())
		return err == nil && len(v) == 1
	}, 20*time.Second, 100*time.Millisecond)
	dir := t.TempDir()
	out, err := program(t, dir, "init", "--url="+p.URL())
	require.NoError(t, err, out)
	checked, err := program(t, dir, "check-config", "anomaly-exporter.yml")
	require.NoError(t, err, checked)

	counted := regexp.MustCompile(`(?m)^\w+\.yml +(\w+) +(\d+) `).FindAllStringSubmatch(out, -1)
	require.Len(t, counted, 10, out)
	for _, m := range counted {
		require.Contains(t, checked, fmt.Sprintf("  detector %q: %s series: about ", m[1], m[2]))
	}
	warnings := regexp.MustCompile(`(?m)^.*: warning: .*$`).FindAllString(checked, -1)
	require.Len(t, warnings, 1, checked)
	require.Contains(t, warnings[0], "and 9 others: the oldest values are less than 1h old, too little to learn from: ")
}

// detectorsOfFiles returns the names of the detectors of all files that name what they need.
func detectorsOfFiles(t *testing.T) (names []string) {
	t.Helper()
	files, err := filepath.Glob("*.yml")
	require.NoError(t, err)
	presets := 0
	for _, file := range files {
		text, err := os.ReadFile(file)
		require.NoError(t, err)
		if !strings.Contains(string(text), "\n# Needs: ") {
			continue
		}
		presets++
		cfg, err := config.LoadFile(file)
		require.NoError(t, err)
		for _, d := range cfg.Detectors {
			names = append(names, d.Name)
		}
	}
	require.Equal(t, 16, presets)
	slices.Sort(names)
	require.Equal(t, names, slices.Compact(slices.Clone(names)), "names are unique over all files")
	return names
}

// ofServices are the beginnings of the names of detectors of services whose metrics have other names.
var ofServices = regexp.MustCompile(`^((otel_|spring_)?http_server|otel_rpc_server|grpc_server|acme)_`)

// ownNames returns the names of the detectors but those of such services, in order.
func ownNames(cfg *config.Config) (names []string) {
	for _, d := range cfg.Detectors {
		if !ofServices.MatchString(d.Name) {
			names = append(names, d.Name)
		}
	}
	slices.Sort(names)
	return names
}

// checkTextIsOfTheFiles checks that what is written about detectors is in one of the files.
func checkTextIsOfTheFiles(t *testing.T, written string) {
	t.Helper()
	files, err := filepath.Glob("*.yml")
	require.NoError(t, err)
	var all strings.Builder
	for _, file := range files {
		text, err := os.ReadFile(file)
		require.NoError(t, err)
		all.Write(text)
	}
	_, written, _ = strings.Cut(written, "\ndetectors:\n")
	written, _, _ = strings.Cut(written, "\n\n# ---- Deployments ")
	require.NotContains(t, written, "Left out")
	blocks := 0
	for block := range strings.SplitSeq(limits.ReplaceAllString(written, ""), "\n\n") {
		name := regexp.MustCompile(`(?m)^  - name: (.+)$`).FindStringSubmatch(block)
		if name == nil || ofServices.MatchString(name[1]) {
			continue
		}
		require.Contains(t, all.String(), strings.TrimSpace(block))
		blocks++
	}
	require.Greater(t, blocks, 80)
}

// checkServices checks what was written about services whose metrics go by other names.
func checkServices(t *testing.T, cfg *config.Config) {
	t.Helper()
	exprs := map[string]string{}
	for _, d := range cfg.Detectors {
		if ofServices.MatchString(d.Name) {
			exprs[d.Name] = d.Expr.String()
		}
	}
	require.Contains(t, exprs["http_server_requests"], "rate(http_server_request_duration_seconds_count[5m])")
	require.Contains(t, exprs["http_server_error_ratio"], `{http_response_status_code=~"5.."}`)
	require.Contains(t, exprs["spring_http_server_requests"], "spring_http_server_requests_seconds_count")
	require.NotContains(t, exprs, "spring_http_server_latency_p99", "a summary has no buckets")
	require.Contains(t, exprs["grpc_server_error_ratio"], `grpc_server_handled_total{grpc_code=~"Unknown|`)
	require.Contains(t, exprs["grpc_server_latency_p99"], "grpc_server_handling_seconds_bucket")
	require.Contains(t, exprs["acme_requests"], "rate(acme_requests_total[5m])")
	require.NotContains(t, exprs, "acme_error_ratio", "no label tells which requests failed")
	dotted := `rate({"http.server.request.duration_seconds_count"}[5m])`
	require.Contains(t, exprs["otel_http_server_requests"], dotted)
	require.Contains(t, exprs["otel_rpc_server_requests"], `histogram_count(rate({"rpc.server.call.duration"}[5m]))`)
	require.Contains(t, exprs["otel_http_server_error_ratio"], `"http.response.status_code"=~"5.."`)
	require.Contains(t, exprs["otel_http_server_latency_p99"], `by (namespace, "service.name", le)`)
}

// With --backtest, a detector that would have alerted all the time is left out. Redis has a peak every eight hours that
// is higher than all before. A disk comes close to its last inode each noon. MySQL has one peak in the six days that
// there is of it, which is no reason to leave it out.
func TestInit_LeavesOutWhatWouldAlertTooOften(t *testing.T) {
	if testing.Short() {
		t.Skip("replays a week")
	}
	end := time.Now().Truncate(time.Minute)
	w := &world{start: end.Add(-9 * 24 * time.Hour), end: end}
	w.counter("redis_commands_processed_total{job=redis,instance=redis:9121}", func(at time.Time, r *rand.Rand) float64 {
		level := steady(100)(at, r)
		if since := at.Sub(w.start); since%(8*time.Hour) < 20*time.Minute {
			level *= math.Pow(1.5, float64(since/(8*time.Hour)))
		}
		return level
	})
	disk := "{job=node,instance=n1:9100,device=/dev/sda1,mountpoint=/,fstype=ext4}"
	w.constant("node_filesystem_files"+disk, 1e6)
	w.gauge("node_filesystem_files_free"+disk, func(at time.Time, _ *rand.Rand) float64 {
		return 1e6 * (1 - 0.96*(float64((at.Unix()+43200)%86400)/86400))
	})
	w.counter("node_cpu_seconds_total{job=node,instance=n1:9100,cpu=0,mode=idle}", steady(0.7))
	young := &world{start: end.Add(-6 * 24 * time.Hour), end: end}
	young.counter("mysql_global_status_queries{job=mysql,instance=mysql:9104}", func(at time.Time, r *rand.Rand) float64 {
		if since := end.Add(-24 * time.Hour).Sub(at); since >= 0 && since < 20*time.Minute {
			return 3 * steady(400)(at, r)
		}
		return steady(400)(at, r)
	})
	w.all = append(w.all, young.all...)
	data := t.TempDir()
	require.NoError(t, servers.WriteBlocks(data, slices.Values(w.all)))
	p, err := servers.StartPrometheus(t.Context(), servers.PrometheusOptions{Dir: data})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, p.Stop()) })

	dir := t.TempDir()
	out, err := program(t, dir, "init", "--url="+p.URL(), "--backtest")
	require.NoError(t, err, out)
	require.Regexp(t, `(?m)^redis\.yml +redis_commands +1 +100 +\d+ \(1 workload, 7 days\) +left out: 1 workload `, out)
	require.Regexp(t, `(?m)^mysql\.yml +mysql_queries +1 +100 +1 \(1 workload, 5 days\) +about `, out)
	require.Regexp(t, `(?m)^node-exporter\.yml +inodes_used +1 +100 +[67] \(1 workload, \d days\) +left out: 1 `, out)
	require.Contains(t, out, "\nanomaly-exporter.yml: 2 detectors, 2 series, ")
	written, err := os.ReadFile(filepath.Join(dir, "anomaly-exporter.yml"))
	require.NoError(t, err)
	require.Regexp(t, `\n  # Left out: 1 workload would have raised \d+ alerts in 7 days, more than `, string(written))
	require.Contains(t, string(written), "\n  # - name: redis_commands\n")
	cfg, err := config.Load(written, "written")
	require.NoError(t, err)
	require.Equal(t, []string{"mysql_queries", "node_cpu"}, ownNames(cfg))
}
