package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/anomaly-exporter/anomaly-exporter/test/servers"
)

// columns matches what is between two columns.
var columns = regexp.MustCompile(`\b {2,}`)

// examine runs doctor, and returns its output, with a space between columns, and its exit code.
func examine(t *testing.T, args ...string) (string, int) {
	t.Helper()
	var stdout, stderr bytes.Buffer
	code := execute(append([]string{"doctor"}, args...), &stdout, &stderr)
	require.Empty(t, stderr.String())
	return columns.ReplaceAllString(stdout.String(), " "), code
}

// examineUntil runs doctor until its output has a line, and returns the output and exit code.
func examineUntil(t *testing.T, line string, args ...string) (out string, code int) {
	t.Helper()
	want := regexp.MustCompile("(?m)^" + line + "$")
	for deadline := time.Now().Add(time.Minute); time.Now().Before(deadline); time.Sleep(200 * time.Millisecond) {
		if out, code = examine(t, args...); want.MatchString(out) {
			return out, code
		}
	}
	require.Fail(t, "not found: "+line, "%s", out)
	return out, code
}

// An exporter, a Prometheus and an Alertmanager: healthy, and with each fault on the way there.
func TestDoctor_FindsEachFault(t *testing.T) {
	if testing.Short() {
		t.Skip("starts real servers and waits for scrapes")
	}
	e, p := shopExporter(t, `
  - {name: both, inputs: {a: shop_requests, b: 2 * shop_requests}, by: [job, pod]}
scalers:
  - {name: fleet, load: sum by (job) (shop_requests), capacity_per_replica: 100, max_replicas: 9}
`)
	am, err := servers.StartAlertmanager(t.Context(), servers.AlertmanagerOptions{})
	require.NoError(t, err)
	defer func() { require.NoError(t, am.Stop()) }()
	root, err := servers.Root()
	require.NoError(t, err)
	args := []string{"--url=" + e.url, "--prometheus.url=" + p.URL(), "--alertmanager.url=" + am.URL()}
	configure := func(honor bool, target, rules string) {
		require.NoError(t, p.Configure(fmt.Sprintf(`
global: {scrape_interval: 1s, evaluation_interval: 1s}
scrape_configs:
  - {job_name: anomaly-exporter, honor_labels: %t, static_configs: [{targets: ['%s']}]}
rule_files: [%s]
alerting: {alertmanagers: [{static_configs: [{targets: ['%s']}]}]}
`, honor, strings.TrimPrefix(target, "http://"), rules, strings.TrimPrefix(am.URL(), "http://"))))
	}

	out, code := examine(t, args...)
	require.Equal(t, 1, code)
	require.Regexp(t, `^ok steps 4 of 4 detectors and scalers have a step that is at most (\d+ min|\d+( min \d+)? s) old
ok scores detector both: 3 of 3 series have a score
ok scores scaler fleet: 1 of 1 series have a recommendation
ok scores detector shop: 3 of 3 series have a score
warning scores detector till: 1 of 1 series without a score, learning: 1[78] h[^\n]* of 1 d; first score [^\n]* UTC
error scrape Prometheus scrapes no anomaly-exporter; add a job with honor_labels: true [^\n]*
error rules no alert on results is loaded: nobody will be paged; add the files in rules/ to rule_files
warning alertmanager Prometheus knows no Alertmanager: it sends no alert; [^\n]*
error routes nobody is notified of severity critical: AnomalyDetectedHighScore; [^\n]*
error routes nobody is notified of severity warning: AnomalyDetectedHighScore; [^\n]*
$`, out)

	configure(true, "127.0.0.1:1", "")
	_, code = examineUntil(t, `error scrape the scrape of http://127\.0\.0\.1:1/metrics fails: .*refused; .*`, args...)
	require.Equal(t, 1, code)

	configure(false, e.url, "")
	const overwritten = `error labels the scrape overwrites job and instance of results of detector %s; ` +
		`set honor_labels: true in the job "anomaly-exporter"`
	out, code = examineUntil(t, fmt.Sprintf(overwritten, "shop"), args...)
	require.Equal(t, 1, code)
	require.Contains(t, out, fmt.Sprintf(overwritten, "till"), "what has no score yet, too")
	require.NotContains(t, out, "ok labels")
	require.NotContains(t, out, "joins")

	configure(true, e.url, "")
	out, code = examineUntil(t, "ok labels results of 4 .*", args...)
	require.Equal(t, 1, code)
	require.Regexp(t, `(?m)^ok scrape Prometheus scrapes it as \{instance="127[^\n]*", job="anomaly-exporter"\}$`, out)
	require.Contains(t, out, "ok joins results of 4 detectors and scalers join the series that they are about\n")
	require.Contains(t, out, "error rules no alert on results is loaded")

	other := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/metrics" {
			fmt.Fprintln(w, "process_start_time_seconds 1.7e+09")
			return
		}
		http.Redirect(w, r, e.url+r.URL.RequestURI(), http.StatusTemporaryRedirect)
	}))
	defer other.Close()
	out, code = examine(t, "--url="+other.URL, "--prometheus.url="+p.URL())
	require.Equal(t, 1, code)
	require.Contains(t, out, "error scrape Prometheus does not scrape this exporter, but "+
		strings.TrimPrefix(e.url, "http://"))

	configure(true, e.url, filepath.Join(root, "rules", "anomalies.yml"))
	out, code = examineUntil(t, "ok rules loaded: anomalies.yml", args...)
	require.Equal(t, 1, code)
	require.Contains(t, out, "error rules recording.yml is not loaded")
	require.Contains(t, out, "warning rules drift.yml is not loaded")
	require.Contains(t, out, "warning rules scaling.yml is not loaded", "there is a scaler")

	broken := filepath.Join(t.TempDir(), "broken.yml")
	require.NoError(t, os.WriteFile(broken, []byte(`
groups: [{name: mine, rules: [{alert: Mine, expr: 'anomaly_score * on () {job="anomaly-exporter"} > 0'}]}]
`), 0o600))
	configure(true, e.url, broken)
	out, code = examineUntil(t, `error rules rule Mine of .*broken\.yml fails: .*`, args...)
	require.Equal(t, 1, code)
	require.Contains(t, out, "ok rules none of rules/ is loaded, but other alerts on results are")

	var rules []string
	for _, name := range []string{"recording", "anomalies", "drift", "breaches", "scaling", "exporter"} {
		rules = append(rules, filepath.Join(root, "rules", name+".yml"))
	}
	configure(true, e.url, strings.Join(rules, ", "))
	out, code = examineUntil(t, "ok rules loaded: anomalies.yml, .*", args...)
	require.Equal(t, 1, code)
	require.Regexp(t, `error routes nobody is notified of severity critical: AnomalyDetectedHighScore, AnomalyEx`, out)

	routes, err := os.ReadFile(filepath.Join(root, "examples", "alertmanager", "alertmanager.yml"))
	require.NoError(t, err)
	require.NoError(t, am.Configure(string(routes)))
	out, code = examineUntil(t, "ok alertmanager Prometheus sends alerts to "+am.URL(), args...)
	require.Zero(t, code, out)
	require.Contains(t, out, "ok routes severity critical goes to investigations, people, tickets\n"+
		"ok routes severity warning goes to investigations, people\n")
	require.NotContains(t, out, "error")

	out, code = examine(t, append(args, "--format=json")...)
	require.Zero(t, code)
	var answer struct {
		Checks []struct{ Status, Check, Message string }
	}
	require.NoError(t, json.Unmarshal([]byte(out), &answer))
	require.Equal(t, "steps", answer.Checks[0].Check)

	require.NoError(t, e.stop())
	out, code = examine(t, args...)
	require.Equal(t, 1, code)
	require.Regexp(t, "^error exporter the exporter at [^\n]* does not answer: [^\n]*refused; is it [^\n]*\nok ", out)
	out, code = examine(t, "--url="+e.url, "--prometheus.url=http://127.0.0.1:1")
	require.Equal(t, 1, code)
	require.Regexp(t, "\nerror prometheus the Prometheus at [^\n]*refused; is it running, and is its port right in "+
		"--prometheus.url\\?\n$", out)
}
