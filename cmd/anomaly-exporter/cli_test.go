package main

import (
	"bytes"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// command returns a command that runs the program as a process of its own in dir.
func command(t *testing.T, dir string, args ...string) *exec.Cmd {
	t.Helper()
	self, err := os.Executable()
	require.NoError(t, err)
	cmd := exec.Command(self, args...)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), runMain+"=1")
	return cmd
}

func TestCommandLine_ExitCodesAndOutput(t *testing.T) {
	const good = `remote_read: [{url: 'http://u:open-sesame@127.0.0.1:1/api/v1/read'}]
detectors:
  - {name: up, expr: up}
scalers:
  - {name: web, load: 'sum(rate(http_requests_total[5m]))', capacity_per_replica: 100, max_replicas: 10}
`
	const bad = `remote_read: [{url: 'http://localhost'}]
detectors:
  - name: up
    exp: up
  - name: load
    expr: rate(x[5m] offset -1h)
  - name: cpu
    expr: y
    step: 7m
`
	dir := t.TempDir()
	const broken = "detectors:\n  - name: x\n    expr: a: b\n"
	for name, text := range map[string]string{"good.yml": good, "bad.yml": bad, "broken.yml": broken} {
		require.NoError(t, os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600))
	}
	for _, tc := range []struct {
		name   string
		args   []string
		code   int
		stdout string // regular expressions for the whole
		stderr string
	}{
		{"version", []string{"--version"}, 0, `anomaly-exporter, version (?s:.*)`, ``},
		{
			"help",
			[]string{"--help"},
			0, `usage: anomaly-exporter (?s:.*)--config.file(?s:.*)check-config \[<flags>\] <file>(?s:.*)`, ``,
		},
		{
			"help of a command",
			[]string{"check-config", "--help"},
			0, `usage: anomaly-exporter check-config \[<flags>\] <file>\.\.\.\n\nCheck configuration files(?s:[^-]|-[^-])*` +
				`Flags:\n  --output=text (?s:[^-]|-[^-])*--\[no-\]strict (?s:[^-]|-[^-])*--\[no-\]syntax-only (?s:[^-]|-[^-])*` +
				`Args:\n  <file>  Path[^\n]*\n\n"anomaly-exporter --help" shows what all commands have: [^\n]*\n`, ``,
		},
		{"completions", []string{"--completion-bash", "back"}, 0, `(?s:.*)backtest\n(?s:.*)`, ``},
		{
			"completions of flags",
			[]string{"--completion-bash", "check-config", "--"},
			0, `(?s:.*)--syntax-only\n(?s:.*)`, ``,
		},
		{
			"unknown flag",
			[]string{"--config.fil=x"},
			2, ``,
			`anomaly-exporter: error: unknown long flag '--config\.fil'; did you mean "--config\.file"\?\n`,
		},
		{
			"unknown flag of a command",
			[]string{"backtest", "--detectr=x"},
			2, ``,
			`anomaly-exporter: error: unknown long flag '--detectr'; did you mean "--detector"\?\n`,
		},
		{
			"unknown flag like none",
			[]string{"backtest", "--verbosity=x"},
			2, ``,
			`anomaly-exporter: error: unknown long flag '--verbosity', try --help\n`,
		},
		{
			"unknown command",
			[]string{"bactest", "--start=-1d"},
			2, ``,
			`anomaly-exporter: error: unexpected bactest; did you mean "backtest"\?\n`,
		},
		{
			"unknown value of a flag",
			[]string{"series", "--state=lerning"},
			2, ``,
			`anomaly-exporter: error: --state: enum value must be one of [a-z,]+, got 'lerning'; did you mean "learning"\?\n`,
		},
		{
			"no file to check",
			[]string{"check-config"},
			2, ``,
			`anomaly-exporter: error: required argument 'file' not provided, try --help\n`,
		},
		{
			"check a bad file",
			[]string{"check-config", "bad.yml"},
			1, ``,
			`bad\.yml:4: detector "up": exp: unknown key; did you mean "expr"\?\n` +
				`bad\.yml:6: detector "load": expr: offset -1h looks ahead\n` +
				`bad\.yml:9: detector "cpu": step: a day is not a multiple of 7m\n`,
		},
		{
			"check a file that is no YAML",
			[]string{"check-config", "broken.yml"},
			1, ``,
			`broken\.yml:3: there cannot be a key here: [^\n]*\n        expr: a: b\n               \^\n`,
		},
		{
			"replay a detector that is not there",
			[]string{"backtest", "--config.file=good.yml", "--detector=ups"},
			1, ``,
			`the configuration has no detector or scaler "ups"; did you mean "up"\?\n`,
		},
		{
			"replay from a server that does not answer",
			[]string{"backtest", "--config.file=good.yml"},
			1, ``, `[^\n]*remote read http://127\.0\.0\.1:1[^\n]*connection refused; ` +
				`is the server running, and is its port right\?\n`,
		},
		{
			"compare resources without a scaler for them",
			[]string{"resources", "--config.file=good.yml", "--output=kustomize"},
			1, ``,
			`the configuration has no scaler with resources; docs/autoscaling\.md has one under "Resource requests"\n`,
		},
		{
			"check a good file whose server does not answer",
			[]string{"check-config", "good.yml"},
			0,
			`good\.yml: valid, 1 detector, 1 scaler\n` +
				`  detector "up": unknown number of series, at most 2000: about [0-9.]+ MiB\n` +
				`  scaler "web": unknown number of series, at most 2000: about [0-9.]+ MiB\n` +
				`  memory limit to set if every series_limit is reached: about [0-9.]+ MiB; ` +
				`the program itself takes about 64\.0 MiB of it\n` +
				`  if every series_limit is reached, a start takes about 1 min \d+ s of CPU: [0-9a-z ]+ on \d+ cores?\n`,
			`good\.yml:1: warning: remote_read\[0\]: remote read http://127\.0\.0\.1:1/api/v1/read: ` +
				`[^\n]*connection refused; is the server running, and is its port right\?\n`,
		},
		{
			"check a good file, strictly",
			[]string{"check-config", "--strict", "good.yml"},
			1, `good\.yml: valid(?s:.*)`,
			`good\.yml:1: warning: [^\n]*\n`,
		},
		{
			"check a good file without its server",
			[]string{"check-config", "--strict", "--syntax-only", "good.yml"},
			0, `good\.yml: valid(?s:.*)`, ``,
		},
		{
			"check a bad and a good file for a program",
			[]string{"check-config", "--syntax-only", "--output=json", "bad.yml", "good.yml"},
			1,
			`\{\n  "files": \[\n    \{\n      "file": "bad\.yml",\n      "valid": false,(?s:.*)` +
				`"severity": "error",\n          "check": "config",\n          "file": "bad\.yml",\n          "line": 4,\n` +
				`          "message": "detector \\"up\\": exp: unknown key; did you mean \\"expr\\"\?"\n(?s:.*)` +
				`"file": "good\.yml",\n      "valid": true,(?s:.*)"problems": \[\],(?s:.*)"series": null,(?s:.*)\}\n`,
			``,
		},
		{
			"check several files",
			[]string{"check-config", "good.yml", "none.yml"},
			1, `good\.yml: valid(?s:.*)`,
			`good\.yml:1: warning: [^\n]*\nnone\.yml: open none\.yml: no such file or directory; ` +
				`"anomaly-exporter init" writes a first configuration\n`,
		},
		{
			"begin with what is no Prometheus",
			[]string{"init", "--url=ftp://u:open-sesame@localhost"},
			2, ``,
			`anomaly-exporter: error: --url: ftp://u:xxxxx@localhost does not begin with http:// or https:// and a host, ` +
				`try --help\n`,
		},
		{
			"begin with a host and a port",
			[]string{"init", "--url=localhost:9090"},
			2, ``,
			`anomaly-exporter: error: --url: localhost:9090 does not begin with http:// or https:// and a host, try --help\n`,
		},
		{
			"begin with what cannot be parsed",
			[]string{"init", "--url=u:open-sesame@127.0.0.1:9090"},
			2, ``,
			`anomaly-exporter: error: --url: it does not begin with http:// or https:// and a host, try --help\n`,
		},
		{
			"link to a host",
			[]string{"--web.external-url=sre.example.com"},
			2, ``,
			`anomaly-exporter: error: --web\.external-url: sre\.example\.com does not begin with http:// or https:// and a ` +
				`host, try --help\n`,
		},
		{
			"a flag with a bad value",
			[]string{"--config.file=good.yml", "--config.auto-reload-interval=-1s"},
			2, ``,
			`anomaly-exporter: error: --config\.auto-reload-interval: not a valid duration string: "-1s", try --help\n`,
		},
		{
			"no time for queries",
			[]string{"--query.timeout=0s"},
			2, ``, `anomaly-exporter: error: --query\.timeout must be longer than 0, try --help\n`,
		},
		{
			"replay from a number that is no time",
			[]string{"backtest", "--config.file=good.yml", "--start=-7"},
			1, ``, `--start: "-7" is neither a time such as [^\n]*\n`,
		},
		{
			"begin with one that does not answer",
			[]string{"init", "--url=http://u:open-sesame@127.0.0.1:1"},
			1, ``, `the Prometheus at http://u:xxxxx@127\.0\.0\.1:1 does not answer: [^\n]*connection refused; is it ` +
				`running, and is its port right in --url\?\n`,
		},
		{
			"begin with a file that is there",
			[]string{"init", "--output=good.yml"},
			1, ``, `good\.yml is there already: choose another --output, or overwrite it with --force\n`,
		},
		{
			"begin in no time zone",
			[]string{"init", "--timezone=Mars"},
			1, ``, `--timezone: unknown time zone Mars\n`,
		},
		{
			"ask what is no exporter",
			[]string{"mcp", "--url=ftp://u:open-sesame@localhost"},
			2, ``,
			`anomaly-exporter: error: --url: ftp://u:xxxxx@localhost does not begin with http:// or https:// and a host, ` +
				`try --help\n`,
		},
		{
			"ask with a bad client configuration",
			[]string{"mcp", "--http.config.file=good.yml"},
			1, ``,
			`good\.yml: yaml: unmarshal errors:\n(?s:.*)field detectors not found(?s:.*)`,
		},
		{
			"run with a bad file",
			[]string{"--config.file=bad.yml", "--web.listen-address=127.0.0.1:0"},
			1, ``,
			`(?s:.*)level=error ts=\S+ msg="Cannot run" err="bad\.yml:4: detector \\"up\\": exp: unknown key; [^\n]*"\n(?s:.*)`,
		},
		{
			"run without a file",
			[]string{"run"},
			1, ``,
			`(?s:.*)err="open anomaly-exporter\.yml: no such file or directory; \\"anomaly-exporter init\\" writes a first ` +
				`configuration"\n`,
		},
		{
			"run, logging JSON",
			[]string{"--log.format=json", "--log.level=error", "run", "--config.file=none.yml"},
			1, ``, `\{"err":"open none\.yml: [^}]*"level":"error"[^}]*\}\n`,
		},
	} {
		t.Run(tc.name, func(t *testing.T) {
			cmd := command(t, dir, tc.args...)
			var stdout, stderr bytes.Buffer
			cmd.Stdout, cmd.Stderr = &stdout, &stderr
			err := cmd.Run()
			if _, exited := errors.AsType[*exec.ExitError](err); !exited {
				require.NoError(t, err)
			}
			require.Equal(t, tc.code, cmd.ProcessState.ExitCode(), stderr.String())
			require.Regexp(t, `\A`+tc.stdout+`\z`, stdout.String())
			require.Regexp(t, `\A`+tc.stderr+`\z`, stderr.String())
			require.NotContains(t, stdout.String()+stderr.String(), "open-sesame")
		})
	}
}

// It runs the program as a process. SIGHUP reloads, SIGTERM stops it.
func TestRun_ReloadsOnHangupAndStopsOnTerm(t *testing.T) {
	file := writeConfig(t, deaf(t), "up")
	cmd := command(t, t.TempDir(), "--config.file="+file, "--web.listen-address=127.0.0.1:0")
	var logged syncBuffer
	cmd.Stderr = &logged
	require.NoError(t, cmd.Start())
	defer cmd.Process.Kill()
	says := func(what string, times int) {
		t.Helper()
		require.Eventually(t, func() bool {
			return strings.Count(logged.String(), what) == times
		}, 10*time.Second, 10*time.Millisecond, logged.String())
	}
	says(`msg="Listening on"`, 1)
	require.NoError(t, cmd.Process.Signal(syscall.SIGHUP))
	says(`msg="Configuration loaded"`, 2)
	require.NoError(t, os.WriteFile(file, []byte("detectors: 1\n"), 0o600))
	require.NoError(t, cmd.Process.Signal(syscall.SIGHUP))
	says(`msg="Reload failed, the previous configuration stays in force" err="`+file+`:1: `, 2)
	require.NoError(t, cmd.Process.Signal(syscall.SIGTERM))
	require.NoError(t, cmd.Wait())
	says(`msg="Stopped anomaly-exporter"`, 1)
}

// The server accepts queries and never answers.
func TestCheckConfig_GivesUpOnASilentServer(t *testing.T) {
	release := make(chan struct{})
	srv := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		select {
		case <-release:
		case <-r.Context().Done():
		}
	}))
	defer srv.Close()
	defer close(release)
	var stdout, stderr bytes.Buffer
	began := time.Now()
	file := writeConfig(t, srv.URL, "up")
	o := checkOptions{files: []string{file}, output: "text", timeout: 200 * time.Millisecond}
	good, err := checkConfig(t.Context(), o, testQueries(), &stdout, &stderr)
	require.NoError(t, err)
	require.True(t, good)
	require.Less(t, time.Since(began), 5*time.Second)
	require.Contains(t, stdout.String(), `detector "shop": unknown number of series, at most 2000`)
	require.Equal(t, file+":2: warning: remote_read[0]: no answer within 200ms; "+
		"is the server overloaded, or a firewall in between?\n", stderr.String())
}
